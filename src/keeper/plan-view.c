/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/plan-view.h"

#include <limits.h>

#include "base/path.h"

#define MAX_LINKS 40u /* as the kernel */

struct walk {
	struct arena *arena;
	const struct plan *plan;
	const struct host *host;
};

/* The last mount at or above @path; with @link one at it that is a link. */
static size_t covering(const struct plan *p, struct str path, bool link)
{
	size_t found = VIEW_NONE, len = 0;

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];
		struct str dst = str_of(m->dst);

		if ((m->op == PLAN_SYMLINK) != link ||
		    (link ? !str_eq(dst, path) : !path_is_below(path, dst)))
			continue;
		if (found == VIEW_NONE || dst.len >= len) {
			found = i;
			len = dst.len;
		}
	}
	return found;
}

/* Some mount is at @path or below it, so there is a directory at least. */
static bool leads_to_mount(const struct plan *p, struct str path)
{
	for (size_t i = 0; i < p->n_mounts; i++) {
		if (path_is_below(str_of(p->mounts[i].dst), path))
			return true;
	}
	return false;
}

/* What the host calls @path, which @m shows. */
static char *host_name(struct walk *w, const struct plan_mount *m,
		       struct str path)
{
	struct str rest = str_skip(path, strlen(m->dst));

	return arena_printf(w->arena, "%s%.*s", m->src, STR_ARG(rest));
}

/*
 * Is @path a link in the jail?  0: *ret is its target; 1: no, or nothing is
 * there.
 */
static int read_link(struct walk *w, struct str path, char **ret)
{
	size_t i = covering(w->plan, path, true);
	const struct plan_mount *m;
	char *name;
	int r;

	if (i != VIEW_NONE) {
		*ret = w->plan->mounts[i].text;
		return 0;
	}
	i = covering(w->plan, path, false);
	m = i != VIEW_NONE ? &w->plan->mounts[i] : NULL;
	if (!m || m->op != PLAN_BIND || str_eq(str_of(m->dst), path))
		return 1;
	name = host_name(w, m, path);
	if (!name)
		return -ENOMEM;
	r = host_readlink(w->arena, w->host, name, ret);
	return r == 0 || r == -ENOMEM ? r : 1;
}

static char *up(struct walk *w, const char *at)
{
	struct str dir = path_dirname(str_of(at));

	return arena_cstr(w->arena, dir.len > 1 ? dir : STR(""));
}

/* @path without links, as far as it exists; "" is the root. */
static int resolve(struct walk *w, struct str path, char **ret)
{
	struct str todo = path, c;
	char *at = arena_cstr(w->arena, STR(""));
	unsigned links = 0;

	while (at && str_cut(&todo, '/', &c)) {
		char *next, *target = NULL;
		int r;

		if (c.len == 0 || str_eq(c, STR(".")))
			continue;
		if (str_eq(c, STR(".."))) {
			at = up(w, at);
			continue;
		}
		next = arena_printf(w->arena, "%s/%.*s", at, STR_ARG(c));
		if (!next)
			return -ENOMEM;
		r = read_link(w, str_of(next), &target);
		if (r < 0)
			return r;
		if (r > 0) {
			at = next;
			continue;
		}
		if (++links > MAX_LINKS)
			return -ELOOP;
		if (target[0] == '/')
			at = arena_cstr(w->arena, STR(""));
		target = arena_printf(w->arena, "%s/%.*s", target,
				      STR_ARG(todo));
		todo = str_of(target);
	}
	*ret = at;
	return w->arena->failed ? -ENOMEM : 0;
}

static enum view_place place_of(const struct plan_mount *m)
{
	static const enum view_place places[PLAN_OP_MAX_] = {
		[PLAN_DIR] = VIEW_DIR,      [PLAN_FILE] = VIEW_MADE,
		[PLAN_TMPFS] = VIEW_TMP,    [PLAN_PROC] = VIEW_PROC,
		[PLAN_DEV] = VIEW_DEV,      [PLAN_SOCKET] = VIEW_SOCKET,
		[PLAN_SYMLINK] = VIEW_ROOT,
	};

	if (m->op != PLAN_BIND)
		return places[m->op];
	return strcmp(m->src, m->dst) == 0 ? VIEW_HOST : VIEW_PRIVATE;
}

static bool is_there(struct walk *w, const struct view *v)
{
	struct stat st;
	int r;

	if (leads_to_mount(w->plan, str_of(v->path)))
		return true;
	if (v->host) {
		r = host_stat(w->host, v->host, &st);
		return r != -ENOENT && r != -ENOTDIR;
	}
	return v->place == VIEW_PROC || v->place == VIEW_DEV;
}

/* Hidden is what an entry fits, and all below it. */
static size_t hidden_by(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->n_hide; i++) {
		struct str at = str_of(path);

		for (;;) {
			if (glob_match(str_of(p->hide[i]), at))
				return i;
			if (at.len <= 1)
				break;
			at = path_dirname(at);
		}
	}
	return VIEW_NONE;
}

int plan_view(struct arena *a, const struct plan *p, const struct host *host,
	      struct str path, struct view *ret)
{
	struct walk w = { a, p, host };
	struct view v = { .place = VIEW_ROOT };
	const struct plan_mount *m;
	int r = resolve(&w, path, &v.path);

	if (r != 0)
		return r;
	if (v.path[0] == '\0')
		v.path = arena_cstr(a, STR("/"));
	if (!v.path)
		return -ENOMEM;
	v.mount = covering(p, str_of(v.path), false);
	if (v.mount != VIEW_NONE) {
		m = &p->mounts[v.mount];
		v.place = place_of(m);
		v.writable =
			m->op == PLAN_BIND ? m->writable : m->op == PLAN_TMPFS;
		if (m->op == PLAN_BIND)
			v.host = host_name(&w, m, str_of(v.path));
	}
	v.exists = is_there(&w, &v);
	v.hidden = hidden_by(p, v.path);
	if (a->failed)
		return -ENOMEM;
	*ret = v;
	return 0;
}
