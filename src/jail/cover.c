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
 */
#include "jail/cover.h"

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "jail/mounts.h"
#include "jail/sys.h"

#define STACK_BYTES ((size_t)32 * 1024)
#define AS_GIVEN    (RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS)

struct work {
	int user_ns, mnt_ns;
	const char *const *paths;
	size_t n, missing;
	int error; /* -errno, or 0 */
};

static int cover_one(const char *path)
{
	struct mount_attr a = { .attr_set =
					MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
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

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES;
}

static own_stack int work(void *arg)
{
	struct work *w = arg;

	if (setns(w->user_ns, CLONE_NEWUSER) == -1 ||
	    setns(w->mnt_ns, CLONE_NEWNS) == -1) {
		w->error = neg_errno();
		_exit(1);
	}
	for (size_t i = 0; i < w->n; i++) {
		int r = cover_one(w->paths[i]);

		if (is_missing(r))
			w->missing++;
		else if (r != 0 && w->error == 0)
			w->error = r;
	}
	_exit(0);
}

int cover_paths(int user_ns, int mnt_ns, const char *const *paths, size_t n,
		size_t *ret_missing)
{
	static _Alignas(16) char stack[STACK_BYTES];
	struct work w = {
		.user_ns = user_ns, .mnt_ns = mnt_ns, .paths = paths, .n = n
	};
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
