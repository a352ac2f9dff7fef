/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/attempt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/fixtures.h"

#define POLL_NS 1000000L
/* After the limit: children of the child that are reaped before going on. */
#define REAP_MAX 4096u

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/*
 * A session of its own: nothing that a row does reaches the user's terminal by
 * accident (vhangup), and one signal ends what it started.
 */
static _Noreturn void child(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	static const struct rlimit no_core = { 0, 0 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	ignore_signal(SIGPIPE);
	ignore_signal(SIGTTOU);
	if (a->flags & ATTEMPT_TTY)
		(void)setpgid(0, 0);
	else
		(void)setsid();
	a->run(a, r, out);
	_exit(0);
}

/* True: @pid has ended, with @status. */
static bool wait_until(pid_t pid, uint64_t end, int *status)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	for (;;) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid || (got == -1 && errno != EINTR))
			return true;
		if (now_ms() > end)
			return false;
		(void)nanosleep(&pause, NULL);
	}
}

/* What the child left comes to us, as we are its subreaper. */
static void reap_rest(const struct run *r)
{
	for (unsigned i = 0; i < REAP_MAX; i++) {
		siginfo_t si = { 0 };

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == -1 ||
		    si.si_pid == 0 || si.si_pid == r->sibling)
			return;
		(void)waitpid(si.si_pid, NULL, WNOHANG);
	}
}

void attempt_run(const struct attempt *a, const struct run *r,
		 struct result *shared)
{
	uint64_t ms = a->flags & ATTEMPT_SLOW ? ATTEMPT_SLOW_MS : ATTEMPT_MS;
	int status = 0;
	pid_t pid;

	(void)memset(shared, 0, sizeof(*shared));
	(void)fflush(stdout); /* or the child has a copy of it */
	pid = fork();
	if (pid == 0)
		child(a, r, shared);
	if (pid == -1) {
		say_untried(shared, "no process for it: %s", strerror(errno));
		return;
	}
	if (!wait_until(pid, now_ms() + ms, &status)) {
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		/* A word said in advance was for another end than this one. */
		if (shared->outcome != OUTCOME_REACHABLE)
			say_refused(shared, ETIMEDOUT, "no end within %u ms",
				    (unsigned)ms);
	}
	(void)kill(-pid, SIGKILL);
	say_ended(shared, status);
	reap_rest(r);
}
