/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Laws: what comes out is never more than allowed; what is taken is taken again
 * when its content is packed anew, with the same content; a larger limit does
 * not turn what is taken into something else.
 */
#include <zlib.h>

#include "telemetry/gunzip.h"

#define SMALL 4096u
#define LARGE ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void pack(struct str s, struct buf *to)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)s.ptr,
		       .avail_in = (uInt)s.len };
	size_t room = s.len + 1024;
	char *dst;

	law(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	dst = buf_reserve(to, room);
	law(dst != NULL);
	z.next_out = (Bytef *)dst;
	z.avail_out = (uInt)room;
	law(deflate(&z, Z_FINISH) == Z_STREAM_END);
	buf_added(to, room - z.avail_out);
	(void)deflateEnd(&z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf small = BUF_NULL;
	AUTO(buf) struct buf large = BUF_NULL;
	AUTO(buf) struct buf again = BUF_NULL;
	AUTO(buf) struct buf packed = BUF_NULL;
	struct str in = { (const char *)data, size };
	int r, s;

	buf_init(&small, SMALL);
	buf_init(&large, LARGE);
	buf_init(&again, SMALL);
	buf_init(&packed, LARGE);
	r = gunzip(in, &small);
	s = gunzip(in, &large);
	law(small.len <= SMALL && large.len <= LARGE);
	if (r != 0) {
		law(r == 1 || r == 2);
		return 0;
	}
	law(s == 0 && str_eq(buf_str(&small), buf_str(&large)));
	pack(buf_str(&small), &packed);
	law(gunzip(buf_str(&packed), &again) == 0);
	law(str_eq(buf_str(&small), buf_str(&again)));
	return 0;
}
