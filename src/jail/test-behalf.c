/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child enters the filter and calls with whatever an enemy would; this process
 * is its warden.  Landlock is not there, so nothing but the warden refuses.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/test.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "jail/behalf.h"
#include "jail/seccomp.h"
#include "jail/sys.h"

#define PAGE   ((size_t)4096)
#define FLIPS  2000
#define KERNEL ((void *)(uintptr_t)0xffff800000000000u)

static char dir[] = "/tmp/bawn-behalf-XXXXXX"; /* in/ is writable by the plan */
static char in_f[64], out_f[64];
static unsigned refusals;

static void on_refused(void *owner, const struct behalf_refusal *f)
{
	(void)owner;
	(void)f;
	refusals++;
}

static int on_end(struct loop_io *io, uint32_t events)
{
	(void)events;
	loop_stop(io->owner, 0);
	return 0;
}

static noreturn_fn void child(int sock, void (*fn)(void))
{
	int listener;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		_exit(98);
	listener = seccomp_enter(SECCOMP_LANDLOCK, SECCOMP_SEES_NOTHING, true,
				 NULL);
	if (listener < 0 ||
	    ipc_send(sock, MSG_INIT_STARTED, 0, STR("{}"), &listener, 1) != 0)
		_exit(99);
	(void)close(listener);
	fn();
	(void)fflush(stdout);
	_exit(test_failures != 0);
}

/* @fn in a child whose calls are answered here. */
static void served(void (*fn)(void))
{
	struct plan_mount mount = { .op = PLAN_BIND, .writable = true };
	struct plan plan = { .mounts = &mount, .n_mounts = 1 };
	struct behalf_config c = { .plan = &plan, .refused = on_refused };
	AUTO(loop) struct loop *loop = NULL;
	AUTO(ipc_msg) struct ipc_msg m;
	struct loop_io end = { .events = EPOLLIN, .run = on_end };
	struct diag err;
	struct behalf *b = NULL;
	char where[64];
	int channel[2], pair[2], status = -1;
	pid_t pid;

	(void)snprintf(where, sizeof(where), "%s/in", dir);
	mount.src = mount.dst = where;
	ipc_msg_init(&m);
	CHECK_EQ(loop_new(&loop, NULL), 0);
	CHECK_EQ(ipc_pair(channel), 0);
	CHECK_EQ(ipc_pair(pair), 0);
	c.loop = loop;
	CHECK_EQ(behalf_new(&b, &c, channel[0], &err), 0);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(pair[1], fn);
	(void)close(pair[1]);
	if (b && ipc_recv(pair[0], &m, IPC_INLINE_MAX) == 0) {
		CHECK_EQ(behalf_serve(b, ipc_take_fd(&m, 0)), 0);
		end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
		end.owner = loop;
		CHECK_EQ(loop_io_add(loop, &end), 0);
		CHECK_EQ(loop_run(loop), 0);
		loop_io_remove(loop, &end);
		(void)close(end.fd);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	behalf_free(b);
	(void)close(pair[0]);
	(void)close(channel[1]);
}

static int error_of(long r)
{
	return r == -1 ? errno : 0;
}

#define REFUSED(want, call) CHECK_EQ(error_of((long)(call)), want)

/* @len bytes of @from that end where memory ends. */
static void *at_the_edge(const void *from, size_t len)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED && mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
	memcpy(p + PAGE - len, from, len);
	return p + PAGE - len;
}

/* ---- addresses ---- */

static long to(int nr, int fd, const void *addr, long len)
{
	return syscall(nr, fd, addr, len);
}

static void bad_memory(int nr, int fd)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	REFUSED(EFAULT, to(nr, fd, NULL, sizeof(v4)));
	REFUSED(EFAULT, to(nr, fd, KERNEL, sizeof(v4)));
	REFUSED(EFAULT, to(nr, fd, at_the_edge(&v4, 8), sizeof(v4)));
	REFUSED(EFAULT, to(nr, fd, at_the_edge(&v4, sizeof(v4)), 28));
	REFUSED(EINVAL, to(nr, fd, &v4, 0));
	REFUSED(EINVAL, to(nr, fd, &v4, 1));
	REFUSED(EINVAL, to(nr, fd, &v4, -1));
	REFUSED(EINVAL, to(nr, fd, &v4, 129));
	REFUSED(EINVAL, to(nr, fd, &v4, INT_MAX));
	REFUSED(EINVAL, to(nr, fd, &v4, 8)); /* too short for its family */
	REFUSED(EBADF, to(nr, -1, &v4, sizeof(v4)));
	REFUSED(EBADF, to(nr, 900, &v4, sizeof(v4)));
}

