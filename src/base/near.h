/* SPDX-License-Identifier: Apache-2.0 */
/* near: how far two names are apart, for "did you mean".  Pure. */
#pragma once

#include "base/base.h"

#define NEAR_MAX 24u /* bytes; longer names are near to nothing */
#define NEAR_FAR 3u  /* from here on a name is not meant */

/* Edits (insert, delete, replace, swap neighbours) from @a to @b. */
unsigned near_distance(struct str a, struct str b);
