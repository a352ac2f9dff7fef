/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ruleset: landlock(7) as the kernel has it, for whoever confines a process:
 * what each ABI offers is a table here and nowhere else.
 */
#pragma once

#include <linux/landlock.h>

#include "base/base.h"

/* What Debian 12's headers (6.1) do not have. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP    (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL               (1ULL << 1)
#endif

#define LANDLOCK_ABI_TCP    4 /* brought TCP's ports */
#define LANDLOCK_ABI_SCOPES 6 /* brought them: abstract sockets, signals */

/* struct landlock_ruleset_attr of ABI 6. */
struct ruleset {
	uint64_t fs, net, scoped;
};

/* 0: not there.  Found by asking the kernel. */
int landlock_abi(void);
/* All rights of files that @abi can handle. */
uint64_t ruleset_files(int abi);
/*
 * A ruleset that handles what of @r the ABI knows: an older kernel is told less
 * of it.  A descriptor or -errno.
 */
must_check int ruleset_new(int abi, const struct ruleset *r);
/* @access to what is below @fd, which may be O_PATH. */
must_check int ruleset_allow(int ruleset, int fd, uint64_t access);
/* Needs no_new_privs.  For this process and all it starts. */
must_check int landlock_enter(int ruleset);
