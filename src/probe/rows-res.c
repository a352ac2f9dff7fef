/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources: how much of each is to be had.  Every row stops at a bound and
 * gives back what it took; `reachable` means that the bound was reached, so no
 * limit stood before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define PROCESSES          6000
#define FAILED_MAX         64 /* times that a fork fails before all give up */
#define THREADS            4000
#define THREAD_STACK       (64u << 10)
#define TERMINALS          512
#define SIGNALS_UNKNOWN    65536ul
#define LOCKS              5000
#define KEYS               100 /* of 200 that a user may have */
#define WATCHERS           100 /* of 128 */
#define QUEUES             9 /* of 10, as large as they are made unless said */
#define PIPES              1024
#define PIPE_SIZE          (1u << 20)
#define FILES              200000
#define DIR_FILES          20000
#define INODES_MAX         (1ul << 20) /* in memory: a GiB of the kernel's */
#define MIB                (1u << 20)
#define MEMORY_MIB         1536u
#define MEMFD_MIB          128u /* in each: a limit may be one of files */
#define DISK_MIB           1024u
#define PROCESS_KEYRING    (-2)
#define KEYCTL_INVALIDATE_ 21
#define HUGE_FILE          (1LL << 40)

static void say_amount(struct result *out, unsigned long n, unsigned long max,
		       const char *unit, int error)
{
	if (n >= max)
		say_reachable(out, "%lu %s", n, unit);
	else
		say_refused(out, error, "after %lu %s", n, unit);
}

/* All in one process group, which the end of the attempt kills. */
static void try_processes(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	unsigned long n = 0;
	int e = 0;

	(void)a;
	(void)r;
	for (; n < PROCESSES; n++) {
		pid_t pid = fork();

		if (pid == -1) {
			e = errno;
			break;
		}
		if (pid == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			(void)pause();
			_exit(0);
		}
	}
	say_amount(out, n, PROCESSES, "processes", e);
	(void)kill(0, SIGKILL);
}

static void *wait_here(void *arg)
{
	for (;;)
		(void)pause();
	return arg;
}

/*
 * Each begets as long as it can: they are counted where all can see it, and the
 * bound is for all of them.
 */
static void try_fork_bomb(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	struct {
		unsigned long n, failed;
		int error;
	} *all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct timespec tick = { .tv_nsec = 1000000 };
	bool child = false;

	(void)a;
	(void)r;
	if (all == MAP_FAILED) {
		say_untried(out, "no memory");
		return;
	}
	(void)memset(all, 0, sizeof(*all));
	while (__atomic_load_n(&all->n, __ATOMIC_RELAXED) < PROCESSES &&
	       __atomic_load_n(&all->failed, __ATOMIC_RELAXED) < FAILED_MAX) {
		pid_t pid = fork();

		if (pid == 0) {
			child = true;
			(void)__atomic_add_fetch(&all->n, 1, __ATOMIC_RELAXED);
		} else if (pid == -1) {
			all->error = errno;
			(void)__atomic_add_fetch(&all->failed, 1,
						 __ATOMIC_RELAXED);
			(void)nanosleep(&tick, NULL);
		}
	}
	if (child)
		(void)wait_here(NULL);
	say_amount(out, all->n, PROCESSES, "processes", all->error);
	(void)kill(0, SIGKILL);
}

static void try_threads(const struct attempt *a, const struct run *r,
			struct result *out)
{
	unsigned long n = 0;
	pthread_attr_t attr;
	pthread_t id;
	int e = 0;

	(void)a;
	(void)r;
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK);
	while (n < THREADS && e == 0) {
		e = pthread_create(&id, &attr, wait_here, NULL);
		n += e == 0;
	}
	say_amount(out, n, THREADS, "threads", e);
}

static void try_memory(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	unsigned long n = 0;
	int e = 0;

	(void)a;
	(void)r;
	say_refused(out, ENOMEM, "killed while taking memory");
	for (; n < MEMORY_MIB; n++) {
		char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED) {
			e = errno;
			break;
		}
		(void)memset(p, (int)n + 1, MIB);
	}
	say_amount(out, n, MEMORY_MIB, "MiB", e);
}

/* Pages that belong to no process's own memory. */
static void try_memfd(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	static char block[MIB];
	unsigned long n = 0;
	int fd = -1, e = 0;

	(void)a;
	(void)r;
	say_refused(out, ENOMEM, "killed while taking memory");
	(void)memset(block, 'x', sizeof(block));
	ignore_signal(SIGXFSZ);
	for (; n < MEMORY_MIB; n++) {
		if (n % MEMFD_MIB == 0)
			fd = memfd_create("bawn-probe", MFD_CLOEXEC);
		if (write_all(fd, block, sizeof(block)) == -1) {
			e = errno;
			break;
		}
	}
	say_amount(out, n, MEMORY_MIB, "MiB", e);
}

