/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: bytes that grow up to a maximum given at birth.
 *
 * Appending beyond the maximum, or without memory, changes nothing and sets a
 * sticky flag; a writer may test once at the end.
 */
#pragma once

#include <stdarg.h>

#include "base/base.h"

struct buf {
	char *ptr;
	size_t off, len, size, max; /* unread bytes are ptr[off .. off+len) */
	bool failed;
};

#define BUF_NULL  \
	{         \
		0 \
	}

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
static inline void auto_buf(struct buf *b)
{
	buf_done(b);
}

static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ .ptr = b->len ? b->ptr + b->off : "",
			     .len = b->len };
}

/* Keeps the memory, forgets content and failure. */
void buf_clear(struct buf *b);
/* Drop @n <= len bytes from the front; O(1). */
void buf_consume(struct buf *b, size_t n);
/* Room for @n more bytes; NULL when beyond max.  Then buf_added(). */
char *buf_reserve(struct buf *b, size_t n);
void buf_added(struct buf *b, size_t n);
bool buf_add(struct buf *b, struct str s);
bool buf_addc(struct buf *b, char c);
bool buf_printf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
/* Terminated view; NULL when failed or out of room.  Valid until changed. */
const char *buf_cstr(struct buf *b);
