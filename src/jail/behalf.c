/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The warden is outside of the jail's Landlock domain and filter, of the same
 * user, and an ancestor of every process in the jail, so it may look into them
 * (also where Yama lets only ancestors).  A process that forbids that (not
 * dumpable) gets EPERM for every such call: nothing is done unseen.
 *
 *   connect, bind, listen, socket   behalf-net.c
 *   sendto, recvfrom, recvmsg       behalf-ask.c; they go on
 *   getsockname, getpeername        behalf-ask.c, of what passes for UDP
 *   chmod, chown, utimes, ...       behalf-file.c
 *   calls about a process           go on when it is one of the jail's
 *   everything else                 is forbidden: recorded, refused
 *
 * When the warden dies the listener closes, and every such call is ENOSYS.
 */
#include "jail/behalf-own.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/fd.h"
#include "base/wall.h"
#include "jail/family.h"
#include "jail/missing.h"
#include "jail/seccomp.h"
#include "jail/sys.h"

bool call_lives(const struct call *c)
{
	uint64_t id = c->id;

	return ioctl(c->b->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

int call_read(const struct call *c, uint64_t addr, void *dst, size_t len)
{
	struct iovec to = { .iov_base = dst, .iov_len = len };
	struct iovec from = { .iov_base = (void *)(uintptr_t)addr,
			      .iov_len = len };

	if (len == 0)
		return 0;
	if (process_vm_readv(c->tid, &to, 1, &from, 1, 0) != (ssize_t)len)
		return errno == EPERM ? -EPERM : -EFAULT;
	return call_lives(c) ? 0 : -ESRCH;
}

/*
 * Not process_vm_writev(2): between the look whether the caller lives and the
 * write its number could become another process's.
 */
void call_write(const struct call *c, uint64_t addr, const void *src,
		size_t len)
{
	AUTO(fd) int mem = -1;
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)c->tid);
	mem = open(path, O_WRONLY | O_CLOEXEC);
	if (mem != -1 && len > 0 && addr <= INT64_MAX && call_lives(c))
		(void)!pwrite(mem, src, len, (off_t)addr);
}

int call_read_path(const struct call *c, uint64_t addr, char *dst, size_t size)
{
	const uint64_t page = 4096;
	size_t n = 0;

	/* To the end of its page first: the next may not be there. */
	while (n < size) {
		size_t want = (size_t)(page - (addr + n) % page);
		char *end;
		int r;

		if (want > size - n)
			want = size - n;
		r = call_read(c, addr + n, dst + n, want);
		if (r != 0)
			return r;
		end = memchr(dst + n, '\0', want);
		if (end)
			return 0;
		n += want;
	}
	return -ENAMETOOLONG;
}

static int open_own(const struct call *c, const char *what)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)c->tid, what);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? -EBADF : neg_errno();
	if (call_lives(c))
		return fd;
	(void)close(fd);
	return -ESRCH;
}

int call_open_fd(const struct call *c, int fd)
{
	char what[24];

	if (fd < 0)
		return -EBADF;
	(void)snprintf(what, sizeof(what), "fd/%d", fd);
	return open_own(c, what);
}

int call_open_dir(const struct call *c, int fd)
{
	return fd == AT_FDCWD ? open_own(c, "cwd") : call_open_fd(c, fd);
}

/* "/proc/self/fd/N" and its like, which C libraries make use of; or -1. */
static int own_fd_of(const struct call *c, const char *path)
{
	static const char *const names[] = { "/proc/self/fd/",
					     "/proc/thread-self/fd/",
					     "/dev/fd/" };
	uint32_t fd;

	(void)c;
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		struct str s = str_of(path);

		if (str_starts(s, str_of(names[i])) &&
		    str_u32(str_skip(s, strlen(names[i])), 0, INT32_MAX, &fd))
			return (int)fd;
	}
	return -1;
}

int call_open_path(const struct call *c, int dirfd, const char *path,
		   bool follow)
{
	uint64_t flags = O_PATH | (follow ? 0 : O_NOFOLLOW);
	AUTO(fd) int dir = -1;
	int r = own_fd_of(c, path);

	if (r != -1)
		return follow ? call_open_fd(c, r) : -EPERM;
	r = path[0] == '/' ? open("/", O_PATH | O_CLOEXEC)
			   : call_open_dir(c, dirfd);
	if (r < 0)
		return r;
	dir = r;
	return sys_openat2(dir, path, flags, RESOLVE_NO_MAGICLINKS);
}

