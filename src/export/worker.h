/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: the process of one sink, from its cursor to the end of the ledger and
 * on, until it is told to stop.
 *
 * Its only line to its parent: it reads the end there when it has to stop, and
 * writes a note, one JSON object a message, when it sets a record aside.
 */
#pragma once

#include "export/cursor.h"
#include "export/feed.h"
#include "export/frame.h"
#include "export/sinks.h"

#define WORKER_STOP_NS        (UINT64_C(4) * 1000 * 1000 * 1000) /* to finish */
#define WORKER_REJECTS        10u /* in a row; then it is not the records */
#define WORKER_BACKOFF_MIN_MS 500u
#define WORKER_BACKOFF_MAX_MS (5u * 60u * 1000u)
#define WORKER_OWN            (UINT64_C(1) << 63) /* it is a sink.reject */
#define WORKER_WHY            256u

enum worker_exit {
	WORKER_DONE = 0,
	WORKER_TROUBLE = 2, /* begin again, after a while */
	WORKER_DENIED = 3,  /* again, with credentials fetched anew */
};

struct worker {
	const struct sink *sink;
	const char *name;       /* of cursor and status: layer and name */
	const char *ledger_dir; /* absolute */
	int state_fd;           /* of STATE/sinks */
	int parent_fd;
	const struct event_origin *from;
	struct str token;
	/* private */
	struct feed *feed;
	struct query *filter;
	struct frame *frame;
	uint64_t *seqs;       /* of what is in it, with WORKER_OWN */
	struct cursor cursor; /* what is durable */
	struct sink_status status;
	uint64_t told; /* status.sent on disk */
	char why[WORKER_WHY];
	uint64_t stop_ns; /* 0: nobody has said so yet */
	uint32_t backoff_ms, rejects, limit;
};

/* An enum worker_exit. */
must_check int worker_run(struct worker *w);

/* ---- for worker-*.c alone ---- */

/* Fill the frame.  0: sendable, or nothing there; -errno. */
must_check int worker_fill(struct worker *w);
/*
 * There was nothing to send: wait for more.  True: this is the end, for the
 * reason *ret.
 */
bool worker_idle(struct worker *w, int *ret);
/* It is time to go: nothing can be finished any more. */
bool worker_is_late(struct worker *w);
bool worker_is_stopping(struct worker *w);
/* Sleep until something may have come, at most @ms; ends early to stop. */
void worker_wait(struct worker *w, unsigned ms, bool for_records);
/* After a failure: grows each time, until worker_well(). */
void worker_back_off(struct worker *w, const char *why, uint32_t after_s);
void worker_well(struct worker *w, uint64_t sent);
/* Everything up to the record with @seq is there. */
must_check int worker_advance(struct worker *w, uint64_t seq, uint64_t at);
/* The record with @seq is set aside. */
void worker_reject(struct worker *w, uint64_t seq, uint64_t n, const char *why);
void worker_say(struct worker *w, const char *state, const char *why);

int worker_post(struct worker *w);
int worker_syslog(struct worker *w);
int worker_file(struct worker *w);
