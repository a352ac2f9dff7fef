/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-ops WHAT N DIR: N known operations of each kind, in DIR.  What it did
 * is what test-witness.py expects on the ledger, exactly.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static long n;
static const char *dir;

#define MUST(x)                                                           \
	do {                                                              \
		if (!(x)) {                                               \
			fprintf(stderr, "%s: %s\n", #x, strerror(errno)); \
			exit(3);                                          \
		}                                                         \
	} while (0)

static char *name(char *dst, const char *kind, long i)
{
	(void)snprintf(dst, 256, "%s/%s%ld", dir, kind, i);
	return dst;
}

static void files(void)
{
	char a[256], b[256];
	int fd, d;

	MUST((d = open(dir, O_RDONLY | O_DIRECTORY)) != -1);
	for (long i = 0; i < n; i++) {
		MUST((fd = open(name(a, "f", i), O_CREAT | O_WRONLY, 0644)) !=
		     -1);
		MUST(fchmod(fd, 0600) == 0 && fchown(fd, -1, -1) == 0);
		close(fd);
		MUST((fd = open(a, O_RDONLY)) != -1);
		close(fd);
		MUST((fd = open(a, O_RDWR)) != -1);
		close(fd);
		MUST((fd = creat(a, 0600)) != -1);
		close(fd);
		MUST(truncate(a, 10) == 0);
		MUST(chmod(a, 0640) == 0 && chown(a, -1, -1) == 0);
		MUST(link(a, name(b, "l", i)) == 0 && unlink(b) == 0);
		MUST(symlink("to", name(b, "s", i)) == 0 && unlink(b) == 0);
		MUST(mkdir(name(b, "d", i), 0700) == 0 && rmdir(b) == 0);
		MUST(mknod(name(b, "n", i), S_IFIFO | 0600, 0) == 0 &&
		     unlink(b) == 0);
		MUST(rename(a, name(b, "r", i)) == 0);
		/* the same by descriptors of a directory */
		(void)snprintf(a, sizeof(a), "r%ld", i);
		(void)snprintf(b, sizeof(b), "x%ld", i);
		MUST(renameat(d, a, d, b) == 0);
		MUST((fd = openat(d, b, O_RDONLY)) != -1);
		close(fd);
		MUST(fchmodat(d, b, 0600, 0) == 0);
		MUST(linkat(d, b, d, a, 0) == 0 && unlinkat(d, a, 0) == 0);
		MUST(unlinkat(d, b, 0) == 0);
		(void)setxattr(dir, "user.x", "1", 1, 0);
		(void)removexattr(dir, "user.x");
	}
	close(d);
}

static void opens(void)
{
	char a[256];
	int fd;

	for (long i = 0; i < n; i++) {
		MUST((fd = open(name(a, "same", i % 7), O_RDONLY | O_CREAT,
				0600)) != -1);
		close(fd);
	}
}

static void *thread(void *arg)
{
	char a[256];

	for (long i = 0; i < n; i++) {
		int fd = open(name(a, arg, i), O_CREAT | O_WRONLY, 0600);

		MUST(fd != -1);
		close(fd);
	}
	return NULL;
}

static void threads(void)
{
	static char *names[] = { "ta", "tb", "tc", "td", "te", "tf" };
	pthread_t t[6];

	for (int i = 0; i < 6; i++)
		MUST(pthread_create(&t[i], NULL, thread, names[i]) == 0);
	for (int i = 0; i < 6; i++)
		MUST(pthread_join(t[i], NULL) == 0);
}

static void execs(void)
{
	char arg[40], *argv[] = { "true", arg, NULL }, *env[] = { NULL };

	for (long i = 0; i < n; i++) {
		pid_t pid;
		int status;

		(void)snprintf(arg, sizeof(arg), "run-%ld", i);
		pid = i % 2 ? vfork() : fork();
		if (pid == 0) {
			if (i % 5)
				execve("/usr/bin/true", argv, env);
			else
				syscall(SYS_execveat, AT_FDCWD, "/usr/bin/true",
					argv, env, 0);
			_exit(9);
		}
		MUST(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

static void nets(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(4444),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX,
				  .sun_path = "\0abstract" };
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct mmsghdr mm[3];

	for (long i = 0; i < n; i++) {
		int t = socket(AF_INET, SOCK_STREAM, 0);
		int s = socket(AF_INET, SOCK_STREAM, 0);
		int u = socket(AF_INET, SOCK_DGRAM, 0);
		int l = socket(AF_UNIX, SOCK_STREAM, 0);

		MUST(connect(t, (void *)&to, sizeof(to)) == -1);
		MUST(bind(s, (void *)&any, sizeof(any)) == 0);
		MUST(listen(s, 1) == 0);
		(void)connect(l, (void *)&un,
			      offsetof(struct sockaddr_un, sun_path) + 9);
		MUST(sendto(u, "x", 1, 0, (void *)&to, sizeof(to)) == 1);
		m.msg_name = &to;
		m.msg_namelen = sizeof(to);
		(void)sendmsg(u, &m, 0);
		for (int k = 0; k < 3; k++)
			mm[k] = (struct mmsghdr){ .msg_hdr = m };
		mm[1].msg_hdr.msg_name = NULL; /* none of ours */
		mm[1].msg_hdr.msg_namelen = 0;
		(void)sendmmsg(u, mm, 3, 0);
		/* without an address */
		(void)send(u, "x", 1, 0);
		close(t), close(s), close(u), close(l);
	}
}

/* Paths that begin, end and lie where memory ends; no path at all. */
static void edges(void)
{
	char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     a[256];
	size_t len;

	MUST(at != MAP_FAILED && mprotect(at + 4096, 4096, PROT_NONE) == 0);
	for (long i = 0; i < n; i++) {
		len = strlen(name(a, "edge", i)) + 1;
		memcpy(at + 4096 - len, a, len);
		int fd = open(at + 4096 - len, O_CREAT | O_WRONLY, 0600);

		MUST(fd != -1);
		close(fd);
		MUST(open((char *)8, O_WRONLY) == -1 && errno == EFAULT);
		MUST(open("", O_WRONLY) == -1 && errno == ENOENT);
	}
	(void)snprintf(a, sizeof(a), "%s/\xff\"\\\n\x01", dir);
	int fd = open(a, O_CREAT | O_WRONLY, 0600);

	MUST(fd != -1);
}

static void many(void)
{
	static char own[256];

	for (int i = 0; i < 8; i++) {
		if (fork() == 0) {
			(void)snprintf(own, sizeof(own), "%s/p%d", dir, i);
			MUST(mkdir(own, 0700) == 0);
			dir = own;
			files();
			exit(0);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status;

		MUST(wait(&status) > 0 && status == 0);
	}
}

/* What would pass by the filter: another ABI, calls made elsewhere. */
static void i386(void)
{
#ifdef __x86_64__
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
	printf("alive %ld\n", r);
#else
	abort();
#endif
}

static void io_uring(void)
{
	char params[256] = { 0 };

	MUST(syscall(425, 4, params) == -1 && errno == ENOSYS);
}

/* A thread exchanges the path while it is opened; which file it was is said. */
static volatile char *flipped;
static volatile int flip_over;

static void *flip(void *arg)
{
	(void)arg;
	while (!flip_over) {
		*flipped = 'a';
		for (volatile int i = 0; i < 40; i++)
			;
		*flipped = 'b';
		for (volatile int i = 0; i < 40; i++)
			;
	}
	return NULL;
}

static void flips(void)
{
	static char path[256];
	long opened[2] = { 0, 0 };
	struct stat st[2], got;
	pthread_t t;

	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/flip-%c", dir, 'a' + i);
		int fd = open(path, O_CREAT | O_WRONLY, 0600);

		MUST(fd != -1 && fstat(fd, &st[i]) == 0);
		close(fd);
	}
	flipped = path + strlen(path) - 1;
	MUST(pthread_create(&t, NULL, flip, NULL) == 0);
	for (long i = 0; i < n; i++) {
		int fd = open(path, O_RDONLY);

		MUST(fd != -1 && fstat(fd, &got) == 0);
		opened[got.st_ino == st[1].st_ino]++;
		close(fd);
	}
	flip_over = 1;
	(void)pthread_join(t, NULL);
	printf("%ld %ld\n", opened[0], opened[1]);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} all[] = {
		{ "files", files },       { "opens", opens },
		{ "threads", threads },   { "execs", execs },
		{ "nets", nets },         { "edges", edges },
		{ "many", many },         { "i386", i386 },
		{ "io_uring", io_uring }, { "flips", flips },
	};

	if (argc != 4)
		return 64;
	for (const char *c = argv[2]; *c; c++)
		n = n * 10 + (*c - '0');
	dir = argv[3];
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].name, argv[1]) == 0) {
			all[i].run();
			return 0;
		}
	}
	return 64;
}
