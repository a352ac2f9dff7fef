/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ruleset.h"

#include <sys/syscall.h>

/* Rights of files, and the ABI that brought them. */
static const struct {
	int abi;
	uint64_t rights;
} files[] = {
	{ 1, (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 },
	{ 2, LANDLOCK_ACCESS_FS_REFER },
	{ 3, LANDLOCK_ACCESS_FS_TRUNCATE },
	{ 5, LANDLOCK_ACCESS_FS_IOCTL_DEV },
};

int landlock_abi(void)
{
	long r = syscall(SYS_landlock_create_ruleset, NULL, 0,
			 LANDLOCK_CREATE_RULESET_VERSION);

	return r > 0 ? (int)r : 0;
}

uint64_t ruleset_files(int abi)
{
	uint64_t all = 0;

	for (size_t i = 0; i < N_ELEMS(files) && files[i].abi <= abi; i++)
		all |= files[i].rights;
	return all;
}

int ruleset_new(int abi, const struct ruleset *want)
{
	struct ruleset a = { .fs = want->fs & ruleset_files(abi) };
	size_t size = offsetof(struct ruleset, net);
	long r;

	if (abi >= LANDLOCK_ABI_TCP) {
		a.net = want->net;
		size = offsetof(struct ruleset, scoped);
	}
	if (abi >= LANDLOCK_ABI_SCOPES) {
		a.scoped = want->scoped;
		size = sizeof(a);
	}
	r = syscall(SYS_landlock_create_ruleset, &a, size, 0);
	return r == -1 ? neg_errno() : (int)r;
}

int ruleset_allow(int ruleset, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr a = { .allowed_access = access,
						.parent_fd = fd };

	return syscall(SYS_landlock_add_rule, ruleset,
		       LANDLOCK_RULE_PATH_BENEATH, &a, 0) == -1
		       ? neg_errno()
		       : 0;
}

int landlock_enter(int ruleset)
{
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == -1
		       ? neg_errno()
		       : 0;
}
