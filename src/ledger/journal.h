/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal: the frames of a journal file, where what is acknowledged is durable.
 * Pure; needs no OpenSSL, since readers trust what is there.
 *
 *   frame = magic type LF length count first number digest body
 *
 *   magic   "bawnJ1"
 *   type    'H' the first frame of a file, 'R' records
 *   length  of the body, four bytes, big endian, as all numbers are
 *   count   four bytes: H hashes in the body, R records in it
 *   first   eight bytes: index in the tree of the first record of the file (H),
 *           of the frame (R)
 *   number  eight bytes: the number (seq) of the next record
 *   digest  SHA-256 of the digest of the frame before (H: of 32 zeros), the 32
 *           bytes up to here, and the body
 *   body H  the hashes of the unfinished tiles of levels 1, 2, ..
 *   body R  count times an entry as in a bundle, and a payload
 */
#pragma once

#include "ledger/hash.h"
#include "ledger/tile.h"

#define JOURNAL_HEAD_BYTES 64u
#define JOURNAL_DIGEST_AT  32u /* in the head of a frame */
#define JOURNAL_BODY_MAX   ((size_t)64 * 1024 * 1024)
#define JOURNAL_NAME_SIZE  24u
#define JOURNAL_MAX        UINT32_C(999999999)

enum journal_type {
	JOURNAL_START = 'H',
	JOURNAL_RECORDS = 'R',
};

struct journal_frame {
	enum journal_type type;
	uint32_t length, count;
	uint64_t first, number;
	struct digest digest;
};

void journal_format(const struct journal_frame *f,
		    char dst[JOURNAL_HEAD_BYTES]);
/* False: no frame's head. */
must_check bool journal_parse(struct str head, struct journal_frame *ret);
/* What f->digest must be. */
void journal_digest(struct hash *h, const struct digest *before,
		    const struct journal_frame *f, struct str body,
		    struct digest *ret);

/* Cut one record off a body.  False: it is empty, or no such thing. */
must_check bool journal_next(struct str *body, struct str *ret_leaf,
			     struct payload *ret_payload);

/* "journal-NNNNNN"; 1 <= @number <= JOURNAL_MAX */
void journal_name(uint32_t number, char dst[JOURNAL_NAME_SIZE]);
must_check bool journal_name_parse(struct str name, uint32_t *ret);
/* The highest number there is in @dirfd; 0: none. */
must_check int journal_newest(int dirfd, uint32_t *ret);
