/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receive: an OTLP receiver over HTTP/1.1 for what is given to it: POST to
 * /v1/logs, /v1/traces and /v1/metrics, in both encodings, plain or gzip.
 *
 * What it answers: 200, with partial success where records were left out; 400
 * malformed, 404, 405, 413, 415, 417, 429 later (the rate is used up), 431,
 * 501, 503 later (no memory for it), 505.  Nothing waits for a client: it has
 * so much time for a request, and takes its answer at once or is closed.
 */
#pragma once

#include "base/loop.h"

#define RECEIVE_CONNS      64u                       /* the oldest makes room */
#define RECEIVE_HEAD_MAX   ((size_t)8 * 1024)        /* bytes of a head */
#define RECEIVE_FIELDS_MAX 64u                       /* of a head */
#define RECEIVE_WIRE_MAX   ((size_t)1024 * 1024)     /* bytes of a body, sent */
#define RECEIVE_BYTES_MAX  ((size_t)8 * 1024 * 1024) /* of all bodies */
#define RECEIVE_REQUEST_MS 20000u /* from its first byte to its last */
#define RECEIVE_IDLE_MS    90000u
#define RECEIVE_LINGER_MS  1000u /* after an answer that ends a connection */
#define RECEIVE_TELL_MS    1000u /* what is lost is told so often */

struct receive_ops {
	/* -errno ends the loop. */
	int (*record)(void *owner, struct str record);
	int (*lost)(void *owner, uint64_t n);
	void *owner;
};

struct receive;

must_check int receive_new(struct receive **ret, struct loop *loop,
			   const struct receive_ops *ops);
void receive_free(struct receive *r);
DEFINE_AUTO(receive, struct receive, receive_free);

/* A client; taken, non-blocking.  -errno: it is closed. */
must_check int receive_take(struct receive *r, int take_fd);
/* How much was read so far: whether a round of the loop got any further. */
uint64_t receive_progress(const struct receive *r);
/* Tell what is lost and not told yet. */
must_check int receive_flush(struct receive *r);
