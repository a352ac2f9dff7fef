/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: what a bind takes from the host, as a detached copy of its mounts.
 *
 * Used by init, or as root by its supervisor, who alone may look everywhere.
 */
#pragma once

#include "base/base.h"
#include "jail/plan.h"

/* What -ELOOP means, for a message. */
#define SOURCE_EXCHANGED \
	"a symbolic link took its place in this very moment; try again"

/*
 * A detached mount of @m->src with everything mounted below it: no set-id, no
 * devices, read-only unless @m->writable, cut off from the host's later mounts.
 * @userns_fd != -1: its ids are mapped as that namespace says.
 *
 * -ELOOP when a symlink is on the way, at its end too: a plan names its sources
 * by their real paths, so somebody put it there since.  Who is a session with the
 * right to do so, of this project or of one around it, must not choose what the
 * jail gets instead.
 *
 * A descriptor, or -errno; -EMEDIUMTYPE: this file system takes no id mapping.
 */
must_check int source_open(const struct plan_mount *m, int userns_fd);
