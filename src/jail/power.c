/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/power.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "jail/sys.h"

#define STACK_BYTES ((size_t)32 * 1024)

struct call {
	int user_ns;
	int (*fn)(void *arg);
	void *arg;
	int result;
};

static own_stack int carry_out(void *arg)
{
	struct call *c = arg;

	c->result = setns(c->user_ns, CLONE_NEWUSER) == -1 ? neg_errno()
							   : c->fn(c->arg);
	_exit(0);
}

int power_call(int user_ns, int (*fn)(void *arg), void *arg)
{
	static _Alignas(16) char stack[STACK_BYTES];
	struct call c = { user_ns, fn, arg, -EPERM };
	sigset_t all, before;
	int status;
	pid_t pid;

	/* A handler of ours must not run in memory that is shared. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(carry_out, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &c);
	if (pid == -1)
		c.result = neg_errno();
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return c.result;
}
