/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of one record, as a writer sends it:
 *
 *   record  = "{" kind "," verdict "," trust *( "," member ) "}"
 *   member  = %x22 name %x22 ":" value
 *   name    = %x61-7A *47( %x61-7A / DIGIT / "_" / "." )
 *   value   = string / integer / "true" / "false" / "null"
 *   integer = [ "-" ] ( "0" / %x31-39 *18DIGIT )      within 64 bits, no "-0"
 *   string  = as RFC 8259 section 7, the bytes being UTF-8; of the lone
 *             surrogates only \uDC80 to \uDCFF, which stand for single bytes
 *
 * and the stored line, of which only both ends are looked at:
 *
 *   line    = '{"v":1,"seq":' N ',"at":' N ',"session":' string ... ','
 *             '"prev":"' 64HEX '"}'
 *   leaf    = '{"v":2,"seq":' N ',"at":' N ',"session":' string ...
 *             [ ',"payload":"' 64HEX '"' ] '}'
 *
 * This is a subset of RFC 8259: no blanks, no nesting, no fractions, one
 * spelling of each name.  So the scribe may store the bytes as they came,
 * without a tree and without writing them again, and still every reader sees
 * one thing in them.  The reader's parser is the wider of the two; that it
 * accepts all that is accepted here is fuzzed.
 */
#include "ledger/record-parse.h"

#include "base/utf8.h"
#include "base/wall.h"

struct scan {
	struct str rest;
};

static bool eat(struct scan *s, struct str what)
{
	if (!str_starts(s->rest, what))
		return false;
	s->rest = str_skip(s->rest, what.len);
	return true;
}

static bool eat_char(struct scan *s, char c)
{
	if (s->rest.len == 0 || s->rest.ptr[0] != c)
		return false;
	s->rest.ptr++;
	s->rest.len--;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* "\uXXXX" at the start of @s. */
static bool take_u(struct str s, uint32_t *ret)
{
	uint32_t v = 0;

	if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u')
		return false;
	for (size_t i = 2; i < 6; i++) {
		int d = hex_digit(s.ptr[i]);

		if (d < 0)
			return false;
		v = v << 4 | (uint32_t)d;
	}
	*ret = v;
	return true;
}

/* Length of the escape at the start of @s; 0 when it is none. */
static size_t escape_len(struct str s)
{
	uint32_t hi, lo;

	if (s.len < 2)
		return 0;
	if (s.ptr[1] != 'u')
		return memchr("\"\\/bfnrt", s.ptr[1], 8) ? 2 : 0;
	if (!take_u(s, &hi))
		return 0;
	if (hi < 0xd800 || hi > 0xdfff || (hi >= 0xdc80 && hi <= 0xdcff))
		return 6;
	if (hi >= 0xdc00 || !take_u(str_skip(s, 6), &lo))
		return 0;
	return lo >= 0xdc00 && lo <= 0xdfff ? 12 : 0;
}

static bool is_plain(char c)
{
	return c >= 0x20 && c != '"' && c != '\\'; /* char may be signed */
}

/* A string with its quotes; *ret is what stands between them. */
static bool eat_string(struct scan *s, struct str *ret)
{
	struct str r = s->rest;
	uint32_t ignored;
	size_t i = 1;

	if (r.len < 2 || r.ptr[0] != '"')
		return false;
	while (i < r.len && r.ptr[i] != '"') {
		struct str at = { .ptr = r.ptr + i, .len = r.len - i };
		unsigned char c = (unsigned char)*at.ptr;
		size_t n = 1;

		if (c >= 0x80)
			n = utf8_decode(at, &ignored);
		else if (c == '\\')
			n = escape_len(at);
		else if (!is_plain(*at.ptr))
			n = 0;
		if (n == 0)
			return false;
		i += n;
	}
	if (i >= r.len)
		return false;
	*ret = (struct str){ .ptr = r.ptr + 1, .len = i - 1 };
	s->rest = str_skip(r, i + 1);
	return true;
}

static struct str digits(struct str s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
		n++;
	return (struct str){ .ptr = s.ptr, .len = n };
}

static bool eat_uint(struct scan *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	struct str d = digits(s->rest);

	if (!str_u64(d, min, max, ret))
		return false;
	s->rest = str_skip(s->rest, d.len);
	return true;
}

enum value_type {
	VALUE_STRING = 1,
	VALUE_INT,
	VALUE_WORD
};

struct value {
	enum value_type type;
	struct str string; /* still escaped */
	uint64_t uint;     /* of a VALUE_INT that is not negative, else 0 */
};

static bool eat_value(struct scan *s, struct value *ret)
{
	*ret = (struct value){ .type = VALUE_WORD };
	if (eat(s, STR("true")) || eat(s, STR("false")) || eat(s, STR("null")))
		return true;
	if (eat_string(s, &ret->string)) {
		ret->type = VALUE_STRING;
		return true;
	}
	ret->type = VALUE_INT;
	if (eat_char(s, '-')) {
		uint64_t ignored;

		return eat_uint(s, 1, (uint64_t)INT64_MAX + 1, &ignored);
	}
	return eat_uint(s, 0, INT64_MAX, &ret->uint);
}

bool record_is_name(struct str s)
{
	if (s.len == 0 || s.len > RECORD_MAX_NAME || s.ptr[0] < 'a' ||
	    s.ptr[0] > 'z')
		return false;
	for (size_t i = 1; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '.'))
			return false;
	}
	return true;
}

