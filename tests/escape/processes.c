/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other processes: init, the supervisor, the host's.
 *
 * argv[1]: the supervisor, as the host counts.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "escape.h"

static void init_is_safe(pid_t init)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &escapes, 1 };
	int pidfd = (int)syscall(SYS_pidfd_open, init, 0);

	REFUSED2(EPERM, EACCES, ptrace(PTRACE_SEIZE, init, 0, 0));
	REFUSED2(EPERM, EACCES, ptrace(PTRACE_ATTACH, init, 0, 0));
	REFUSED2(EPERM, EACCES, process_vm_readv(init, &here, 1, &there, 1, 0));
	REFUSED2(EPERM, EACCES,
		 process_vm_writev(init, &here, 1, &there, 1, 0));
	if (pidfd >= 0)
		REFUSED(EPERM, syscall(SYS_pidfd_getfd, pidfd, 3, 0));
	/* Delivered to nobody: pid 1 has no handler for it, the warden a wall. */
	(void)kill(init, SIGKILL);
	(void)kill(init, SIGTERM);
	(void)kill(init, SIGSTOP);
	(void)kill(init, SIGCHLD);
	HOLDS(kill(init, 0) == 0 || errno == EPERM);
}

static void own_children_may_be_traced(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, 0, 0);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	WORKS(waitpid(pid, &status, 0));
	HOLDS(WIFSTOPPED(status));
	WORKS(ptrace(PTRACE_CONT, pid, 0, 0));
	WORKS(waitpid(pid, &status, 0));
	HOLDS(WIFEXITED(status));
}

int main(int argc, char **argv)
{
	HOLDS(argc == 2);
	if (argc == 2)
		REFUSED(alone ? EPERM : ESRCH, kill(number(argv[1]), 0));
	REFUSED(ESRCH, kill(-1000000, SIGKILL));
	init_is_safe(getppid());
	own_children_may_be_traced();
	HOLDS(alone || getppid() == 1);
	return verdict();
}
