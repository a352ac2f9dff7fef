/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   query = and *( "or" and )
 *   and   = not *( "and" not )
 *   not   = "not" not / "(" query ")" / test
 *   test  = FIELD op VALUE
 *   op    = "=" / "!=" / "~" / "<" / ">"
 *   FIELD = %x61-7A *47( %x61-7A / DIGIT / "_" / "." )
 *   VALUE = quoted / bare
 *   quoted = DQUOTE *( any byte but DQUOTE and "\" / "\" DQUOTE / "\\" ) DQUOTE
 *   bare  = 1*( byte above space, but none of ( ) " = ! ~ < > )
 *
 * Spaces, tabs and line ends separate and mean nothing else.  The words and, or
 * and not are no bare values.  A VALUE is at most QUERY_MAX_VALUE bytes.
 */
#include "ledger/query-node.h"

#include <stdio.h>

#include "ledger/record-parse.h"

#define QUERY_MAX_VALUE 1024u
#define QUERY_ARENA     ((size_t)256 * 1024)

struct parser {
	struct str rest;
	size_t len; /* of the whole text */
	struct arena *a;
	unsigned depth, n_tests;
	bool needs_newest;
	const struct query_clock *clock; /* NULL: it is asked at no time */
	struct diag *err;
};

static int fail_at(struct parser *p, size_t rest_len, int error,
		   const char *text)
{
	diag_set(p->err, 1, (unsigned)(p->len - rest_len) + 1, "%s", text);
	return error;
}

static int fail(struct parser *p, int error, const char *text)
{
	return fail_at(p, p->rest.len, error, text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *p)
{
	while (p->rest.len > 0 && is_blank(p->rest.ptr[0]))
		p->rest = str_skip(p->rest, 1);
}

static bool is_bare(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && !strchr("()\"=!~<>", c);
}

/* The bare word ahead, possibly empty; nothing is consumed. */
static struct str peek_word(struct parser *p)
{
	size_t n = 0;

	skip_blanks(p);
	while (n < p->rest.len && is_bare(p->rest.ptr[n]))
		n++;
	return (struct str){ .ptr = p->rest.ptr, .len = n };
}

static bool eat_word(struct parser *p, struct str word)
{
	if (!str_eq(peek_word(p), word))
		return false;
	p->rest = str_skip(p->rest, word.len);
	return true;
}

static bool is_keyword(struct str w)
{
	return str_eq(w, STR("and")) || str_eq(w, STR("or")) ||
	       str_eq(w, STR("not"));
}

static struct query_node *new_node(struct parser *p, enum query_op op)
{
	struct query_node *n = arena_alloc(p->a, sizeof(*n));

	if (n)
		n->op = op;
	return n;
}

static int parse_op(struct parser *p, enum query_op *ret)
{
	static const struct {
		struct str text;
		enum query_op op;
	} ops[] = {
		{ STR("="), QUERY_EQ },   { STR("!="), QUERY_NE },
		{ STR("~"), QUERY_LIKE }, { STR("<"), QUERY_LT },
		{ STR(">"), QUERY_GT },
	};

	skip_blanks(p);
	for (size_t i = 0; i < N_ELEMS(ops); i++) {
		if (str_starts(p->rest, ops[i].text)) {
			p->rest = str_skip(p->rest, ops[i].text.len);
			*ret = ops[i].op;
			return 0;
		}
	}
	return fail(p, QUERY_E_SYNTAX, "one of = != ~ < > is missing here");
}

/* Behind the opening quote. */
static int parse_quoted(struct parser *p, struct str *ret)
{
	char text[QUERY_MAX_VALUE];
	size_t n = 0;

	while (p->rest.len > 0 && p->rest.ptr[0] != '"') {
		if (p->rest.ptr[0] == '\\') {
			p->rest = str_skip(p->rest, 1);
			if (p->rest.len == 0 ||
			    !memchr("\"\\", p->rest.ptr[0], 2))
				return fail(p, QUERY_E_SYNTAX,
					    "only \\\" and \\\\ may follow "
					    "a \\");
		}
		if (n == sizeof(text))
			return fail(p, QUERY_E_LIMIT, "the value is too long");
		text[n++] = p->rest.ptr[0];
		p->rest = str_skip(p->rest, 1);
	}
	if (p->rest.len == 0)
		return fail(p, QUERY_E_SYNTAX, "the closing \" is missing");
	p->rest = str_skip(p->rest, 1);
	*ret = arena_str(p->a, (struct str){ .ptr = text, .len = n });
	return p->a->failed ? -ENOMEM : 0;
}

static int parse_value(struct parser *p, struct str *ret, bool *ret_quoted)
{
	struct str w = peek_word(p);

	*ret_quoted = p->rest.len > 0 && p->rest.ptr[0] == '"';
	if (*ret_quoted) {
		p->rest = str_skip(p->rest, 1);
		return parse_quoted(p, ret);
	}
	if (w.len == 0)
		return fail(p, QUERY_E_SYNTAX, "a value is missing here");
	if (is_keyword(w))
		return fail(p, QUERY_E_SYNTAX,
			    "a value is missing here; quote and, or, not to "
			    "use them as values");
	if (w.len > QUERY_MAX_VALUE)
		return fail(p, QUERY_E_LIMIT, "the value is too long");
	*ret = arena_str(p->a, w);
	p->rest = str_skip(p->rest, w.len);
	return p->a->failed ? -ENOMEM : 0;
}

static bool parse_number(struct str s, int64_t *ret)
{
	bool negative = str_starts(s, STR("-"));
	uint64_t v;

	if (!str_u64(negative ? str_skip(s, 1) : s, negative ? 1 : 0, INT64_MAX,
		     &v))
		return false;
	*ret = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

/* Two digits at @i, or four with @n 4, within bounds. */
static bool digits_at(struct str s, size_t i, size_t n, uint32_t min,
		      uint32_t max, int64_t *ret)
{
	uint32_t v = 0;

	if (s.len < i + n)
		return false;
	for (size_t k = i; k < i + n; k++) {
		if (s.ptr[k] < '0' || s.ptr[k] > '9')
			return false;
		v = v * 10 + (uint32_t)(s.ptr[k] - '0');
	}
	*ret = v;
	return v >= min && v <= max;
}

static bool char_at(struct str s, size_t i, char c)
{
	return s.len > i && s.ptr[i] == c;
}

#define NS 1000000000

/* The time of day behind a "T": HH:MM or HH:MM:SS, then perhaps Z. */
static bool parse_clock(struct str s, int64_t *ret)
{
	int64_t hour, min, sec = 0;

	if (str_ends(s, STR("Z")))
		s.len--;
	if (!digits_at(s, 0, 2, 0, 23, &hour) || !char_at(s, 2, ':') ||
	    !digits_at(s, 3, 2, 0, 59, &min))
		return false;
	if (s.len != 5 && (s.len != 8 || !char_at(s, 5, ':') ||
			   !digits_at(s, 6, 2, 0, 59, &sec)))
		return false;
	*ret = (hour * 60 + min) * 60 + sec;
	return true;
}

/* "2026-11-20" or with a time of day, as UTC nanoseconds. */
bool query_time(struct str s, int64_t *ret)
{
	int64_t y, m, d, of_day = 0;

	if (!digits_at(s, 0, 4, 1970, 2200, &y) || !char_at(s, 4, '-') ||
	    !digits_at(s, 5, 2, 1, 12, &m) || !char_at(s, 7, '-') ||
	    !digits_at(s, 8, 2, 1, 31, &d))
		return false;
	if (s.len != 10 && (s.len < 16 || !char_at(s, 10, 'T') ||
			    !parse_clock(str_skip(s, 11), &of_day)))
		return false;

	/* Days since 1970, the year counted from March. */
	int64_t yy = m <= 2 ? y - 1 : y;
	int64_t mm = m <= 2 ? m + 9 : m - 3;
	int64_t days = 365 * yy + yy / 4 - yy / 100 + yy / 400 +
		       (153 * mm + 2) / 5 + d - 1 - 719468;

	*ret = (days * 86400 + of_day) * NS;
	return true;
}

/* "-2h": so long before now. */
static bool parse_ago(const struct query_clock *c, struct str s, int64_t *ret)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 },
		      { 'm', 60 },
		      { 'h', 3600 },
		      { 'd', 86400 },
		      { 'w', 7 * 86400 } };
	uint32_t n;

	if (s.len < 3 || s.ptr[0] != '-' ||
	    !str_u32((struct str){ s.ptr + 1, s.len - 2 }, 0, 100000000, &n))
		return false;
	for (size_t i = 0; i < N_ELEMS(units); i++) {
		/* At most 2^59 seconds in ns would not fit: hence the check. */
		if (s.ptr[s.len - 1] == units[i].unit) {
			int64_t ns;

			return !ckd_mul(&ns, (int64_t)n * units[i].seconds,
					(int64_t)NS) &&
			       !ckd_sub(ret, (int64_t)c->utc_ns, ns);
		}
	}
	return false;
}

/* "now", "today", "yesterday", and how long ago. */
static bool parse_now(const struct query_clock *c, struct str s, int64_t *ret)
{
	int64_t day = 86400 * (int64_t)NS;
	int64_t now = (int64_t)c->utc_ns, east = c->east_s * NS;

	if (str_eq(s, STR("now"))) {
		*ret = now;
		return true;
	}
	if (str_eq(s, STR("today")) || str_eq(s, STR("yesterday"))) {
		*ret = (now + east) / day * day - east - (s.len > 5 ? day : 0);
		return true;
	}
	return parse_ago(c, s, ret);
}

/* '"FIELD":"VALUE"' when VALUE is written in records as it is. */
static struct str needle_of(struct arena *a, const char *field,
			    struct str value)
{
	bool number = value.len > 0; /* or like one: written without quotes */
	char *text;

	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			return (struct str){ 0 };
		number &= strchr("0123456789+-.eE", c) != NULL;
	}
	if (number)
		return (struct str){ 0 };
	text = arena_printf(a, "\"%s\":\"%.*s\"", field, STR_ARG(value));
	return str_of(text);
}

