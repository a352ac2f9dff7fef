/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The nearest item above a path says what the path is in the jail: a bind of
 * the host's directory at its own path shows the host's file there; anything
 * else (the private home, a tmpfs, a directory of ours, or no item at all: our
 * own root) shows nothing of the host's at that path.
 *
 * From this follow the three cases of a mount point.  Below a host bind it is
 * there, because the path is a real one of the host.  In a place of ours init
 * makes it.  In the private home, which is a host directory to init but ours
 * to fill, it is made here.
 *
 * Links.  Who may write in a directory can put a link there, to whatever the
 * keeper can see and the jail could not: a session of yesterday, or one that runs
 * now and exchanges the link while we look.  So one walk finds both the real path
 * and the links on the way to it; the real path is what init binds, following
 * none (jail/source.h); and a way that leads over a link that a session could have
 * made is no way.
 *
 * The order "/" before every other byte puts each directory before what is
 * below it, which is the order in which mounts have to be made.
 */
#include "keeper/yard.h"

#include <sys/stat.h>

#include "base/path.h"
#include "base/wall.h"
#include "keeper/home.h"
#include "keeper/host.h"

#define FIRST_SIZE 64u /* items; the usual plan */

int yard_init(struct yard *y, struct arena *a, const struct host *host)
{
	*y = (struct yard){ .arena = a, .host = host, .home_fd = -1 };
	y->items = arena_array(a, FIRST_SIZE, sizeof(*y->items));
	y->size = FIRST_SIZE;
	return y->items ? 0 : -ENOMEM;
}

static int add_item(struct yard *y, const struct yard_item *it)
{
	struct yard_item *more;

	if (y->n == PLAN_MAX_MOUNTS)
		return YARD_FULL;
	if (y->n == y->size) {
		more = arena_array(y->arena, 2 * y->size, sizeof(*more));
		if (!more)
			return -ENOMEM;
		memcpy(more, y->items, y->n * sizeof(*more));
		y->items = more;
		y->size *= 2;
	}
	y->items[y->n] = *it;
	y->items[y->n++].why = y->why;
	return 0;
}

int yard_add(struct yard *y, const struct plan_mount *m)
{
	return add_item(y, &(struct yard_item){ .m = *m, .is_dir = true });
}

/* The item that decides about @path; with @above, not one at @path itself. */
static const struct yard_item *nearest(const struct yard *y, struct str path,
				       bool above)
{
	const struct yard_item *found = NULL;
	size_t found_len = 0;

	for (size_t i = 0; i < y->n; i++) {
		const struct yard_item *it = &y->items[i];
		struct str dst = str_of(it->m.dst);

		if (it->m.op == PLAN_SYMLINK || !path_is_below(path, dst) ||
		    (above && dst.len == path.len) || dst.len < found_len)
			continue;
		found = it;
		found_len = dst.len;
	}
	return found;
}

/* Shows the host's directory at the host's path. */
static bool is_host(const struct yard_item *it)
{
	return it && it->m.op == PLAN_BIND && strcmp(it->m.src, it->m.dst) == 0;
}

bool yard_sees(const struct yard *y, const char *path, bool writable)
{
	const struct yard_item *it = nearest(y, str_of(path), false);

	return is_host(it) && (it->m.writable || !writable);
}

/* ---- paths of the host ---- */

static int add_link(struct yard *y, const char *dst, const char *target)
{
	struct yard_item it = { .m = { .op = PLAN_SYMLINK, .optional = true } };

	it.m.dst = arena_cstr(y->arena, str_of(dst));
	it.m.text = arena_cstr(y->arena, str_of(target));
	it.m.text_len = strlen(target);
	if (!it.m.dst || !it.m.text)
		return -ENOMEM;
	return add_item(y, &it);
}

struct walk {
	struct yard_link links[YARD_MAX_LINKS];
	size_t n;
};

/* A symbolic link at @next: what is left of the path is seen from its target. */
static int meet_link(struct arena *a, struct walk *wk, char *next, char *target,
		     struct str *todo)
{
	char *rest = arena_printf(a, "%s/%.*s", target, STR_ARG(*todo));

	if (!rest)
		return -ENOMEM;
	if (wk->n == YARD_MAX_LINKS)
		return YARD_MISSING;
	wk->links[wk->n++] = (struct yard_link){ next, target };
	*todo = str_of(rest);
	return 0;
}