/* @at: which argument says whom; 0 is the caller itself. */
static int about_process(const struct call *c, unsigned at)
{
	pid_t pid = (pid_t)c->args[at];

	if (pid == 0 || !WALL(BEHALF_PROCESSES) ||
	    (family_has(c->b->self, pid) && pid != c->b->self))
		return BEHALF_GO_ON;
	return BEHALF_FORBIDDEN;
}

static int dispatch(struct call *c)
{
	switch (c->nr) {
	case SYS_socket:
		return socks_socket(c);
	case SYS_connect:
		return socks_connect(c);
	case SYS_bind:
		return socks_bind(c);
	case SYS_listen:
		return socks_listen(c);
	case SYS_sendto:
	case SYS_recvfrom:
	case SYS_recvmsg:
		return asks_watch(c);
	case SYS_getsockname:
	case SYS_getpeername:
		return asks_name(c);
	case SYS_prlimit64:
	case SYS_sched_setaffinity:
	case SYS_sched_setscheduler:
	case SYS_sched_setparam:
	case SYS_sched_setattr:
		return about_process(c, 0);
	case SYS_setpriority:
	case SYS_ioprio_set:
		return about_process(c, 1);
	default:
		return files_change(c);
	}
}

static void answer(const struct call *c, int r)
{
	struct seccomp_notif_resp resp = { .id = c->id };
	const struct seccomp_rare *rare = seccomp_rare_find(c->nr);

	if (r == BEHALF_ANSWERED)
		return;
	if (r == BEHALF_FORBIDDEN) {
		struct behalf_refusal f = { .nr = c->nr,
					    .error = rare ? rare->error : EPERM,
					    .pid = c->tid,
					    .args = c->args };

		c->b->c.refused(c->b->c.owner, &f);
		r = -f.error;
	}
	if (r == BEHALF_GO_ON)
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else
		resp.error = r;
	/* ENOENT: it was killed meanwhile. */
	(void)ioctl(c->b->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

/* Kernels may know longer forms than our header. */
union notif {
	struct seccomp_notif n;
	char room[512];
};

static int run(struct loop_io *io, uint32_t events)
{
	struct behalf *b = io->owner;
	union notif in = { .room = { 0 } };
	uint64_t args[6];
	struct call c = { .b = b, .args = args };

	if (!(events & EPOLLIN)) {
		loop_io_remove(b->c.loop, io); /* nobody is left to ask */
		return 0;
	}
	if (ioctl(b->listener, SECCOMP_IOCTL_NOTIF_RECV, &in.n) == -1)
		return 0; /* it was killed meanwhile */
	c.id = in.n.id;
	c.tid = (pid_t)in.n.pid;
	c.nr = in.n.data.nr;
	for (size_t i = 0; i < N_ELEMS(args); i++)
		args[i] = in.n.data.args[i];
	answer(&c, dispatch(&c));
	return 0;
}

int behalf_new(struct behalf **ret, const struct behalf_config *config,
	       int take_channel, struct diag *reterr)
{
	AUTO(behalf) struct behalf *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		(void)close(take_channel);
		return -ENOMEM;
	}
	b->c = *config;
	b->channel = take_channel;
	b->listener = -1;
	b->self = getpid();
	r = socks_new(&b->socks, b, reterr);
	if (r != 0)
		return r;
	*ret = TAKE(b);
	return 0;
}

int behalf_serve(struct behalf *b, int take_listener)
{
	/* The caller sleeps while we work, on the same processor: 6.6. */
	(void)ioctl(take_listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		    SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	b->listener = take_listener;
	b->io = (struct loop_io){
		.fd = take_listener, .events = EPOLLIN, .run = run, .owner = b
	};
	return loop_io_add(b->c.loop, &b->io);
}

void behalf_free(struct behalf *b)
{
	if (!b)
		return;
	loop_io_remove(b->c.loop, &b->io);
	socks_free(b->socks);
	auto_fd(&b->listener);
	auto_fd(&b->channel);
	free(b);
}