/* What one record has shown so far. */
struct members {
	struct str names[RECORD_MAX_FIELDS];
	uint64_t shadow[2]; /* a bit per hash of a name: most are new at once */
	size_t n;
	bool has_count;
	unsigned n_rule; /* of rule.layer, rule.file, rule.line */
};

static bool is_repeated(struct members *m, struct str name)
{
	unsigned h = (unsigned)name.len;

	for (size_t i = 0; i < name.len; i++)
		h = h * 31 + (unsigned char)name.ptr[i];
	h &= 127;

	uint64_t bit = UINT64_C(1) << (h & 63);
	bool maybe = (m->shadow[h >> 6] & bit) != 0;

	m->shadow[h >> 6] |= bit;
	for (size_t i = 0; maybe && i < m->n; i++) {
		if (str_eq(m->names[i], name))
			return true;
	}
	return false;
}

/* The scribe's own, by which no writer can speak for another. */
static bool is_reserved(struct str name)
{
	static const struct str names[] = {
		STR("v"),       STR("seq"),    STR("at"),   STR("session"),
		STR("user"),    STR("task"),   STR("prev"), STR("salt"),
		STR("payload"), STR("erased"),
	};

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		if (str_eq(name, names[i]))
			return true;
	}
	return false;
}

static bool is_string_of(const struct value *v, const struct str *set, size_t n)
{
	for (size_t i = 0; v->type == VALUE_STRING && i < n; i++) {
		if (str_eq(v->string, set[i]))
			return true;
	}
	return false;
}

static const struct str verdicts[] = { STR("allow"), STR("deny"), STR("none") };
static const struct str trusts[] = { STR("kernel"), STR("claimed") };

/* Members with a meaning for all kinds. */
static bool is_good_common(struct members *m, struct str name,
			   const struct value *v)
{
	if (str_eq(name, STR("count"))) {
		m->has_count = true;
		return v->type == VALUE_INT && v->uint >= 1;
	}
	if (str_eq(name, STR("rule.layer")) || str_eq(name, STR("rule.file"))) {
		m->n_rule++;
		return v->type == VALUE_STRING;
	}
	if (str_eq(name, STR("rule.line"))) {
		m->n_rule++;
		return v->type == VALUE_INT && v->uint <= UINT32_MAX;
	}
	return true;
}

