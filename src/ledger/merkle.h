/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merkle: the tree of RFC 6962 section 2.1 over hashes of leaves.  Pure.
 */
#pragma once

#include "ledger/hash.h"

#define MERKLE_LEVELS    64u
#define MERKLE_PROOF_MAX 64u /* hashes of an inclusion proof */

/*
 * The right edge of a tree: all that is needed to go on.  h[l] is the root of
 * the whole subtree of 2^l leaves that ends there; it counts when bit l of size
 * is set.
 */
struct merkle_edge {
	uint64_t size;
	struct digest h[MERKLE_LEVELS];
};

void merkle_add(struct merkle_edge *e, struct hash *h,
		const struct digest *leaf);
/* A whole subtree of 2^@level leaves; e->size is a multiple of that. */
void merkle_add_subtree(struct merkle_edge *e, struct hash *h, unsigned level,
			const struct digest *root);
/* Of no leaves: SHA-256 of nothing. */
void merkle_root(const struct merkle_edge *e, struct hash *h,
		 struct digest *ret);

/* Where the hashes of whole subtrees come from: leaves [i << l, (i+1) << l). */
struct merkle_source {
	int (*subtree)(void *owner, unsigned level, uint64_t index,
		       struct digest *ret);
	void *owner;
	struct hash *hash;
};

struct merkle_proof {
	struct digest h[MERKLE_PROOF_MAX];
	size_t n;
};

/* The root of the first @size leaves. */
must_check int merkle_root_at(const struct merkle_source *s, uint64_t size,
			      struct digest *ret);
/* -EINVAL unless index < size, or 0 < old <= size. */
must_check int merkle_prove(const struct merkle_source *s, uint64_t index,
			    uint64_t size, struct merkle_proof *ret);
must_check int merkle_prove_consistency(const struct merkle_source *s,
					uint64_t old, uint64_t size,
					struct merkle_proof *ret);

must_check bool merkle_check(struct hash *h, const struct merkle_proof *p,
			     uint64_t index, uint64_t size,
			     const struct digest *leaf,
			     const struct digest *root);
/* @old 0 is consistent with anything, and has no proof. */
must_check bool merkle_check_consistency(struct hash *h,
					 const struct merkle_proof *p,
					 uint64_t old, uint64_t size,
					 const struct digest *old_root,
					 const struct digest *root);
