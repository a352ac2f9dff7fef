/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a confined scribe can still do, and what it cannot.  Each case is a
 * child of its own: confinement is for good.
 */
#include <linux/landlock.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/test.h"
#include "ledger/confine.h"
#include "ledger/test-dir.h"
#include "ledger/verify.h"

#define SKIPPED 3 /* of a child: this machine or build has no such layer */

/* Asked of the kernel and the build, never of the report: a layer that is not
 * in force though it could be is what these tests are for. */
static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0,
		       LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

static struct test_dir dir;

struct child {
	struct store *store;
	bool landlock, filter; /* there is one here */
	struct confine_report report;
};

/* @run in a confined child; its exit code, 1000 + n: by signal n. */
static int in_child(int (*run)(struct child *c))
{
	const struct store_options o = { .file_bytes = 300 };
	struct child c = { .landlock = has_landlock(), .filter = !SANITIZED };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (store_open(&c.store, dir.path, &o, NULL) != 0 ||
		    confine_scribe(store_dirfd(c.store), &c.report) != 0)
			_exit(99);
		_exit(run(&c));
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 1000 + WTERMSIG(status);
}

/* Appends over several files. */
static int run_store(struct child *c)
{
	for (uint64_t i = 1; i <= 9; i++) {
		if (test_append(c->store, i, i) != 0)
			return 1;
	}
	if (store_publish(c->store) != 0)
		return 2;
	store_free(c->store);
	return 0;
}

/* Directories are made, and partial tiles removed. */
static int run_bundles(struct child *c)
{
	for (uint64_t i = 1; i <= 900; i += 90) {
		if (test_append(c->store, i, i + 89) != 0 ||
		    store_publish(c->store) != 0)
			return 1;
	}
	store_free(c->store);
	return 0;
}

static void test_store_works(void)
{
	struct verify_report rep;

	test_dir_init(&dir);
	CHECK_EQ(in_child(run_store), 0);
	CHECK_EQ(verify_dir(dir.path, NULL, NULL, &rep), 0);
	CHECK_EQ(rep.records, 9);
	CHECK_EQ(rep.size, 9);
	CHECK_EQ(in_child(run_bundles), 0);
	CHECK_EQ(verify_dir(dir.path, NULL, NULL, &rep), 0);
	CHECK_EQ(rep.size, 9 + 900);
	test_dir_done(&dir);
}

static int expect(bool holds)
{
	return holds ? 0 : 1;
}

static int run_open_outside(struct child *c)
{
	if (!c->landlock)
		return SKIPPED;
	return expect(open("/etc/passwd", O_RDONLY | O_CLOEXEC) == -1 &&
		      errno == EACCES);
}

static int run_create_outside(struct child *c)
{
	if (!c->landlock)
		return SKIPPED;
	return expect(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) ==
			      -1 &&
		      errno == EACCES);
}

static int run_report(struct child *c)
{
	return expect((c->report.landlock_abi > 0) == c->landlock &&
		      c->report.seccomp == c->filter);
}

static int run_limits(struct child *c)
{
	struct rlimit l;

	if (c->filter)
		return 0; /* and so cannot be asked: prctl(2) kills */
	return expect(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
		      prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
		      getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_max == 0);
}

static int run_socket(struct child *c)
{
	if (!c->filter)
		return SKIPPED;
	return expect(socket(AF_INET, SOCK_STREAM, 0) == -1) + 10;
}

static int run_fork(struct child *c)
{
	if (!c->filter)
		return SKIPPED;
	return expect(fork() == -1) + 10;
}

static int run_exec(struct child *c)
{
	char *const argv[] = { (char[]){ "true" }, NULL };

	if (!c->filter)
		return SKIPPED;
	return expect(execv("/bin/true", argv) == -1) + 10;
}

static int run_code(struct child *c)
{
	void *p;

	if (!c->filter)
		return SKIPPED;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return expect(p == MAP_FAILED) + 10;
}

static void test_the_rest_does_not(void)
{
	static const struct {
		const char *what;
		int (*run)(struct child *c);
		int want;
	} rows[] = {
		{ "open outside", run_open_outside, 0 },
		{ "create outside", run_create_outside, 0 },
		{ "report", run_report, 0 },
		{ "limits", run_limits, 0 },
		{ "socket", run_socket, 1000 + SIGSYS },
		{ "fork", run_fork, 1000 + SIGSYS },
		{ "exec", run_exec, 1000 + SIGSYS },
		{ "code", run_code, 1000 + SIGSYS },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		int got;

		test_dir_init(&dir);
		got = in_child(rows[i].run);
		if (got == SKIPPED)
			printf("# %s: not in force here\n", rows[i].what);
		else if (got != rows[i].want)
			printf("# %s\n", rows[i].what);
		if (got != SKIPPED)
			CHECK_EQ(got, rows[i].want);
		test_dir_done(&dir);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "the store works", test_store_works },
		{ "the rest does not", test_the_rest_does_not },
	};

	return test_main(tests, N_ELEMS(tests));
}
