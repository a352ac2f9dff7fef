/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint: the head of the tree as text (c2sp.org/tlog-checkpoint), and a
 * receipt that a leaf is below one (c2sp.org/tlog-proof).  Pure.
 */
#pragma once

#include "base/buf.h"
#include "ledger/merkle.h"

#define CHECKPOINT_NAME "checkpoint"
#define CHECKPOINT_MAX  ((size_t)64 * 1024)

struct checkpoint {
	struct str origin;
	uint64_t size;
	struct digest root;
};

/* The text of a note; no extension lines.  Failure is b->failed. */
void checkpoint_add(struct buf *b, const struct checkpoint *c);
/* Of a note's text.  Extension lines are passed over. */
must_check bool checkpoint_parse(struct str text, struct checkpoint *ret);

#define RECEIPT_MAX_BYTES ((size_t)256 * 1024)
#define RECEIPT_EXTRA_MAX ((size_t)160 * 1024)

struct receipt {
	struct str extra; /* still base64; not authenticated */
	uint64_t index;
	struct merkle_proof proof;
	struct str note; /* the signed checkpoint */
};

/* @extra as bytes, or empty. */
void receipt_add(struct buf *b, const struct receipt *r, struct str extra);
must_check bool receipt_parse(struct str text, struct receipt *ret);
