/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same questions that later-state.c asks while it reads directories, here for
 * the directories above one path.
 */
#include "cmd/policy-why-later.h"

#include <sys/stat.h>

#include "base/path.h"

struct asked {
	struct arena *arena;
	const struct plan *plan;
	const struct host *host;
	const struct later *later;
	size_t root; /* of the path: before the tree's own name */
};

static bool has(const struct asked *q, struct str dir, const char *name)
{
	const char *path =
		arena_printf(q->arena, "%.*s/%s", STR_ARG(dir), name);
	struct stat st;

	return path && host_stat(q->host, path, &st) == 0;
}

static bool is_git(const struct asked *q, struct str dir)
{
	if (str_eq(path_basename(dir), STR(".git")))
		return true;
	return has(q, dir, "HEAD") &&
	       (has(q, dir, "commondir") ||
		(has(q, dir, "objects") && has(q, dir, "refs")));
}

static enum later_git git_of(const struct asked *q, struct str dir)
{
	if (is_git(q, dir))
		return LATER_GIT_DIR;
	return is_git(q, path_dirname(dir)) ? LATER_GIT_BELOW : LATER_GIT_NONE;
}

static bool is_unlocked(const struct asked *q, struct str path)
{
	for (size_t i = 0; i < q->plan->n_unlocked; i++) {
		if (str_eq(path, str_of(q->plan->unlocked[i])))
			return true;
	}
	return false;
}

/* One step down: @path is the last component seen, @whole all of it. */
static int step(const struct asked *q, struct str path, bool whole,
		bool in_heap, struct why_later *ret)
{
	const char *name = arena_cstr(q->arena, path);
	struct str dir = path_dirname(path);
	const struct later_row *row;
	struct later_here here;
	struct stat st = { 0 };
	bool there, is_dir;

	if (!name)
		return -ENOMEM;
	there = host_stat(q->host, name, &st) == 0;
	is_dir = there ? S_ISDIR(st.st_mode) : !whole;
	later_enter(q->later, str_skip(dir, q->root), git_of(q, dir), &here);
	row = later_match(&here, path_basename(path), is_dir, NULL);
	if (!row)
		return 0;
	if (whole || is_dir)
		ret->row = row;
	if (there && row->act == LATER_PROTECT && !in_heap &&
	    !is_unlocked(q, path))
		ret->locked = name;
	return 0;
}

/* The writable tree of the host that holds @path; 0: none. */
static size_t tree_len(const struct plan *p, struct str path)
{
	size_t len = 0;

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];
		size_t n = m->src ? strlen(m->src) : 0;

		if (m->op == PLAN_BIND && m->writable && m->src &&
		    strcmp(m->src, m->dst) == 0 &&
		    path_is_below(path, str_of(m->src)) && (!len || n < len))
			len = n;
	}
	return len;
}

int why_later(struct arena *a, const struct plan *p, const struct host *host,
	      struct str path, struct why_later *ret)
{
	AUTO(later) struct later *l = NULL;
	struct asked q = { .arena = a, .plan = p, .host = host };
	size_t len = tree_len(p, path);
	bool in_heap = false;
	int r;

	*ret = (struct why_later){ 0 };
	if (len <= 1 || path.len == len)
		return 0;
	r = later_new(&l);
	if (r < 0)
		return r;
	q.later = l;
	q.root = len;
	while (q.root > 0 && path.ptr[q.root - 1] != '/')
		q.root--;
	for (size_t at = len + 1; at <= path.len && r == 0 && !ret->locked;
	     at++) {
		struct str part = { path.ptr, at };

		if (at < path.len && path.ptr[at] != '/')
			continue;
		r = step(&q, part, at == path.len, in_heap, ret);
		in_heap = in_heap || later_is_heap(path_basename(part));
	}
	return r;
}
