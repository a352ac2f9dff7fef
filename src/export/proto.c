/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The length of a message stands before it and is known after it, so four
 * bytes are kept for it: a number with leading zeros, as it were, which is a
 * valid encoding and not the shortest.  It holds up to 256 MiB.
 */
#include "export/proto.h"

#define WIRE_VARINT  0u
#define WIRE_FIXED64 1u
#define WIRE_BYTES   2u
#define LENGTH_BYTES 4u
#define LENGTH_MAX   ((size_t)1 << 28)

static void put(struct buf *b, uint64_t v)
{
	while (v >= 0x80u) {
		(void)buf_addc(b, (char)(unsigned char)((v & 0x7fu) | 0x80u));
		v >>= 7;
	}
	(void)buf_addc(b, (char)(unsigned char)v);
}

static void put_tag(struct buf *b, uint32_t field, uint32_t wire)
{
	put(b, (uint64_t)field << 3 | wire);
}

void proto_varint(struct buf *b, uint32_t field, uint64_t v)
{
	put_tag(b, field, WIRE_VARINT);
	put(b, v);
}

void proto_fixed64(struct buf *b, uint32_t field, uint64_t v)
{
	put_tag(b, field, WIRE_FIXED64);
	for (unsigned i = 0; i < 8; i++)
		(void)buf_addc(b, (char)(unsigned char)(v >> (8 * i)));
}

void proto_bytes(struct buf *b, uint32_t field, struct str s)
{
	put_tag(b, field, WIRE_BYTES);
	put(b, s.len);
	(void)buf_add(b, s);
}

size_t proto_begin(struct buf *b, uint32_t field)
{
	static const char room[LENGTH_BYTES];

	put_tag(b, field, WIRE_BYTES);
	(void)buf_add(b, (struct str){ room, sizeof(room) });
	return b->len;
}

void proto_end(struct buf *b, size_t at)
{
	size_t len = b->len - at;
	char *dst;

	if (b->failed)
		return;
	if (len >= LENGTH_MAX) {
		b->failed = true;
		return;
	}
	dst = b->ptr + b->off + at - LENGTH_BYTES;
	for (unsigned i = 0; i < LENGTH_BYTES; i++) {
		unsigned more = i + 1 < LENGTH_BYTES ? 0x80u : 0u;

		dst[i] = (char)(unsigned char)((len >> (7 * i) & 0x7fu) | more);
	}
}
