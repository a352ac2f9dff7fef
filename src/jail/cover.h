/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cover: changes what paths of a running jail are, from outside: mounts something
 * blank over them, or themselves, read-only.
 */
#pragma once

#include "base/base.h"

struct cover_place {
	int user_ns, mnt_ns; /* the jail's, opened before its init hid itself */
	/*
	 * Keep the directories above from being moved, since in a jail with
	 * mount namespaces below a file could be led out from under its cover.
	 */
	bool pin;
};

/* What is to be blank from here on. */
struct cover_hide {
	const char *path;
	/* It is hidden for where it is: no directory above can be moved. */
	bool pin;
};

/* What is to be read-only from here on. */
struct cover_lock {
	const char *path;
	bool pin; /* the directory it is in cannot be moved from here on */
};

/*
 * Paths are absolute as the jail sees them; symlinks are not followed.  Those that are
 * not there are counted in *ret_missing.  0 or -errno: of the first that could
 * not be covered, the others are.
 */
must_check int cover_paths(const struct cover_place *place,
			   const struct cover_hide *hides, size_t n,
			   const struct cover_lock *locks, size_t n_locks,
			   size_t *ret_missing);
