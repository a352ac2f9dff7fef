/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/test.h"
#include "jail/family.h"
#include "jail/seccomp.h"

#define ENOUGH_NS (10 * NS_PER_S)

/* A child that says "x" to @out when it is what it shall be, and stays. */
static noreturn_fn void stay(int out)
{
	(void)!write(out, "x", 1);
	for (;;)
		(void)pause();
}

static void wait_said(int in, unsigned n)
{
	char c;

	while (n-- > 0)
		CHECK_EQ(read(in, &c, 1), 1);
}

static void fence_self(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    seccomp_enter(SECCOMP_JAIL, SECCOMP_SEES_NOTHING, false, NULL) < 0)
		_exit(1);
}

static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void test_has(void)
{
	int pipes[2];
	pid_t pid;

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		/* A name that reads like what follows it in /proc. */
		(void)prctl(PR_SET_NAME, ") Z 1 (x");
		stay(pipes[1]);
	}
	wait_said(pipes[0], 1);
	CHECK(family_has(getpid(), pid));
	CHECK(family_has(getppid(), pid));
	CHECK(family_has(pid, pid));
	CHECK(!family_has(pid, getpid()));
	CHECK(!family_has(getpid(), getppid()));
	CHECK(!family_has(getpid(), 0));
	CHECK(!family_has(getpid(), 1));
	CHECK(!family_has(getpid(), -1));
	CHECK(!family_has(getpid(), INT32_MAX));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

/* Those with a filter end, orphans and forks too; others are not ours. */
static void test_kill(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	pid_t plain, fenced;
	int pipes[2];

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	plain = fork();
	if (plain == 0)
		stay(pipes[1]);
	fenced = fork();
	if (fenced == 0) {
		fence_self();
		if (fork() == 0) {
			(void)setsid();
			if (fork() == 0)
				stay(pipes[1]);
			_exit(0); /* its child is an orphan */
		}
		(void)sigaction(SIGTERM, &ignore, NULL);
		stay(pipes[1]);
	}
	wait_said(pipes[0], 3);
	CHECK(family_kill(ENOUGH_NS));
	CHECK(!is_alive(fenced)); /* reaped, too */
	CHECK(is_alive(plain));
	(void)kill(plain, SIGKILL);
	(void)waitpid(plain, NULL, 0);
	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK(family_kill(ENOUGH_NS)); /* of nobody */
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

struct look {
	char want[64];
	unsigned seen, all;
	bool stop;
};

static bool see(void *owner, const char *link)
{
	struct look *l = owner;

	l->all++;
	l->seen += strcmp(link, l->want) == 0;
	return !l->stop;
}

static void test_descriptors(void)
{
	struct look l = { .seen = 0 };
	int pipes[2], own[2];
	struct stat st;
	pid_t pid;

	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(own, O_CLOEXEC), 0);
	CHECK_EQ(fstat(own[0], &st), 0);
	(void)snprintf(l.want, sizeof(l.want), "pipe:[%llu]",
		       (unsigned long long)st.st_ino);
	pid = fork();
	if (pid == 0)
		stay(pipes[1]);
	(void)close(own[0]);
	(void)close(own[1]);
	wait_said(pipes[0], 1);
	family_each_fd(see, &l);
	CHECK_EQ(l.seen, 2);
	l.stop = true;
	l.all = 0;
	family_each_fd(see, &l);
	CHECK_EQ(l.all, 1);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

int main(void)
{
	static const struct test tests[] = {
		{ "who descends from whom", test_has },
		{ "the whole family ends, and nobody else", test_kill },
		{ "descriptors of all", test_descriptors },
	};

	return test_main(tests, N_ELEMS(tests));
}
