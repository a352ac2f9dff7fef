/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The grammar is RFC 8259 section 2..7, with these deviations:
 *   - one value, whitespace around it, nothing else (section 2);
 *   - duplicate names of an object are refused (section 4 leaves it open);
 *   - no more than JSON_MAX_DEPTH arrays and objects inside each other;
 *   - the text is strict UTF-8 without a byte order mark (section 8.1);
 *   - a \u escape that is half a surrogate pair is refused (section 8.2), but
 *     for \udc80 .. \udcff, which stand for the byte 0x80 .. 0xff.
 *
 * Recursion is bounded by the depth.  All memory comes from the arena, so its
 * limit is the limit here.  More than a FEW names are compared sorted: n log n,
 * whatever the sender thought of.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"

#define JSON_E_SYNTAX 1
#define FEW           8u /* names compared each with each */
#define AGAIN         "a name occurs twice in this object"

struct parser {
	struct arena *arena;
	struct str text; /* all of it */
	size_t at;
	unsigned depth;
	struct diag *err;
};

static int parse_value(struct parser *p, struct json *v);

/* For humans: where we are, counted in bytes. */
static int refuse(struct parser *p, const char *why)
{
	unsigned line = 1;
	unsigned column = 1;

	for (size_t i = 0; i < p->at && i < p->text.len; i++) {
		column++;
		if (p->text.ptr[i] == '\n') {
			line++;
			column = 1;
		}
	}
	diag_set(p->err, line, column, "%s", why);
	return JSON_E_SYNTAX;
}

/* The byte here, or -1 at the end. */
static int peek(const struct parser *p)
{
	if (p->at == p->text.len)
		return -1;
	return (unsigned char)p->text.ptr[p->at];
}

static bool accept(struct parser *p, char c)
{
	if (peek(p) != (unsigned char)c)
		return false;
	p->at++;
	return true;
}

static struct str rest(const struct parser *p)
{
	return str_skip(p->text, p->at);
}

static void skip_space(struct parser *p)
{
	while (accept(p, ' ') || accept(p, '\t') || accept(p, '\n') ||
	       accept(p, '\r'))
		;
}

static size_t skip_digits(struct parser *p)
{
	size_t start = p->at;

	while (peek(p) >= '0' && peek(p) <= '9')
		p->at++;
	return p->at - start;
}

/* False: does not fit.  Counts downwards, since INT64_MIN has no opposite. */
static bool to_int64(struct str s, int64_t *ret)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	int64_t v = 0;

	for (size_t i = negative ? 1 : 0; i < s.len; i++) {
		if (ckd_mul(&v, v, 10) || ckd_sub(&v, v, s.ptr[i] - '0'))
			return false;
	}
	if (!negative && ckd_sub(&v, 0, v))
		return false;
	*ret = v;
	return true;
}

/* number = [ "-" ] int [ "." 1*DIGIT ] [ ( "e" / "E" ) [ sign ] 1*DIGIT ] */
static int parse_number(struct parser *p, struct json *v)
{
	size_t start = p->at;
	bool whole = true;

	(void)accept(p, '-');
	if (!accept(p, '0') && skip_digits(p) == 0)
		return refuse(p, "a digit is missing");
	if (peek(p) >= '0' && peek(p) <= '9')
		return refuse(p, "a number starts with 0");
	if (accept(p, '.')) {
		whole = false;
		if (skip_digits(p) == 0)
			return refuse(p, "a digit is missing");
	}
	if (accept(p, 'e') || accept(p, 'E')) {
		whole = false;
		if (!accept(p, '+'))
			(void)accept(p, '-');
		if (skip_digits(p) == 0)
			return refuse(p, "a digit is missing");
	}

	struct str s = { p->text.ptr + start, p->at - start };

	if (whole && to_int64(s, &v->integer)) {
		v->type = JSON_INT;
		return 0;
	}
	v->type = JSON_NUMBER;
	v->string = arena_str(p->arena, s);
	return v->string.ptr ? 0 : -ENOMEM;
}

