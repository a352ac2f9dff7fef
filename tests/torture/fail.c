/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail: a library to be preloaded, by which the n-th call of a class fails, once
 * or from then on, as the kernel or the C library would fail it.  Calls are
 * counted over all processes that stem from the first, in a file mapped by all
 * of them, so a run tells whether the n-th call was reached and who made it.
 *
 * BAWN_FAIL=FILE:CLASS:N:ERRNO:WHAT:ROLE
 *   FILE   the counters, a struct shared
 *   CLASS  a row of classes[]
 *   N      the first call that fails; 0: none, calls are only counted
 *   WHAT   once | on (all from the n-th on) | short (writes: half is written)
 *   ROLE   a process name (prctl PR_SET_NAME); empty: all
 *
 * What the C library does within itself is not seen, but for its allocations.
 * A process (of ROLE) that dies of its own fault (a signal that means one, a
 * failed assertion) is counted too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum class {
	MEMORY,
	WRITE,
	FORK,
	DESCRIPTOR,
	WALL, /* what the jail is built of */
	READ,
	CLASS_MAX_,
};

static const char *const classes[CLASS_MAX_] = {
	[MEMORY] = "memory",         [WRITE] = "write", [FORK] = "fork",
	[DESCRIPTOR] = "descriptor", [WALL] = "wall",   [READ] = "read",
};

struct shared {
	_Atomic uint32_t calls[CLASS_MAX_];
	_Atomic uint32_t hits, crashes;
	char who[16], what[32];   /* of the first hit */
	char dead[16];            /* of the first crash */
	_Atomic uint32_t foreign; /* crashes within libraries */
};

static struct shared *shared; /* NULL: nothing is counted or fails */
static enum class class;
static uint32_t first;
static int error;
static bool goes_on, is_short;
static char role[16], self[16];

/* Of glibc: what stands behind malloc(), so that none is needed to find it. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *p, size_t n);

/* ---- which call it is ---- */

static void copy(char *dst, const char *src, size_t size)
{
	size_t n = strnlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
}

static int number(const char *s)
{
	int v = 0;

	while (*s >= '0' && *s <= '9' && v < 100 * 1000 * 1000)
		v = v * 10 + *s++ - '0';
	return v;
}

static bool is_due(enum class c, const char *what)
{
	uint32_t n;

	if (!shared || (role[0] && strcmp(role, self) != 0))
		return false;
	n = ++shared->calls[c];
	if (c != class || first == 0 || n < first || (n > first && !goes_on))
		return false;
	if (shared->hits++ == 0) {
		memcpy(shared->who, self, sizeof(shared->who));
		copy(shared->what, what, sizeof(shared->what));
	}
	return true;
}

/* True: it fails, and errno is set. */
static bool fails(enum class c, const char *what)
{
	if (!is_due(c, what))
		return false;
	errno = error;
	return true;
}

/* They do not survive a lack of memory; that is not ours to mend. */
static bool in_library(void)
{
	void *frames[64];
	int n = backtrace(frames, 64);
	Dl_info info;

	for (int i = 0; i < n; i++) {
		if (dladdr(frames[i], &info) && info.dli_fname &&
		    (strstr(info.dli_fname, "libseccomp") ||
		     strstr(info.dli_fname, "libcrypto")))
			return true;
	}
	return false;
}

static void crashed(int sig)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	void *frames[64];

	goes_on = false;
	first = 0; /* what follows is not tried */
	backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
	if (shared && in_library())
		shared->foreign++;
	else if (shared && (!role[0] || strcmp(role, self) == 0) &&
		 shared->crashes++ == 0)
		memcpy(shared->dead, self, sizeof(shared->dead));
	(void)sigaction(sig, &dfl, NULL);
	(void)raise(sig);
}

static void watch_crashes(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction act = { .sa_handler = crashed };

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		(void)sigaction(fatal[i], &act, NULL);
}

/* The next field of @s, up to a colon, which becomes its end. */
static char *field(char **s)
{
	char *f = *s, *end = f ? strchr(f, ':') : NULL;

	if (end)
		*end = '\0';
	*s = end ? end + 1 : NULL;
	return f ? f : (char *)(uintptr_t) "";
}

