/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Files that run later outside the jail (jail/later.h).  The first pass of hide
 * notes what is there; some of it becomes read-only before the command may run.  When
 * no process of the jail is left the trees are read again, in steps, so that
 * a signal is served: a user who presses Ctrl-C gets the prompt, and a record says
 * what was not looked at.  The records go before the closing one, the words to the
 * user come last of all.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/path.h"
#include "base/wall.h"
#include "cmd/run.h"
#include "jail/later-sum.h"
#include "jail/later-walk.h"
#include "ledger/record.h"

#define STEP_NS (20 * NS_PER_MS)
#define BUDGET_NS \
	(20 * NS_PER_S) /* of the second pass; a million files take 3 s */
#define DEATH_NS (5 * NS_PER_S) /* of the jail's last process */

struct run_later {
	struct later_state *state;
	struct later_walk *walk;
	struct later_sum sum;
	struct cover_lock locks[LATER_MAX_LOCKS];
	size_t n_locks;
	bool locked; /* they are in force, or on their way */
	struct loop_timer timer;
	uint64_t until_ns;
	bool ready; /* nothing runs any more */
};

/* ---- the start ---- */

static void on_found(void *owner, const struct later_find *f)
{
	struct run *r = owner;

	later_sum_add(&r->later->sum, f);
}

/* Another writable tree shows it already. */
static bool is_inside(const struct plan *p, size_t i)
{
	struct str me = str_of(p->mounts[i].src);

	for (size_t k = 0; k < p->n_mounts; k++) {
		const struct plan_mount *m = &p->mounts[k];

		if (k != i && m->op == PLAN_BIND && m->writable &&
		    strcmp(m->src, m->dst) == 0 &&
		    path_is_below(me, str_of(m->src)) &&
		    (me.len > strlen(m->src) || k < i))
			return true;
	}
	return false;
}

/* It is used by nobody outside.  Without mounts it lies where it is seen. */
static bool is_private_home(const struct plan *p, const struct plan_mount *m)
{
	const char *home = getenv("HOME");

	return p->backend == PLAN_LANDLOCK && strcmp(m->src, p->home) == 0 &&
	       (!home || strcmp(m->src, home) != 0);
}

static size_t find_trees(struct run *r, char **trees)
{
	size_t n = 0;

	for (size_t i = 0; i < r->plan.n_mounts; i++) {
		const struct plan_mount *m = &r->plan.mounts[i];

		if (m->op == PLAN_BIND && m->writable && m->src &&
		    strcmp(m->src, m->dst) == 0 &&
		    !is_private_home(&r->plan, m) && !is_inside(&r->plan, i))
			trees[n++] = m->src;
	}
	return n;
}

int run_later_start(struct run *r)
{
	struct later_state_config c = { .open = r->plan.unlocked,
					.n_open = r->plan.n_unlocked,
					.found = on_found,
					.owner = r };
	char **trees =
		arena_array(&r->arena, r->plan.n_mounts + 1, sizeof(*trees));

	if (!trees)
		return -ENOMEM;
	c.trees = trees;
	c.n_trees = find_trees(r, trees);
	if (c.n_trees == 0)
		return 0;
	r->later = calloc(1, sizeof(*r->later));
	if (!r->later)
		return -ENOMEM;
	later_sum_init(&r->later->sum);
	return later_state_new(&r->later->state, &c);
}

struct later_state *run_later_state(struct run *r)
{
	return r->later ? r->later->state : NULL;
}

bool run_later_has_locks(const struct run *r)
{
	size_t n = 0;

	if (!r->later || r->later->locked)
		return false;
	(void)later_state_locks(r->later->state, &n);
	return n > 0;
}

size_t run_later_locks(struct run *r, const struct cover_lock **ret)
{
	struct run_later *l = r->later;
	const struct later_lock *from;

	if (!run_later_has_locks(r))
		return 0;
	from = later_state_locks(l->state, &l->n_locks);
	for (size_t i = 0; i < l->n_locks; i++)
		l->locks[i] = (struct cover_lock){ from[i].path, from[i].pin };
	l->locked = true;
	*ret = l->locks;
	return l->n_locks;
}

size_t run_later_n_locked(const struct run *r)
{
	return r->later && r->later->locked ? r->later->n_locks : 0;
}

/* ---- records ---- */

static void record(struct run *r, const struct later_item *it, uint64_t ms)
{
	struct json_out w = JSON_OUT(&r->out);

	buf_clear(&r->out);
	record_begin(&w, RECORD_FILE_LATER, ms ? "deny" : "none", RECORD_KERNEL,
		     NULL, it->count);
	json_kstr(&w, "path", it->path);
	if (it->many)
		json_kbool(&w, "below", true);
	json_kstr(&w, "row", str_of(it->row->id));
	json_kstr(&w, "class", str_of(later_class_name(it->row->class)));
	json_kstr(&w, "what", str_of(later_what_name(it->what)));
	json_kbool(&w, "urgent", later_sum_is_urgent(it));
	if (it->detail.len > 0)
		json_kstr(&w, "detail", it->detail);
	json_kstr(&w, "reason", str_of(it->row->why));
	if (ms)
		json_kuint(&w, "ms", ms);
	record_end(&w);
	run_record(r);
}

