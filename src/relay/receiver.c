/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * It unpacks and parses whatever the jail sends, so it is a process of its own:
 * the relay's connections do not wait for it, and what breaks it, or breaks in,
 * has no connection, no name and no secret of the relay's to take.  To what
 * confines a relay it adds that there are no more sockets and no children.
 *
 * It sends to the relay and waits until the relay takes it: back-pressure of the
 * ledger reaches the agent as slowness.
 */
#include "relay/receiver.h"

#include "base/clock.h"
#include "ipc/ipc.h"
#include "relay/confine.h"
#include "relay/receive.h"

#define SETTLE_MS   200u /* at the end, for what is on its way */
#define SETTLE_STEP 5    /* ms */
#define QUIET_STEPS 2    /* without a byte: there is nothing more */

struct receiver {
	struct loop *loop;
	struct receive *receive;
	struct loop_io io;
	bool over; /* the relay has closed the channel */
};

static int send_record(void *owner, struct str record)
{
	struct receiver *r = owner;

	return ipc_send(r->io.fd, RECEIVER_RECORD, 0, record, NULL, 0);
}

static int send_lost(void *owner, uint64_t n)
{
	struct receiver *r = owner;

	return ipc_send(r->io.fd, RECEIVER_LOST, 0,
			(struct str){ (const char *)&n, sizeof(n) }, NULL, 0);
}

static int run_channel(struct loop_io *io, uint32_t events)
{
	struct receiver *r = io->owner;
	AUTO(ipc_msg) struct ipc_msg m;
	int e;

	(void)events;
	ipc_msg_init(&m);
	e = ipc_recv(io->fd, &m, 0);
	if (e == -EPIPE) {
		loop_io_remove(r->loop, io);
		r->over = true;
		return 0;
	}
	if (e != 0)
		return e;
	if (m.type != RECEIVER_CLIENT || m.n_fds != 1)
		return -EPROTO;
	/* One that could not be taken is closed, and the next may be. */
	e = receive_take(r->receive, ipc_take_fd(&m, 0));
	return e == -ENOMEM ? 0 : e;
}

/* What agents sent before they ended. */
static int settle(struct receiver *r)
{
	uint64_t end_ns = clock_mono_ns() + SETTLE_MS * NS_PER_MS;
	unsigned quiet = 0;
	int e = 0;

	while (e == 0 && quiet < QUIET_STEPS && clock_mono_ns() < end_ns) {
		uint64_t before = receive_progress(r->receive);

		e = loop_once(r->loop, SETTLE_STEP);
		quiet = receive_progress(r->receive) == before ? quiet + 1 : 0;
	}
	return e;
}

noreturn_fn void receiver_run(int take_fd)
{
	struct receiver r = { .over = false };
	struct receive_ops ops = { .record = send_record,
				   .lost = send_lost,
				   .owner = &r };
	int e;

	if (take_fd > 3)
		(void)close_range(3, (unsigned)take_fd - 1, 0);
	(void)close_range((unsigned)take_fd + 1, ~0u, 0);
	if (confine_receiver() != 0 || loop_new(&r.loop, NULL) != 0 ||
	    receive_new(&r.receive, r.loop, &ops) != 0)
		_exit(1);
	r.io = (struct loop_io){ .fd = take_fd,
				 .events = EPOLLIN,
				 .run = run_channel,
				 .owner = &r };
	e = loop_io_add(r.loop, &r.io);
	while (e == 0 && !r.over)
		e = loop_once(r.loop, -1);
	if (e == 0)
		e = settle(&r);
	if (e == 0)
		e = receive_flush(r.receive);
	_exit(e == 0 ? 0 : 1);
}
