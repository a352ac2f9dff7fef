/* SPDX-License-Identifier: Apache-2.0 */
/* power: with every right over the files that are the jail's own, from outside. */
#pragma once

#include "base/base.h"

/*
 * @fn(@arg), carried out by a helper in the user namespace @user_ns and nothing
 * else of the jail's: modes of files whose owner and group that namespace maps do
 * not hold it back.  It shares our memory and descriptors; what it opens is ours.
 * @fn may only make system calls and return.  Its result, or -errno.
 */
must_check int power_call(int user_ns, int (*fn)(void *arg), void *arg);
