/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock: a second wall behind the mounts, landlock(7): what of the jail's
 * tree may be read, and what written.
 */
#pragma once

#include "base/ruleset.h"

/* A ruleset that handles all that @abi offers.  A descriptor or -errno. */
must_check int landlock_new(int abi);
/* The same, and no TCP port can be bound, where @abi has that. */
must_check int landlock_new_unbound(int abi);
/*
 * One that handles TCP too, and lets none of it be bound or connected: for a
 * jail without a network namespace.  @abi has the scopes, or -EOPNOTSUPP.
 */
must_check int landlock_new_alone(int abi);
/*
 * One that handles no files, for a domain in which mounts can be made: only
 * what @abi offers of scopes.  -EOPNOTSUPP: it offers none.
 */
must_check int landlock_new_scopes(int abi);
/*
 * Allow what is below @path, in the current root: reading and executing, with
 * @writable everything.  -ENOENT when it is not there.
 */
must_check int landlock_allow(int ruleset, int abi, const char *path,
			      bool writable);
/* The same of what @fd, which may be O_PATH, is. */
must_check int landlock_allow_fd(int ruleset, int abi, int fd, bool writable);
/* What directories below @fd hold may be listed, and no more. */
must_check int landlock_allow_names(int ruleset, int fd);
