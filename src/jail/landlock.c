/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/wall.h"

/* Rights that can be given for one file; the others are about directories. */
#define OF_FILES                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | \
	 LANDLOCK_ACCESS_FS_IOCTL_DEV)

#define OF_READERS                                                   \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_READ_DIR)

static int new_ruleset(int abi, uint64_t fs, uint64_t net)
{
	struct ruleset r = { .fs = fs, .net = net };

	if (WALL(LANDLOCK_SCOPES))
		r.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET |
			   LANDLOCK_SCOPE_SIGNAL;
	return ruleset_new(abi, &r);
}

int landlock_new(int abi)
{
	return new_ruleset(abi, ruleset_files(abi), 0);
}

int landlock_new_unbound(int abi)
{
	return new_ruleset(abi, ruleset_files(abi),
			   LANDLOCK_ACCESS_NET_BIND_TCP);
}

int landlock_new_alone(int abi)
{
	return abi >= LANDLOCK_ABI_SCOPES
		       ? new_ruleset(
				 abi, ruleset_files(abi),
				 WALL(FENCE_TCP)
					 ? LANDLOCK_ACCESS_NET_BIND_TCP |
						   LANDLOCK_ACCESS_NET_CONNECT_TCP
					 : 0)
		       : -EOPNOTSUPP;
}

int landlock_new_scopes(int abi)
{
	return abi >= LANDLOCK_ABI_SCOPES ? new_ruleset(abi, 0, 0)
					  : -EOPNOTSUPP;
}

int landlock_allow(int ruleset, int abi, const char *path, bool writable)
{
	AUTO(fd) int fd = open(path, O_PATH | O_CLOEXEC);

	return fd == -1 ? neg_errno()
			: landlock_allow_fd(ruleset, abi, fd, writable);
}

int landlock_allow_fd(int ruleset, int abi, int fd, bool writable)
{
	uint64_t allowed = writable ? ruleset_files(abi) : OF_READERS;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISDIR(st.st_mode))
		allowed &= OF_FILES & ruleset_files(abi);
	return ruleset_allow(ruleset, fd, allowed);
}

int landlock_allow_names(int ruleset, int fd)
{
	return ruleset_allow(ruleset, fd, LANDLOCK_ACCESS_FS_READ_DIR);
}
