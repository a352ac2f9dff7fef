/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A pass over the trees reads each directory, hands over what a glob names, and
 * queues the directories in it that a glob can reach.  No entry is stat()ed:
 * the type comes with getdents64(2), and only file systems that do not tell it
 * are asked.  The pass is cut into steps, so that signals and the terminal are
 * served while a large tree is read.
 *
 * The first pass is waited for by the command, and only reads: watches cost
 * more than twice the reading, and a process that has some pays a grace period
 * of the kernel, up to 15 ms, when it ends.  The second pass comes WATCH_AFTER_NS
 * after the command began.  It watches each directory before it reads it, so
 * that whatever appeared since the first, or appears meanwhile, is seen.
 *
 * From then on each IN_CREATE or IN_MOVED_TO is decided by the name it carries; in
 * the trees in which sockets count, also by what is there.
 * A new directory is queued like any other; a directory that moved keeps its
 * watch (inotify gives the same descriptor for the same inode), so reading it
 * again under its new name is what moves it in our table.
 *
 * What cannot be looked at is not passed over, since the jail may get there: by
 * steps where no path reaches, through a directory that may be searched and not
 * read.  A directory that is too deep for the paths of its entries is handed over
 * itself, and so is one that may be searched only, when asking with the jail's own
 * rights (`empowered`) does not help.  Too many directories are an error.
 *
 * Events are read at once when there were none for REST_NS; after that they gather
 * for as long, since a program that makes a thousand files would wake us a thousand
 * times (measured: 7 ms of processor in a clone that takes 24 ms).
 *
 * When watching fails in part (the user's limit, lost events) the trees are
 * read again: at once after lost events, each RESCAN_NS where watches are
 * missing.  We take at most half of the watches a user may have: an editor
 * wants some too.
 *
 * Invariants
 *  1. From the second pass on a directory is read only after it was watched, or
 *     `polling` is set.
 *  2. A name that was handed over is not handed over again while the same
 *     inode is behind it: its cover still stands.  Events always do.
 *  3. From the end of the second pass on each lock is on what is at its path,
 *     or an event is on its way, or `polling` is set.
 *
 * Threats: the jail renames directories and plants symbolic links while we
 * walk.  Paths are opened below their tree without following any link, so we
 * are never led elsewhere; what a stale path finds is at most a cover too many
 * in that jail.
 */
#include "jail/hide.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/wall.h"
#include "jail/dents.h"
#include "jail/hide-dirs.h"
#include "jail/hide-match.h"
#include "jail/later-state.h"
#include "jail/own-sockets.h"
#include "jail/sys.h"

#define RESCAN_NS       (10 * NS_PER_S)
#define WATCH_AFTER_NS  (50 * NS_PER_MS)
#define REST_NS         (4 * NS_PER_MS) /* between two looks at the events */
#define GLOB_ARENA      ((size_t)4 * 1024 * 1024)
#define EVENTS_SIZE     ((size_t)64 * 1024)
#define SERVE_BUDGET_NS (5 * NS_PER_MS) /* of one round of the loop */
#define WATCH_MASK \
	(IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct covered {
	char *path;
	dev_t dev;
	ino_t ino;
};

struct hide {
	struct hide_config c;
	struct arena arena;
	struct hide_glob *globs;
	int *tree_fds;
	struct hide_dirs dirs;
	struct covered *covered;
	uint32_t n_covered, covered_size;
	struct hide_stats stats;
	char *dents, *events; /* DENTS_SIZE, EVENTS_SIZE */

	int inotify_fd;
	bool first_pass; /* until hide_step() has returned 0 once */
	bool watching;   /* the second pass has begun */
	bool told_polling, told_whole;
	bool some_wait; /* for `empowered`, by their own mark */

	struct loop *loop;
	struct loop_io io;
	struct loop_timer more;   /* directories wait */
	struct loop_timer rescan; /* begins the second pass; then polls */
	struct loop_timer rest;   /* then events are read again */
	void (*failed)(void *owner, int error);
	bool pass; /* what is queued ends a pass over all trees */
	/* What was at the path of each lock when it was last known to stand. */
	struct inode {
		dev_t dev;
		ino_t ino;
	} locked[LATER_MAX_LOCKS];
};

/* ---- what there is to look at ---- */

static bool tree_reached(const struct hide *h, struct str dir)
{
	for (size_t i = 0; i < h->c.n_globs; i++) {
		const struct hide_glob *g = &h->globs[i];

		if (g->root.len == 0 || path_is_below(g->root, dir))
			return true;
		if (g->kind != HIDE_K_HERE && path_is_below(dir, g->root))
			return true;
	}
	return false;
}

/* Everything below @dir may match some glob. */
static bool tree_is_deep(const struct hide *h, struct str dir)
{
	for (size_t i = 0; i < h->c.n_globs; i++) {
		const struct hide_glob *g = &h->globs[i];

		if (g->kind != HIDE_K_HERE &&
		    (g->root.len == 0 || path_is_below(dir, g->root)))
			return true;
	}
	return false;
}

static bool has_sockets(const struct hide *h, struct str dir)
{
	for (size_t i = 0; i < h->c.n_socket_trees; i++) {
		if (path_is_below(dir, str_of(h->c.socket_trees[i])))
			return true;
	}
	return false;
}

static bool is_hidden(const struct hide *h, struct str dir, struct str name)
{
	for (size_t i = 0; i < h->c.n_globs; i++) {
		if (hide_glob_match(&h->globs[i], dir, name))
			return true;
	}
	return false;
}

/* @g hides its name wherever in the tree of @dir it is. */
static bool is_everywhere(const struct hide *h, const struct hide_glob *g,
			  struct str dir)
{
	if (g->kind != HIDE_K_DEEP)
		return false;
	for (size_t i = 0; i < h->c.n_trees; i++) {
		struct str tree = str_of(h->c.trees[i]);

		if (path_is_below(dir, tree) &&
		    (g->root.len == 0 || path_is_below(tree, g->root)))
			return true;
	}
	return false;
}

/* A glob hides @path, and only for the names of the directories above it. */
static bool is_hidden_there(const struct hide *h, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct str dir = { path, (size_t)(slash - path) };
	struct str name = str_of(slash + 1);
	bool hidden = false;

	for (size_t i = 0; i < h->c.n_globs; i++) {
		const struct hide_glob *g = &h->globs[i];

		if (!hide_glob_match(g, dir, name))
			continue;
		if (is_everywhere(h, g, dir))
			return false;
		hidden = true;
	}
	return hidden;
}

/* ---- what was found ---- */

/* True: the cover of this very inode stands.  Remembers it otherwise. */
static bool is_covered(struct hide *h, const char *path, const struct stat *st)
{
	for (uint32_t i = 0; i < h->n_covered; i++) {
		struct covered *c = &h->covered[i];

		if (strcmp(c->path, path) != 0)
			continue;
		if (c->dev == st->st_dev && c->ino == st->st_ino)
			return true;
		c->dev = st->st_dev;
		c->ino = st->st_ino;
		return false;
	}
	return false;
}

static int remember(struct hide *h, const char *path, const struct stat *st)
{
	struct covered *v;
	uint32_t size = h->covered_size ? h->covered_size * 2 : 64;

	for (uint32_t i = 0; i < h->n_covered; i++) {
		if (strcmp(h->covered[i].path, path) == 0)
			return 0;
	}
	if (h->n_covered >= HIDE_MAX_FOUND)
		return -ENOSPC;
	if (h->n_covered == h->covered_size) {
		v = reallocarray(h->covered, size, sizeof(*v));
		if (!v)
			return -ENOMEM;
		h->covered = v;
		h->covered_size = size;
	}
	v = &h->covered[h->n_covered];
	*v = (struct covered){ .path = strdup(path),
			       .dev = st->st_dev,
			       .ino = st->st_ino };
	if (!v->path)
		return -ENOMEM;
	h->n_covered++;
	return 0;
}

static int hand_over(struct hide *h, const char *path, enum hide_what what,
		     const struct stat *st)
{
	struct hide_found f = { .path = path,
				.what = what,
				.at_start = h->first_pass };
	int r;

	f.pin = is_hidden_there(h, path);

	f.appeared_utc_ns = (uint64_t)st->st_ctim.tv_sec * NS_PER_S +
			    (uint64_t)st->st_ctim.tv_nsec;
	h->stats.found++;
	r = h->c.found(h->c.owner, &f);
	if (r != 0)
		return r < 0 ? r : 0;
	return remember(h, path, st);
}

/*
 * A hidden name that is a symbolic link: what it points to can be read by its
 * own name, so that is covered, when it lies in one of the trees.
 */
static int hand_over_link(struct hide *h, const char *path)
{
	char target[PATH_MAX];
	struct stat st;

	if (!realpath(path, target) || lstat(target, &st) == -1)
		return 0; /* leads nowhere */
	for (size_t i = 0; i < h->c.n_trees; i++) {
		if (!path_is_below(str_of(target), str_of(h->c.trees[i])) ||
		    strcmp(target, h->c.trees[i]) == 0)
			continue;
		if (is_covered(h, target, &st))
			return 0;
		return hand_over(h, target,
				 S_ISDIR(st.st_mode) ? HIDE_DIR : HIDE_FILE,
				 &st);
	}
	return 0;
}

/* @always: an event said that the name is new, so no cover stands. */
static int found_hidden(struct hide *h, const char *path, bool always)
{
	struct stat st = { 0 };

	/* It is there where we may not search; its cover asks what it is. */
	if (lstat(path, &st) == -1 && errno != EACCES)
		return 0; /* gone again */
	if (S_ISLNK(st.st_mode))
		return hand_over_link(h, path);
	if (is_covered(h, path, &st) && !always)
		return 0;
	return hand_over(h, path, S_ISDIR(st.st_mode) ? HIDE_DIR : HIDE_FILE,
			 &st);
}

static const struct later_lock *locks_of(const struct hide *h, size_t *ret_n)
{
	*ret_n = 0;
	return h->c.later ? later_state_locks(h->c.later, ret_n) : NULL;
}

/* The lock at @path, whose number is *ret: what is there now is to have it too. */
static bool was_locked(const struct hide *h, const char *path, size_t *ret)
{
	size_t n;
	const struct later_lock *locks = locks_of(h, &n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(locks[i].path, path) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static int found_replaced(struct hide *h, const char *path, size_t lock)
{
	struct hide_found f = { .path = path, .what = HIDE_LOCKED };
	struct stat st;

	if (lstat(path, &st) == -1)
		return 0; /* gone again */
	h->locked[lock] = (struct inode){ st.st_dev, st.st_ino };
	f.appeared_utc_ns = (uint64_t)st.st_ctim.tv_sec * NS_PER_S +
			    (uint64_t)st.st_ctim.tv_nsec;
	return h->c.found(h->c.owner, &f);
}

/*
 * At the end of a pass: the first one notes what the locks will be put on, the
 * others find what was replaced while no watch stood.
 */
static int look_at_locks(struct hide *h)
{
	size_t n;
	const struct later_lock *locks = locks_of(h, &n);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct inode *was = &h->locked[i];
		struct stat st;

		if (lstat(locks[i].path, &st) == -1)
			continue; /* gone: an event tells when it is back */
		if (h->first_pass)
			*was = (struct inode){ st.st_dev, st.st_ino };
		else if (was->dev != st.st_dev || was->ino != st.st_ino)
			r = WALL(LATER_AGAIN)
				    ? found_replaced(h, locks[i].path, i)
				    : 0;
	}
	return r;
}

static int found_socket(struct hide *h, const char *path)
{
	struct stat st;

	if (!WALL(HOST_SOCKETS) || (h->first_pass && !own_sockets_answer(path)))
		return 0;
	if (lstat(path, &st) == -1 || !S_ISSOCK(st.st_mode) ||
	    is_covered(h, path, &st))
		return 0;
	return hand_over(h, path, HIDE_SOCKET, &st);
}

/* The directory @i at @path holds what cannot be looked at. */
static int hide_whole(struct hide *h, uint32_t i, const char *path, int why)
{
	if (h->dirs.v[i].parent == HIDE_DIR_NONE)
		return why; /* a tree itself */
	if (!h->told_whole)
		h->c.notice(h->c.owner,
			    "a directory that cannot be looked through for "
			    "hidden files is hidden whole");
	h->told_whole = true;
	return found_hidden(h, path, false);
}

/* ---- watching ---- */

static void tell_polling(struct hide *h)
{
	h->stats.polling = true;
	if (h->told_polling)
		return;
	h->told_polling = true;
	h->c.notice(h->c.owner,
		    "not every directory can be watched for hidden files "
		    "(fs.inotify.max_user_watches); those are looked at "
		    "every 10 s");
}

static uint32_t half_of_the_watches(void)
{
	char text[32];
	struct str line, rest = { text, 0 };
	uint32_t n = 0;
	AUTO(fd)
	int fd = open("/proc/sys/fs/inotify/max_user_watches",
		      O_RDONLY | O_CLOEXEC);
	ssize_t got = fd != -1 ? read(fd, text, sizeof(text)) : -1;

	rest.len = got > 0 ? (size_t)got : 0;
	if (str_cut(&rest, '\n', &line) && str_u32(line, 2, UINT32_MAX, &n))
		return n / 2;
	return 4096;
}

struct watch {
	int inotify_fd;
	char link[40];
};

static int add_watch(void *arg)
{
	struct watch *w = arg;
	int wd = inotify_add_watch(w->inotify_fd, w->link,
				   WATCH_MASK & ~(uint32_t)IN_DONT_FOLLOW);

	return wd == -1 ? neg_errno() : wd;
}

/*
 * Watch the directory open at @dirfd.  Its entry may turn out to be one that
 * we know under another name: then *i becomes that one.
 */
static int watch_dir(struct hide *h, uint32_t *i, int dirfd)
{
	struct watch w = { .inotify_fd = h->inotify_fd };
	struct hide_dir *e = &h->dirs.v[*i];
	uint32_t other;
	int wd;
	int r;

	if (!h->watching)
		return 0;
	if (h->inotify_fd == -1 ||
	    (e->wd < 0 && h->stats.watches >= h->c.max_watches)) {
		tell_polling(h);
		return 0;
	}
	(void)snprintf(w.link, sizeof(w.link), "/proc/self/fd/%d", dirfd);
	wd = add_watch(&w);
	if (wd == -EACCES && h->c.empowered)
		wd = h->c.empowered(h->c.owner, add_watch, &w);
	if (wd < 0) {
		tell_polling(h); /* ENOSPC, or a file system without */
		return 0;
	}
	other = hide_dirs_find_wd(&h->dirs, wd);
	if (other == *i)
		return 0;
	if (other == HIDE_DIR_NONE) {
		h->stats.watches++;
		return hide_dirs_set_wd(&h->dirs, *i, wd);
	}
	if (e->parent != HIDE_DIR_NONE &&
	    h->dirs.v[other].parent != HIDE_DIR_NONE) {
		r = hide_dirs_move(&h->dirs, other, e->parent, str_of(e->name));
		if (r < 0)
			return r;
	}
	hide_dirs_drop(&h->dirs, *i);
	*i = other;
	return 0;
}

/* ---- reading one directory ---- */

struct place {
	int tree_fd;
	const char *rel;
};

static int open_place(void *arg)
{
	const struct place *p = arg;

	return sys_openat2(p->tree_fd, p->rel,
			   O_RDONLY | O_DIRECTORY | O_NONBLOCK,
			   RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

static int open_dir(const struct hide *h, uint32_t tree, const char *rel)
{
	struct place p = { h->tree_fds[tree], rel[0] ? rel : "." };
	int fd = open_place(&p);

	if (fd == -EACCES && h->c.empowered)
		fd = h->c.empowered(h->c.owner, open_place, &p);
	return fd;
}

/* The directory that is being read. */
struct reading {
	uint32_t i;
	int fd;
	struct str path;
	bool deep, sockets;
};

static bool build_path(char dst[PATH_MAX], struct str dir, struct str name)
{
	if (dir.len + 1 + name.len >= PATH_MAX)
		return false;
	memcpy(dst, dir.ptr, dir.len);
	dst[dir.len] = '/';
	memcpy(dst + dir.len + 1, name.ptr, name.len);
	dst[dir.len + 1 + name.len] = '\0';
	return true;
}

static int queue_dir(struct hide *h, uint32_t parent, struct str name,
		     bool deep)
{
	uint32_t i = HIDE_DIR_NONE;
	int r = hide_dirs_add(&h->dirs, parent, name, &i);

	if (r < 0)
		return r == -ENOSPC ? -E2BIG : r;
	h->dirs.v[i].deep = deep;
	return hide_dirs_push(&h->dirs, i);
}

static int tell_later(struct hide *h, const struct dent *e, bool hidden)
{
	struct later_entry le = { .name = str_of(e->name),
				  .type = e->type,
				  .ino = e->ino,
				  .hidden = hidden };
	bool is_new;
	int r;

	if (!h->first_pass || !h->c.later)
		return 0;
	r = later_state_entry(h->c.later, &le, &is_new);
	return r < 0 ? r : 0;
}

/* @name in the directory that is read has no path. */
static int look_beyond(struct hide *h, const struct reading *rd,
		       struct str name, unsigned char type)
{
	bool sockets = rd->sockets;

	if (!(rd->deep && type == DT_DIR) && !is_hidden(h, rd->path, name) &&
	    !(sockets && (type == DT_DIR || type == DT_SOCK)))
		return 0;
	return hide_whole(h, rd->i, rd->path.ptr, -ENAMETOOLONG);
}

static int look_at(struct hide *h, const struct reading *rd,
		   const struct dent *e)
{
	struct str name = str_of(e->name);
	bool hidden = is_hidden(h, rd->path, name);
	unsigned char type = e->type;
	char path[PATH_MAX];
	bool deep;
	int r = tell_later(h, e, hidden);

	if (r < 0)
		return r;
	if (!build_path(path, rd->path, name))
		return look_beyond(h, rd, name, type);
	if (hidden)
		return found_hidden(h, path, false);
	if (type == DT_SOCK && rd->sockets)
		return found_socket(h, path);
	if (type != DT_DIR)
		return 0;
	deep = rd->deep;
	if (!deep) {
		deep = tree_is_deep(h, str_of(path));
		if (!deep && !tree_reached(h, str_of(path)) && !rd->sockets)
			return 0;
	}
	return queue_dir(h, rd->i, name, deep);
}

static bool may_search(const struct hide *h, uint32_t i)
{
	char where[PATH_MAX];
	const char *rel;
	struct str path;
	int r;

	if (!hide_dirs_path(&h->dirs, i, where, sizeof(where) - 2, &path, &rel))
		return true; /* too long to ask */
	/* A "." is found by who may search. */
	memcpy(where + sizeof(where) - 3, rel[0] ? "/." : ".\0", 3);
	r = sys_openat2(h->tree_fds[h->dirs.v[i].tree], rel, O_PATH,
			RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (r >= 0)
		(void)close(r);
	return r != -EACCES;
}

/* Gone, nobody's to enter, or something we must not pass over. */
static int cannot_look(struct hide *h, uint32_t i, const char *path, int why)
{
	if (why == -ENOENT || why == -ENOTDIR || why == -ELOOP)
		return 0;
	if (why == -EACCES && !may_search(h, i))
		return 0; /* not ours to enter: nor the jail's */
	if (error_is_shortage(why))
		return why;
	return hide_whole(h, i, path, why);
}

static int read_entries(struct hide *h, const struct reading *rd)
{
	struct dents d = { .fd = rd->fd, .room = h->dents };
	struct dent e;
	int r = 0;

	if (h->first_pass && h->c.later)
		r = later_state_begin(h->c.later, rd->path, rd->fd, false);
	while (r == 0) {
		r = dents_next(&d, &e);
		if (r < 0)
			return cannot_look(h, rd->i, rd->path.ptr, r);
		if (r > 0)
			break;
		h->stats.entries++;
		r = look_at(h, rd, &e);
	}
	if (r < 0 || !h->first_pass || !h->c.later)
		return r < 0 ? r : 0;
	return later_state_end(h->c.later);
}

static int scan_dir(struct hide *h, uint32_t i)
{
	char where[PATH_MAX];
	struct reading rd = { .i = i };
	AUTO(fd) int fd = -1;
	const char *rel;
	int r;

	if (!hide_dirs_path(&h->dirs, i, where, sizeof(where), &rd.path, &rel))
		return 0;
	r = open_dir(h, h->dirs.v[i].tree, rel);
	if (r == -EAGAIN) {
		h->dirs.v[i].waits = h->some_wait = true;
		return 0;
	}
	if (r < 0)
		return cannot_look(h, i, rd.path.ptr, r);
	fd = rd.fd = r;
	h->stats.dirs++;
	rd.deep = h->dirs.v[i].deep;
	rd.sockets = has_sockets(h, rd.path);
	r = watch_dir(h, &rd.i, fd);
	if (r < 0)
		return r;
	return read_entries(h, &rd);
}

static int queue_waiting(struct hide *h)
{
	int r = 0;

	for (uint32_t i = 1; i < h->dirs.n && h->some_wait && r == 0; i++) {
		struct hide_dir *e = &h->dirs.v[i];

		if (e->name && e->waits)
			r = hide_dirs_push(&h->dirs, i);
		e->waits = false;
	}
	h->some_wait = false;
	return r;
}

int hide_step(struct hide *h, uint64_t budget_ns)
{
	uint64_t end = clock_mono_ns() + budget_ns;
	uint32_t i;
	int r;

	r = h->dirs.n_queue == 0 ? queue_waiting(h) : 0;
	if (r < 0)
		return r;
	while ((i = hide_dirs_pop(&h->dirs)) != HIDE_DIR_NONE) {
		r = scan_dir(h, i);
		if (r < 0)
			return r;
		if (h->dirs.n_queue > 0 && clock_mono_ns() >= end)
			return 1;
	}
	if (h->some_wait)
		return HIDE_WAITS;
	r = h->pass ? look_at_locks(h) : 0;
	h->pass = h->first_pass = false;
	return r;
}

/* ---- later ---- */

static int queue_trees(struct hide *h)
{
	h->pass = true;
	for (uint32_t i = 1; i < h->dirs.n; i++) {
		struct hide_dir *e = &h->dirs.v[i];

		if (!e->name)
			continue;
		if (e->parent == HIDE_DIR_NONE) {
			int r = hide_dirs_push(&h->dirs, i);

			if (r < 0)
				return r;
		} else if (e->wd < 0) {
			/* Will be met again on the way down. */
			hide_dirs_drop(&h->dirs, i);
		}
	}
	return 0;
}

static int work_on(struct hide *h)
{
	int r = hide_step(h, SERVE_BUDGET_NS);

	if (r > 0)
		return loop_timer_set(h->loop, &h->more, loop_now_ns(h->loop));
	return r;
}

static int on_more(struct loop_timer *t)
{
	struct hide *h = t->owner;
	int r = work_on(h);

	if (r < 0)
		h->failed(h->c.owner, r);
	return 0;
}

static int on_events(struct loop_io *io, uint32_t events);

static int begin_watching(struct hide *h)
{
	int r;

	h->watching = true;
	h->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (h->inotify_fd == -1)
		tell_polling(h);
	if (h->c.max_watches == 0)
		h->c.max_watches = half_of_the_watches();
	if (h->inotify_fd != -1) {
		h->io = (struct loop_io){ .fd = h->inotify_fd,
					  .events = EPOLLIN,
					  .run = on_events,
					  .owner = h };
		r = loop_io_add(h->loop, &h->io);
		if (r < 0)
			return r;
	}
	r = queue_trees(h);
	return r < 0 ? r : work_on(h);
}

static int on_rescan(struct loop_timer *t)
{
	struct hide *h = t->owner;
	int r = loop_timer_set(h->loop, t, clock_mono_ns() + RESCAN_NS);

	if (!WALL(HIDE_LATER))
		return 0;
	if (r == 0 && !h->watching) {
		r = begin_watching(h);
	} else if (r == 0 && h->stats.polling) {
		h->stats.rescans++;
		r = queue_trees(h);
		if (r == 0)
			r = work_on(h);
	}
	if (r < 0)
		h->failed(h->c.owner, r);
	return 0;
}

static int serve_event(struct hide *h, const struct inotify_event *ev)
{
	char where[PATH_MAX], path[PATH_MAX];
	uint32_t i = hide_dirs_find_wd(&h->dirs, ev->wd);
	struct str dir, name = str_of(ev->len ? ev->name : NULL);
	bool deep, sockets;
	const char *rel;
	size_t lock;

	if (ev->mask & IN_Q_OVERFLOW) {
		h->stats.rescans++;
		return queue_trees(h);
	}
	if (i == HIDE_DIR_NONE)
		return 0;
	if (ev->mask & IN_IGNORED) {
		h->stats.watches--;
		if (h->dirs.v[i].parent != HIDE_DIR_NONE)
			hide_dirs_drop(&h->dirs, i);
		return 0;
	}
	if (name.len == 0 ||
	    !hide_dirs_path(&h->dirs, i, where, sizeof(where), &dir, &rel))
		return 0;
	if (!build_path(path, dir, name))
		return h->dirs.v[i].deep ? hide_dirs_push(&h->dirs, i) : 0;
	if (is_hidden(h, dir, name))
		return found_hidden(h, path, true);
	if (was_locked(h, path, &lock))
		return WALL(LATER_AGAIN) ? found_replaced(h, path, lock) : 0;
	sockets = has_sockets(h, dir);
	if (!(ev->mask & IN_ISDIR))
		return sockets ? found_socket(h, path) : 0;
	deep = h->dirs.v[i].deep || tree_is_deep(h, str_of(path));
	if (!deep && !tree_reached(h, str_of(path)) && !sockets)
		return 0;
	return queue_dir(h, i, name, deep);
}

static int serve_events(struct hide *h)
{
	for (;;) {
		ssize_t n = read(h->inotify_fd, h->events, EVENTS_SIZE);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == -1 && errno == EAGAIN ? 0 : -EIO;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *ev =
				(const void *)(h->events + at);
			int r = serve_event(h, ev);

			if (r < 0)
				return r;
			at += (ssize_t)(sizeof(*ev) + ev->len);
		}
	}
}

static int on_rested(struct loop_timer *t)
{
	struct hide *h = t->owner;
	int r = loop_io_add(h->loop, &h->io);

	if (r < 0)
		h->failed(h->c.owner, r);
	return 0;
}

/*
 * Out of the loop altogether: inotify wakes whoever polls it, whatever for.
 * Without a timer it stays.
 */
static void rest(struct hide *h)
{
	if (loop_timer_set(h->loop, &h->rest, clock_mono_ns() + REST_NS) == 0)
		loop_io_remove(h->loop, &h->io);
}

static int on_events(struct loop_io *io, uint32_t events)
{
	struct hide *h = io->owner;
	int r;

	(void)events;
	r = serve_events(h);
	if (r == 0 && h->dirs.n_queue > 0)
		r = work_on(h);
	if (r < 0)
		h->failed(h->c.owner, r);
	else
		rest(h);
	return 0;
}

int hide_watch(struct hide *h, struct loop *l,
	       void (*failed)(void *owner, int error))
{
	ASSERT(!h->first_pass);
	h->loop = l;
	h->failed = failed;
	h->more = (struct loop_timer){ .run = on_more, .owner = h };
	h->rescan = (struct loop_timer){ .run = on_rescan, .owner = h };
	h->rest = (struct loop_timer){ .run = on_rested, .owner = h };
	if (h->c.n_globs == 0 && h->c.n_socket_trees == 0)
		return 0;
	return loop_timer_set(l, &h->rescan, clock_mono_ns() + WATCH_AFTER_NS);
}

int hide_covered(struct hide *h, const char *path)
{
	struct stat st;

	return lstat(path, &st) == -1 ? 0 : remember(h, path, &st);
}

/* ---- birth and death ---- */

/* Another tree reaches @t on its own way down. */
static bool is_inside_another(const struct hide *h, size_t t)
{
	struct str me = str_of(h->c.trees[t]);

	for (size_t i = 0; i < h->c.n_trees; i++) {
		struct str other = str_of(h->c.trees[i]);

		if (i == t || !path_is_below(me, other))
			continue;
		if (!str_eq(me, other) || i < t)
			return true;
	}
	return false;
}

static int add_tree(struct hide *h, size_t t)
{
	struct str path = str_of(h->c.trees[t]);
	uint32_t i = HIDE_DIR_NONE;
	int r;

	if (is_inside_another(h, t) ||
	    (!tree_reached(h, path) && !has_sockets(h, path)))
		return 0;
	h->tree_fds[t] = open(h->c.trees[t], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h->tree_fds[t] == -1)
		return errno == ENOTDIR || errno == ENOENT || errno == EACCES
			       ? 0
			       : neg_errno();
	r = hide_dirs_add(&h->dirs, HIDE_DIR_NONE, path, &i);
	if (r < 0)
		return r;
	h->dirs.v[i].tree = (uint32_t)t;
	h->dirs.v[i].deep = tree_is_deep(h, path);
	return hide_dirs_push(&h->dirs, i);
}

static int compile(struct hide *h)
{
	h->globs = arena_array(&h->arena, h->c.n_globs + 1, sizeof(*h->globs));
	h->tree_fds =
		arena_array(&h->arena, h->c.n_trees + 1, sizeof(*h->tree_fds));
	h->dents = malloc(DENTS_SIZE);
	h->events = malloc(EVENTS_SIZE);
	if (!h->globs || !h->tree_fds || !h->dents || !h->events)
		return -ENOMEM;
	for (size_t i = 0; i < h->c.n_trees; i++)
		h->tree_fds[i] = -1;
	for (size_t i = 0; i < h->c.n_globs; i++) {
		int r = hide_glob_parse(&h->arena, str_of(h->c.globs[i]),
					&h->globs[i]);

		if (r != 0)
			return r < 0 ? r : -EINVAL;
	}
	return 0;
}

int hide_new(struct hide **ret, const struct hide_config *c)
{
	AUTO(hide) struct hide *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->c = *c;
	h->inotify_fd = -1;
	h->first_pass = h->pass = true;
	arena_init(&h->arena, GLOB_ARENA);
	hide_dirs_init(&h->dirs, c->max_dirs ? c->max_dirs : HIDE_MAX_DIRS);
	r = compile(h);
	if (r < 0)
		return r;
	for (size_t t = 0; t < c->n_trees; t++) {
		r = add_tree(h, t);
		if (r < 0)
			return r;
	}
	*ret = TAKE(h);
	return 0;
}

void hide_free(struct hide *h)
{
	if (!h)
		return;
	if (h->loop) {
		if (h->io.slot)
			loop_io_remove(h->loop, &h->io);
		loop_timer_clear(h->loop, &h->more);
		loop_timer_clear(h->loop, &h->rescan);
		loop_timer_clear(h->loop, &h->rest);
	}
	if (h->inotify_fd != -1)
		(void)close(h->inotify_fd);
	for (size_t i = 0; h->tree_fds && i < h->c.n_trees; i++) {
		if (h->tree_fds[i] != -1)
			(void)close(h->tree_fds[i]);
	}
	for (uint32_t i = 0; i < h->n_covered; i++)
		free(h->covered[i].path);
	free(h->covered);
	free(h->dents);
	free(h->events);
	hide_dirs_done(&h->dirs);
	arena_done(&h->arena);
	free(h);
}

void hide_get_stats(const struct hide *h, struct hide_stats *ret)
{
	*ret = h->stats;
}
