/* SPDX-License-Identifier: Apache-2.0 */
/*
 * erased: where payloads have gone, for who keeps something made from them.
 *
 * The file ledger/erased, a line for each erasure, oldest first: its number,
 * and that all it took is of records FROM to TO - 1 (places in the tree).  It
 * is written when the payloads are gone, so who finds a number that is new and
 * reads again reads without them.  Pure but for load.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define ERASED_NAME  "erased"
#define ERASED_MAX   64u   /* lines; of more, the two oldest become one */
#define ERASED_BYTES 4096u /* ERASED_MAX lines of three numbers fit */

struct erased_mark {
	uint64_t n, from, to;
};

struct erased {
	struct erased_mark v[ERASED_MAX];
	size_t n;
};

/* False: it is not such a file. */
bool erased_parse(struct str text, struct erased *ret);
void erased_format(const struct erased *e, struct buf *b);
/* One more erasure; @from < @to. */
void erased_add(struct erased *e, uint64_t from, uint64_t to);
/* The number of the newest one; 0: there was none. */
uint64_t erased_last(const struct erased *e);

/* Of the ledger in @dirfd; no file: none.  -EINVAL: it is damaged. */
must_check int erased_load(int dirfd, struct erased *ret);