__attribute__((constructor)) static void begin(void)
{
	const char *spec = getenv("BAWN_FAIL");
	static char text[512];
	char *rest = text, *path, *name, *how;
	void *p;
	int fd;

	if (!spec || strlen(spec) >= sizeof(text))
		return;
	copy(text, spec, sizeof(text));
	path = field(&rest);
	name = field(&rest);
	first = (uint32_t)number(field(&rest));
	error = number(field(&rest));
	how = field(&rest);
	copy(role, rest ? rest : "", sizeof(role)); /* it may hold a colon */
	goes_on = strcmp(how, "on") == 0;
	is_short = strcmp(how, "short") == 0;
	for (class = 0; class < CLASS_MAX_; class ++) {
		if (strcmp(name, classes[class]) == 0)
			break;
	}
	(void)prctl(PR_GET_NAME, self);
	fd = open(path, O_RDWR | O_CLOEXEC);
	p = fd == -1 ? MAP_FAILED
		     : mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || class == CLASS_MAX_)
		abort();
	(void)close(fd);
	watch_crashes();
	(void)in_library(); /* loads what it needs while there is memory */
	shared = p;
}

/* ---- the calls ---- */

#define REAL(name)                     \
	static __typeof__(name) *real; \
	if (!real)                     \
		*(void **)&real = dlsym(RTLD_NEXT, #name);

/* A function of two to four arguments that returns -1 with errno. */
#define FAIL2(class, ret, name, A, B)    \
	ret name(A a, B b)               \
	{                                \
		REAL(name)               \
		if (fails(class, #name)) \
			return -1;       \
		return real(a, b);       \
	}
#define FAIL3(class, ret, name, A, B, C) \
	ret name(A a, B b, C c)          \
	{                                \
		REAL(name)               \
		if (fails(class, #name)) \
			return -1;       \
		return real(a, b, c);    \
	}
#define FAIL4(class, ret, name, A, B, C, D) \
	ret name(A a, B b, C c, D d)        \
	{                                   \
		REAL(name)                  \
		if (fails(class, #name))    \
			return -1;          \
		return real(a, b, c, d);    \
	}

typedef void *pointer; /* a * there is no product for tools/check-style */

void *malloc(size_t n)
{
	return fails(MEMORY, "malloc") ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t each)
{
	return fails(MEMORY, "calloc") ? NULL : __libc_calloc(n, each);
}

void *realloc(pointer p, size_t n)
{
	return fails(MEMORY, "realloc") ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return fails(MEMORY, "reallocarray") ? NULL : __libc_realloc(p, all);
}

ssize_t write(int fd, const void *p, size_t n)
{
	REAL(write)
	/* Why it fails is what the user has to hear. */
	if (fd == STDOUT_FILENO || fd == STDERR_FILENO ||
	    !is_due(WRITE, "write"))
		return real(fd, p, n);
	if (is_short && n > 1)
		return real(fd, p, n / 2);
	errno = error;
	return -1;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	REAL(pwrite64)
	if (!is_due(WRITE, "pwrite"))
		return real(fd, p, n, at);
	if (is_short && n > 1)
		return real(fd, p, n / 2, at);
	errno = error;
	return -1;
}

FAIL3(WRITE, ssize_t, sendmsg, int, const struct msghdr *, int)
FAIL4(WRITE, ssize_t, send, int, const void *, size_t, int)
FAIL2(WRITE, int, ftruncate64, int, off_t)
FAIL2(WRITE, int, rename, const char *, const char *)
FAIL4(WRITE, int, renameat, int, const char *, int, const char *)
FAIL2(WRITE, int, mkdir, const char *, mode_t)
FAIL3(WRITE, int, mkdirat, int, const char *, mode_t)
FAIL3(WRITE, int, symlinkat, const char *, int, const char *)

int fsync(int fd)
{
	REAL(fsync)
	return fails(WRITE, "fsync") ? -1 : real(fd);
}

int fdatasync(int fd)
{
	REAL(fdatasync)
	return fails(WRITE, "fdatasync") ? -1 : real(fd);
}

FAIL3(READ, ssize_t, read, int, void *, size_t)
FAIL4(READ, ssize_t, pread64, int, void *, size_t, off_t)
FAIL3(READ, ssize_t, recvmsg, int, struct msghdr *, int)
FAIL4(READ, ssize_t, recv, int, void *, size_t, int)

pid_t fork(void)
{
	REAL(fork)
	return fails(FORK, "fork") ? -1 : real();
}

int posix_spawn(pid_t *pid, const char *path,
		const posix_spawn_file_actions_t *fa,
		const posix_spawnattr_t *at, char *const argv[],
		char *const env[])
{
	REAL(posix_spawn)
	return is_due(FORK, "posix_spawn") ? error
					   : real(pid, path, fa, at, argv, env);
}

int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	void *more[3];
	va_list ap;
	REAL(clone)

	va_start(ap, arg);
	for (int i = 0; i < 3; i++)
		more[i] = va_arg(ap, void *);
	va_end(ap);
	return fails(FORK, "clone")
		       ? -1
		       : real(fn, stack, flags, arg, more[0], more[1], more[2]);
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

int open64(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;
	REAL(open64)

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return fails(DESCRIPTOR, "open") ? -1 : real(path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;
	REAL(openat64)

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return fails(DESCRIPTOR, "openat") ? -1 : real(dir, path, flags, mode);
}

/* Only what makes a descriptor. */
int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	long arg;
	REAL(fcntl64)

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	if ((cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC) &&
	    fails(DESCRIPTOR, "fcntl"))
		return -1;
	return real(fd, cmd, arg);
}

FAIL3(DESCRIPTOR, int, socket, int, int, int)
FAIL2(DESCRIPTOR, int, dup2, int, int)
FAIL3(DESCRIPTOR, int, dup3, int, int, int)
FAIL2(DESCRIPTOR, int, memfd_create, const char *, unsigned)
FAIL2(DESCRIPTOR, int, eventfd, unsigned, int)
FAIL3(DESCRIPTOR, int, signalfd, int, const sigset_t *, int)

int socketpair(int domain, int type, int protocol, int ret[2])
{
	REAL(socketpair)
	return fails(DESCRIPTOR, "socketpair")
		       ? -1
		       : real(domain, type, protocol, ret);
}

int pipe2(int ret[2], int flags)
{
	REAL(pipe2)
	return fails(DESCRIPTOR, "pipe2") ? -1 : real(ret, flags);
}

int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len, int flags)
{
	REAL(accept4)
	return fails(DESCRIPTOR, "accept4") ? -1 : real(fd, addr, len, flags);
}

int epoll_create1(int flags)
{
	REAL(epoll_create1)
	return fails(DESCRIPTOR, "epoll_create1") ? -1 : real(flags);
}

int inotify_init1(int flags)
{
	REAL(inotify_init1)
	return fails(DESCRIPTOR, "inotify_init1") ? -1 : real(flags);
}

/* ---- the walls ---- */

int mount(const char *from, const char *to, const char *type,
	  unsigned long flags, const void *data)
{
	REAL(mount)
	return fails(WALL, "mount") ? -1 : real(from, to, type, flags, data);
}

FAIL2(WALL, int, umount2, const char *, int)
FAIL2(WALL, int, sethostname, const char *, size_t)
FAIL2(WALL, int, setns, int, int)
FAIL2(WALL, int, setgroups, size_t, const gid_t *)
FAIL3(WALL, int, setresuid, uid_t, uid_t, uid_t)
FAIL3(WALL, int, setresgid, gid_t, gid_t, gid_t)

int unshare(int flags)
{
	REAL(unshare)
	return fails(WALL, "unshare") ? -1 : real(flags);
}

int chroot(const char *path)
{
	REAL(chroot)
	return fails(WALL, "chroot") ? -1 : real(path);
}

int close_range(unsigned from, unsigned to, int flags)
{
	REAL(close_range)
	return fails(WALL, "close_range") ? -1 : real(from, to, flags);
}

/* A name is the role; the rest of it is a wall. */
int prctl(int op, ...)
{
	unsigned long a[4];
	va_list ap;
	REAL(prctl)

	va_start(ap, op);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (op == PR_SET_NAME)
		copy(self, (const char *)a[0], sizeof(self));
	else if (op != PR_GET_NAME && fails(WALL, "prctl"))
		return -1;
	return real(op, a[0], a[1], a[2], a[3]);
}

/* Where the C library has no name for it, or knows another. */
static const struct {
	long number;
	enum class class;
	const char *name;
} numbers[] = {
	{ SYS_clone3, FORK, "clone3" },
	{ SYS_clone, FORK, "clone" },
	{ SYS_pidfd_open, DESCRIPTOR, "pidfd_open" },
	{ SYS_openat2, DESCRIPTOR, "openat2" },
	{ SYS_fsopen, WALL, "fsopen" },
	{ SYS_fsconfig, WALL, "fsconfig" },
	{ SYS_fsmount, WALL, "fsmount" },
	{ SYS_open_tree, WALL, "open_tree" },
	{ SYS_move_mount, WALL, "move_mount" },
	{ SYS_mount_setattr, WALL, "mount_setattr" },
	{ SYS_pivot_root, WALL, "pivot_root" },
	{ SYS_seccomp, WALL, "seccomp" },
	{ SYS_capset, WALL, "capset" },
	{ SYS_landlock_create_ruleset, WALL, "landlock_create_ruleset" },
	{ SYS_landlock_add_rule, WALL, "landlock_add_rule" },
	{ SYS_landlock_restrict_self, WALL, "landlock_restrict_self" },
	{ SYS_getrandom, READ, "getrandom" },
};

long syscall(long number, ...)
{
	long a[6];
	va_list ap;
	REAL(syscall)

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].number == number &&
		    fails(numbers[i].class, numbers[i].name))
			return -1;
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
