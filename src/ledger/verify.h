/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: is the ledger whole, unchanged, and signed by whom it should be?
 * Reads only, takes no lock, and may run while the scribe writes.
 */
#pragma once

#include "base/base.h"
#include "ledger/note.h"

struct verify_options {
	/* A key to trust, as a vkey; empty: that of @seen, else the ledger's. */
	struct str key;
	struct str since; /* a signed checkpoint that must be of this ledger */
	/* File of the last checkpoint that was found good.  NULL: none. */
	const char *seen;
};

struct verify_report {
	uint64_t records, bytes, last_seq;
	uint64_t first_form; /* of them, lines of the first form */
	uint64_t erased;     /* payloads that are gone, as a record says */
	uint64_t size;       /* records below the checkpoint */
	uint64_t torn_bytes; /* after the last frame: never acknowledged */
	uint64_t repairs;    /* ledger.torn records without damage */
	uint64_t since;      /* records of the checkpoint it goes on from */
	bool key_was_told;   /* by the caller or an earlier time */
	int unseen;          /* -errno: o->seen could not be written */
	char key[NOTE_VKEY_SIZE];
	/* The first thing wrong: */
	char file[96];
	uint64_t line; /* index of the record; 0: about the whole file */
	char text[200];
};

enum verify_error {
	VERIFY_E_BROKEN = 1, /* @ret says where */
};

/* Called now and then with @arg; records so far, and of how many. */
typedef void (*verify_progress)(void *arg, uint64_t done, uint64_t all);

/*
 * 0, VERIFY_E_BROKEN, -ENOENT when there is no ledger, or -errno.  @o and
 * @progress may be NULL.  When all is well o->seen is written;
 * that it could not be makes no ledger worse.
 */
must_check int verify_ledger(const char *dir, const struct verify_options *o,
			     verify_progress progress, void *arg,
			     struct verify_report *ret);
must_check int verify_dir(const char *dir, verify_progress progress, void *arg,
			  struct verify_report *ret);