static void tcp(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = 80 };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int fd6 = socket(AF_INET6, SOCK_STREAM, 0);
	int pair[2], file = open("/dev/null", O_RDWR);

	CHECK(fd >= 0 && fd6 >= 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	bad_memory(SYS_connect, fd);
	bad_memory(SYS_bind, fd);
	REFUSED(ENOTSOCK, to(SYS_connect, file, &v4, sizeof(v4)));
	REFUSED(EISCONN, to(SYS_connect, pair[0], &v4, sizeof(v4)));
	REFUSED(EAFNOSUPPORT, to(SYS_connect, fd, &v6, sizeof(v6)));
	REFUSED(EAFNOSUPPORT, to(SYS_connect, fd6, &v4, sizeof(v4)));
	REFUSED(EINVAL, to(SYS_connect, fd6, &v6, 20));
	v4.sin_family = AF_UNIX;
	REFUSED(EAFNOSUPPORT, to(SYS_connect, fd, &v4, sizeof(v4)));
	v4.sin_family = AF_INET;
	v4.sin_addr.s_addr = htonl(0xc0000201);
	REFUSED(ECONNREFUSED, to(SYS_connect, fd, &v4, sizeof(v4)));
	REFUSED(EADDRNOTAVAIL, to(SYS_bind, fd, &v4, sizeof(v4)));
	v4.sin_addr.s_addr = htonl(INADDR_ANY);
	v4.sin_port = 0;
	REFUSED(0, to(SYS_bind, fd, &v4, sizeof(v4)));
	REFUSED(EINVAL, to(SYS_bind, fd, &v4, sizeof(v4)));
	REFUSED(EOPNOTSUPP, listen(pair[0], 1));
	REFUSED(0, listen(fd, 1));
	REFUSED(EINVAL, to(SYS_connect, fd, &v4, sizeof(v4)));
}

static void local(void)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	const long head = offsetof(struct sockaddr_un, sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(fd >= 0);
	REFUSED(EINVAL, to(SYS_connect, fd, &u, head));
	REFUSED(EINVAL, to(SYS_connect, fd, &u, 128));
	REFUSED(EPERM, to(SYS_connect, fd, &u, head + 6)); /* abstract */
	(void)snprintf(u.sun_path, sizeof(u.sun_path), "%s/none", dir);
	REFUSED(ENOENT, to(SYS_connect, fd, &u, sizeof(u)));
	(void)snprintf(u.sun_path, sizeof(u.sun_path), "%s", in_f);
	REFUSED(ECONNREFUSED, to(SYS_connect, fd, &u, sizeof(u)));
	/* Without a NUL, to its very end. */
	memset(u.sun_path, 'a', sizeof(u.sun_path));
	REFUSED(ENOENT, to(SYS_connect, fd, &u, sizeof(u)));
	REFUSED(EINVAL, listen(fd, 1)); /* nowhere */
	REFUSED(EPROTONOSUPPORT, socket(AF_UNIX, SOCK_DGRAM, 0));
}

static void asking(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(53),
				 .sin_addr.s_addr = htonl(0x7f000035) };
	struct sockaddr_in got = { 0 };
	socklen_t len = sizeof(got);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(fd >= 0);
	bad_memory(SYS_connect, fd);
	REFUSED(EFAULT, syscall(SYS_getsockname, fd, &got, NULL));
	REFUSED(EFAULT, syscall(SYS_recvmsg, fd, KERNEL, MSG_DONTWAIT));
	/* What cannot be written is left, and nothing breaks. */
	REFUSED(0, syscall(SYS_getsockname, fd, KERNEL, &len));
	REFUSED(0, to(SYS_connect, fd, &a, sizeof(a)));
	len = INT32_MAX;
	REFUSED(0, syscall(SYS_getpeername, fd, &got, &len));
	CHECK_EQ(len, sizeof(got));
	CHECK_EQ(memcmp(&got, &a, sizeof(a)), 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(5353);
	REFUSED(ENETUNREACH, to(SYS_connect, fd, &a, sizeof(a)));
	REFUSED(EOPNOTSUPP, listen(fd, 1));
}

/* ---- files ---- */

