/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict RFC 8259 reader.
 *
 *   value  = null / bool / number / string / array / object
 *   Deviations, all towards refusal: no duplicate member names (RFC 8259
 *   section 4 says SHOULD), at most JSON_MAX_DEPTH levels, no raw invalid
 *   UTF-8 (section 8.1), no surrogate but the pairs and \udc80..\udcff, which
 *   our own writer uses for a byte that is not UTF-8.
 *
 * Recursion is bounded by JSON_MAX_DEPTH.
 */
#include "base/json.h"

#include "base/utf8.h"

struct reader {
	struct arena *a;
	struct str all, rest;
	struct diag *err;
	unsigned depth;
};

enum { BAD = 1 };

static int bad(struct reader *r, const char *what)
{
	size_t at = r->all.len - r->rest.len;
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		column++;
		if (r->all.ptr[i] == '\n') {
			line++;
			column = 1;
		}
	}
	diag_set(r->err, line, column, "%s", what);
	return BAD;
}

static void skip(struct reader *r, size_t n)
{
	r->rest = str_skip(r->rest, n);
}

static int peek(const struct reader *r)
{
	return r->rest.len > 0 ? (unsigned char)r->rest.ptr[0] : -1;
}

static void skip_space(struct reader *r)
{
	int c = peek(r);

	while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
		skip(r, 1);
		c = peek(r);
	}
}

static bool take_word(struct reader *r, struct str word)
{
	if (!str_starts(r->rest, word))
		return false;
	skip(r, word.len);
	return true;
}

