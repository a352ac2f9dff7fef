/* SPDX-License-Identifier: Apache-2.0 */
/* cover: mounts something blank over paths of a running jail, from outside. */
#pragma once

#include "base/base.h"

/*
 * @user_ns, @mnt_ns: the jail's, opened before its init hid itself.  Paths are
 * absolute as the jail sees them; symlinks are not followed.  Those that are
 * not there are counted in *ret_missing.  0 or -errno: of the first that could
 * not be covered, the others are.
 */
must_check int cover_paths(int user_ns, int mnt_ns, const char *const *paths,
			   size_t n, size_t *ret_missing);
