/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Set-id files and devices in the workspace.  On an idmapped workspace they
 * would be the owner's on the host: root's, when root started the jail.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "escape.h"

#define FCHMODAT2 452
#define HIGH_BIT  (1L << 32)

static void try_modes(mode_t bit)
{
	mode_t mode = 0755 | bit;
	int fd = open("f", O_CREAT | O_RDWR, 0755);

	HOLDS(fd >= 0);
	REFUSED(EPERM, chmod("f", mode));
	REFUSED(EPERM, fchmod(fd, mode));
	REFUSED(EPERM, fchmodat(AT_FDCWD, "f", mode, 0));
	REFUSED(EPERM, syscall(SYS_fchmodat, AT_FDCWD, "f", mode | HIGH_BIT));
	REFUSED2(EPERM, ENOSYS, syscall(FCHMODAT2, AT_FDCWD, "f", mode, 0));
	REFUSED(EPERM, open("n", O_CREAT | O_WRONLY, mode));
	REFUSED(EPERM, openat(AT_FDCWD, "n", O_CREAT | O_WRONLY, mode));
	REFUSED(EPERM,
		openat(AT_FDCWD, "f", O_CREAT | O_TRUNC | O_WRONLY, mode));
	REFUSED(EPERM, open(".", O_TMPFILE | O_WRONLY, mode));
	REFUSED(EPERM, openat(AT_FDCWD, ".", O_TMPFILE | O_RDWR, mode));
	REFUSED(EPERM, syscall(SYS_openat, AT_FDCWD, "n",
			       O_CREAT | O_WRONLY | HIGH_BIT, mode | HIGH_BIT));
	REFUSED(EPERM, creat("n", mode));
	REFUSED(EPERM, mkdir("n", mode));
	REFUSED(EPERM, mkdirat(AT_FDCWD, "n", mode));
	REFUSED(EPERM, mknod("n", S_IFREG | mode, 0));
	REFUSED(EPERM, mknodat(AT_FDCWD, "n", S_IFREG | mode, 0));
	REFUSED(EPERM, mkfifo("n", mode));
	HOLDS(access("n", F_OK) == -1);
	(void)close(fd);
}

/* Also those that need no capability. */
static void try_devices(void)
{
	REFUSED(EPERM, mknod("n", S_IFCHR | 0644, 0));
	REFUSED(EPERM, mknodat(AT_FDCWD, "n", S_IFCHR | 0644, 0));
	REFUSED(EPERM, mknod("n", S_IFBLK | 0644, 7 << 8));
	REFUSED(EPERM, mknod("n", S_IFCHR | 0666, (1 << 8) | 3));
	HOLDS(access("n", F_OK) == -1);
	WORKS(mknod("fifo", S_IFIFO | 0644, 0));
	WORKS(mknod("regular", S_IFREG | 0644, 0));
	WORKS(mknod("socket", S_IFSOCK | 0644, 0));
}

int main(void)
{
	struct stat st;

	(void)umask(0);
	try_modes(S_ISUID);
	try_modes(S_ISGID);
	try_modes(S_ISUID | S_ISGID);
	try_devices();

	HOLDS(stat("f", &st) == 0 && (st.st_mode & 07000) == 0);
	WORKS(chmod("f", 0700));
	WORKS(chmod("f", 01755)); /* sticky is nobody's power */
	WORKS(mkdir("d", 01777));
	/* Without O_CREAT there is no mode, whatever the register holds. */
	WORKS(syscall(SYS_openat, AT_FDCWD, "f", O_RDONLY, 06755));
	WORKS(open(".", O_TMPFILE | O_RDWR, 0600));
	return verdict();
}
