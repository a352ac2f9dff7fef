/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>

#include "base/wall.h"
#include "jail/missing.h"

/* The attribute of ABI 6; older kernels take its beginning. */
struct attr {
	uint64_t fs, net, scoped;
};

#define ALL_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* Rights that can be given for one file; the others are about directories. */
#define OF_FILES                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | \
	 LANDLOCK_ACCESS_FS_IOCTL_DEV)

#define OF_READERS                                                   \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_READ_DIR)

static uint64_t rights(int abi)
{
	uint64_t all = ALL_1;

	if (abi >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		all |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return all;
}

int landlock_abi(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, 0,
			 LANDLOCK_CREATE_RULESET_VERSION);

	return r > 0 ? (int)r : 0;
}

static int new_ruleset(int abi, uint64_t fs, uint64_t net)
{
	struct attr a = { .fs = fs, .net = net };
	size_t size = abi >= LANDLOCK_ABI_SCOPES ? sizeof(a)
		      : abi >= LANDLOCK_ABI_TCP  ? offsetof(struct attr, scoped)
						 : offsetof(struct attr, net);
	long r;

	if (abi >= LANDLOCK_ABI_SCOPES && WALL(LANDLOCK_SCOPES))
		a.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET |
			   LANDLOCK_SCOPE_SIGNAL;
	r = syscall(SYS_landlock_create_ruleset, &a, size, 0);
	return r == -1 ? neg_errno() : (int)r;
}

int landlock_new(int abi)
{
	return new_ruleset(abi, rights(abi), 0);
}

int landlock_new_unbound(int abi)
{
	return new_ruleset(
		abi, rights(abi),
		abi >= LANDLOCK_ABI_TCP ? LANDLOCK_ACCESS_NET_BIND_TCP : 0);
}

int landlock_new_alone(int abi)
{
	return abi >= LANDLOCK_ABI_SCOPES
		       ? new_ruleset(
				 abi, rights(abi),
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

static int add_rule(int ruleset, int fd, uint64_t allowed)
{
	struct landlock_path_beneath_attr a = { .allowed_access = allowed,
						.parent_fd = fd };

	return syscall(SYS_landlock_add_rule, ruleset,
		       LANDLOCK_RULE_PATH_BENEATH, &a, 0) == -1
		       ? neg_errno()
		       : 0;
}

int landlock_allow_fd(int ruleset, int abi, int fd, bool writable)
{
	uint64_t allowed = writable ? rights(abi) : OF_READERS;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISDIR(st.st_mode))
		allowed &= OF_FILES & rights(abi);
	return add_rule(ruleset, fd, allowed);
}

int landlock_allow_names(int ruleset, int fd)
{
	return add_rule(ruleset, fd, LANDLOCK_ACCESS_FS_READ_DIR);
}

int landlock_enter(int ruleset)
{
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1)
		return neg_errno();
	return 0;
}
