/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find: the lines of the ledger that a query may want, by the index where
 * there is one, in either order.
 */
#pragma once

#include "ledger/index.h"

struct find;

enum find_outcome {
	FIND_END = 1,    /* none left */
	FIND_UNREADABLE, /* a line beyond RECORD_MAX_BYTES was passed over */
};

/*
 * @index NULL: every line is looked at.  @r, @q are borrowed for as long as
 * *ret lives.  0; INDEX_E_DAMAGED; -errno.
 */
must_check int find_new(struct find **ret, struct reader *r,
			const struct query *q, struct index *index,
			bool newest_first);
void find_free(struct find *f);
DEFINE_AUTO(find, struct find, find_free);

/*
 * 0 and a line, valid until the next call, which query_matches() has to judge;
 * an enum find_outcome; -errno.  In the order of the ledger, or backwards.
 */
must_check int find_next(struct find *f, struct str *ret);
