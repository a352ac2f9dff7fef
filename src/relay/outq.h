/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outq: messages to a peer that does not always take them at once.
 *
 * Order is kept, nothing is dropped.  Above OUTQ_HIGH bytes the owner should
 * stop making more; the hard limit is only for a peer that reads no longer.
 */
#pragma once

#include "base/loop.h"
#include "ipc/ipc.h"

#define OUTQ_HIGH ((size_t)256 * 1024)      /* bytes waiting */
#define OUTQ_MAX  ((size_t)8 * 1024 * 1024) /* bytes waiting */

struct outq_msg;

struct outq {
	struct loop *loop;
	struct loop_io *io; /* the channel; its interest in EPOLLOUT is ours */
	struct outq_msg *first, **last;
	size_t bytes;
};

/* @io is in @loop for as long as its peer may read. */
void outq_init(struct outq *q, struct loop *loop, struct loop_io *io);
void outq_done(struct outq *q);

/* Sent or queued: 0.  -ENOBUFS at the hard limit, -ENOMEM, -EPIPE. */
must_check int outq_send(struct outq *q, uint32_t type, uint32_t id,
			 struct str body);
/* On EPOLLOUT.  -EPIPE: the peer is gone. */
must_check int outq_flush(struct outq *q);
/* Blocks for at most @timeout_ms until all is sent; 0, -ETIMEDOUT, -EPIPE. */
must_check int outq_drain(struct outq *q, int timeout_ms);

static inline bool outq_is_high(const struct outq *q)
{
	return q->bytes > OUTQ_HIGH;
}