int run_later_replaced(struct run *r, const struct hide_found *f)
{
	struct later_item it = { .what = LATER_CHANGED,
				 .path = str_of(f->path),
				 .detail = STR("replaced from outside, and "
					       "read-only again"),
				 .count = 1 };
	const struct later_lock *locks;
	uint64_t now = clock_utc_ns(), ms = 1;
	size_t n;
	int e = jail_lock(r->jail, f->path);

	if (e < 0)
		return e;
	if (now > f->appeared_utc_ns && f->appeared_utc_ns > 0)
		ms += (now - f->appeared_utc_ns) / NS_PER_MS;
	locks = later_state_locks(r->later->state, &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(locks[i].path, f->path) == 0)
			it.row = locks[i].row;
	}
	if (it.row)
		record(r, &it, ms);
	return 0;
}

/* ---- the end ---- */

static void not_seen(struct run *r, const char *why)
{
	const struct later_state_config *c =
		later_state_config(r->later->state);
	struct later_find f = { .row = later_special(LATER_UNREAD),
				.what = LATER_NOT_SEEN,
				.path = str_of(c->trees[0]),
				.detail = str_of(why) };

	later_sum_add(&r->later->sum, &f);
}

static void finish(struct run *r)
{
	struct run_later *l = r->later;

	r->looking = false;
	loop_timer_clear(r->loop, &l->timer);
	later_sum_sort(&l->sum);
	for (size_t i = 0; WALL(LATER_TOLD) && i < l->sum.n; i++)
		record(r, &l->sum.v[i], 0);
	run_close(r);
	run_check_over(r);
}

static void cut_short(struct run *r, const char *why)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		       "%s; %zu directories or more were "
		       "not looked at",
		       why,
		       r->later->walk ? later_walk_left(r->later->walk)
				      : (size_t)1);
	not_seen(r, text);
	finish(r);
}

static void step(struct run *r)
{
	struct run_later *l = r->later;
	int e = later_walk_step(l->walk, STEP_NS);

	if (e == 0) {
		later_state_removed(l->state);
		finish(r);
	} else if (e < 0) {
		cut_short(r, strerror(-e));
	} else if (clock_mono_ns() > l->until_ns) {
		cut_short(r, "it took too long");
	} else if (loop_timer_set(r->loop, &l->timer, clock_mono_ns()) < 0) {
		cut_short(r, "out of memory");
	}
}

static int on_timer(struct loop_timer *t)
{
	struct run *r = t->owner;

	if (!r->looking)
		return 0;
	if (r->later->walk)
		step(r);
	else
		cut_short(r, "processes of the session do not end");
	return 0;
}

void run_later_gone(struct run *r)
{
	struct run_later *l = r->later;
	int e;

	if (!r->looking || l->walk)
		return;
	later_state_over(l->state);
	l->until_ns = clock_mono_ns() + BUDGET_NS;
	e = later_walk_new(&l->walk, l->state);
	if (e < 0)
		cut_short(r, strerror(-e));
	else
		step(r);
}

void run_later_end(struct run *r)
{
	struct run_later *l = r->later;

	if (!l || !l->state || !r->loop || r->started_ns == 0) {
		run_close(r);
		return;
	}
	r->looking = true;
	l->timer = (struct loop_timer){ .run = on_timer,
					.owner = r,
					.patient = true };
	if (r->init_gone)
		run_later_gone(r);
	else if (loop_timer_set(r->loop, &l->timer,
				clock_mono_ns() + DEATH_NS) < 0)
		cut_short(r, "out of memory");
}

void run_later_stop(struct run *r)
{
	if (r->looking && r->later->walk)
		cut_short(r, "interrupted");
}

/* ---- words ---- */

static void tell_line(void *owner, const char *text)
{
	run_tell(owner, "%s", text);
}

uint64_t run_later_count(const struct run *r)
{
	return r->later ? r->later->sum.total : 0;
}

void run_later_tell(struct run *r)
{
	char more[64];

	if (!r->later)
		return;
	(void)snprintf(more, sizeof(more), "bawn logs %s", r->session);
	later_sum_tell(&r->later->sum, str_of(r->plan.project), more, tell_line,
		       r);
}

void run_later_done(struct run *r)
{
	struct run_later *l = TAKE(r->later);

	if (!l)
		return;
	if (r->loop)
		loop_timer_clear(r->loop, &l->timer);
	later_walk_free(l->walk);
	later_state_free(l->state);
	later_sum_done(&l->sum);
	free(l);
}