/* @arg: the directory; NULL: the project.  The file has no name. */
static void try_disk(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	static char block[MIB];
	const char *dir =
		a->arg ? a->arg : fixture_text(r->fixtures, FIX_PROJECT);
	unsigned long n = 0;
	int fd, e = 0;

	if (!dir) {
		say_untried(out, "no fixture: project");
		return;
	}
	ignore_signal(SIGXFSZ);
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd == -1) {
		say_refused(out, errno, "%s", dir);
		return;
	}
	(void)memset(block, 'x', sizeof(block));
	for (; n < DISK_MIB; n++) {
		if (write_all(fd, block, sizeof(block)) == -1) {
			e = errno;
			break;
		}
	}
	say_amount(out, n, DISK_MIB, "MiB", e);
}

static void try_huge_file(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	const char *dir = fixture_text(r->fixtures, FIX_PROJECT);
	int fd;

	(void)a;
	if (!dir) {
		say_untried(out, "no fixture: project");
		return;
	}
	ignore_signal(SIGXFSZ);
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	say_call(out, ftruncate(fd, HUGE_FILE));
}

static void try_files(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	unsigned long n = 0;
	int e = 0;

	(void)a;
	(void)r;
	for (; n < FILES; n++) {
		if (open("/", O_PATH | O_CLOEXEC) == -1) {
			e = errno;
			break;
		}
	}
	say_amount(out, n, FILES, "descriptors", e);
}

/* Names cost memory of the kernel where the file system is memory. */
static void try_inodes(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	char dir[] = "/tmp/bawn-probe.XXXXXX", path[64];
	unsigned long n = 0;
	struct statfs fs;
	int e = 0;

	(void)a;
	(void)r;
	if (!mkdtemp(dir)) {
		say_refused(out, errno, "/tmp");
		return;
	}
	for (; n < DIR_FILES; n++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%lu", dir, n);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (fd == -1) {
			e = errno;
			break;
		}
		(void)close(fd);
	}
	for (unsigned long i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%lu", dir, i);
		(void)unlink(path);
	}
	(void)rmdir(dir);
	if (n == DIR_FILES && statfs("/tmp", &fs) == 0 &&
	    fs.f_type == TMPFS_MAGIC && fs.f_files > 0 &&
	    fs.f_files <= INODES_MAX)
		say_refused(out, ENOSPC, "no more than %lu",
			    (unsigned long)fs.f_files);
	else
		say_amount(out, n, DIR_FILES, "files", e);
}

/* ---- what a user has for all programs together ---- */

static void try_terminals(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	unsigned long n = 0;

	(void)a;
	(void)r;
	while (n < TERMINALS && posix_openpt(O_RDWR | O_NOCTTY) != -1)
		n++;
	say_amount(out, n, TERMINALS, "terminals", errno);
}

/* The kernel gives a user, unless told otherwise, half as many signals. */
static unsigned long of_all_threads(void)
{
	char text[32];
	unsigned long n = 0;

	if (read_file("/proc/sys/kernel/threads-max", text, sizeof(text)) <= 0)
		return SIGNALS_UNKNOWN;
	for (const char *p = text; *p >= '0' && *p <= '9' && n < 1ul << 20; p++)
		n = n * 10 + (unsigned long)(*p - '0');
	return n;
}

/* Each takes one of the signals that may be queued. */
static void try_timers(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	unsigned long n = 0, max = of_all_threads() / 8 * 3;
	timer_t id;

	(void)a;
	(void)r;
	while (n < max && timer_create(CLOCK_MONOTONIC, NULL, &id) == 0)
		n++;
	say_amount(out, n, max, "timers", errno);
}

/* Of single bytes, with one between, or they become one. */
static void try_locks(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	const char *dir = fixture_text(r->fixtures, FIX_PROJECT);
	struct flock l = { .l_type = F_WRLCK, .l_len = 1 };
	unsigned long n = 0;
	int fd;

	(void)a;
	if (!dir) {
		say_untried(out, "no fixture: project");
		return;
	}
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	while (n < LOCKS && fcntl(fd, F_SETLK, &l) == 0) {
		l.l_start += 2;
		n++;
	}
	say_amount(out, n, LOCKS, "locks", errno);
}

