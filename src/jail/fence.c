/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A bind of the plan is a rule: what lies below may be read and executed, or
 * changed too.  Its source is opened without following any link, as the keeper
 * found it.  /proc may be read, since every program reads about itself there;
 * what it says about others is what Landlock's domain leaves, and not their
 * memory, environment or descriptors.  Of /dev there are a handful of nodes.
 *
 * Each wall is tried alone: Landlock before the filter, which would answer for
 * it.
 */
#include "jail/fence.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include "base/wall.h"
#include "jail/caps.h"
#include "jail/landlock.h"
#include "jail/public.h"
#include "jail/seccomp.h"
#include "jail/source.h"
#include "jail/sys.h"

#define DISCARD_PORT          9
#define TCP_FASTOPEN_CONNECT_ 30
#define MPTCP                 262

int fence_check(int *ret_abi, struct diag *reterr)
{
	*ret_abi = landlock_abi();
	if (*ret_abi >= FENCE_ABI)
		return 0;
	if (*ret_abi == 0)
		diag_set(reterr, 0, 0,
			 "backend: landlock: the kernel has no Landlock: boot "
			 "Linux 6.12 or newer, with landlock in the list of "
			 "lsm=");
	else
		diag_set(reterr, 0, 0,
			 "backend: landlock needs version %d of Landlock, and "
			 "the kernel has %d: boot Linux 6.12 or newer",
			 FENCE_ABI, *ret_abi);
	return 1;
}

static int failed(struct diag *err, const char *what, int r)
{
	diag_set(err, 0, 0, "Landlock: %s: %s", what, strerror(-r));
	return r;
}