/* What of a test follows from its words alone. */
static int finish_test(struct parser *p, struct query_node *t, bool quoted,
		       size_t value_at)
{
	t->is_number = parse_number(t->value, &t->number);
	if (!t->is_number && strcmp(t->field, "at") == 0)
		t->is_number =
			query_time(t->value, &t->number) ||
			(p->clock && parse_now(p->clock, t->value, &t->number));
	if (!t->is_number && (t->op == QUERY_LT || t->op == QUERY_GT))
		return fail_at(p, value_at, QUERY_E_SYNTAX,
			       "< and > need a number (for at also a time: "
			       "2026-11-20, 2026-11-20T20:21, -2h, today)");
	t->is_glob = t->op == QUERY_LIKE && t->value.len > 0 &&
		     (memchr(t->value.ptr, '*', t->value.len) ||
		      memchr(t->value.ptr, '?', t->value.len));
	t->is_newest = !quoted && strcmp(t->field, "session") == 0 &&
		       (t->op == QUERY_EQ || t->op == QUERY_NE) &&
		       str_eq(t->value, STR("@"));
	p->needs_newest |= t->is_newest;
	/* A number is written without quotes, or with: both are equal to it. */
	if (t->op == QUERY_EQ && !t->is_number && !t->is_newest &&
	    !str_eq(t->value, STR("true")) && !str_eq(t->value, STR("false")) &&
	    !str_eq(t->value, STR("null")))
		t->needle = needle_of(p->a, t->field, t->value);
	return p->a->failed ? -ENOMEM : 0;
}

