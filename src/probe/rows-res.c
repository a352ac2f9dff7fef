/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources: how much of each is to be had.  Every row stops at a bound and
 * gives back what it took; `reachable` means that the bound was reached, so no
 * limit stood before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define PROCESSES  6000
#define FILES      200000
#define DIR_FILES  20000
#define MIB        (1u << 20)
#define MEMORY_MIB 1536u
#define DISK_MIB   1024u
#define HUGE_FILE  (1LL << 40)

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
	say_amount(out, n, DIR_FILES, "files", e);
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
	RESOURCE("memory", "1.5 GiB of memory", try_memory, NULL),
	RESOURCE("tmp", "1 GiB in /tmp", try_disk, "/tmp"),
	RESOURCE("shm", "1 GiB in /dev/shm", try_disk, "/dev/shm"),
	RESOURCE("project", "1 GiB in the project", try_disk, NULL),
	RESOURCE("huge-file", "a file of a TiB, all holes", try_huge_file,
		 NULL),
	RESOURCE("inodes", "20,000 files in /tmp", try_inodes, NULL),
	RESOURCE("descriptors", "200,000 descriptors", try_files, NULL),
	RAISE("nofile", "more descriptors than given", RLIMIT_NOFILE),
	RAISE("nproc", "more processes than given", RLIMIT_NPROC),
	RAISE("memlock", "more locked memory", RLIMIT_MEMLOCK),
	RAISE("rtprio", "real-time priority", RLIMIT_RTPRIO),
	RAISE("nice", "a higher priority", RLIMIT_NICE),
};
END_ROWS(res);