/* A part of the plan. */
static int allow_bind(const struct fence *f, int ruleset,
		      const struct plan_mount *m, struct diag *err)
{
	int fd = sys_openat2(AT_FDCWD, m->src, O_PATH,
			     RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	int r = fd;

	if (fd == -ENOSYS || fd == -EPERM) /* a filter that hides it */
		r = fd = open(m->src, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		r = neg_errno();
	if (r >= 0) {
		r = m->public && WALL(FENCE_PUBLIC)
			    ? public_allow(ruleset, f->abi, fd)
			    : landlock_allow_fd(ruleset, f->abi, fd,
						m->writable);
		(void)close(fd);
	}
	if (r == -ELOOP) {
		diag_set(err, 0, 0, "%s: %s", m->src, SOURCE_EXCHANGED);
		return r;
	}
	return r == 0 || (m->optional && r != -E2BIG) ? 0
						      : failed(err, m->src, r);
}

static int allow_devices(const struct fence *f, int ruleset, struct diag *err)
{
	static const char *const nodes[] = { "/dev/null",    "/dev/zero",
					     "/dev/full",    "/dev/random",
					     "/dev/urandom", "/dev/tty" };
	int r = 0;

	for (size_t i = 0; i < N_ELEMS(nodes) && r == 0; i++) {
		r = landlock_allow(ruleset, f->abi, nodes[i], true);
		if (r == -ENOENT)
			r = 0;
		if (r != 0)
			return failed(err, nodes[i], r);
	}
	if (f->terminal != -1)
		r = landlock_allow_fd(ruleset, f->abi, f->terminal, true);
	return r == 0 ? 0 : failed(err, "the jail's terminal", r);
}

static int allow(const struct fence *f, int ruleset, struct diag *err)
{
	int r = WALL(FENCE_FILES) ? 0
				  : landlock_allow(ruleset, f->abi, "/", true);

	for (size_t i = 0; i < f->plan->n_mounts && r == 0; i++) {
		const struct plan_mount *m = &f->plan->mounts[i];

		if (m->op == PLAN_BIND)
			r = allow_bind(f, ruleset, m, err);
		else if (m->op == PLAN_DEV)
			r = allow_devices(f, ruleset, err);
		else if (m->op == PLAN_PROC)
			r = landlock_allow(ruleset, f->abi, "/proc", false);
	}
	return r;
}

static int broken(struct diag *err, const char *wall, int got)
{
	diag_set(err, 0, 0, "a wall of the jail does not stand: %s (%s)", wall,
		 got == 0 ? "it was possible" : strerror(got));
	return -EPROTO;
}

/* errno of a call that must fail; 0: it did not. */
static int error_of(long r)
{
	return r == -1 ? errno : 0;
}

static int prove_alone(const struct fence *f, struct diag *err)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(DISCARD_PORT),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in any = { .sin_family = AF_INET };
	AUTO(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int e;

	if (fd == -1)
		return broken(err, "a socket for the proof", errno);
	e = error_of(connect(fd, (struct sockaddr *)&to, sizeof(to)));
	if (e != EACCES)
		return broken(err, "connecting past the warden", e);
	e = error_of(bind(fd, (struct sockaddr *)&any, sizeof(any)));
	if (e != EACCES)
		return broken(err, "binding past the warden", e);
	e = error_of(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (e != EACCES)
		return broken(err, "listing the root directory", e);
	e = error_of(kill(f->warden, 0));
	if (e != EPERM)
		return broken(err, "a signal to the warden", e);
	e = error_of(ptrace(PTRACE_SEIZE, f->warden, NULL, NULL));
	return e == EPERM || e == EACCES ? 0
					 : broken(err, "tracing the warden", e);
}

int fence_enter(const struct fence *f, int *ret_listener, struct diag *reterr)
{
	AUTO(fd) int ruleset = -1;
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return failed(reterr, "no_new_privs", neg_errno());
	r = landlock_new_alone(f->abi);
	if (r < 0)
		return failed(reterr, "a ruleset", r);
	ruleset = r;
	r = allow(f, ruleset, reterr);
	if (r != 0)
		return r;
	r = landlock_enter(ruleset);
	if (r != 0)
		return failed(reterr, "entering it", r);
	r = prove_alone(f, reterr);
	if (r != 0)
		return r;
	r = seccomp_enter(SECCOMP_LANDLOCK, SECCOMP_SEES_NOTHING, true, NULL);
	if (r < 0) {
		diag_set(reterr, 0, 0, "the system call filter: %s",
			 strerror(-r));
		return r;
	}
	*ret_listener = r;
	return 0;
}

int fence_prove(const struct fence *f, struct diag *reterr)
{
	static const struct {
		int family, type, proto, want;
		const char *wall;
	} sockets[] = {
		{ AF_VSOCK, SOCK_STREAM, 0, EAFNOSUPPORT,
		  "a socket to the hypervisor" },
		{ AF_PACKET, SOCK_DGRAM, 0, EAFNOSUPPORT, "a packet socket" },
		{ AF_INET, SOCK_STREAM, MPTCP, EPROTONOSUPPORT,
		  "a multipath socket" },
		{ AF_INET, SOCK_RAW, IPPROTO_TCP, EPERM, "a raw socket" },
		{ AF_UNIX, SOCK_DGRAM, 0, EPROTONOSUPPORT,
		  "a datagram socket" },
	};
	int on = 1, e;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return broken(reterr, "gaining privileges", 0);
	if (!caps_are_gone(f->bounded))
		return broken(reterr, "having no capability", 0);
	if (prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER)
		return broken(reterr, "the system call filter", 0);
	for (size_t i = 0; i < N_ELEMS(sockets); i++) {
		e = error_of(socket(sockets[i].family, sockets[i].type,
				    sockets[i].proto));
		if (e != sockets[i].want)
			return broken(reterr, sockets[i].wall, e);
	}
	/* The filter sees the numbers; no socket is needed. */
	e = error_of(setsockopt(0, IPPROTO_TCP, TCP_FASTOPEN_CONNECT_, &on,
				sizeof(on)));
	return e == ENOPROTOOPT ? 0 : broken(reterr, "fast open", e);
}
