/* SPDX-License-Identifier: Apache-2.0 */
/* index-own: what the files of the index share. */
#pragma once

#include <sqlite3.h>

#include "ledger/index.h"

#define SEGMENT_WORDS (INDEX_SEGMENT / 64)

/* A bit for each bundle of a segment. */
struct bundle_set {
	uint64_t words[SEGMENT_WORDS];
};

static inline void bundle_add(struct bundle_set *s, unsigned bundle)
{
	s->words[bundle / 64] |= UINT64_C(1) << bundle % 64;
}

static inline bool bundle_has(const struct bundle_set *s, unsigned bundle)
{
	return (s->words[bundle / 64] >> bundle % 64 & 1) != 0;
}

/* Of the records of a bundle; all 0: it has none. */
struct bundle_range {
	uint64_t min, max;
};

struct bundle_times {
	struct bundle_range at, seq;
};

struct index {
	sqlite3 *db;
	sqlite3_stmt *find_post, *find_segment;
	uint64_t end;               /* places below are in the index */
	uint64_t last_seq, last_at; /* of the record before that */
	uint64_t erased;            /* number of the erasure that it knows of */
};

/* What SQLite says, as a result. */
int index_error(int code);
/* How far it is, as the file says now. */
must_check int index_load(struct index *x);

/* No term: the bundles with lines that are no records. */
#define TERM_UNREAD UINT64_C(0)

struct times_blob {
	uint64_t check;
	struct bundle_times times[INDEX_SEGMENT];
};

uint64_t times_check(uint64_t segment, const struct times_blob *b);

/* Up to 31 bundles as a byte each, more as the bits; 4 bytes check the rest. */
#define POST_MAX (4u + INDEX_SEGMENT / 8)
size_t post_format(uint64_t segment, uint64_t term, const struct bundle_set *s,
		   uint8_t dst[POST_MAX]);
bool post_parse(uint64_t segment, uint64_t term, struct str bytes,
		struct bundle_set *ret);

/* The posting of @term in @segment, empty when there is none. */
must_check int index_post(struct index *x, uint64_t segment, uint64_t term,
			  struct bundle_set *ret);
/* The times of a segment's bundles; all {0} when it has none. */
must_check int index_times(struct index *x, uint64_t segment,
			   struct bundle_times ret[INDEX_SEGMENT]);