static int parse_hex4(struct parser *p, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int c = peek(p);

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint32_t)(c - 'A' + 10);
		else
			return refuse(p, "four hexadecimal digits are missing");
		p->at++;
	}
	*ret = v;
	return 0;
}

/* Behind "\u".  Writes up to 4 bytes. */
static int parse_unicode(struct parser *p, char *dst, size_t *len)
{
	uint32_t c, low;
	int r = parse_hex4(p, &c);

	if (r != 0)
		return r;
	if (c >= 0xdc80 && c <= 0xdcff) {
		dst[(*len)++] = (char)(c - 0xdc00);
		return 0;
	}
	if (c >= 0xdc00 && c <= 0xdfff)
		return refuse(p, "half a surrogate pair");
	if (c >= 0xd800 && c <= 0xdbff) {
		if (!accept(p, '\\') || !accept(p, 'u'))
			return refuse(p, "half a surrogate pair");
		r = parse_hex4(p, &low);
		if (r != 0)
			return r;
		if (low < 0xdc00 || low > 0xdfff)
			return refuse(p, "half a surrogate pair");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	*len += utf8_encode(c, dst + *len);
	return 0;
}

/* Behind a backslash. */
static int parse_escape(struct parser *p, char *dst, size_t *len)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	int c = peek(p);
	const char *at;

	if (c == 'u') {
		p->at++;
		return parse_unicode(p, dst, len);
	}
	at = c > 0 ? strchr(from, c) : NULL;
	if (!at)
		return refuse(p, "unknown escape");
	p->at++;
	dst[(*len)++] = to[at - from];
	return 0;
}

/* Bytes to the closing quote, which must exist; an upper bound for the text. */
static bool measure(const struct parser *p, size_t *ret)
{
	for (size_t i = p->at; i < p->text.len; i++) {
		if (p->text.ptr[i] == '"') {
			*ret = i - p->at;
			return true;
		}
		if (p->text.ptr[i] == '\\')
			i++;
	}
	return false;
}

/* Most of most strings: bytes that stand for themselves. */
static size_t plain_here(const struct parser *p)
{
	const char *s = p->text.ptr + p->at;
	size_t max = p->text.len - p->at;
	size_t n = 0;

	while (n < max && s[n] >= ' ' && s[n] <= '~' && s[n] != '"' &&
	       s[n] != '\\')
		n++;
	return n;
}

/*
 * Behind the opening quote.  No escape is shorter than what it stands for, so
 * the encoded length bounds the decoded one.
 */
static int parse_string(struct parser *p, struct str *ret)
{
	size_t len = 0;
	size_t max, n;
	uint32_t c;
	char *dst;
	int r;

	max = plain_here(p);
	if (p->at + max == p->text.len ||
	    (p->text.ptr[p->at + max] != '"' && !measure(p, &max)))
		return refuse(p, "the string is not closed");
	dst = arena_alloc(p->arena, max + 1);
	if (!dst)
		return -ENOMEM;

	for (;;) {
		n = plain_here(p);
		memcpy(dst + len, p->text.ptr + p->at, n);
		len += n;
		p->at += n;
		if (accept(p, '"'))
			break;
		if (accept(p, '\\')) {
			r = parse_escape(p, dst, &len);
			if (r != 0)
				return r;
			continue;
		}
		n = utf8_decode(rest(p), &c);
		if (n == 0)
			return refuse(p, "not UTF-8");
		if (c < 0x20)
			return refuse(p, "a control character in a string");
		memcpy(dst + len, p->text.ptr + p->at, n);
		len += n;
		p->at += n;
	}
	*ret = (struct str){ .ptr = dst, .len = len };
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const struct json *const *x = a;
	const struct json *const *y = b;

	return str_cmp((*x)->key, (*y)->key);
}

static bool is_again(const struct json *object, const struct json *kid)
{
	JSON_EACH (k, object) {
		if (k == kid)
			return false;
		if (str_eq(k->key, kid->key))
			return true;
	}
	return false;
}

