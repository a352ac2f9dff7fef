/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: entries become bundles, payload files and tiles below the ledger's
 * directory.  The store's; what is durable is its journal's business.
 */
#pragma once

#include "ledger/journal.h"
#include "ledger/merkle.h"
#include "ledger/store.h"

#define TREE_WAITING_BYTES ((size_t)64 * 1024 * 1024)

struct tree {
	int dirfd;
	const struct store_world *world;
	struct hash *hash;
	uint64_t written; /* entries in full bundles: a multiple of 256 */
	uint64_t synced;  /* of them, those that are durable */
	uint64_t partial; /* the size that partial tiles were written for */
	struct digest tiles[TILE_LEVELS]
			   [TILE_WIDTH]; /* last ones, levels 1.. */
	/* Entries that wait for their bundle to be full. */
	size_t n;
	struct buf leaves, payloads, hashes;
};

void tree_init(struct tree *t, int dirfd, const struct store_world *world,
	       struct hash *h);
void tree_done(struct tree *t);

static inline uint64_t tree_size(const struct tree *t)
{
	return t->written + t->n;
}

/* Room for @n entries in @bytes, so that tree_add() of them cannot fail. */
must_check int tree_reserve(struct tree *t, size_t n, size_t bytes);
/* -ENOMEM: nothing was added. */
must_check int tree_add(struct tree *t, struct str leaf,
			const struct payload *p);

/* Write the files of all full bundles.  May be called again after a failure. */
must_check int tree_settle(struct tree *t);
/* Make durable what tree_settle() wrote. */
must_check int tree_sync(struct tree *t);
/* Write the tiles and the bundle that are not full, for a checkpoint. */
must_check int tree_write_partial(struct tree *t);

/* Of a whole tile. */
void tile_root(struct hash *h, const struct digest *v, struct digest *ret);

void tree_edge(const struct tree *t, struct merkle_edge *ret);

/* The unfinished tiles of levels 1.., as a journal's first frame has them. */
size_t tree_tiles_count(const struct tree *t);
void tree_tiles_add(const struct tree *t, struct buf *b);
/* As if @written entries had been written.  False: not so many hashes. */
must_check bool tree_tiles_load(struct tree *t, uint64_t written,
				struct str hashes);

/* A file at a name of tile.h, whole or not at all; directories are made. */
must_check int tree_save(struct tree *t, const char *path, struct str content);
/* Its bytes are durable before it has its name. */
must_check int tree_save_synced(struct tree *t, const char *path,
				struct str content);
