/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Invariants: off + len <= size; len <= max; when size > 0 there is always one
 * byte of room behind the data, so that buf_cstr() needs no memory.  After a
 * failure nothing more is appended: what is there is a true prefix.
 */
#include "base/buf.h"

#include <stdio.h>

#define SIZE_FIRST ((size_t)256) /* bytes */

void buf_init(struct buf *b, size_t max)
{
	ASSERT(max < SIZE_MAX / 4);
	*b = (struct buf){ .max = max };
}

void buf_done(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
	b->off = 0;
	b->len = 0;
	b->failed = false;
}

void buf_consume(struct buf *b, size_t n)
{
	ASSERT(n <= b->len);
	b->off += n;
	b->len -= n;
	if (b->len == 0)
		b->off = 0;
}

/* So that @need <= max + 1 bytes fit, counted from the first unread one. */
static bool make_room(struct buf *b, size_t need)
{
	size_t size = b->size;
	char *p;

	if (b->size - b->off >= need)
		return true;
	if (b->off > 0) {
		memmove(b->ptr, b->ptr + b->off, b->len);
		b->off = 0;
	}
	if (b->size >= need)
		return true;

	size = size < SIZE_FIRST ? SIZE_FIRST : size * 4;
	if (size > b->max + 1)
		size = b->max + 1;
	if (size < need)
		size = need;
	p = realloc(b->ptr, size);
	if (!p)
		return false;
	b->ptr = p;
	b->size = size;
	return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > b->max - b->len || !make_room(b, b->len + n + 1)) {
		b->failed = true;
		return NULL;
	}
	return b->ptr + b->off + b->len;
}

void buf_added(struct buf *b, size_t n)
{
	ASSERT(n < b->size - b->off - b->len);
	b->len += n;
}

bool buf_add(struct buf *b, struct str s)
{
	char *p = buf_reserve(b, s.len);

	if (!p)
		return false;
	if (s.len > 0)
		memcpy(p, s.ptr, s.len);
	b->len += s.len;
	return true;
}

bool buf_addc(struct buf *b, char c)
{
	char *p = buf_reserve(b, 1);

	if (!p)
		return false;
	*p = c;
	b->len++;
	return true;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return false;
	}

	p = buf_reserve(b, (size_t)n);
	if (!p)
		return false;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap); /* as measured above */
	va_end(ap);
	b->len += (size_t)n;
	return true;
}

const char *buf_cstr(struct buf *b)
{
	char *end = buf_reserve(b, 0);

	if (!end)
		return NULL;
	*end = '\0';
	return b->ptr + b->off;
}
