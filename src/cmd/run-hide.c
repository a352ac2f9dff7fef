/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hide finds is covered here: gathered until the jail is there, then one
 * by one, and what appears while the command runs at once, on the record.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/path.h"
#include "cmd/run-rule.h"
#include "cmd/run.h"

#define STEP_NS (5 * NS_PER_MS) /* of a scan, between two looks at signals */

static void record_late(struct run *r, const struct hide_found *f)
{
	struct json_out w = JSON_OUT(&r->out);
	uint64_t now = clock_utc_ns();
	uint64_t gap = f->appeared_utc_ns && now > f->appeared_utc_ns
			       ? now - f->appeared_utc_ns
			       : 0;

	struct record_rule rule;
	bool known = run_rule(r->plan.hide_rule, r->plan.n_hide_rule,
			      run_rule_hide(&r->plan, f->path), &rule);

	buf_clear(&r->out);
	record_begin(&w, RECORD_FILE_HIDE, "deny", RECORD_KERNEL,
		     known ? &rule : NULL, 1);
	json_kstr(&w, "path", str_of(f->path));
	json_kuint(&w, "ms", (gap + NS_PER_MS - 1) / NS_PER_MS);
	record_end(&w);
	run_record(r);
}

static int keep(struct run *r, const struct hide_found *f)
{
	size_t size = r->covers_size ? 2 * r->covers_size : 64;
	const char *path;

	if (r->n_covers == r->covers_size) {
		struct cover_hide *v =
			reallocarray(r->covers, size, sizeof(*v));

		if (!v)
			return -ENOMEM;
		r->covers = v;
		r->covers_size = size;
	}
	path = arena_cstr(&r->arena, str_of(f->path));
	if (!path)
		return -ENOMEM;
	r->covers[r->n_covers++] = (struct cover_hide){ path, f->pin };
	return 0;
}

/* The policy names it, so that ours is in its place. */
static bool is_named_socket(const struct run *r, const struct hide_found *f)
{
	for (size_t i = 0; i < r->plan.n_mounts; i++) {
		const struct plan_mount *m = &r->plan.mounts[i];

		if (m->op == PLAN_SOCKET && strcmp(m->dst, f->path) == 0)
			return true;
	}
	return false;
}

int run_hide_one(struct run *r, const struct hide_found *f)
{
	int e = jail_cover(r->jail, &(struct cover_hide){ f->path, f->pin });

	if (e < 0)
		return e;
	if (e == 0 && !f->at_start)
		record_late(r, f);
	return 0; /* 1: the jail does not see it */
}

static int on_found(void *owner, const struct hide_found *f)
{
	struct run *r = owner;

	if (f->what == HIDE_SOCKET && is_named_socket(r, f))
		return 0;
	if (f->what == HIDE_LOCKED)
		return run_later_replaced(r, f);
	if (r->needs & RUN_NEED_JAIL)
		return keep(r, f);
	if (f->what == HIDE_SOCKET && !f->at_start)
		return run_sockets_found(r, f);
	return run_hide_one(r, f);
}

static void on_notice(void *owner, const char *text)
{
	run_tell(owner, "%s", text);
}

static int on_empowered(void *owner, int (*fn)(void *arg), void *arg)
{
	struct run *r = owner;

	/* Until its walls stand, init may not have mapped its ids. */
	return r->needs & RUN_NEED_JAIL ? -EAGAIN
					: jail_empowered(r->jail, fn, arg);
}

void run_hide_broken(void *owner, int error)
{
	if (error == -E2BIG) {
		run_fail(owner,
			 "more than %u directories to look through for hidden "
			 "files; name fewer in files.read and files.write, or "
			 "let files.hide name a directory itself",
			 HIDE_MAX_DIRS);
		return;
	}
	run_fail(owner, "a hidden file cannot be covered: %s; session ended",
		 strerror(-error));
}

/* The first scan is over and all of it is covered; there may be nothing. */
static int check_done(struct run *r)
{
	if (r->scanning || r->n_covers > 0)
		return 0;
	if (run_later_has_locks(r)) {
		if (r->needs & RUN_NEED_JAIL)
			return 0; /* run_hide_covers() comes with it */
		return run_hide_covers(r);
	}
	r->needs &= ~(unsigned)RUN_NEED_HIDE;
	return run_try_go(r);
}

static int scan_on(struct run *r)
{
	int e = hide_step(r->hide, STEP_NS);

	if (e < 0) {
		run_hide_broken(r, e);
		return 0;
	}
	if (e == HIDE_WAITS)
		return 0; /* run_hide_covers() goes on */
	if (e > 0)
		return loop_timer_set(r->loop, &r->hide_timer, clock_mono_ns());
	r->scanning = false;
	return check_done(r);
}

static int on_timer(struct loop_timer *t)
{
	struct run *r = t->owner;

	return r->phase == RUN_MAKING ? scan_on(r) : 0;
}

/* Host directories that the jail sees at the same path. */
static int add_trees(struct run *r, struct hide_config *c)
{
	char **trees =
		arena_array(&r->arena, r->plan.n_mounts + 1, sizeof(*trees));
	char **sockets =
		arena_array(&r->arena, r->plan.n_mounts + 1, sizeof(*sockets));

	if (!trees || !sockets)
		return -ENOMEM;
	c->trees = trees;
	c->socket_trees = sockets;
	for (size_t i = 0; i < r->plan.n_mounts; i++) {
		const struct plan_mount *m = &r->plan.mounts[i];

		if (m->op != PLAN_BIND || !m->src ||
		    strcmp(m->src, m->dst) != 0)
			continue;
		trees[c->n_trees++] = m->src;
		if (m->writable)
			sockets[c->n_socket_trees++] = m->src;
	}
	return 0;
}

int run_hide_start(struct run *r)
{
	struct hide_config c = { .globs = r->plan.hide,
				 .n_globs = r->plan.n_hide,
				 .found = on_found,
				 .notice = on_notice,
				 .empowered = on_empowered,
				 .owner = r };
	int e = run_later_start(r);

	if (e == 0)
		e = add_trees(r, &c);
	c.later = run_later_state(r);
	if (e == 0)
		e = hide_new(&r->hide, &c);
	if (e < 0)
		return e;
	r->scanning = true;
	r->hide_timer = (struct loop_timer){ .run = on_timer, .owner = r };
	return scan_on(r);
}

int run_hide_covers(struct run *r)
{
	const struct cover_lock *locks = NULL;
	size_t n_locks = r->scanning ? 0 : run_later_locks(r, &locks);
	int e = r->n_covers + n_locks > 0
			? jail_cover_all(r->jail, r->covers, r->n_covers, locks,
					 n_locks)
			: 0;

	if (e < 0) {
		run_fail(r, "cannot cover what is hidden or protected: %s",
			 strerror(-e));
		return 0;
	}
	r->n_covers = 0;
	return r->scanning ? scan_on(r) : check_done(r);
}

int run_hide_watch(struct run *r)
{
	if (r->watching)
		return 0;
	r->watching = true;
	return hide_watch(r->hide, r->loop, run_hide_broken);
}

void run_hide_done(struct run *r)
{
	run_sockets_free(r);
	hide_free(TAKE(r->hide));
	free(TAKE(r->covers));
	if (r->loop)
		loop_timer_clear(r->loop, &r->hide_timer);
}