static int parse_test(struct parser *p, const struct query_node **ret)
{
	struct str field = peek_word(p);
	struct query_node *t;
	bool quoted = false;
	int r;

	if (!record_is_name(field) || is_keyword(field))
		return fail(p, QUERY_E_SYNTAX,
			    field.len == 0 ? "a field is missing here"
					   : "this is not the name of a field");
	if (p->n_tests++ == QUERY_MAX_TESTS)
		return fail(p, QUERY_E_LIMIT, "too many tests");
	t = new_node(p, QUERY_EQ);
	if (!t)
		return -ENOMEM;
	t->field = arena_cstr(p->a, field);
	if (!t->field)
		return -ENOMEM;
	p->rest = str_skip(p->rest, field.len);

	r = parse_op(p, &t->op);
	if (r != 0)
		return r;
	skip_blanks(p);

	size_t value_at = p->rest.len;

	r = parse_value(p, &t->value, &quoted);
	if (r == 0)
		r = finish_test(p, t, quoted, value_at);
	*ret = t;
	return r;
}

static int parse_or(struct parser *p, const struct query_node **ret);

static int parse_group(struct parser *p, const struct query_node **ret)
{
	int r;

	p->rest = str_skip(p->rest, 1);
	r = parse_or(p, ret);
	if (r != 0)
		return r;
	skip_blanks(p);
	if (p->rest.len == 0 || p->rest.ptr[0] != ')')
		return fail(p, QUERY_E_SYNTAX, "a ) is missing here");
	p->rest = str_skip(p->rest, 1);
	return 0;
}

