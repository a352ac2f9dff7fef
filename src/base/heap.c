/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void heap_crowd_came(struct heap_crowd *c, size_t n)
{
	if (n > c->peak)
		c->peak = n;
}

void heap_crowd_left(struct heap_crowd *c, size_t n, size_t many)
{
	if (c->peak < many || n > c->peak / 4)
		return;
	c->peak = n;
#if defined(__GLIBC__)
	(void)malloc_trim(0);
#endif
}