static void paths(void)
{
	static char longest[2 * PATH_MAX];
	char link[96];
	int fd = open(in_f, O_RDONLY);
	size_t len = strlen(in_f) + 1;

	CHECK(fd >= 0);
	memset(longest, 'a', sizeof(longest));
	REFUSED(EFAULT, syscall(SYS_fchmodat, AT_FDCWD, NULL, 0600));
	REFUSED(EFAULT, syscall(SYS_fchmodat, AT_FDCWD, KERNEL, 0600));
	REFUSED(EFAULT, syscall(SYS_fchmodat, AT_FDCWD,
				at_the_edge(in_f, len - 1), 0600));
	REFUSED(ENAMETOOLONG, syscall(SYS_fchmodat, AT_FDCWD, longest, 0600));
	REFUSED(0,
		syscall(SYS_fchmodat, AT_FDCWD, at_the_edge(in_f, len), 0640));
	REFUSED(ENOENT, fchmodat(AT_FDCWD, "", 0600, 0));
	REFUSED(EBADF, fchmod(-1, 0600));
	REFUSED(EBADF, fchmodat(900, "x", 0600, 0));
	REFUSED(0, fchmod(fd, 0600));
	REFUSED(EPERM, fchmodat(AT_FDCWD, out_f, 0666, 0));
	REFUSED(EPERM, fchmodat(AT_FDCWD, in_f, 04755, 0));
	(void)snprintf(link, sizeof(link), "%s/in/link", dir);
	REFUSED(EPERM, fchmodat(AT_FDCWD, link, 0666, 0));
	(void)snprintf(link, sizeof(link), "%s/in/../ou/f", dir);
	REFUSED(EPERM, fchmodat(AT_FDCWD, link, 0666, 0));
	/* Ways around through /proc, the warden's own among them. */
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	REFUSED(0, fchmodat(AT_FDCWD, link, 0600, 0));
	REFUSED(EBADF, fchmodat(AT_FDCWD, "/proc/self/fd/900", 0600, 0));
	(void)snprintf(link, sizeof(link), "/proc/self/root%s", in_f);
	REFUSED(ELOOP, fchmodat(AT_FDCWD, link, 0600, 0));
	REFUSED(EFAULT, syscall(SYS_utimensat, AT_FDCWD, in_f, KERNEL, 0));
	REFUSED(EPERM, syscall(SYS_utimensat, AT_FDCWD, out_f, NULL, 0));
	REFUSED(0, fchownat(AT_FDCWD, in_f, getuid(), (gid_t)-1, 0));
	REFUSED(EPERM, fchownat(AT_FDCWD, in_f, getuid() + 1, (gid_t)-1, 0));
#ifdef SYS_utimes
	struct timeval tv[2] = { { 0, 1000000 }, { 0, 0 } };

	REFUSED(EINVAL, syscall(SYS_utimes, in_f, tv));
#endif
	(void)close(fd);
}

/* The same path in turn inside and outside, two letters apart. */
static char racing[64];

static void *flip(void *at)
{
	for (;;) {
		memcpy(at, "ou", 2);
		__asm__ volatile("" ::: "memory");
		memcpy(at, "in", 2);
		__asm__ volatile("" ::: "memory");
	}
	return NULL;
}

static void race(void)
{
	unsigned changed = 0;
	pthread_t t;
	struct stat st;

	memcpy(racing, in_f, sizeof(racing));
	CHECK_EQ(pthread_create(&t, NULL, flip, racing + strlen(dir) + 1), 0);
	for (unsigned i = 0; i < FLIPS; i++) {
		if (fchmodat(AT_FDCWD, racing, 0666, 0) == 0)
			changed++;
		(void)!fchmodat(AT_FDCWD, in_f, 0600, 0);
	}
	CHECK(changed > 0);
	CHECK(stat(out_f, &st) == 0 && (st.st_mode & 0777) == 0600);
}

static void test_tcp(void)
{
	served(tcp);
}

static void test_local(void)
{
	served(local);
}

static void test_asking(void)
{
	served(asking);
}

static void test_paths(void)
{
	refusals = 0;
	served(paths);
	CHECK_EQ(refusals, 1); /* the set-id mode */
}

static void test_race(void)
{
	served(race);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static bool set_up(void)
{
	char path[64];

	if (!mkdtemp(dir))
		return false;
	(void)snprintf(path, sizeof(path), "%s/in", dir);
	(void)snprintf(in_f, sizeof(in_f), "%s/in/f", dir);
	(void)snprintf(out_f, sizeof(out_f), "%s/ou/f", dir);
	if (mkdir(path, 0700) == -1)
		return false;
	(void)snprintf(path, sizeof(path), "%s/ou", dir);
	if (mkdir(path, 0700) == -1 || mknod(in_f, S_IFREG | 0600, 0) == -1 ||
	    mknod(out_f, S_IFREG | 0600, 0) == -1)
		return false;
	(void)snprintf(path, sizeof(path), "%s/in/link", dir);
	return symlink("../ou/f", path) == 0;
}

int main(void)
{
	static const struct test tests[] = {
		{ "internet addresses in bad memory, short, foreign",
		  test_tcp },
		{ "Unix addresses", test_local },
		{ "what passes for a UDP socket", test_asking },
		{ "paths and times", test_paths },
		{ "a path that changes while it is read", test_race },
	};
	int r;

	if (!set_up())
		return 1;
	r = test_main(tests, N_ELEMS(tests));
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}
