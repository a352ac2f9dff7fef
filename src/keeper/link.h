/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: one peer on the loop.  Messages go out in order and never block us:
 * what the socket does not take waits in a queue of limited size.
 */
#pragma once

#include "base/base.h"
#include "base/loop.h"
#include "ipc/ipc.h"

#define LINK_QUEUE_BYTES    ((size_t)16 * 1024 * 1024) /* of bodies */
#define LINK_QUEUE_MESSAGES 4096u

struct link;
struct link_out;

/*
 * One message.  It may end the link and free its owner, and then returns 0.
 * < 0: on_end() is called with it.
 */
typedef int (*link_msg_fn)(struct link *l, struct ipc_msg *m);
/* The peer is gone (-EPIPE), or broke the protocol, or we could not. */
typedef void (*link_end_fn)(struct link *l, int reason);

struct link {
	int fd; /* owned */
	void *owner;
	link_msg_fn on_msg;
	link_end_fn on_end;
	void (*on_drained)(
		struct link *l); /* may be NULL: the queue is empty */
	size_t max_body;
	/* private */
	struct loop *loop;
	struct loop_io io;
	struct link_out *first, **last;
	size_t queued_bytes, n_queued;
	bool paused;
};

#define LINK_NULL        \
	{                \
		.fd = -1 \
	}

/* Takes @fd, also when it fails.  The other members are set before. */
must_check int link_open(struct link *l, struct loop *loop, int fd);
void link_close(struct link *l);
static inline bool link_is_open(const struct link *l)
{
	return l->fd != -1;
}

/*
 * Send or queue; @fds are borrowed.  -ENOBUFS: the queue is full; -EPIPE: the
 * peer is gone, or the link is closed.
 */
must_check int link_send(struct link *l, uint32_t type, uint32_t id,
			 struct str body, const int *fds, size_t n_fds);
static inline bool link_is_drained(const struct link *l)
{
	return l->n_queued == 0;
}

/* Stop reading, so that the peer waits; what it sent stays in the socket. */
void link_pause(struct link *l, bool paused);
