/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A helper shares our memory and nothing else, enters the jail's user and mount
 * namespaces, where it holds every capability, and is outside of its Landlock
 * domain, in which nobody may mount.  It mounts copies of the blank file and
 * directory that every jail keeps (mounts.h), and exits.
 *
 * A path that the helper may not search, the jail may not either: it has the
 * same user id and less power.  So -EACCES counts as missing.
 *
 * What is at the path may be swapped between the question of what it is and the
 * mount.  The descriptor holds the thing that was asked about; the watcher
 * (hide.h) sees what came in its place.
 *
 * Pinning.  A cover belongs to a place in one mount.  Who may make mount
 * namespaces (`nested: true`) can have a second mount of a directory, though of
 * none in which something is covered: the kernel refuses to copy a mount without
 * the mounts on it that it locked.  But a directory with a covered file could be
 * moved into one that was copied before, and be open there.  So each directory
 * of its file system above what is covered becomes a mount point of itself, which
 * nobody can move.  Read-only ones cannot be moved anyway.
 *
 * The same holds for what is hidden by the name of a directory above it: moved
 * away from there it would be bare in the next session.
 *
 * What is locked is pinned by one directory only, unless all is: ".git" cannot be
 * moved away from around its hooks, while the directories above stay free to be.
 */
#include "jail/cover.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/wall.h"
#include "jail/mounts.h"
#include "jail/sys.h"

#define STACK_BYTES ((size_t)32 * 1024)
#define AS_GIVEN    (RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS)

struct work {
	const struct cover_place *place;
	const struct cover_hide *hides;
	const struct cover_lock *locks;
	size_t n, n_locks, missing;
	int error; /* -errno, or 0 */
};

/*
 * @path becomes a mount point of itself, if it can be moved otherwise, and is of
 * the file system @like is of.
 */
static int pin_dir(const char *path, const struct stat *like)
{
	struct mount_attr a = { .propagation = MS_PRIVATE };
	AUTO(fd) int dir = -1;
	AUTO(fd) int copy = -1;
	struct statx st = { 0 };
	struct statfs fs;
	int r = sys_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW, AS_GIVEN);

	if (r < 0)
		return r;
	dir = r;
	r = sys_statx(dir, 0, &st);
	if (r < 0)
		return r;
	if (fstatfs(dir, &fs) == -1)
		return neg_errno();
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT ||
	    fs.f_flags & ST_RDONLY ||
	    makedev(st.stx_dev_major, st.stx_dev_minor) != like->st_dev)
		return 0;
	r = sys_open_tree(dir, "");
	if (r < 0)
		return r;
	copy = r;
	r = sys_mount_setattr(copy, true, &a);
	return r == 0 ? sys_move_mount(copy, dir, "") : r;
}

static int pin_above(const char *path)
{
	size_t end = (size_t)(strrchr(path, '/') - path);
	char dir[PATH_MAX];
	struct stat like;
	int r = 0;

	if (end == 0)
		return 0; /* in the root, which is read-only */
	if (end >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, end);
	dir[end] = '\0';
	if (lstat(dir, &like) == -1)
		return neg_errno();
	for (size_t i = 1; i <= end && r == 0; i++) {
		if (path[i] != '/')
			continue;
		memcpy(dir, path, i);
		dir[i] = '\0';
		r = pin_dir(dir, &like);
	}
	return r;
}

static int cover_one(const char *path)
{
	struct mount_attr a = { .attr_set =
					MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
				.propagation = MS_PRIVATE };
	AUTO(fd) int target = -1;
	AUTO(fd) int blank = -1;
	struct stat st;
	int r = sys_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW, AS_GIVEN);

	if (r < 0)
		return r;
	target = r;
	if (fstat(target, &st) == -1)
		return neg_errno();
	r = sys_open_tree(AT_FDCWD, S_ISDIR(st.st_mode) ? MOUNTS_BLANK_DIR
							: MOUNTS_BLANK_FILE);
	if (r < 0)
		return r;
	blank = r;
	r = sys_mount_setattr(blank, false, &a);
	return r == 0 ? sys_move_mount(blank, target, "") : r;
}

/*
 * A copy of what is there, read-only, over itself: nothing of it can be changed,
 * removed, or replaced by renaming over it.
 */
static int lock_one(const struct cover_lock *l, bool pin_all)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY,
				.propagation = MS_PRIVATE };
	const char *end = strrchr(l->path, '/');
	AUTO(fd) int target = -1;
	AUTO(fd) int copy = -1;
	char dir[PATH_MAX];
	struct stat st;
	int r = 0;

	if (lstat(l->path, &st) == -1)
		return neg_errno();
	if (pin_all) {
		r = pin_above(l->path);
	} else if (l->pin && end > l->path && end - l->path < PATH_MAX) {
		memcpy(dir, l->path, (size_t)(end - l->path));
		dir[end - l->path] = '\0';
		r = pin_dir(dir, &st);
	}
	if (r == 0)
		r = sys_openat2(AT_FDCWD, l->path, O_PATH | O_NOFOLLOW,
				AS_GIVEN);
	if (r < 0)
		return r;
	target = r;
	if (fstat(target, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -ENOENT; /* swapped meanwhile, by another session */
	r = sys_open_tree(target, "");
	if (r < 0)
		return r;
	copy = r;
	r = sys_mount_setattr(copy, true, &a);
	return r == 0 ? sys_move_mount(copy, target, "") : r;
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES;
}

static own_stack int work(void *arg)
{
	struct work *w = arg;

	if (setns(w->place->user_ns, CLONE_NEWUSER) == -1 ||
	    setns(w->place->mnt_ns, CLONE_NEWNS) == -1) {
		w->error = neg_errno();
		_exit(1);
	}
	for (size_t i = 0; i < w->n; i++) {
		const struct cover_hide *h = &w->hides[i];
		int r = WALL(HIDE_PINS) && (w->place->pin || h->pin)
				? pin_above(h->path)
				: 0;

		if (r == 0 && WALL(HIDE_COVERS))
			r = cover_one(h->path);

		if (is_missing(r))
			w->missing++;
		else if (r != 0 && w->error == 0)
			w->error = r;
	}
	for (size_t i = 0; WALL(LATER_LOCKS) && i < w->n_locks; i++) {
		int r = lock_one(&w->locks[i], w->place->pin);

		if (!is_missing(r) && r != 0 && w->error == 0)
			w->error = r;
	}
	_exit(0);
}

int cover_paths(const struct cover_place *place, const struct cover_hide *hides,
		size_t n, const struct cover_lock *locks, size_t n_locks,
		size_t *ret_missing)
{
	static _Alignas(16) char stack[STACK_BYTES];
	struct work w = { .place = place,
			  .hides = hides,
			  .locks = locks,
			  .n = n,
			  .n_locks = n_locks };
	sigset_t all, before;
	int status;
	pid_t pid;

	/* A handler of ours must not run in memory that is shared. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(work, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, &w);
	if (pid == -1)
		w.error = neg_errno();
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid == -1)
		return w.error;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	*ret_missing = w.missing;
	return w.error;
}