static int check_few(struct parser *p, const struct json *object)
{
	JSON_EACH (kid, object) {
		if (is_again(object, kid))
			return refuse(p, AGAIN);
	}
	return 0;
}

static int check_unique(struct parser *p, const struct json *object)
{
	const struct json **sorted;
	size_t n = 0;

	if (object->kids.n <= FEW)
		return check_few(p, object);
	sorted = arena_array(p->arena, object->kids.n, sizeof(struct json *));
	if (!sorted)
		return -ENOMEM;
	JSON_EACH (kid, object)
		sorted[n++] = kid;
	qsort(sorted, n, sizeof(*sorted), compare_keys);
	for (size_t i = 1; i < n; i++) {
		if (str_eq(sorted[i - 1]->key, sorted[i]->key))
			return refuse(p, AGAIN);
	}
	return 0;
}

/* name ":" at the start of a member. */
static int parse_key(struct parser *p, struct str *ret)
{
	int r;

	if (!accept(p, '"'))
		return refuse(p, "a name in quotes is missing");
	r = parse_string(p, ret);
	if (r != 0)
		return r;
	skip_space(p);
	if (!accept(p, ':'))
		return refuse(p, "':' is missing");
	skip_space(p);
	return 0;
}

/* Behind the opening bracket. */
static int parse_members(struct parser *p, struct json *v, char close)
{
	struct json **tail = &v->kids.first;
	int r;

	skip_space(p);
	if (accept(p, close))
		return 0;
	for (;;) {
		struct json *kid = arena_alloc(p->arena, sizeof(*kid));

		if (!kid)
			return -ENOMEM;
		r = close == '}' ? parse_key(p, &kid->key) : 0;
		if (r == 0)
			r = parse_value(p, kid);
		if (r != 0)
			return r;
		*tail = kid;
		tail = &kid->next;
		v->kids.n++;

		skip_space(p);
		if (accept(p, close))
			return 0;
		if (!accept(p, ','))
			return refuse(p, "',' or a closing bracket is missing");
		skip_space(p);
	}
}

static int parse_container(struct parser *p, struct json *v, bool is_object)
{
	int r;

	if (p->depth == JSON_MAX_DEPTH)
		return refuse(p, "too many levels");
	p->depth++;
	v->type = is_object ? JSON_OBJECT : JSON_ARRAY;
	r = parse_members(p, v, is_object ? '}' : ']');
	p->depth--;
	if (r == 0 && is_object)
		r = check_unique(p, v);
	return r;
}

static int parse_word(struct parser *p, struct json *v)
{
	static const struct {
		struct str word;
		enum json_type type;
		bool boolean;
	} words[] = {
		{ STR("null"), JSON_NULL, false },
		{ STR("true"), JSON_BOOL, true },
		{ STR("false"), JSON_BOOL, false },
	};

	for (size_t i = 0; i < N_ELEMS(words); i++) {
		if (!str_starts(rest(p), words[i].word))
			continue;
		p->at += words[i].word.len;
		v->type = words[i].type;
		v->boolean = words[i].boolean;
		return 0;
	}
	return refuse(p, p->at == p->text.len ? "the text ends too early"
					      : "not a value");
}

static int parse_value(struct parser *p, struct json *v)
{
	int c = peek(p);

	if (c == '-' || (c >= '0' && c <= '9'))
		return parse_number(p, v);
	if (accept(p, '{'))
		return parse_container(p, v, true);
	if (accept(p, '['))
		return parse_container(p, v, false);
	if (accept(p, '"')) {
		v->type = JSON_STRING;
		return parse_string(p, &v->string);
	}
	return parse_word(p, v);
}

int json_parse(struct arena *a, struct str text, struct json **ret,
	       struct diag *reterr)
{
	struct parser p = { .arena = a, .text = text, .err = reterr };
	struct json *v = arena_alloc(a, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	skip_space(&p);
	r = parse_value(&p, v);
	if (r != 0)
		return r;
	skip_space(&p);
	if (p.at != text.len)
		return refuse(&p, "something follows the value");
	*ret = v;
	return 0;
}
