/* SPDX-License-Identifier: Apache-2.0 */
/* System calls by other numbers than the filter's: i386 and x32. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "escape.h"

#ifdef __x86_64__
#define X32         0x40000000L
#define I386_GETPID 20

static void try_i386(void)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"((long)I386_GETPID)
			 : "memory", "r8", "r9", "r10", "r11");
	_exit(r > 0 ? 1 : 2);
}

static void try_x32(void)
{
	long r = syscall(X32 | SYS_getpid);

	_exit(r > 0 ? 1 : 2);
}

static void must_die(const char *what, void (*try)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		try();
	(void)waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return;
	/* A kernel without that ABI is as good: SIGSEGV. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		return;
	printf("# %s: status %#x\n", what, (unsigned)status);
	escapes++;
}

int main(void)
{
	must_die("int 0x80", try_i386);
	must_die("x32", try_x32);
	return verdict();
}
#else
int main(void)
{
	return 77;
}
#endif
