/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/prove.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include "base/wall.h"
#include "jail/sys.h"

#define DISCARD_PORT   9
#define ANSWER_MS      5000 /* for what the machine itself answers */
#define TMPFS_MAGIC    0x01021994
#define CAPS_VERSION   _LINUX_CAPABILITY_VERSION_3
#define PROC_1_ENVIRON "/proc/1/environ"

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

static bool covers(const struct plan_cidr *c, const struct in6_addr *a)
{
	for (unsigned i = 0; i < c->bits; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		if ((c->addr.s6_addr[i / 8] ^ a->s6_addr[i / 8]) & bit)
			return false;
	}
	return true;
}

/* An address for documentation, RFC 5737, that the plan says nothing of. */
static bool find_forbidden(const struct plan *p, struct sockaddr_in6 *ret)
{
	static const char *const candidates[] = {
		"::ffff:203.0.113.1",
		"::ffff:198.51.100.1",
		"::ffff:192.0.2.1",
	};

	for (size_t i = 0; i < N_ELEMS(candidates); i++) {
		bool named = false;

		*ret = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					      .sin6_port =
						      htons(DISCARD_PORT) };
		(void)inet_pton(AF_INET6, candidates[i], &ret->sin6_addr);
		for (size_t k = 0; k < p->n_cidrs; k++)
			named = named ||
				(!p->cidrs[k].deny &&
				 covers(&p->cidrs[k], &ret->sin6_addr));
		if (!named)
			return true;
	}
	return false;
}

/*
 * Over lo the answer is nearly always there before connect(2) returns; a busy
 * kernel gives it in a thread of its own, and then it takes a moment.
 */
static int connect_answer(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int e = 0;
	socklen_t len = sizeof(e);

	if (poll(&p, 1, ANSWER_MS) != 1)
		return ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == -1)
		return errno;
	return e;
}

int prove_net(const struct plan *p, struct diag *reterr)
{
	struct sockaddr_in6 a;
	AUTO(fd) int fd = -1;
	int e;

	if (!WALL(PROVE) || !find_forbidden(p, &a))
		return 0; /* everything is allowed, with open eyes */
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return broken(reterr, "a socket for the proof", errno);
	e = error_of(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	if (e == EINPROGRESS)
		e = connect_answer(fd);
	return e == ECONNREFUSED
		       ? 0
		       : broken(reterr, "connecting to a foreign address", e);
}

int prove_landlock(const struct plan *p, struct diag *reterr)
{
	int e;

	if (!WALL(PROVE) || p->nested)
		return 0;
	/* What changes nothing where it works. */
	e = error_of(mount(
		NULL, "/", NULL,
		MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL));
	return e == EPERM ? 0 : broken(reterr, "Landlock's rules of files", e);
}

int prove_scopes_begin(void)
{
	/* Without a name: the kernel finds one, in the abstract space. */
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&a, sizeof(a.sun_family)) == -1)
		return neg_errno();
	return TAKE_FD(fd);
}

int prove_scopes(int outside, struct diag *reterr)
{
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int e;

	if (!WALL(PROVE))
		return 0;
	if (fd == -1 || getsockname(outside, (struct sockaddr *)&a, &len) == -1)
		return broken(reterr, "a socket for the proof", errno);
	e = error_of(connect(fd, (struct sockaddr *)&a, len));
	return e == EPERM ? 0 : broken(reterr, "Landlock's scopes", e);
}

/* Here, since the filter would have the witness look at it. */
static int prove_read_only(struct diag *err)
{
	int e = error_of(
		open("/bawn-proof", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));

	return e == EROFS || e == EACCES
		       ? 0
		       : broken(err, "writing beside the plan", e);
}

int prove_bare(const struct plan *p, struct diag *reterr)
{
	int e = WALL(PROVE) ? error_of(mount("none", "/", "tmpfs", 0, NULL))
			    : EPERM;
	int r;

	if (e != EPERM)
		return broken(reterr, "mounting", e);
	r = WALL(PROVE) ? prove_read_only(reterr) : 0;
	if (r != 0)
		return r;
	if (p->nested || !WALL(PROVE))
		return 0;
	e = error_of(unshare(CLONE_NEWUSER));
	return e == ENOSPC ? 0 : broken(reterr, "making a user namespace", e);
}

static int prove_ids(const struct plan *p, struct diag *err)
{
	struct __user_cap_header_struct h = { CAPS_VERSION, 0 };
	struct __user_cap_data_struct c[2];

	if (getuid() != p->inside_uid || geteuid() != p->inside_uid ||
	    getgid() != p->inside_gid || getegid() != p->inside_gid)
		return broken(err, "running as its own user", 0);
	if (syscall(SYS_capget, &h, c) == -1)
		return broken(err, "asking for capabilities", errno);
	for (size_t i = 0; i < N_ELEMS(c); i++) {
		if (c[i].effective | c[i].permitted | c[i].inheritable)
			return broken(err, "having no capability", 0);
	}
	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 0)
		return broken(err, "never getting a capability", 0);
	return 0;
}

static int prove_filter(struct diag *err)
{
	static const struct {
		int family, want;
		const char *wall;
	} sockets[] = {
		{ AF_VSOCK, EAFNOSUPPORT, "a socket to the hypervisor" },
		{ AF_PACKET, EAFNOSUPPORT, "a packet socket" },
	};

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return broken(err, "gaining privileges", 0);
	if (prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER)
		return broken(err, "the system call filter", 0);
	for (size_t i = 0; i < N_ELEMS(sockets); i++) {
		int e = error_of(socket(sockets[i].family, SOCK_DGRAM, 0));

		if (e != sockets[i].want)
			return broken(err, sockets[i].wall, e);
	}
	return 0;
}

static int prove_files(struct diag *err)
{
	struct statfs fs;
	struct stat root, above;

	if (statfs("/", &fs) == -1 || fs.f_type != TMPFS_MAGIC ||
	    stat("/", &root) == -1 || stat("/..", &above) == -1 ||
	    root.st_ino != above.st_ino || root.st_dev != above.st_dev)
		return broken(err, "the root being the jail's own", 0);
	return 0;
}

static int prove_init(struct diag *err)
{
	int e = error_of(open(PROC_1_ENVIRON, O_RDONLY | O_CLOEXEC));

	/* ENOENT: hidden; also where the plan has no /proc. */
	if (e != ENOENT && e != EACCES && e != EPERM)
		return broken(err, "reading init's environment", e);
	e = error_of(ptrace(PTRACE_SEIZE, 1, NULL, NULL));
	return e == EPERM || e == EACCES ? 0 : broken(err, "tracing init", e);
}

int prove_all(const struct plan *p, struct diag *reterr)
{
	int r = WALL(PROVE) ? prove_ids(p, reterr) : 0;

	if (r != 0 || !WALL(PROVE))
		return r;
	if (r == 0)
		r = prove_filter(reterr);
	if (r == 0)
		r = prove_files(reterr);
	if (r == 0)
		r = prove_init(reterr);
	/* close_range(2) was the last before: the lowest free one is 3. */
	if (r == 0) {
		int fd = fcntl(0, F_DUPFD, 0);

		if (fd != 3)
			return broken(reterr, "having no other descriptor", 0);
		(void)close(fd);
	}
	return r;
}
