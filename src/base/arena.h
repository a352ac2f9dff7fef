/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: many small allocations with one owner and one limit.
 *
 * A failed allocation returns NULL and sets a sticky flag, so that a parser
 * may test once at the end.  With -Darena=malloc each piece is a malloc of its
 * own and ASan sees overruns.
 */
#pragma once

#include "base/base.h"

struct arena {
	struct arena_block *blocks;
	size_t used, max; /* bytes */
	bool failed;
};

#define ARENA_NULL \
	{          \
		0  \
	}

/* @max bounds the sum of all allocations.  Allocates nothing yet. */
void arena_init(struct arena *a, size_t max);
void arena_done(struct arena *a);
static inline void auto_arena(struct arena *a)
{
	arena_done(a);
}

/* Zeroed, aligned for any type.  NULL: limit or memory; a->failed is set. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);
/* A copy; {0} on failure.  Always followed by a NUL that is not counted. */
struct str arena_str(struct arena *a, struct str s);
/* Terminated copy.  NULL when @s holds a NUL (EINVAL-like) or no memory. */
char *arena_cstr(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) printf_like(2, 3);
