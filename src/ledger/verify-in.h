/* SPDX-License-Identifier: Apache-2.0 */
/* verify-in: what the files of verify share; nobody else's. */
#pragma once

#include "ledger/note.h"
#include "ledger/verify-chunk.h"
#include "ledger/verify.h"

/* Beside enum verify_error: it may have been replaced while we looked. */
#define VERIFY_MISSING (1 + VERIFY_E_BROKEN)

/* A size at which the root must be this. */
struct mark {
	uint64_t size;
	struct digest root;
	const char *file;
	bool wanted, met;
};

enum {
	MARK_NOW,
	MARK_SEEN,
	MARK_SINCE,
	MARKS
};

struct verify {
	int dirfd;
	struct verify_report *out;
	const struct verify_options *o;
	verify_progress progress;
	void *progress_arg;
	struct checker checker;
	struct buf checkpoint; /* as it was when we began */
	struct note note;      /* in it */
	struct mark marks[MARKS];
	uint64_t seen_size; /* 0: nothing is remembered */
	struct note_key key;
	bool has_key;
	/* The walk. */
	struct merkle_edge edge;
	struct digest tiles[TILE_LEVELS][TILE_WIDTH];
	uint64_t last_seq, erasable;
	struct digest last_line;
	bool v1; /* all so far are lines of the first form */
	struct buf journal;
	uint64_t first;    /* index of its first record */
	struct str frames; /* of records */
	bool moved; /* what is missing may have been replaced meanwhile */
};

/* VERIFY_E_BROKEN: the report says that @text is wrong with @file. */
must_check int verify_broken(struct verify *v, const char *file, uint64_t index,
			     const char *text);