/* Walk @path as the kernel would; *ret is where it ends. */
static int walk(struct yard *y, const char *path, struct walk *wk, char **ret)
{
	struct arena *a = y->arena;
	struct str todo = str_of(path), c;
	char *at = arena_cstr(a, STR(""));

	while (at && str_cut(&todo, '/', &c)) {
		char *next, *target = NULL;
		struct str dir;
		int r;

		if (c.len == 0 || str_eq(c, STR(".")))
			continue;
		if (str_eq(c, STR(".."))) {
			dir = path_dirname(str_of(at));
			at = arena_cstr(a, dir.len > 1 ? dir : STR(""));
			continue;
		}
		next = arena_printf(a, "%s/%.*s", at, STR_ARG(c));
		if (!next)
			return -ENOMEM;
		r = host_readlink(a, y->host, next, &target);
		if (error_is_shortage(r))
			return r;
		if (r != 0) {
			at = next;
			continue;
		}
		r = meet_link(a, wk, next, target, &todo);
		if (r != 0)
			return r;
		if (target[0] == '/')
			at = arena_cstr(a, STR(""));
	}
	*ret = at && at[0] == '\0' ? arena_cstr(a, STR("/")) : at;
	return a->failed ? -ENOMEM : 0;
}

int yard_find(struct yard *y, const char *path, struct yard_way *ret)
{
	struct walk wk = { .n = 0 };
	struct stat st;
	int r;

	*ret = (struct yard_way){ 0 };
	r = host_real(y->arena, y->host, path, &ret->real, &ret->mode);
	if (error_is_shortage(r))
		return r;
	if (r != 0)
		return YARD_MISSING;
	if (strcmp(ret->real, path) == 0)
		return 0;
	r = walk(y, path, &wk, &ret->real);
	if (r != 0)
		return r;
	/* Perhaps not what host_real() saw, but these links lead to it. */
	if (host_stat(y->host, ret->real, &st) != 0)
		return YARD_MISSING;
	ret->mode = st.st_mode;
	ret->links = arena_array(y->arena, wk.n + 1, sizeof(*ret->links));
	if (!ret->links)
		return -ENOMEM;
	memcpy(ret->links, wk.links, wk.n * sizeof(*ret->links));
	ret->n_links = wk.n;
	return 0;
}

/* Is the directory @dir, or one above, a project that had a session? */
static bool is_in_project(const struct yard *y, struct str dir)
{
	while (y->state_dir && y->home && dir.len > 1 &&
	       !path_is_below(str_of(y->home), dir)) {
		const char *path = arena_cstr(y->arena, dir);

		if (!path || home_exists(y->state_dir, path))
			return true;
		dir = path_dirname(dir);
	}
	return false;
}

static bool is_plantable(const struct yard *y, const char *link)
{
	struct str dir = path_dirname(str_of(link));
	const struct yard_item *it = nearest(y, dir, false);

	if (y->project && path_is_below(str_of(y->project), str_of(link)))
		return true;
	return (is_host(it) && it->m.writable) || is_in_project(y, dir);
}

static const struct yard_link *find_planted(const struct yard *y,
					    const struct yard_link *links,
					    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (WALL(PLANNED_LINKS) && is_plantable(y, links[i].at))
			return &links[i];
	}
	return NULL;
}

const struct yard_link *yard_planted(const struct yard *y,
				     const struct yard_way *way)
{
	return find_planted(y, way->links, way->n_links);
}

void yard_settle(struct yard *y, void *ctx,
		 void (*tell)(void *ctx, const struct yard_item *item,
			      const struct yard_link *link))
{
	size_t n = 0;

	for (size_t i = 0; i < y->n; i++) {
		struct yard_item it = y->items[i];
		const struct yard_link *link =
			find_planted(y, it.links, it.n_links);

		if (link) {
			/* nearest() must not meet it */
			y->items[i].m.op = PLAN_SYMLINK;
			tell(ctx, &it, link);
			continue;
		}
		y->items[n++] = it;
	}
	y->n = n;
	y->settled = true;
}

/* @real is there, and every layer agrees; @way leads to it or above it. */
static int add_real(struct yard *y, const struct yard_way *way, char *real,
		    bool is_dir, bool writable)
{
	struct yard_item it = { .m = { .op = PLAN_BIND,
				       .writable = writable,
				       .optional = !writable },
				.links = way->links,
				.n_links = way->n_links,
				.is_dir = is_dir };

	if (yard_sees(y, real, writable))
		return 0;
	it.m.src = real;
	it.m.dst = real;
	return add_item(y, &it);
}

