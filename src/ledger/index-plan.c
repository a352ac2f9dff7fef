/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * For each segment a query becomes a set of bundles, from its leaves up: `and`
 * is what both sides have, `or` what one has.  A leaf that the index cannot
 * answer, and anything below `not`, is all bundles.  So the set may be too
 * large and is never too small.
 */
#include "ledger/index-own.h"
#include "ledger/index-terms.h"
#include "ledger/query-node.h"

struct plan {
	struct index *x;
	const struct query *q;
	uint64_t segment;
	struct bundle_times times[INDEX_SEGMENT];
};

static struct bundle_set all(void)
{
	struct bundle_set s;

	memset(&s, 0xff, sizeof(s));
	return s;
}

/* A time before 1970 or beyond 2262 is before or behind all records. */
static bool range_may_match(const struct query_node *n, struct bundle_range r)
{
	int64_t min = r.min < INT64_MAX ? (int64_t)r.min : INT64_MAX;
	int64_t max = r.max < INT64_MAX ? (int64_t)r.max : INT64_MAX;

	if (n->op == QUERY_LT)
		return min < n->number;
	if (n->op == QUERY_GT)
		return max > n->number;
	return min <= n->number && max >= n->number;
}

/* Is it a comparison of what each bundle has a range of? */
static bool has_range(const struct query_node *n)
{
	return n->is_number &&
	       (strcmp(n->field, "at") == 0 || strcmp(n->field, "seq") == 0) &&
	       (n->op == QUERY_EQ || n->op == QUERY_LT || n->op == QUERY_GT);
}

static void plan_range(const struct plan *p, const struct query_node *n,
		       struct bundle_set *ret)
{
	bool is_time = strcmp(n->field, "at") == 0;

	*ret = (struct bundle_set){ 0 };
	for (unsigned i = 0; i < INDEX_SEGMENT; i++) {
		if (range_may_match(n,
				    is_time ? p->times[i].at : p->times[i].seq))
			bundle_add(ret, i);
	}
}

static int plan_test(struct plan *p, const struct query_node *n,
		     struct bundle_set *ret)
{
	struct str field = str_of(n->field);

	if (has_range(n)) {
		plan_range(p, n, ret);
		return 0;
	}
	if (n->op == QUERY_EQ && terms_has_field(field))
		return index_post(
			p->x, p->segment,
			term_of(field, n->is_newest ? p->q->newest : n->value),
			ret);
	*ret = all();
	return 0;
}

static int plan_node(struct plan *p, const struct query_node *n,
		     struct bundle_set *ret)
{
	struct bundle_set b;
	int r;

	if (n->op == QUERY_NOT) {
		*ret = all();
		return 0;
	}
	if (n->op != QUERY_AND && n->op != QUERY_OR)
		return plan_test(p, n, ret);
	r = plan_node(p, n->a, ret);
	if (r == 0)
		r = plan_node(p, n->b, &b);
	for (size_t i = 0; r == 0 && i < SEGMENT_WORDS; i++) {
		if (n->op == QUERY_AND)
			ret->words[i] &= b.words[i];
		else
			ret->words[i] |= b.words[i];
	}
	return r;
}

int index_plan(struct index *x, const struct query *q, uint64_t **ret,
	       size_t *ret_n_bundles)
{
	size_t n = (size_t)((x->end + INDEX_BUNDLE - 1) / INDEX_BUNDLE);
	size_t n_segments = (n + INDEX_SEGMENT - 1) / INDEX_SEGMENT;
	struct plan p = { .x = x, .q = q };
	uint64_t *bits = calloc(n_segments * SEGMENT_WORDS + 1, sizeof(*bits));
	int r = bits ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n_segments; i++) {
		struct bundle_set s = { 0 }, unread = { 0 };

		p.segment = i;
		r = index_times(x, i, p.times);
		if (r == 0)
			r = plan_node(&p, q->root, &s);
		/* Lines that are no records: the reader finds and says it. */
		if (r == 0)
			r = index_post(x, i, TERM_UNREAD, &unread);
		for (size_t k = 0; r == 0 && k < SEGMENT_WORDS; k++)
			bits[i * SEGMENT_WORDS + k] =
				s.words[k] | unread.words[k];
	}
	if (r != 0) {
		free(bits);
		return r;
	}
	*ret = bits;
	*ret_n_bundles = n;
	return 0;
}