/* Member @m->n: its place, name and type. */
static int check_member(struct members *m, struct str name,
			const struct value *v, enum record_role role,
			enum record_kind *ret)
{
	static const struct str first[] = { STR("kind"), STR("verdict"),
					    STR("trust") };

	if (m->n < N_ELEMS(first) && !str_eq(name, first[m->n]))
		return RECORD_E_FIELD;
	if ((WALL(SCRIBE_ENVELOPE) && is_reserved(name)) ||
	    is_repeated(m, name))
		return RECORD_E_FIELD;

	if (m->n == 0) {
		if (v->type != VALUE_STRING ||
		    !record_kind_find(v->string, ret) ||
		    !record_role_may(role, *ret))
			return RECORD_E_KIND;
		return 0;
	}
	if (m->n == 1)
		return is_string_of(v, verdicts, N_ELEMS(verdicts))
			       ? 0
			       : RECORD_E_FIELD;
	if (m->n == 2)
		return is_string_of(v, trusts, N_ELEMS(trusts))
			       ? 0
			       : RECORD_E_FIELD;
	return is_good_common(m, name, v) ? 0 : RECORD_E_FIELD;
}

static int scan_member(struct scan *s, struct members *m, enum record_role role,
		       enum record_kind *ret)
{
	struct str name;
	struct value v;
	int r;

	if (!eat_string(s, &name) || !record_is_name(name) ||
	    !eat_char(s, ':') || !eat_value(s, &v))
		return RECORD_E_SYNTAX;
	if (m->n == RECORD_MAX_FIELDS)
		return RECORD_E_LIMIT;

	r = check_member(m, name, &v, role, ret);
	if (r == 0)
		m->names[m->n++] = name;
	return r;
}

static int scan_record(struct scan *s, enum record_role role,
		       enum record_kind *ret)
{
	struct members m = { .n = 0 };
	int r;

	if (!eat_char(s, '{'))
		return RECORD_E_SYNTAX;
	do {
		r = scan_member(s, &m, role, ret);
		if (r != 0)
			return r;
	} while (eat_char(s, ','));

	if (!eat_char(s, '}') || s->rest.len > 0)
		return RECORD_E_SYNTAX;
	/* A rule is whole or absent; count is always there. */
	if (!m.has_count || m.n < 4 || (m.n_rule != 0 && m.n_rule != 3))
		return RECORD_E_FIELD;
	return 0;
}

int record_check(struct str body, enum record_role role, enum record_kind *ret,
		 struct diag *reterr)
{
	static const char *const texts[] = {
		[RECORD_E_SYNTAX] = "not a flat JSON object",
		[RECORD_E_LIMIT] = "too large",
		[RECORD_E_FIELD] =
			"a field is reserved, repeated, missing or wrong",
		[RECORD_E_KIND] = "not a kind of record for this writer",
	};
	struct scan s = { .rest = body };
	enum record_kind kind = 0;
	int r = RECORD_E_LIMIT;

	if (body.len <= RECORD_MAX_BODY)
		r = scan_record(&s, role, &kind);
	if (r != 0) {
		diag_set(reterr, 1, (unsigned)(body.len - s.rest.len) + 1, "%s",
			 texts[r]);
		return r;
	}
	*ret = kind;
	return 0;
}

static bool is_hash(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') ||
		      (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
			return false;
	}
	return s.len == 64;
}

/* @line ends in @before, 64 digits, '"}': they are *ret.  False: it does not. */
static bool ends_in_hash(struct str line, struct str before, struct str *ret)
{
	const size_t end = before.len + 64 + 2;
	struct str tail;

	if (line.len < end)
		return false;
	tail = str_skip(line, line.len - end);
	*ret = (struct str){ tail.ptr + before.len, 64 };
	return str_starts(tail, before) && is_hash(*ret) &&
	       str_ends(tail, STR("\"}"));
}

