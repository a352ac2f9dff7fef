/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index: which bundles of 256 records may hold what is looked for.
 *
 * A file of SQLite beside the ledger, made from it and never believed: it only
 * says where to read, what is shown comes from the ledger.  It may be deleted
 * at any time.  Damaged, of another version or of another ledger it is made
 * anew.  Several processes may use it at once.
 */
#pragma once

#include "ledger/query.h"
#include "ledger/reader.h"

#define INDEX_BUNDLE  256u /* places of records, as of the ledger's tiles */
#define INDEX_SEGMENT 256u /* bundles */
/* So many records behind the index are read rather than indexed. */
#define INDEX_LAG 4096u

struct index;

enum index_outcome {
	INDEX_E_DAMAGED = 1, /* index_reset() and start again */
};

struct index_progress {
	/* @done of @total places are indexed.  May be NULL. */
	void (*report)(void *owner, uint64_t done, uint64_t total);
	void *owner;
};

/*
 * BESIDE the ledger directory @dir: "DIR-index.sqlite" in @a; NULL: no memory.
 */
const char *index_path(struct arena *a, const char *dir);

/* Opens or makes @path.  0; INDEX_E_DAMAGED; -errno. */
must_check int index_open(struct index **ret, const char *path);
void index_free(struct index *x);
DEFINE_AUTO(index, struct index, index_free);
/* Removes the file at @path and what belongs to it. */
must_check int index_remove(const char *path);

/*
 * Take in what the ledger has more, when it is @lag records or more.  Moves
 * @r's position.  0; INDEX_E_DAMAGED: also when it is of another ledger;
 * -errno.  What was taken in before a failure stays.
 */
must_check int index_catch_up(struct index *x, struct reader *r, uint64_t lag,
			      const struct index_progress *p);

/* Places below this are in the index; the others must be read. */
uint64_t index_end(const struct index *x);

/*
 * A bit for each bundle below index_end() that may hold a match of @q; bit
 * N % 64 of *ret[N / 64]; the caller frees.  0; INDEX_E_DAMAGED; -errno.
 */
must_check int index_plan(struct index *x, const struct query *q,
			  uint64_t **ret, size_t *ret_n_bundles);

/*
 * The session whose id begins with @name.  0 and *ret in @a; 1 = none is in
 * the index; 2 = more than one; -errno.
 */
must_check int index_find_session(struct index *x, struct str name,
				  struct arena *a, struct str *ret);
