/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader: the ledger's records in order, while the scribe may be writing.
 *
 * Needs no lock and no OpenSSL, and checks no hash: that is verify.  A record
 * that is not wholly there yet is not shown.  What is shown may be some
 * microseconds from being durable.  Leaf and payload come joined, as one flat
 * object, without salt and the payload's hash; with "erased":true when the
 * payload was erased.
 */
#pragma once

#include "base/arena.h"
#include "ledger/record.h"
#include "ledger/tile.h"

struct reader;

struct reader_line {
	struct str text; /* without LF; valid until the next call */
	uint64_t seq;    /* 0: not a record */
	uint64_t index;  /* in the tree, from 0 */
};

enum reader_outcome {
	READER_END = 1, /* no further record now; more may come */
	READER_LONG,    /* one beyond RECORD_MAX_BYTES was skipped */
};

/*
 * $BAWN_STATE_DIR/ledger, else $HOME/.local/state/bawn/ledger, in @a.
 * NULL: neither is set, or no memory.
 */
const char *reader_default_dir(struct arena *a);

/* @dir must exist: -ENOENT.  It may be empty. */
must_check int reader_open(struct reader **ret, const char *dir);
/* What is there is of the first form, which the next scribe takes in. */
bool reader_is_first_form(const struct reader *r);
void reader_free(struct reader *r);
DEFINE_AUTO(reader, struct reader, reader_free);

/* 0 and the next line; an enum reader_outcome; -errno. */
must_check int reader_next(struct reader *r, struct reader_line *ret);

/* The same as it is stored: a leaf, and its payload. */
must_check int reader_next_raw(struct reader *r, struct str *ret_leaf,
			       struct payload *ret_payload,
			       uint64_t *ret_index);

/* Bytes after the last record at READER_END: being written, or torn. */
uint64_t reader_torn_bytes(const struct reader *r);

/* The next record becomes the @n-th from the end, or the first. */
must_check int reader_seek_last(struct reader *r, uint64_t n);
/* The first one with a number of at least @seq, or the end. */
must_check int reader_seek(struct reader *r, uint64_t seq);
/* That one, or the end. */
must_check int reader_seek_index(struct reader *r, uint64_t index);
/* How many there are. */
must_check int reader_count(struct reader *r, uint64_t *ret);

/*
 * Where payloads have been erased (erased.h).  What is read after it is without
 * those, whatever was read before.
 */
struct erased;
must_check int reader_erased(struct reader *r, struct erased *ret);

/*
 * Wait until something may have come, at most @timeout_ms (-1: for ever).
 * 0; 1 = time is up; -EINTR; -errno.
 */
must_check int reader_wait(struct reader *r, int timeout_ms);
/* For loops of one's own: readable when something may have come. */
must_check int reader_watch(struct reader *r, int *ret_fd);
/* After it was readable. */
void reader_watch_clear(struct reader *r);

/*
 * The full id of the session named by @name: an id, a prefix of just one, or
 * "@" for the newest.  Moves the position.  0 and *ret in @a;
 * 1 = none; 2 = the prefix fits more than one; -errno.
 */
must_check int reader_find_session(struct reader *r, struct str name,
				   struct arena *a, struct str *ret);