bool record_line_scan(struct str line, struct record_line *ret)
{
	struct scan s = { .rest = line };
	struct record_line v = { .v = 1 };

	if (line.len > RECORD_MAX_BYTES)
		return false;
	if (eat(&s, STR("{\"v\":2,\"seq\":")))
		v.v = 2;
	else if (!eat(&s, STR("{\"v\":1,\"seq\":")))
		return false;
	if (!eat_uint(&s, 1, INT64_MAX, &v.seq) || !eat(&s, STR(",\"at\":")) ||
	    !eat_uint(&s, 0, INT64_MAX, &v.at) ||
	    !eat(&s, STR(",\"session\":")) || !eat_string(&s, &v.session) ||
	    !str_starts(s.rest, STR(",")))
		return false;
	if (v.v == 1) {
		if (!ends_in_hash(s.rest, STR(",\"prev\":\""), &v.prev))
			return false;
	} else if (!str_ends(s.rest, STR("}"))) {
		return false;
	} else if (!ends_in_hash(s.rest, STR(",\"payload\":\""), &v.payload)) {
		v.payload = (struct str){ 0 };
	}
	*ret = v;
	return true;
}

/* One of them stands in the leaf, whatever becomes of the payload. */
static bool is_common(struct str name)
{
	static const struct str names[] = {
		STR("kind"),      STR("verdict"),    STR("trust"),
		STR("count"),     STR("rule.layer"), STR("rule.file"),
		STR("rule.line"),
	};

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		if (str_eq(name, names[i]))
			return true;
	}
	return false;
}

/* Of a checked body: the length of the value at the start of @s. */
static size_t value_len(struct str s)
{
	size_t i = 1;

	if (s.ptr[0] == '"') {
		while (s.ptr[i] != '"')
			i += s.ptr[i] == '\\' ? 2 : 1;
		return i + 1;
	}
	while (s.ptr[i] != ',' && s.ptr[i] != '}')
		i++;
	return i;
}

void record_split(struct str body, struct buf *common, struct buf *rest)
{
	struct str at = str_skip(body, 1);

	while (at.len > 1) {
		const char *colon = memchr(at.ptr, ':', at.len);
		size_t name = colon ? (size_t)(colon - at.ptr) + 1 : 0;
		struct buf *to = rest;

		ASSERT(name > 3 && at.len > name); /* record_check() saw it */

		size_t len = name + value_len(str_skip(at, name));

		if (is_common((struct str){ at.ptr + 1, name - 3 }))
			to = common;
		(void)buf_addc(to, ',');
		(void)buf_add(to, (struct str){ at.ptr, len });
		at = str_skip(at, len);
		if (at.len > 1) /* a comma, not the last brace */
			at = str_skip(at, 1);
	}
}

bool record_payload_members(struct str payload, struct str *ret)
{
	static const struct str begin = STR("{\"salt\":\"");
	const size_t head = begin.len + RECORD_SALT_LEN + 1;

	if (payload.len < head + 1 || !str_starts(payload, begin) ||
	    payload.ptr[head - 1] != '"' || !str_ends(payload, STR("}")))
		return false;
	*ret = (struct str){ payload.ptr + head, payload.len - head - 1 };
	return ret->len == 0 || ret->ptr[0] == ',';
}

void record_join(struct str leaf, const struct payload *p, struct buf *b)
{
	struct str head = leaf, members = { 0 };
	struct record_line l;

	if (!record_line_scan(leaf, &l) || l.v == 1 || l.payload.len == 0) {
		(void)buf_add(b, leaf);
		return;
	}
	head.len -= sizeof(",\"payload\":\"") - 1 + 64 + 2;
	(void)buf_add(b, head);
	if (p->erased)
		(void)buf_add(b, STR(",\"erased\":true"));
	else if (record_payload_members(p->text, &members))
		(void)buf_add(b, members);
	(void)buf_addc(b, '}');
}
