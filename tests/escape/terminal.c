/* SPDX-License-Identifier: Apache-2.0 */
/* Typing into the terminal.  Runs on a pty of the jail. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "escape.h"

#define TIOCLINUX_ 0x541cL

int main(void)
{
	static const long high[] = { 0, 1L << 32, 0xffffffffL << 32 };
	char c = 'x', paste = 3, pts[16];
	struct stat own, other;

	HOLDS(isatty(0));
	for (size_t i = 0; i < N_ELEMS(high); i++) {
		REFUSED(EPERM, syscall(SYS_ioctl, 0, TIOCSTI | high[i], &c));
		REFUSED(EPERM,
			syscall(SYS_ioctl, 0, TIOCLINUX_ | high[i], &paste));
	}
	/* It is ours, and the controlling one. */
	WORKS(open("/dev/tty", O_RDWR));
	if (has("terminals"))
		HOLDS(strcmp(ttyname(0), "/dev/pts/0") == 0);
	if (alone)
		REFUSED(EACCES, open("/dev/ptmx", O_RDWR));
	REFUSED2(BEYOND, ENOENT, open("/dev/console", O_RDWR));
	REFUSED2(BEYOND, ENOENT, open("/dev/tty1", O_RDWR));
	for (int i = 0; i < 8; i++) {
		(void)snprintf(pts, sizeof(pts), "/dev/pts/%d", i);
		/* Alone it is the host's directory, and ours any of them. */
		if (fstat(0, &own) == 0 && stat(pts, &other) == 0 &&
		    own.st_rdev == other.st_rdev)
			continue;
		REFUSED2(BEYOND, ENOENT, open(pts, O_RDWR));
	}
	return verdict();
}
