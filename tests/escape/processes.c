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

static void init_is_safe(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &escapes, 1 };
	int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);

	REFUSED2(EPERM, EACCES, ptrace(PTRACE_SEIZE, 1, 0, 0));
	REFUSED2(EPERM, EACCES, ptrace(PTRACE_ATTACH, 1, 0, 0));
	REFUSED2(EPERM, EACCES, process_vm_readv(1, &here, 1, &there, 1, 0));
	REFUSED2(EPERM, EACCES, process_vm_writev(1, &here, 1, &there, 1, 0));
	if (pidfd >= 0)
		REFUSED(EPERM, syscall(SYS_pidfd_getfd, pidfd, 3, 0));
	/* Delivered to nobody: pid 1 has no handler for it. */
	(void)kill(1, SIGKILL);
	(void)kill(1, SIGTERM);
	(void)kill(1, SIGSTOP);
	(void)kill(1, SIGCHLD);
	HOLDS(kill(1, 0) == 0 || errno == EPERM);
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
		REFUSED(ESRCH, kill(number(argv[1]), SIGKILL));
	REFUSED(ESRCH, kill(-1000000, SIGKILL));
	init_is_safe();
	own_children_may_be_traced();
	HOLDS(getppid() == 1);
	return verdict();
}