static bool hex4(struct str s, uint32_t *ret)
{
	uint32_t v = 0;

	if (s.len < 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		char c = s.ptr[i];

		v <<= 4;
		if (c >= '0' && c <= '9')
			v |= (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v |= (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v |= (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*ret = v;
	return true;
}

/* After "\u".  Writes at most 4 bytes. */
static int take_unicode(struct reader *r, char *dst, size_t *n)
{
	uint32_t c = 0, low = 0;

	if (!hex4(r->rest, &c))
		return bad(r, "bad \\u escape");
	if (c >= 0xdc80 && c <= 0xdcff) {
		dst[(*n)++] = (char)(c & 0xff);
		skip(r, 4);
		return 0;
	}
	if (c >= 0xd800 && c <= 0xdbff) {
		struct str next = str_skip(r->rest, 4);

		if (!str_starts(next, STR("\\u")) ||
		    !hex4(str_skip(next, 2), &low) || low < 0xdc00 ||
		    low > 0xdfff)
			return bad(r, "lone surrogate");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		skip(r, 6);
	} else if (c >= 0xdc00 && c <= 0xdfff) {
		return bad(r, "lone surrogate");
	}
	skip(r, 4);
	*n += utf8_encode(c, dst + *n);
	return 0;
}

static int take_escape(struct reader *r, char *dst, size_t *n)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	int c = peek(r);
	const char *p;

	if (c == 'u') {
		skip(r, 1);
		return take_unicode(r, dst, n);
	}
	p = c > 0 ? strchr(from, c) : NULL;
	if (!p)
		return bad(r, "bad escape");
	dst[(*n)++] = to[p - from];
	skip(r, 1);
	return 0;
}

/* Where the string that starts at rest[0] == '"' ends at the latest. */
static size_t string_span(const struct reader *r)
{
	size_t i = 1;

	while (i < r->rest.len && r->rest.ptr[i] != '"')
		i += r->rest.ptr[i] == '\\' ? 2 : 1;
	return i;
}

static int take_string(struct reader *r, struct str *ret)
{
	char *dst;
	size_t n = 0;

	if (peek(r) != '"')
		return bad(r, "expected a string");
	dst = arena_alloc(r->a, string_span(r) + 1);
	if (!dst)
		return -ENOMEM;
	skip(r, 1);
	for (;;) {
		uint32_t c = 0;
		int b = peek(r), e;
		size_t len;

		if (b == '"')
			break;
		if (b < 0x20)
			return bad(r, b < 0 ? "string not closed"
					    : "control byte in a string");
		if (b == '\\') {
			skip(r, 1);
			e = take_escape(r, dst, &n);
			if (e != 0)
				return e;
			continue;
		}
		len = utf8_decode(r->rest, &c);
		if (len == 0)
			return bad(r, "not UTF-8");
		memcpy(dst + n, r->rest.ptr, len);
		n += len;
		skip(r, len);
	}
	skip(r, 1);
	*ret = (struct str){ .ptr = dst, .len = n };
	return 0;
}

static size_t digits(struct str s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
		n++;
	return n;
}

static bool to_int(struct str text, int64_t *ret)
{
	bool minus = text.ptr[0] == '-';
	uint64_t v = 0;

	if (!str_u64(str_skip(text, minus), 0,
		     (uint64_t)INT64_MAX + (minus ? 1 : 0), &v))
		return false;
	/* -(2^63) by way of unsigned arithmetic */
	*ret = minus ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static int take_number(struct reader *r, struct json *j)
{
	struct str s = r->rest;
	size_t n = s.ptr[0] == '-' ? 1 : 0, whole;
	bool plain = true;

	whole = digits(str_skip(s, n));
	if (whole == 0 || (whole > 1 && s.ptr[n] == '0'))
		return bad(r, "bad number");
	n += whole;
	if (n < s.len && s.ptr[n] == '.') {
		size_t f = digits(str_skip(s, n + 1));

		if (f == 0)
			return bad(r, "bad number");
		n += 1 + f;
		plain = false;
	}
	if (n < s.len && (s.ptr[n] == 'e' || s.ptr[n] == 'E')) {
		size_t k = n + 1, f;

		if (k < s.len && (s.ptr[k] == '+' || s.ptr[k] == '-'))
			k++;
		f = digits(str_skip(s, k));
		if (f == 0)
			return bad(r, "bad number");
		n = k + f;
		plain = false;
	}

	struct str text = { .ptr = s.ptr, .len = n };

	skip(r, n);
	if (plain && to_int(text, &j->integer)) {
		j->type = JSON_INT;
		return 0;
	}
	j->type = JSON_NUMBER;
	j->string = arena_str(r->a, text);
	return j->string.ptr ? 0 : -ENOMEM;
}

static int take_value(struct reader *r, struct json *j);

static int take_member(struct reader *r, struct json *parent, struct json *kid)
{
	int e = take_string(r, &kid->key);

	if (e != 0)
		return e;
	/* Objects here are small; a quadratic check needs no table. */
	for (const struct json *k = parent->kids.first; k; k = k->next) {
		if (str_eq(k->key, kid->key))
			return bad(r, "duplicate member");
	}
	skip_space(r);
	if (!take_word(r, STR(":")))
		return bad(r, "expected ':'");
	return take_value(r, kid);
}

static int take_kids(struct reader *r, struct json *j, bool object)
{
	struct str end = object ? STR("}") : STR("]");
	struct json **tail = &j->kids.first, *last = NULL;

	j->type = object ? JSON_OBJECT : JSON_ARRAY;
	j->kids.first = NULL;
	j->kids.n = 0;
	skip(r, 1);
	skip_space(r);
	if (take_word(r, end))
		return 0;
	for (;;) {
		struct json *kid = arena_alloc(r->a, sizeof(*kid));
		int e;

		if (!kid)
			return -ENOMEM;
		skip_space(r);
		e = object ? take_member(r, j, kid) : take_value(r, kid);
		if (e != 0)
			return e;
		*tail = kid;
		last = kid;
		tail = &last->next;
		j->kids.n++;
		skip_space(r);
		if (take_word(r, end))
			return 0;
		if (!take_word(r, STR(",")))
			return bad(r, object ? "expected ',' or '}'"
					     : "expected ',' or ']'");
	}
}

static int take_literal(struct reader *r, struct json *j)
{
	if (take_word(r, STR("null"))) {
		j->type = JSON_NULL;
		return 0;
	}
	j->type = JSON_BOOL;
	j->boolean = take_word(r, STR("true"));
	if (j->boolean || take_word(r, STR("false")))
		return 0;
	return bad(r, r->rest.len ? "expected a value" : "text ends early");
}

static int take_value(struct reader *r, struct json *j)
{
	int c, e;

	skip_space(r);
	c = peek(r);
	if (c == '{' || c == '[') {
		if (r->depth >= JSON_MAX_DEPTH)
			return bad(r, "nested too deeply");
		r->depth++;
		e = take_kids(r, j, c == '{');
		r->depth--;
		return e;
	}
	if (c == '"') {
		j->type = JSON_STRING;
		return take_string(r, &j->string);
	}
	if (c == '-' || (c >= '0' && c <= '9'))
		return take_number(r, j);
	return take_literal(r, j);
}

int json_parse(struct arena *a, struct str text, struct json **ret,
	       struct diag *reterr)
{
	struct reader r = { .a = a, .all = text, .rest = text, .err = reterr };
	struct json *j = arena_alloc(a, sizeof(*j));
	int e;

	if (!j)
		return -ENOMEM;
	e = take_value(&r, j);
	if (e != 0)
		return e;
	skip_space(&r);
	if (r.rest.len > 0)
		return bad(&r, "bytes after the value");
	*ret = j;
	return 0;
}

const struct json *json_find(const struct json *o, const char *key)
{
	if (!json_is(o, JSON_OBJECT))
		return NULL;
	JSON_EACH(k, o)
	{
		if (str_eq(k->key, str_of(key)))
			return k;
	}
	return NULL;
}

struct str json_find_str(const struct json *o, const char *key)
{
	const struct json *k = json_find(o, key);

	return json_is(k, JSON_STRING) ? k->string : (struct str){ 0 };
}

int64_t json_find_int(const struct json *o, const char *key, int64_t absent)
{
	const struct json *k = json_find(o, key);

	return json_is(k, JSON_INT) ? k->integer : absent;
}

bool json_find_bool(const struct json *o, const char *key, bool absent)
{
	const struct json *k = json_find(o, key);

	return json_is(k, JSON_BOOL) ? k->boolean : absent;
}
