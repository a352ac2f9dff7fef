/* SPDX-License-Identifier: Apache-2.0 */
/* tiles: hashes of a tree from its tile files, for proofs. */
#pragma once

#include "ledger/merkle.h"
#include "ledger/tile.h"

struct tiles {
	int dirfd;     /* borrowed */
	uint64_t size; /* of the tree: partial tiles are those of that size */
	struct hash *hash;
	/* The tile read last, of each level. */
	struct {
		uint64_t n;
		size_t width; /* 0: none */
		struct digest h[TILE_WIDTH];
	} last[TILE_LEVELS];
};

void tiles_init(struct tiles *t, int dirfd, uint64_t size, struct hash *h);
/* A source for merkle.h; -EBADMSG: a file is not as it must be. */
struct merkle_source tiles_source(struct tiles *t);