/* What of @way the layers leave. */
static int add_allowed(struct yard *y, const struct yard_way *way,
		       bool writable)
{
	struct files_rule rule = { .path = str_of(way->real),
				   .write = writable };
	struct files_rule *left = NULL;
	size_t n = 0;
	int r;

	ASSERT(way->real); /* it was found */
	r = files_join(y->arena, &rule, 1, y->layers, y->n_layers, &left, &n);
	if (r != 0)
		return r < 0 ? r : YARD_FULL;
	for (size_t i = 0; i < n && r == 0; i++) {
		char *path = arena_cstr(y->arena, left[i].path), *again = NULL;
		mode_t mode = 0;

		if (!path)
			return -ENOMEM;
		if (strcmp(path, way->real) == 0) {
			r = add_real(y, way, path, S_ISDIR(way->mode),
				     left[i].write);
			continue;
		}
		/* A layer's own path, which had been followed to its end. */
		r = host_real(y->arena, y->host, path, &again, &mode);
		if (r != 0 && !error_is_shortage(r))
			r = 0;
		else if (r == 0 && strcmp(again, path) == 0)
			r = add_real(y, way, path, S_ISDIR(mode),
				     left[i].write);
	}
	return r != 0 || n > 0 ? r : YARD_REFUSED;
}

int yard_add_way(struct yard *y, const struct yard_way *way, bool writable)
{
	int r = 0;

	if (y->settled && yard_planted(y, way))
		return YARD_PLANTED;
	for (size_t i = 0; i < way->n_links && r == 0; i++)
		r = add_link(y, way->links[i].at, way->links[i].target);
	if (r != 0)
		return r;
	if (y->n_layers > 0 && WALL(LAYERS_FILES))
		return add_allowed(y, way, writable);
	return add_real(y, way, way->real, S_ISDIR(way->mode), writable);
}

int yard_add_path(struct yard *y, const char *path, bool writable)
{
	struct yard_way way;
	int r = yard_find(y, path, &way);

	return r == 0 ? yard_add_way(y, &way, writable) : r;
}

/* ---- files of ours ---- */

int yard_add_file(struct yard *y, const char *dst, struct str text,
		  uint32_t mode)
{
	struct yard_item it = { .m = { .op = PLAN_FILE,
				       .mode = mode,
				       .text_len = text.len,
				       .optional = true },
				.covers = true };

	it.m.dst = arena_cstr(y->arena, str_of(dst));
	it.m.text = arena_cstr(y->arena, text);
	if (!it.m.dst || !it.m.text)
		return -ENOMEM;
	return add_item(y, &it);
}

int yard_cover(struct yard *y, const char *dst, const char *src)
{
	struct yard_item it = { .m = { .op = PLAN_BIND, .optional = true },
				.covers = true };

	it.m.dst = arena_cstr(y->arena, str_of(dst));
	it.m.src = arena_cstr(y->arena, str_of(src));
	if (!it.m.dst || !it.m.src)
		return -ENOMEM;
	return add_item(y, &it);
}

/*
 * Where @it has to be for a reader of its dst to see it.  *ret_drop: there is
 * nothing to cover.
 */
static int place_cover(struct yard *y, struct yard_item *it, bool *ret_drop)
{
	char *real = NULL, *target = NULL;
	struct str there;
	int r;

	*ret_drop = false;
	if (!is_host(nearest(y, str_of(it->m.dst), true)))
		return 0;
	r = host_real(y->arena, y->host, it->m.dst, &real, NULL);
	if (r == 0) {
		it->m.dst = real;
		return 0;
	}
	/* Perhaps a link into a place that only the jail will have. */
	r = host_readlink(y->arena, y->host, it->m.dst, &target);
	if (r == 0) {
		there = path_normalise(y->arena,
				       path_dirname(str_of(it->m.dst)),
				       str_of(target));
		it->m.dst = arena_cstr(y->arena, there);
		*ret_drop = it->m.dst &&
			    is_host(nearest(y, str_of(it->m.dst), true));
		return it->m.dst ? 0 : -ENOMEM;
	}
	*ret_drop = true;
	return error_is_shortage(r) ? r : 0;
}

static int place_covers(struct yard *y)
{
	size_t n = 0;

	for (size_t i = 0; i < y->n; i++) {
		struct yard_item it = y->items[i];
		bool drop = false;
		int r;

		if (it.covers) {
			r = place_cover(y, &it, &drop);
			if (r != 0)
				return r;
		}
		if (!drop)
			y->items[n++] = it;
		else
			/* nearest() must not meet it twice */
			y->items[i].m.op = PLAN_SYMLINK;
	}
	y->n = n;
	return 0;
}

/* ---- order ---- */

static unsigned rank(char c)
{
	return c == '/' ? 1u : c == '\0' ? 0u : 1u + (unsigned char)c;
}

