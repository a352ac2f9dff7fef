/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces below ours, in which one would be root. */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>

#include "escape.h"

#define HIGH_BIT (1L << 32)

int main(void)
{
	static const long flags[] = {
		CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,    CLONE_NEWNET,
		CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP,
	};
	struct clone_args args = { .flags = CLONE_NEWUSER,
				   .exit_signal = SIGCHLD };
	char knob[8] = "";
	int fd;

	for (size_t i = 0; i < N_ELEMS(flags); i++) {
		REFUSED(EPERM, syscall(SYS_unshare, flags[i]));
		REFUSED(EPERM, syscall(SYS_unshare, flags[i] | HIGH_BIT));
		REFUSED(EPERM, syscall(SYS_unshare, flags[i] | CLONE_FS));
		REFUSED(EPERM,
			syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0));
	}
	REFUSED(EPERM, syscall(SYS_unshare, CLONE_NEWTIME));
	REFUSED(ENOSYS, syscall(SYS_clone3, &args, sizeof(args)));
	args.flags = 0;
	REFUSED(ENOSYS, syscall(SYS_clone3, &args, sizeof(args)));

	fd = open("/proc/self/ns/user", O_RDONLY);
	HOLDS(fd >= 0);
	REFUSED(EPERM, setns(fd, CLONE_NEWUSER));
	REFUSED(EPERM, setns(fd, 0));
	REFUSED(EPERM, setns(-1, CLONE_NEWNET));

	/* The kernel's own wall, behind the filter; the jail's namespace has it. */
	fd = open("/proc/sys/user/max_user_namespaces", O_RDONLY);
	HOLDS(alone ||
	      (fd >= 0 && read(fd, knob, sizeof(knob)) > 0 && knob[0] == '0'));
	REFUSED2(EROFS, EACCES,
		 open("/proc/sys/user/max_user_namespaces", O_WRONLY));

	WORKS(unshare(CLONE_FS | CLONE_FILES));
	return verdict();
}