static int parse_not(struct parser *p, const struct query_node **ret)
{
	struct query_node *n;
	int r;

	if (p->depth == QUERY_MAX_DEPTH)
		return fail(p, QUERY_E_LIMIT, "nested too deeply");
	p->depth++;
	if (eat_word(p, STR("not"))) {
		n = new_node(p, QUERY_NOT);
		r = n ? parse_not(p, &n->a) : -ENOMEM;
		*ret = n;
	} else if (p->rest.len > 0 && p->rest.ptr[0] == '(') {
		r = parse_group(p, ret);
	} else {
		r = parse_test(p, ret);
	}
	p->depth--;
	return r;
}

/* A chain of @op between what @next parses. */
static int parse_chain(struct parser *p, enum query_op op, struct str word,
		       int (*next)(struct parser *p,
				   const struct query_node **ret),
		       const struct query_node **ret)
{
	int r = next(p, ret);

	while (r == 0 && eat_word(p, word)) {
		struct query_node *n = new_node(p, op);

		if (!n)
			return -ENOMEM;
		n->a = *ret;
		*ret = n;
		r = next(p, &n->b);
	}
	return r;
}

static int parse_and(struct parser *p, const struct query_node **ret)
{
	return parse_chain(p, QUERY_AND, STR("and"), parse_not, ret);
}

static int parse_or(struct parser *p, const struct query_node **ret)
{
	return parse_chain(p, QUERY_OR, STR("or"), parse_and, ret);
}

int query_parse(struct str text, struct query **ret, struct diag *reterr)
{
	return query_parse_at(text, NULL, ret, reterr);
}

int query_parse_at(struct str text, const struct query_clock *clock,
		   struct query **ret, struct diag *reterr)
{
	AUTO(query) struct query *q = calloc(1, sizeof(*q));
	struct parser p = { .rest = text, .len = text.len, .err = reterr };
	int r;

	if (!q)
		return -ENOMEM;
	p.clock = clock;
	arena_init(&q->arena, QUERY_ARENA);
	p.a = &q->arena;
	if (text.len > QUERY_MAX_BYTES)
		return fail(&p, QUERY_E_LIMIT, "the query is too long");

	r = parse_or(&p, &q->root);
	if (r != 0)
		return r;
	skip_blanks(&p);
	if (p.rest.len > 0)
		return fail(&p, QUERY_E_SYNTAX,
			    "and, or, or the end is expected here");
	q->needs_newest = p.needs_newest;
	*ret = TAKE(q);
	return 0;
}