static void try_keys(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	long ids[KEYS];
	unsigned long n = 0;
	char name[32];
	int e = 0;

	(void)a;
	(void)r;
	/* A keyring of this process alone, gone with it. */
	for (; n < KEYS; n++) {
		(void)snprintf(name, sizeof(name), "bawn-probe-%lu", n);
		ids[n] = syscall(SYS_add_key, "user", name, "x", 1,
				 PROCESS_KEYRING);
		if (ids[n] == -1) {
			e = errno;
			break;
		}
	}
	for (unsigned long i = 0; i < n; i++)
		(void)syscall(SYS_keyctl, KEYCTL_INVALIDATE_, ids[i]);
	say_amount(out, n, KEYS, "keys", e);
}

static void try_watchers(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	unsigned long n = 0;

	(void)a;
	(void)r;
	while (n < WATCHERS && inotify_init1(IN_CLOEXEC) != -1)
		n++;
	say_amount(out, n, WATCHERS, "of inotify's", errno);
}

static void try_queues(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	unsigned long n = 0;
	char name[64];
	int e = 0;

	(void)a;
	for (; n < QUEUES; n++) {
		mqd_t q;

		(void)snprintf(name, sizeof(name), "/bawn-probe-%u-%lu",
			       (unsigned)r->parent, n);
		q = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, NULL);
		if (q == (mqd_t)-1) {
			e = errno;
			break;
		}
		/* It lives as long as it is open. */
		(void)mq_unlink(name);
	}
	say_amount(out, n, QUEUES, "message queues", e);
}

static void try_pipes(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	unsigned long n = 0;
	int fds[2];

	(void)a;
	(void)r;
	while (n < PIPES && pipe2(fds, O_CLOEXEC) == 0 &&
	       fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE) != -1)
		n++;
	say_amount(out, n, PIPES, "pipes of a MiB", errno);
}

/* @arg: which limit; whether it may be raised beyond what was given. */
static void try_raise(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	int which = *(const int *)a->arg;
	struct rlimit l;

	(void)r;
	if (getrlimit((__rlimit_resource_t)which, &l) == -1) {
		say_refused(out, errno, "%s", "");
		return;
	}
	if (l.rlim_max == RLIM_INFINITY) {
		say_reachable(out, "no limit");
		return;
	}
	l.rlim_max++;
	say_call(out, setrlimit((__rlimit_resource_t)which, &l));
}

#define RESOURCE(id, what, fn, arg)                                       \
	{                                                                 \
		"res." id, what, "getrlimit(2), cgroups(7)", (fn), (arg), \
			ATTEMPT_RESOURCES | ATTEMPT_SLOW                  \
	}
#define RAISE(id, what, which) \
	RESOURCE("raise-" id, what, try_raise, (&(const int){ (which) }))

const struct attempt res_rows[] = {
	RESOURCE("processes", "6,000 processes", try_processes, NULL),
	RESOURCE("fork-bomb", "the same by all who are there", try_fork_bomb,
		 NULL),
	RESOURCE("threads", "4,000 threads", try_threads, NULL),
	RESOURCE("memory", "1.5 GiB of memory", try_memory, NULL),
	RESOURCE("memfd", "1.5 GiB in files without a name", try_memfd, NULL),
	RESOURCE("tmp", "1 GiB in /tmp", try_disk, "/tmp"),
	RESOURCE("shm", "1 GiB in /dev/shm", try_disk, "/dev/shm"),
	RESOURCE("project", "1 GiB in the project", try_disk, NULL),
	RESOURCE("huge-file", "a file of a TiB, all holes", try_huge_file,
		 NULL),
	RESOURCE("inodes", "20,000 files in /tmp, and no limit near",
		 try_inodes, NULL),
	RESOURCE("descriptors", "200,000 descriptors", try_files, NULL),
	RESOURCE("terminals", "512 terminals", try_terminals, NULL),
	RESOURCE("timers", "most of the user's queued signals, by timers",
		 try_timers, NULL),
	RESOURCE("locks", "5,000 locks", try_locks, NULL),
	RESOURCE("keys", "100 of the user's 200 keys", try_keys, NULL),
	RESOURCE("watchers", "100 of the user's 128 of inotify", try_watchers,
		 NULL),
	RESOURCE("message-queues", "9 of the user's 10 message queues",
		 try_queues, NULL),
	RESOURCE("pipes", "1,024 pipes of a MiB", try_pipes, NULL),
	RAISE("nofile", "more descriptors than given", RLIMIT_NOFILE),
	RAISE("nproc", "more processes than given", RLIMIT_NPROC),
	RAISE("memlock", "more locked memory", RLIMIT_MEMLOCK),
	RAISE("rtprio", "real-time priority", RLIMIT_RTPRIO),
	RAISE("nice", "a higher priority", RLIMIT_NICE),
};
END_ROWS(res);
