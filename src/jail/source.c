/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/source.h"

#include <sys/mount.h>

#include "base/wall.h"
#include "jail/sys.h"

int source_open(const struct plan_mount *m, int userns_fd)
{
	struct mount_attr a = {
		.attr_set =
			(WALL(BIND_NOSUID)
				 ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
				 : 0u) |
			(m->writable || !WALL(BIND_RO) ? 0u
						       : MOUNT_ATTR_RDONLY) |
			(m->noexec ? MOUNT_ATTR_NOEXEC : 0u),
		.propagation = MS_PRIVATE,
	};
	AUTO(fd) int fd = -1;
	AUTO(fd) int mount = -1;
	int r;

	r = sys_openat2(
		AT_FDCWD, m->src, O_PATH,
		RESOLVE_NO_MAGICLINKS |
			(WALL(PLANTED_LINKS) ? RESOLVE_NO_SYMLINKS : 0u));
	if (r < 0)
		return r;
	fd = r;
	r = sys_open_tree(fd, "");
	if (r < 0)
		return r;
	mount = r;
	r = sys_mount_setattr(mount, true, &a);
	if (r != 0)
		return r;
	if (userns_fd != -1) {
		a = (struct mount_attr){ .attr_set = MOUNT_ATTR_IDMAP,
					 .userns_fd = (uint32_t)userns_fd };
		r = sys_mount_setattr(mount, true, &a);
		/* EPERM: the file system is not of our user namespace. */
		if (r == -EINVAL || r == -EOPNOTSUPP || r == -EPERM)
			return -EMEDIUMTYPE;
		if (r != 0)
			return r;
	}
	return TAKE_FD(mount);
}
