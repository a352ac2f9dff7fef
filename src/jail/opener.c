/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * One openat2(2) with the caller's flags, mode and umask, from the caller's
 * directory.  Root and working directory need no care otherwise: nobody in the
 * jail may chroot.  What came of it is put into the caller's table and is the
 * answer to its call, in one step (SECCOMP_ADDFD_FLAG_SEND): nothing reads the
 * caller's string again.
 *
 * Left to the kernel, and then only `claimed`, is what is not the same for us:
 *   - magic links and all of /proc, whose content depends on who opens
 *   - FIFOs, where the open itself is seen by the other end, or waits
 *   - devices but memory ones: /dev/tty is each process's own
 *   - O_PATH, of which the kernel puts nothing into another's table
 *   - a path that fails with a link in it, which may lead to one of those
 * What fails otherwise fails for the caller with our errno.
 *
 * O_NONBLOCK keeps us from waiting where the look before was too early (somebody
 * exchanged the file for a FIFO); it is taken away again.
 */
#include "jail/opener.h"

#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#include "base/wall.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "jail/caps.h"
#include "jail/landlock.h"
#include "jail/sys.h"

#define FAILED       125
#define MEMORY_MAJOR 1u /* null, zero, full, random, urandom */
#define PATH_ROOM    ((size_t)4096)

#ifndef __O_TMPFILE
#define __O_TMPFILE 020000000
#endif
/* What open(2) knows and openat2(2) takes; the rest it would have ignored. */
#define KNOWN                                                             \
	((uint64_t)(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC |   \
		    O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | \
		    O_LARGEFILE | 0100000 | O_DIRECTORY | O_NOFOLLOW |    \
		    O_NOATIME | O_CLOEXEC | O_PATH | __O_TMPFILE))

struct opener {
	struct opener_config conf;
	int own_fds; /* /proc/self/fd of the host: the jail's does not know us */
	struct ipc_msg msg;
};

static noreturn_fn void die(void)
{
	_exit(FAILED);
}

/* ---- one file ---- */

/* Not ours to open, by what it is. */
static bool is_special(unsigned mode, unsigned major)
{
	return S_ISFIFO(mode) || S_ISBLK(mode) ||
	       (S_ISCHR(mode) && major != MEMORY_MAJOR);
}

static bool is_special_path(int dir, const char *path, uint64_t flags)
{
	struct statx st = { 0 };
	int at = AT_NO_AUTOMOUNT |
		 (flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0);

	if (syscall(SYS_statx, dir, path, at, STATX_TYPE, &st) == -1)
		return false;
	return is_special(st.stx_mode, st.stx_rdev_major);
}

static bool is_proc(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == -1 || fs.f_type == PROC_SUPER_MAGIC;
}

