/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of a session: a hit is told once for each limit, and recorded; hits
 * that come in a storm are counted and recorded when it ends.
 */
#include "base/clock.h"
#include "base/json.h"
#include "cmd/run-rule.h"
#include "cmd/run.h"

#define FOLD_NS NS_PER_S /* between two records of one limit */

/* Places in the plan's lists, which are in the order of struct plan_limits. */
static const size_t in_plan[LIMIT_N] = {
	[LIMIT_MEMORY] = 0, [LIMIT_CPU] = 1,  [LIMIT_PROCESSES] = 2,
	[LIMIT_DISK] = 3,   [LIMIT_TIME] = 4,
};

struct run_hits {
	struct limit_hit last[LIMIT_N]; /* .count: not recorded yet */
	uint64_t recorded_ns[LIMIT_N];
	bool told[LIMIT_N];
};

static void format_value(const struct limit_hit *h, char *dst, size_t size)
{
	static const char units[] = "KMGT";
	uint64_t v = h->value;
	size_t u = 0;

	if (h->limit == LIMIT_TIME) {
		(void)snprintf(dst, size, "%llu s", (unsigned long long)v);
		return;
	}
	if (h->limit != LIMIT_MEMORY && h->limit != LIMIT_DISK) {
		(void)snprintf(dst, size, "%llu", (unsigned long long)v);
		return;
	}
	while (v >= 1024 && v % 1024 == 0 && u < sizeof(units) - 1) {
		v /= 1024;
		u++;
	}
	(void)snprintf(dst, size, "%llu%c", (unsigned long long)v,
		       u ? units[u - 1] : 'B');
}

/* What would raise it. */
static const char *hint(const struct run *r, enum limit limit)
{
	return in_plan[limit] < r->plan.n_limit_hint
		       ? r->plan.limit_hint[in_plan[limit]]
		       : "";
}

static void record(struct run *r, enum limit limit)
{
	struct limit_hit *h = &r->hits->last[limit];
	struct json_out w = JSON_OUT(&r->out);

	struct record_rule rule;
	bool known;

	if (h->count == 0)
		return;
	known = run_rule(r->plan.limit_rule, r->plan.n_limit_rule,
			 in_plan[limit], &rule);
	buf_clear(&r->out);
	record_begin(&w, RECORD_LIMIT_HIT, "deny", RECORD_KERNEL,
		     known ? &rule : NULL, h->count);
	json_kstr(&w, "limit", str_of(limit_name(limit)));
	json_kuint(&w, "value", h->value);
	json_kstr(&w, "reason", str_of(h->what));
	if (hint(r, limit)[0] != '\0')
		json_kstr(&w, "hint", str_of(hint(r, limit)));
	record_end(&w);
	run_record(r);
	h->count = 0;
	r->hits->recorded_ns[limit] = clock_mono_ns();
}

void run_limit_hit(void *owner, const struct limit_hit *h)
{
	struct run *r = owner;
	uint64_t before;
	char value[32];

	if (!r->hits)
		r->hits = calloc(1, sizeof(*r->hits));
	if (!r->hits) {
		run_fail(r, "out of memory");
		return;
	}
	before = r->hits->last[h->limit].count;
	r->hits->last[h->limit] = *h;
	r->hits->last[h->limit].count += before;
	if (clock_mono_ns() - r->hits->recorded_ns[h->limit] >= FOLD_NS)
		record(r, h->limit);
	format_value(h, value, sizeof(value));
	if (!r->hits->told[h->limit])
		run_tell(r, "limit of %s (%s): %s%s%s", limit_name(h->limit),
			 value, h->what, hint(r, h->limit)[0] ? "; " : "",
			 hint(r, h->limit));
	r->hits->told[h->limit] = true;
	if (h->end_session) {
		char reason[64];

		(void)snprintf(reason, sizeof(reason), "limit of %s",
			       limit_name(h->limit));
		run_terminate(r, reason);
	}
}

void run_limits_flush(struct run *r)
{
	if (!r->limits)
		return;
	limits_check(r->limits);
	for (unsigned i = 0; r->hits && i < LIMIT_N; i++)
		record(r, (enum limit)i);
}

/* What only this project has: the private home and other state. */
static int find_private(struct run *r, char ***ret, size_t *ret_n)
{
	char **dirs =
		arena_array(&r->arena, r->plan.n_mounts + 1, sizeof(*dirs));
	size_t n = 0;

	if (!dirs)
		return -ENOMEM;
	for (size_t i = 0; i < r->plan.n_mounts; i++) {
		const struct plan_mount *m = &r->plan.mounts[i];

		if (m->op == PLAN_BIND && m->writable && m->src &&
		    (strcmp(m->src, m->dst) != 0 ||
		     strcmp(m->dst, r->plan.home) == 0))
			dirs[n++] = m->src;
	}
	*ret = dirs;
	*ret_n = n;
	return 0;
}

int run_limits_apply(struct run *r)
{
	struct diag why = { 0 };
	char **dirs = NULL;
	size_t n = 0;
	int e = find_private(r, &dirs, &n);

	if (e < 0)
		return e;
	e = limits_apply(r->limits, &r->plan.limits, jail_pid(r->jail), dirs, n,
			 &why);
	if (e <= 0)
		return e;
	run_fail(r, "%s; change 'limits' in the policy, or see 'bawn doctor'",
		 why.text);
	return 0;
}
