/* SPDX-License-Identifier: Apache-2.0 */
/* idmap: user namespaces and their id maps, seen from outside. */
#pragma once

#include <sys/types.h>

#include "base/base.h"

struct idmap {
	uint32_t inside_uid, outside_uid;
	uint32_t inside_gid, outside_gid;
};

/*
 * Write the maps of the namespace that process @pid (0: we) is alone in.  @deny:
 * setgroups(2) is forbidden first, without which an unprivileged writer may not
 * map groups.
 */
must_check int idmap_write(pid_t pid, const struct idmap *m, bool deny);
/*
 * A descriptor of a new user namespace with these maps, or -errno.
 * *ret_holder: a child of ours that is about to die, for the caller to reap
 * (waiting for it costs half a millisecond); 0: none.  Not again before that.
 */
must_check int idmap_new(const struct idmap *m, pid_t *ret_holder);
