/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: QUERY LF RECORD.  The laws:
 *   1. a refusal names a place within the text, or just behind it, and why;
 *   2. printed and parsed again a query prints the same: one spelling;
 *   3. both match the same of what the record holds;
 *   4. `not ( Q )` matches exactly what Q does not;
 *   5. what Q matches, the look at the record's text does not refuse.
 */
#include "ledger/query.h"

#define ROOM ((size_t)1024 * 1024)

static const struct query_clock clock_then = { UINT64_C(1795206082000000000),
					       3600 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static struct query *parse_again(struct str text)
{
	struct query *q = NULL;
	int r = query_parse_at(text, &clock_then, &q, NULL);

	/* The printed one is longer, so only the limit may stop it. */
	law(r == 0 || r == QUERY_E_LIMIT);
	return q;
}

/* A stored line is spelt as the writer spells it. */
static void check_text(const struct query *q, const struct json *rec)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	JSON_EACH (f, rec) {
		if (f->type == JSON_ARRAY || f->type == JSON_OBJECT)
			return; /* no record */
	}
	buf_init(&b, ROOM);
	json_value(&w, rec);
	law(b.failed || query_may_match(q, buf_str(&b)));
}

static void check_match(const struct query *a, const struct query *b,
			const struct query *opposite, struct str text)
{
	AUTO(arena) struct arena mem = ARENA_NULL;
	struct json *rec = NULL;

	arena_init(&mem, ROOM);
	if (json_parse(&mem, text, &rec, NULL) != 0 ||
	    !json_is(rec, JSON_OBJECT))
		return;

	bool matches = query_matches(a, rec);

	if (matches)
		check_text(a, rec);
	law(!b || query_matches(b, rec) == matches);
	law(!opposite || query_matches(opposite, rec) != matches);
}

static struct query *negate(struct str printed)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, ROOM);
	(void)buf_add(&b, STR("not ("));
	(void)buf_add(&b, printed);
	(void)buf_addc(&b, ')');
	law(!b.failed);
	return parse_again(buf_str(&b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { .ptr = (const char *)data, .len = size };
	AUTO(query) struct query *one = NULL;
	AUTO(query) struct query *two = NULL;
	AUTO(query) struct query *opposite = NULL;
	AUTO(buf) struct buf a = BUF_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct str text = { 0 };
	struct diag d = { 0 };
	int r;

	(void)str_cut(&in, '\n', &text);
	r = query_parse_at(text, &clock_then, &one, &d);
	law(r >= 0);
	if (r > 0) {
		law(!one && d.line == 1 && d.column >= 1 &&
		    d.column <= text.len + 1 && d.text[0]);
		return 0;
	}
	buf_init(&a, ROOM);
	buf_init(&b, ROOM);
	query_print(one, &a);
	law(!a.failed);
	two = parse_again(buf_str(&a));
	if (two) {
		law(query_needs_newest(one) == query_needs_newest(two));
		query_print(two, &b);
		law(str_eq(buf_str(&a), buf_str(&b)));
	}
	opposite = negate(buf_str(&a));
	check_match(one, two, opposite, in);
	return 0;
}
