/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify-tree: the walk in order.  Each bundle goes on where the one before
 * ended, tiles above it follow from it, and where a checkpoint ends the root is
 * the one it says.
 */
#pragma once

#include "ledger/verify-in.h"

/* Numbers, and the chain of the first form, go on in @k, which is chunk @n. */
must_check int verify_join(struct verify *v, const struct chunk *k, uint64_t n,
			   const char *file);

/* The file @path is @want.  VERIFY_MISSING: it is not there. */
must_check int verify_compare(struct verify *v, const char *path,
			      struct str want);
/* The same; that it is not there is wrong. */
must_check int verify_must_compare(struct verify *v, const char *path,
				   struct str want);

/* verify_check_marks() has something to do in @n entries. */
bool verify_has_mark(const struct verify *v, unsigned n);
/*
 * The checkpoints that end in these @n entries, which come behind v->edge;
 * checker.hashes are theirs.  With the files of the last tiles.
 */
must_check int verify_check_marks(struct verify *v, struct str leaves,
				  unsigned n);
/* The root of full bundle @n goes into the tiles above. */
must_check int verify_raise(struct verify *v, uint64_t n,
			    const struct digest *bundle);
