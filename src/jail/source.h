/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: what a bind takes from the host, as a detached copy of its mounts.
 *
 * Used by init, or as root by its supervisor, who alone may look everywhere.
 */
#pragma once

#include "base/base.h"
#include "jail/plan.h"

/*
 * A detached mount of @m->src with everything mounted below it: no set-id, no
 * devices, read-only unless @m->writable, cut off from the host's later mounts.
 * @userns_fd != -1: its ids are mapped as that namespace says.
 *
 * The path may hold symlinks, but none that a jail could have planted: below a
 * writable bind of @p there must be none.
 *
 * A descriptor, or -errno; -EMEDIUMTYPE: this file system takes no id mapping.
 */
must_check int source_open(const struct plan *p, const struct plan_mount *m,
			   int userns_fd);
