/* SPDX-License-Identifier: Apache-2.0 */
/*
 * family: the processes that descend from one, where no pid namespace holds
 * them together.  Who adopts orphans (PR_SET_CHILD_SUBREAPER) loses none.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

/* Is @pid, a process or thread, @root or a descendant of it? */
bool family_has(pid_t root, pid_t pid);

/*
 * Kill all descendants of ours that have more system call filters than we do,
 * until none is left or @ns have passed; children among them are reaped.
 * True: none is left.
 */
bool family_kill(uint64_t ns);

/*
 * Each descriptor of each descendant: @fn gets what its link says, and false
 * from it ends the walk.
 */
void family_each_fd(bool (*fn)(void *owner, const char *link), void *owner);
