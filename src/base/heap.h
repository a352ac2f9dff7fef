/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap: what a crowd needed is given back when it has gone.
 *
 * The allocator keeps freed memory for the next time.  In a process that lives
 * for weeks one busy minute would be resident for good.
 */
#pragma once

#include "base/base.h"

struct heap_crowd {
	size_t peak;
};

/*
 * There are @n of them now; called when one has gone.  Gives memory back when
 * only a quarter of @many or more is left.
 */
void heap_crowd_left(struct heap_crowd *c, size_t n, size_t many);
/* One has come. */
void heap_crowd_came(struct heap_crowd *c, size_t n);
