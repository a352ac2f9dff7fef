/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes out is counted while it comes, so a body that unpacks to a
 * thousand times its size costs as much as one that has the largest size
 * allowed, and no more.
 */
#include "telemetry/gunzip.h"

#include <zlib.h>

#define STEP        ((size_t)64 * 1024)
#define GZIP_WINDOW (15 + 16) /* the largest window; gzip and nothing else */

/* As zlib's inflate(). */
static int step(z_stream *z, struct buf *out)
{
	size_t room = out->max - out->len;
	char *dst;
	int r;

	/* One byte beyond the limit would show that there is more. */
	if (room == 0)
		return Z_BUF_ERROR;
	room = room < STEP ? room : STEP;
	dst = buf_reserve(out, room);
	if (!dst)
		return Z_MEM_ERROR;
	z->next_out = (Bytef *)dst;
	z->avail_out = (uInt)room;
	r = inflate(z, Z_NO_FLUSH);
	buf_added(out, room - z->avail_out);
	return r;
}

int gunzip(struct str in, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.ptr,
		       .avail_in = (uInt)in.len };
	int r;

	if (in.len == 0 || in.len > UINT32_MAX)
		return 1;
	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	do {
		r = step(&z, out);
	} while (r == Z_OK && (z.avail_in > 0 || z.avail_out == 0));
	(void)inflateEnd(&z);
	if (r == Z_STREAM_END)
		return z.avail_in == 0 ? 0 : 1;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return out->len == out->max && r != Z_DATA_ERROR ? 2 : 1;
}
