/* SPDX-License-Identifier: Apache-2.0 */
/* indexed: the index beside the ledger, made and mended on the way. */
#pragma once

#include "ledger/find.h"

struct indexed {
	struct index *index; /* NULL: every line is read */
	const char *path;
	/* A line for people: what is wrong with the index. */
	void (*say)(const char *fmt, ...);
	bool progress; /* tell how far it is on stderr */
};

/*
 * The index of the ledger in @dir, caught up with @r when it is @lag behind;
 * a ledger of fewer records gets none.
 * It only saves time: what is wrong with it is said, and ->index stays NULL.
 * @path is in @a.  -ENOMEM, or -errno of reading the ledger.
 */
must_check int indexed_open(struct indexed *x, struct arena *a, const char *dir,
			    struct reader *r, uint64_t lag);
void indexed_done(struct indexed *x);

/* As find_new(), with an index that turns out to be damaged made anew. */
must_check int indexed_find(struct indexed *x, struct reader *r,
			    const struct query *q, bool newest_first,
			    struct find **ret);