static int by_dst(const void *a, const void *b)
{
	const struct yard_item *x = a, *y = b;
	const char *p = x->m.dst, *q = y->m.dst;

	while (*p && *p == *q) {
		p++;
		q++;
	}
	if (rank(*p) != rank(*q))
		return rank(*p) < rank(*q) ? -1 : 1;
	/* At the same place: what covers comes last. */
	return (int)x->covers - (int)y->covers;
}

/* Two binds of one path become one with both their rights. */
static void join_equal(struct yard *y)
{
	size_t n = 0;

	for (size_t i = 0; i < y->n; i++) {
		struct yard_item *it = &y->items[i];
		struct yard_item *last = n > 0 ? &y->items[n - 1] : NULL;

		if (!last || strcmp(last->m.dst, it->m.dst) != 0 ||
		    it->covers) {
			y->items[n++] = *it;
			continue;
		}
		last->m.writable |= it->m.writable;
		last->m.optional &= it->m.optional;
	}
	y->n = n;
}

/* The host shows it there already. */
static bool is_redundant(const struct yard *y, const struct yard_item *it)
{
	const struct yard_item *up = nearest(y, str_of(it->m.dst), true);

	if (it->m.op == PLAN_SYMLINK)
		return is_host(up);
	return is_host(it) && is_host(up) && !it->covers &&
	       (up->m.writable || !it->m.writable);
}

static void drop_redundant(struct yard *y)
{
	/* From the deepest on, so that each is judged by all above it. */
	for (size_t i = y->n; i-- > 0;) {
		if (!is_redundant(y, &y->items[i]))
			continue;
		y->n--;
		memmove(&y->items[i], &y->items[i + 1],
			(y->n - i) * sizeof(y->items[0]));
	}
}

/* ---- mount points in the private home ---- */

static bool is_in_home(const struct yard *y, const struct yard_item *it)
{
	const struct yard_item *up;

	if (!y->home_dst ||
	    !path_is_below(str_of(it->m.dst), str_of(y->home_dst)) ||
	    strcmp(it->m.dst, y->home_dst) == 0)
		return false;
	up = nearest(y, str_of(it->m.dst), true);
	return up && strcmp(up->m.dst, y->home_dst) == 0;
}

static int make_point(const struct yard *y, const struct yard_item *it)
{
	const char *rel = it->m.dst + strlen(y->home_dst) + 1;
	bool is_dir = it->is_dir && !it->covers && it->m.op != PLAN_SOCKET;

	if (it->m.op == PLAN_SYMLINK)
		return home_make_link(y->home_fd, rel, it->m.text, y->home_uid,
				      y->home_gid);
	return home_make_point(y->home_fd, rel, is_dir, y->home_uid,
			       y->home_gid);
}

static int make_points(struct yard *y, struct diag *reterr)
{
	size_t n = 0;

	for (size_t i = 0; i < y->n; i++) {
		struct yard_item it = y->items[i];
		int r = 0;
		bool inside = is_in_home(y, &it);

		if (inside && y->home_fd != -1)
			r = make_point(y, &it);
		if (r < 0 && !it.m.optional && error_is_shortage(r))
			return r;
		if (r != 0 && !it.m.optional) {
			diag_set(reterr, 0, 0,
				 "the private home has something else where "
				 "%s must be seen (%s); remove it there",
				 it.m.dst, strerror(-r));
			return 1;
		}
		if (r != 0 || (inside && it.m.op == PLAN_SYMLINK))
			it.m.op = PLAN_OP_MAX_; /* not for init */
		y->items[n++] = it;
	}
	return 0;
}

int yard_finish(struct yard *y, struct plan_mount **ret,
		struct plan_reason **ret_why, size_t *ret_n,
		struct diag *reterr)
{
	struct plan_reason *why;
	struct plan_mount *out;
	size_t n = 0;
	int r = place_covers(y);

	if (r != 0)
		return r;
	if (y->n > 0)
		qsort(y->items, y->n, sizeof(y->items[0]), by_dst);
	join_equal(y);
	drop_redundant(y);
	r = make_points(y, reterr);
	if (r != 0)
		return r;
	out = arena_array(y->arena, y->n + 1, sizeof(*out));
	why = arena_array(y->arena, y->n + 1, sizeof(*why));
	if (!out || !why)
		return -ENOMEM;
	for (size_t i = 0; i < y->n; i++) {
		if (y->items[i].m.op == PLAN_OP_MAX_)
			continue;
		why[n] = y->items[i].why;
		out[n++] = y->items[i].m;
	}
	*ret = out;
	*ret_why = why;
	*ret_n = n;
	return 0;
}
