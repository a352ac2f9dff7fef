/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tiles.h"

#include <fcntl.h>

#include "base/fd.h"

void tiles_init(struct tiles *t, int dirfd, uint64_t size, struct hash *h)
{
	*t = (struct tiles){ .dirfd = dirfd, .size = size, .hash = h };
}

static int read_tile(int dirfd, unsigned level, uint64_t n, unsigned width,
		     struct digest *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	size_t want = (size_t)width * DIGEST_BYTES;
	char path[TILE_PATH_SIZE];
	int r;

	tile_path(level, n, width, path);
	buf_init(&b, (size_t)TILE_WIDTH * DIGEST_BYTES);
	r = file_load(dirfd, path, &b);
	if (r == -EFBIG || (r == 0 && b.len != want))
		return -EBADMSG;
	if (r == 0)
		memcpy(ret, buf_str(&b).ptr, want);
	return r;
}

/* Into t->last: the whole tile if there is one, else that of t->size. */
static int load(struct tiles *t, unsigned level, uint64_t n)
{
	unsigned width = TILE_WIDTH;
	int r;

	if (t->last[level].width > 0 && t->last[level].n == n)
		return 0;
	t->last[level].width = 0;
	r = read_tile(t->dirfd, level, n, width, t->last[level].h);
	if (r == -ENOENT) {
		width = tile_partial(t->size, level);
		if (width > 0)
			r = read_tile(t->dirfd, level, n, width,
				      t->last[level].h);
	}
	if (r != 0)
		return r;
	t->last[level].n = n;
	t->last[level].width = width;
	return 0;
}

static int subtree(void *owner, unsigned level, uint64_t index,
		   struct digest *ret)
{
	struct tiles *t = owner;
	unsigned tl = level / TILE_HEIGHT, up = level % TILE_HEIGHT;
	struct merkle_edge e = { .size = 0 };
	uint64_t first = index << up;
	size_t at = (size_t)(first % TILE_WIDTH);
	int r;

	if (tl >= TILE_LEVELS)
		return -EINVAL;
	r = load(t, tl, first / TILE_WIDTH);
	if (r != 0)
		return r;
	if (at + ((size_t)1 << up) > t->last[tl].width)
		return -EBADMSG;
	for (size_t i = 0; i < (size_t)1 << up; i++)
		merkle_add(&e, t->hash, &t->last[tl].h[at + i]);
	merkle_root(&e, t->hash, ret);
	return 0;
}

struct merkle_source tiles_source(struct tiles *t)
{
	return (struct merkle_source){ .subtree = subtree,
				       .owner = t,
				       .hash = t->hash };
}
