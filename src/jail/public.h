/* SPDX-License-Identifier: Apache-2.0 */
/*
 * public: Landlock's rules for a tree of which only what everybody may read
 * shall be read, by somebody whose files they are: root without capabilities,
 * whom the modes of his own files do not stop.
 */
#pragma once

#include "base/base.h"

/*
 * As landlock_allow_fd() for reading and executing.  Directories with something
 * private below get no rule but for their names; what is in them and comes later
 * cannot be read.  0; -E2BIG: more entries than can be looked at; -errno.
 */
must_check int public_allow(int ruleset, int abi, int fd);
