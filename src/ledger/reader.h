/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader: the ledger's lines in order, while the scribe may be writing.
 *
 * Needs no lock and no OpenSSL, and checks no hash: that is verify.  A line
 * that has no LF yet is not shown.  What is shown may be some microseconds
 * from being durable.
 */
#pragma once

#include "base/arena.h"
#include "ledger/record.h"

struct reader;

struct reader_line {
	struct str text; /* without LF; valid until the next call */
	uint32_t file;   /* number of the file */
	uint64_t line;   /* in it, from 1; 0 after reader_seek_last() */
	uint64_t offset; /* in it, bytes */
};

enum reader_outcome {
	READER_END = 1, /* no further whole line now; more may come */
	READER_LONG,    /* a line beyond RECORD_MAX_BYTES was skipped */
};

/*
 * $BAWN_STATE_DIR/ledger, else $HOME/.local/state/bawn/ledger, in @a.
 * NULL: neither is set, or no memory.
 */
const char *reader_default_dir(struct arena *a);

/* @dir must exist: -ENOENT.  It may be empty. */
must_check int reader_open(struct reader **ret, const char *dir);
void reader_free(struct reader *r);
DEFINE_AUTO(reader, struct reader, reader_free);

/* 0 and the next line; an enum reader_outcome; -errno. */
must_check int reader_next(struct reader *r, struct reader_line *ret);

/* Bytes after the last LF at READER_END: being written, or torn. */
uint64_t reader_torn_bytes(const struct reader *r);

/* The next line becomes the @n-th from the end, or the first. */
must_check int reader_seek_last(struct reader *r, uint64_t n);

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
