/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A list of blocks, newest first; pieces are cut from the newest.  Every piece
 * is charged with its size rounded up to the alignment, in both variants, so
 * that a limit means the same with and without -Darena=malloc.  There a block
 * holds one piece and ends exactly where the piece ends.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#define ALIGN       _Alignof(max_align_t)
#define BLOCK_SMALL ((size_t)4032) /* bytes; with the header below a page */
#define BLOCK_MORE  ((size_t)16 * 1024 - 64) /* for what outgrows that */
#define BLOCK_LARGE ((size_t)64 * 1024 - 64)

struct arena_block {
	struct arena_block *next;
	size_t used, size; /* bytes of data[] */
	_Alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

void arena_done(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	a->used = 0;
	a->failed = false;
}

static void *fail(struct arena *a)
{
	a->failed = true;
	return NULL;
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
	struct arena_block *b;
	size_t total;

	if (ckd_add(&total, sizeof(*b), size))
		return NULL;
	b = calloc(1, total);
	if (!b)
		return NULL;
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

#ifdef ARENA_MALLOC
static struct arena_block *block_for(struct arena *a, size_t size,
				     size_t charge)
{
	(void)charge;
	return add_block(a, size);
}
#else
static struct arena_block *block_for(struct arena *a, size_t size,
				     size_t charge)
{
	struct arena_block *b = a->blocks;
	size_t want = a->used == 0            ? BLOCK_SMALL
		      : a->used < BLOCK_LARGE ? BLOCK_MORE
					      : BLOCK_LARGE;

	(void)size;
	if (b && b->size - b->used >= charge)
		return b;
	if (want > a->max)
		want = a->max; /* charge <= max was checked */
	return add_block(a, charge > want ? charge : want);
}
#endif

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b;
	size_t charge;
	void *p;

	if (ckd_add(&charge, size, ALIGN - 1))
		return fail(a);
	charge &= ~(ALIGN - 1);
	if (charge > a->max - a->used)
		return fail(a);

	b = block_for(a, size, charge);
	if (!b)
		return fail(a);
	p = b->data + b->used;
	b->used += charge;
	a->used += charge;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (ckd_mul(&total, n, size))
		return fail(a);
	return arena_alloc(a, total);
}

static char *copy(struct arena *a, struct str s)
{
	size_t size;
	char *p;

	if (ckd_add(&size, s.len, 1u))
		return fail(a);
	p = arena_alloc(a, size);
	if (p && s.len > 0)
		memcpy(p, s.ptr, s.len);
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = copy(a, s);

	return (struct str){ .ptr = p, .len = p ? s.len : 0 };
}

char *arena_cstr(struct arena *a, struct str s)
{
	if (s.len > 0 && memchr(s.ptr, '\0', s.len))
		return NULL;
	return copy(a, s);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return fail(a);

	p = arena_alloc(a, (size_t)n + 1);
	if (!p)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap); /* as measured above */
	va_end(ap);
	return p;
}
