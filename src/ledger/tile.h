/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tile: names and codec of the files of c2sp.org/tlog-tiles, and of the
 * payloads beside them.  Pure; needs no OpenSSL.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define TILE_WIDTH     256u /* hashes or entries of a full one */
#define TILE_HEIGHT    8u   /* levels of the tree in one */
#define TILE_LEVELS    8u   /* 256^8 leaves are all there can be */
#define TILE_PATH_SIZE 96u
#define LEAF_MAX_BYTES 65535u /* a length has two bytes */

/* "tile/0/x001/234", with a @width below 256 "tile/0/x001/234.p/@width". */
void tile_path(unsigned level, uint64_t n, unsigned width,
	       char dst[TILE_PATH_SIZE]);
void tile_entries_path(uint64_t n, unsigned width, char dst[TILE_PATH_SIZE]);
void tile_payload_path(uint64_t n, char dst[TILE_PATH_SIZE]);

/* How many of the tree of @size are in the last tile of @level; 0: none. */
static inline unsigned tile_partial(uint64_t size, unsigned level)
{
	return (unsigned)(size >> (TILE_HEIGHT * level) & (TILE_WIDTH - 1));
}

/* The number of that tile. */
static inline uint64_t tile_last(uint64_t size, unsigned level)
{
	return level + 1 < TILE_LEVELS ? size >> (TILE_HEIGHT * (level + 1))
				       : 0;
}

/* One entry of a bundle. */
void tile_add_entry(struct buf *b, struct str leaf);
/* Cut the first of @bundle.  False: it is empty, or no bundle. */
must_check bool tile_next_entry(struct str *bundle, struct str *ret);

/*
 * A payload as a payload file and a journal hold it: four bytes of length, big
 * endian, and so many bytes.  0: the record has none.
 */
#define PAYLOAD_MAX_BYTES ((size_t)64 * 1024)

struct payload {
	struct str text;
	bool erased;
};

void payload_add(struct buf *b, const struct payload *p);
/* False: @all is empty, or no payloads. */
must_check bool payload_next(struct str *all, struct payload *ret);
