/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index-terms: what of a record the index can find again.  Pure.
 *
 * A term is a field and the text of its value as 64 bits.  Two terms may meet:
 * then some records are read in vain.
 */
#pragma once

#include "ledger/record.h"

#define TERMS_MAX 24u /* of one record, at least the fields of the table */

/* Is a test `@field = VALUE` answered by the index? */
bool terms_has_field(struct str field);
uint64_t term_of(struct str field, struct str value);

struct terms {
	uint64_t seq, at;
	struct str session; /* in the line, or in the arena */
	uint64_t v[TERMS_MAX];
	size_t n;
};

/*
 * The terms of a stored line.  False: it is no record.  @a is for lines with
 * escapes in a value that counts, the rest is read without memory.
 */
bool terms_read(struct arena *a, struct str line, struct terms *ret);