/* It fails: also for the caller, or may that have another /proc in its way? */
static bool may_differ(int dir, const char *path, int error)
{
	int r;

	if (error == -ELOOP || error == -EAGAIN || error == -EWOULDBLOCK)
		return true;
	if (error != -ENOENT && error != -EACCES && error != -ENOTDIR &&
	    error != -ENXIO)
		return false;
	if (str_starts(str_of(path), STR("/proc")) ||
	    (dir != AT_FDCWD && is_proc(dir)))
		return true;
	r = sys_openat2(dir, path, O_PATH,
			RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (r >= 0)
		(void)close(r);
	return r == -ELOOP;
}

/* A descriptor, -errno for the caller, or -EINPROGRESS: leave it. */
static int open_it(const struct opener_ask *a, int dir, const char *path)
{
	uint64_t flags = a->flags & KNOWN;
	bool makes = (flags & (O_CREAT | __O_TMPFILE)) != 0;
	struct open_how how = { .resolve = RESOLVE_NO_MAGICLINKS };
	AUTO(fd) int fd = -1;
	struct stat st;

	if (flags & O_PATH || is_special_path(dir, path, flags))
		return -EINPROGRESS;
	how.flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	if (makes) {
		how.mode = a->mode & 07777;
		(void)umask(a->umask);
	}
	fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	if (fd == -1) {
		int r = neg_errno();

		return may_differ(dir, path, r) ? -EINPROGRESS : r;
	}
	if (is_proc(fd) || fstat(fd, &st) == -1)
		return -EINPROGRESS;
	if (S_ISFIFO(st.st_mode))
		return -EINPROGRESS;
	if (!(flags & O_NONBLOCK)) {
		int now = fcntl(fd, F_GETFL);

		if (now == -1 || fcntl(fd, F_SETFL, now & ~O_NONBLOCK) == -1)
			return -EINPROGRESS;
	}
	return TAKE_FD(fd);
}

/* ---- the caller's answer ---- */

static int refuse(const struct opener *o, struct opener_said *said, int error)
{
	struct seccomp_notif_resp resp = { .id = said->id, .error = error };

	said->error = -error;
	if (ioctl(o->conf.listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) == -1)
		return OPENER_GONE;
	return OPENER_REFUSED;
}

static int hand_over(const struct opener *o, const struct opener_ask *a,
		     struct opener_said *said, int fd)
{
	struct seccomp_notif_addfd add = {
		.id = a->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)fd,
		.newfd_flags = (uint32_t)(a->flags & O_CLOEXEC),
	};
	int r;

	do {
		r = ioctl(o->conf.listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	} while (r == -1 && errno == EINTR);
	if (r >= 0)
		return OPENER_OPENED;
	if (errno == ENOENT)
		return OPENER_GONE;
	return refuse(o, said, neg_errno()); /* EMFILE: its table is full */
}

/* What it is called in the jail; terminated. */
static size_t name_of(const struct opener *o, int fd, char *dst)
{
	char number[16];
	ssize_t n;

	(void)snprintf(number, sizeof(number), "%d", fd);
	n = readlinkat(o->own_fds, number, dst, PATH_ROOM);
	return n > 0 && (size_t)n < PATH_ROOM ? (size_t)n : 0;
}

static void serve(struct opener *o)
{
	static char path[PATH_ROOM + 1];
	static struct {
		struct opener_said said;
		char path[PATH_ROOM];
	} out;
	struct str body = buf_str(&o->msg.body);
	struct opener_ask a;
	AUTO(fd) int dir = -1;
	AUTO(fd) int fd = -1;
	size_t len = 0;
	int r;

	if (body.len < sizeof(a) || body.len - sizeof(a) > PATH_ROOM)
		die();
	memcpy(&a, body.ptr, sizeof(a));
	body = str_skip(body, sizeof(a));
	memcpy(path, body.ptr, body.len);
	path[body.len] = '\0';
	dir = ipc_take_fd(&o->msg, 0);
	out.said = (struct opener_said){ .id = a.id };
	r = open_it(&a, a.has_dir ? dir : AT_FDCWD, path);
	if (r >= 0) {
		fd = r;
		len = name_of(o, fd, out.path);
		out.said.result = hand_over(o, &a, &out.said, fd);
	} else if (r == -EINPROGRESS) {
		out.said.result = OPENER_LEFT;
	} else {
		out.said.result = refuse(o, &out.said, r);
	}
	if (ipc_send(o->conf.sock, MSG_WITNESS, 0,
		     (struct str){ .ptr = (const char *)&out,
				   .len = sizeof(out.said) + len },
		     NULL, 0) != 0)
		die();
}

/* ---- birth ---- */

static void enter(const struct opener_config *c)
{
	bool bounded;

	if (setns(c->user_ns, CLONE_NEWUSER) == -1 ||
	    setns(c->mnt_ns, CLONE_NEWNS) == -1)
		die();
	/* As an ordinary user it is that one already, and may not say so. */
	if (geteuid() != c->uid && (setgroups(0, NULL) == -1 ||
				    setresgid(c->gid, c->gid, c->gid) == -1 ||
				    setresuid(c->uid, c->uid, c->uid) == -1))
		die();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    landlock_enter(c->ruleset) != 0 || caps_drop(&bounded) != 0)
		die();
}

/* Its own two, its look at itself, and nothing else. */
static void set_descriptors(struct opener *o)
{
	int *fds[] = { &o->conf.listener, &o->conf.sock, &o->own_fds };

	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		*fds[i] = fcntl(*fds[i], F_DUPFD_CLOEXEC, 10);
		if (*fds[i] == -1)
			die();
	}
	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		if (dup3(*fds[i], (int)i, O_CLOEXEC) == -1)
			die();
		*fds[i] = (int)i;
	}
	if (sys_close_range(N_ELEMS(fds), UINT_MAX) != 0)
		die();
}

void opener_main(const struct opener_config *c)
{
	static struct opener o;
	sigset_t all;

	o = (struct opener){ .conf = *c };
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)prctl(PR_SET_NAME, "bawn:opener");
	(void)setsid();
	o.own_fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o.own_fds == -1)
		die();
	enter(c);
	set_descriptors(&o);
	ipc_msg_init(&o.msg);
	while (ipc_recv(o.conf.sock, &o.msg, IPC_INLINE_MAX) == 0)
		serve(&o);
	die();
}
