/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys: system calls that C libraries lack or hide behind headers that quarrel
 * with the kernel's.  Results as the others of this project: >= 0 or -errno.
 */
#pragma once

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/stat.h> /* after: it asks what <sys/stat.h> has */

#include "base/base.h"
#include "jail/missing.h"

/*
 * A function that does not return and runs on a stack of ours: ASan would look
 * for the end of the main one, and complain.
 */
#define own_stack __attribute__((no_sanitize("address")))

static inline int sys_result(long r)
{
	return r == -1 ? neg_errno() : (int)r;
}

/*
 * As fork(2): without a stack of its own.  Where a filter hides clone3(2), as
 * Docker's does so that C libraries take clone(2), we take that too; only
 * CLONE_INTO_CGROUP then is -ENOSYS.
 */
static inline int sys_clone3(struct clone_args *a)
{
	int r = sys_result(syscall(SYS_clone3, a, sizeof(*a)));

	if (r != -ENOSYS || a->flags & CLONE_INTO_CGROUP)
		return r;
	return sys_result(syscall(SYS_clone, a->flags | a->exit_signal, 0,
				  a->pidfd, 0, 0));
}

static inline int sys_openat2(int dir, const char *path, uint64_t flags,
			      uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
				.resolve = resolve };

	return sys_result(syscall(SYS_openat2, dir, path, &how, sizeof(how)));
}

/* A detached copy of the mount tree at @path ("": at @dir itself). */
static inline int sys_open_tree(int dir, const char *path)
{
	return sys_result(syscall(SYS_open_tree, dir, path,
				  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
					  AT_RECURSIVE | AT_EMPTY_PATH |
					  AT_SYMLINK_NOFOLLOW));
}

static inline int sys_mount_setattr(int fd, bool recursive,
				    struct mount_attr *a)
{
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u);

	return sys_result(
		syscall(SYS_mount_setattr, fd, "", flags, a, sizeof(*a)));
}

/* @path "": onto @dir itself. */
static inline int sys_move_mount(int mount, int dir, const char *path)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH |
			 (path[0] == '\0' ? MOVE_MOUNT_T_EMPTY_PATH : 0u);

	return sys_result(syscall(SYS_move_mount, mount, "", dir, path, flags));
}

static inline int sys_fsopen(const char *type)
{
	return sys_result(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

static inline int sys_fsconfig(int fs, unsigned cmd, const char *key,
			       const char *value)
{
	return sys_result(syscall(SYS_fsconfig, fs, cmd, key, value, 0));
}

static inline int sys_fsmount(int fs, unsigned attr)
{
	return sys_result(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attr));
}

static inline int sys_pivot_root(const char *new_root, const char *old)
{
	return sys_result(syscall(SYS_pivot_root, new_root, old));
}

/* C libraries do not agree about the type of @what.  @pid 0: our own. */
static inline int sys_prlimit(pid_t pid, int what,
			      const struct rlimit *new_limit,
			      struct rlimit *old)
{
	return sys_result(syscall(SYS_prlimit64, pid, what, new_limit, old));
}

/* Of @fd itself: the attributes and device numbers, which come unasked. */
static inline int sys_statx(int fd, unsigned flags, struct statx *ret)
{
	return sys_result(
		syscall(SYS_statx, fd, "", AT_EMPTY_PATH | flags, 0, ret));
}

static inline int sys_close_range(unsigned first, unsigned last)
{
	return sys_result(syscall(SYS_close_range, first, last, 0));
}

/* 5.11 */
static inline int sys_cloexec_range(unsigned first, unsigned last)
{
	const unsigned cloexec = 1u << 2;

	return sys_result(syscall(SYS_close_range, first, last, cloexec));
}

static inline int sys_pidfd_open(pid_t pid)
{
	return sys_result(syscall(SYS_pidfd_open, pid, 0));
}

/* Since Linux 6.9: PIDFD_THREAD, which is O_EXCL. */
static inline int sys_pidfd_open_thread(pid_t tid)
{
	return sys_result(syscall(SYS_pidfd_open, tid, O_EXCL));
}

static inline int sys_pidfd_send_signal(int pidfd, int sig)
{
	return sys_result(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}
