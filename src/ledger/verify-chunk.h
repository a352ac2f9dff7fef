/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify-chunk: what can be said of one bundle without those before it, so that
 * several processors can share the work.
 */
#pragma once

#include "ledger/checkpoint.h"
#include "ledger/journal.h"
#include "ledger/merkle.h"

/* What is known of up to 256 entries without those before. */
struct chunk {
	struct digest hashes_root; /* of a whole one */
	uint64_t first_seq, last_seq;
	uint64_t bytes, erased, v1;
	struct digest first_prev; /* of the first line, v 1 */
	struct digest last_line;  /* SHA-256 of the last one, v 1 */
	bool first_is_v1, last_is_v1;
	bool first_is_torn; /* its number may be larger */
	bool special;       /* holds records that say something to us */
	uint16_t at;        /* of the entry that is wrong */
	const char *wrong;  /* NULL: nothing is */
	const char *file;   /* which file: "" the entries */
	int error;          /* -errno */
};

/* One thread's. */
struct checker {
	struct hash *hash;
	struct buf leaves, payloads, tile;
	struct digest hashes[TILE_WIDTH];
};

must_check int checker_init(struct checker *c);
void checker_done(struct checker *c);

/* @leaves and @payloads hold @n entries, and nothing else. */
void check_entries(struct checker *c, struct str leaves, struct str payloads,
		   unsigned n, struct chunk *ret);
/* Bundle @n of the ledger in @dirfd, with its tile and payloads. */
void check_bundle(struct checker *c, int dirfd, uint64_t n, struct chunk *ret);
