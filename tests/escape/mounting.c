/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to change what is mounted, or what the root is. */
#include <fcntl.h>
#include <linux/mount.h>

#include "escape.h"

#define OPEN_TREE_ATTR 467
#define DETACH         2

int main(void)
{
	struct mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };

	REFUSED(EPERM, syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, 0));
	REFUSED(EPERM, syscall(SYS_mount, 0, "/", 0, MS_REMOUNT | MS_BIND, 0));
	REFUSED(EPERM, syscall(SYS_mount, "/", "/tmp", 0, MS_BIND, 0));
	REFUSED(EPERM, syscall(SYS_mount, "/tmp", "/usr", 0, MS_MOVE, 0));
	REFUSED(EPERM, syscall(SYS_umount2, "/proc/sys", DETACH));
	REFUSED(EPERM, syscall(SYS_umount2, "/", DETACH));
	REFUSED(EPERM, syscall(SYS_pivot_root, ".", "."));
	REFUSED(EPERM, syscall(SYS_chroot, "/tmp"));
	REFUSED(EPERM, syscall(SYS_fsopen, "proc", 0));
	REFUSED(EPERM, syscall(SYS_fsopen, "tmpfs", 0));
	REFUSED(EPERM, syscall(SYS_fsconfig, -1, 0, "a", "b", 0));
	REFUSED(EPERM, syscall(SYS_fsmount, -1, 0, 0));
	REFUSED(EPERM, syscall(SYS_fspick, AT_FDCWD, "/", 0));
	REFUSED(EPERM, syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE));
	REFUSED(EPERM, syscall(SYS_open_tree, AT_FDCWD, "/", 0));
	REFUSED(EPERM, syscall(SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD,
			       "/tmp", 0));
	REFUSED(EPERM, syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &writable,
			       sizeof(writable)));
	/* Newer than many kernels. */
	REFUSED2(EPERM, ENOSYS,
		 syscall(OPEN_TREE_ATTR, AT_FDCWD, "/", OPEN_TREE_CLONE,
			 &writable, sizeof(writable)));
	return verdict();
}
