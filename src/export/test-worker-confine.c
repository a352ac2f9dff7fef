/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process of a sink can still do, and what it cannot.  Each case is a
 * child of its own: confinement is for good.
 */
#include <fcntl.h>
#include <linux/landlock.h>
#include <netdb.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/test.h"
#include "export/worker-confine.h"

static char top[64], state[96], ledger[96], secret[96], out[128];

static int abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
			    LANDLOCK_CREATE_RULESET_VERSION);
}

/* @run in a confined child; its exit code. */
static int in_child(int (*run)(const struct worker *w))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		const struct sink s = { .name = "x",
					.type = SINK_FILE,
					.path = out };
		const struct worker w = {
			.sink = &s,
			.name = "user-x",
			.ledger_dir = ledger,
			.state_fd = open(state, O_RDONLY | O_DIRECTORY),
		};

		_exit(worker_confine(&w) == 0 ? run(&w) : 99);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 1000 + WTERMSIG(status);
}

static int run_work(const struct worker *w)
{
	const struct cursor c = { .seq = 7, .at = 1 };
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai = NULL;
	struct cursor again;
	char path[128];
	int fd;

	if (cursor_save(w->state_fd, w->name, &c) != 0 ||
	    cursor_load(w->state_fd, w->name, &again) != 0)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/record", ledger);
	if (open(path, O_RDONLY) == -1)
		return 2;
	fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd == -1 || write(fd, "x\n", 2) != 2)
		return 3;
	if (socket(AF_INET, SOCK_STREAM, 0) == -1)
		return 4;
	return getaddrinfo("localhost", "1", &hints, &ai) == 0 ? 0 : 5;
}

static int run_filter(const struct worker *w)
{
	char prog[] = "/bin/true", *argv[] = { prog, NULL }, *env[] = { NULL };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)w;
	if (execve(prog, argv, env) != -1 || errno != EPERM)
		return 1;
	if (listen(fd, 1) != -1 || errno != EPERM)
		return 2;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != -1 || errno != EPERM)
		return 3;
	if (socket(AF_PACKET, SOCK_RAW, 0) != -1 || errno != EPERM)
		return 4;
	return unshare(0) == -1 && errno == EPERM ? 0 : 5;
}

static int run_files(const struct worker *w)
{
	char path[128];

	(void)w;
	if (open(secret, O_RDONLY) != -1 || errno != EACCES)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/record", ledger);
	if (open(path, O_WRONLY) != -1 || errno != EACCES)
		return 2;
	return unlink(path) == -1 && errno == EACCES ? 0 : 3;
}

static int run_rest(const struct worker *w)
{
	struct rlimit core;

	(void)w;
	return prctl(PR_GET_DUMPABLE) == 0 &&
			       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
			       getrlimit(RLIMIT_CORE, &core) == 0 &&
			       core.rlim_max == 0
		       ? 0
		       : 1;
}

static void test_can(void)
{
	CHECK_EQ(in_child(run_work), 0);
}

static void test_filter(void)
{
	CHECK_EQ(in_child(run_filter), 0);
}

static void test_files(void)
{
	if (abi() < 1)
		printf("# this kernel has no Landlock: files are not kept\n");
	else
		CHECK_EQ(in_child(run_files), 0);
}

static void test_rest(void)
{
	CHECK_EQ(in_child(run_rest), 0);
}

static bool make_file(const char *path)
{
	return file_save(AT_FDCWD, path, STR("x\n"), 0600, false) == 0;
}

static bool set_up(void)
{
	char path[128];

	(void)snprintf(top, sizeof(top), "/tmp/bawn-test-confine-XXXXXX");
	if (!mkdtemp(top))
		return false;
	/* The ledger's own parent may be read, where it is made later. */
	(void)snprintf(path, sizeof(path), "%s/s", top);
	(void)snprintf(ledger, sizeof(ledger), "%s/s/ledger", top);
	(void)snprintf(state, sizeof(state), "%s/s/sinks", top);
	(void)snprintf(secret, sizeof(secret), "%s/secret", top);
	if (mkdir(path, 0700) == -1 || mkdir(ledger, 0700) == -1 ||
	    mkdir(state, 0700) == -1 || !make_file(secret))
		return false;
	(void)snprintf(path, sizeof(path), "%s/out", top);
	(void)snprintf(out, sizeof(out), "%s/out/lines", top);
	if (mkdir(path, 0700) == -1)
		return false;
	(void)snprintf(path, sizeof(path), "%s/record", ledger);
	return make_file(path);
}

static void tear_down(void)
{
	static const char *const files[] = { "s/sinks/user-x.cursor",
					     "s/ledger/record", "out/lines",
					     "secret" };
	static const char *const dirs[] = { "s/sinks", "s/ledger", "s", "out",
					    "" };
	char path[128];

	for (size_t i = 0; i < N_ELEMS(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", top, files[i]);
		(void)unlink(path);
	}
	for (size_t i = 0; i < N_ELEMS(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", top, dirs[i]);
		(void)rmdir(path);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "it can do its work", test_can },
		{ "no program, no listening, no tracing", test_filter },
		{ "no other files, and the ledger is only read", test_files },
		{ "no core, no new privileges", test_rest },
	};
	int r;

	if (!set_up())
		return 1;
	r = test_main(tests, N_ELEMS(tests));
	tear_down();
	return r;
}
