/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed: the records that a sink wants, in order, from a number on.
 *
 * A record is given half a second after it was written: what can still be taken
 * back because the disk failed (PROTOCOL.ledger, section 4) must not be told.
 * Nothing is kept, so a receiver that is away for a day costs no memory.
 */
#pragma once

#include "export/event.h"
#include "ledger/query.h"

#define FEED_SETTLE_NS (UINT64_C(500) * 1000 * 1000)

struct feed;

enum feed_outcome {
	FEED_END = 1, /* no more for now */
};

/* @filter may be NULL; @dir, @filter, @from are borrowed.  -ENOENT: no ledger. */
must_check int feed_open(struct feed **ret, const char *dir,
			 const struct query *filter,
			 const struct event_origin *from);
void feed_free(struct feed *f);
DEFINE_AUTO(feed, struct feed, feed_free);

/* The next event is the first with a number above @seq. */
must_check int feed_seek(struct feed *f, uint64_t seq);
/*
 * 0 and an event that is valid until the next call; FEED_END; -errno.  The next
 * call gives the one behind it; feed_again() this one again.
 */
must_check int feed_next(struct feed *f, struct event *ret);
void feed_again(struct feed *f);
/* A record is there that is too young yet. */
bool feed_is_pending(const struct feed *f);
/* Of the last record that was given or passed over. */
uint64_t feed_seq(const struct feed *f);
uint64_t feed_at(const struct feed *f);
/* Readable when there may be more; after that feed_watch_clear(). */
must_check int feed_watch(struct feed *f, int *ret_fd);
void feed_watch_clear(struct feed *f);
/* The number of the last record of all; 0: none.  Moves the position. */
must_check int feed_last(struct feed *f, uint64_t *ret);
