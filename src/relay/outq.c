/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/outq.h"

#include <poll.h>

#include "base/clock.h"

struct outq_msg {
	struct outq_msg *next;
	uint32_t type, id;
	size_t len;
	char body[];
};

void outq_init(struct outq *q, struct loop *loop, struct loop_io *io)
{
	*q = (struct outq){ .loop = loop, .io = io };
	q->last = &q->first;
}

void outq_done(struct outq *q)
{
	while (q->first) {
		struct outq_msg *m = q->first;

		q->first = m->next;
		free(m);
	}
	q->last = &q->first;
	q->bytes = 0;
}

/* A channel that is out of the loop is left to outq_drain(). */
static int want_out(struct outq *q, bool want)
{
	uint32_t others = q->io->events & ~(uint32_t)EPOLLOUT;

	if (q->io->slot == 0)
		return 0;
	return loop_io_set(q->loop, q->io, others | (want ? EPOLLOUT : 0));
}

static int enqueue(struct outq *q, uint32_t type, uint32_t id, struct str body)
{
	struct outq_msg *m;
	size_t size;

	if (q->bytes >= OUTQ_MAX)
		return -ENOBUFS;
	if (ckd_add(&size, sizeof(*m), body.len))
		return -EMSGSIZE;
	m = malloc(size);
	if (!m)
		return -ENOMEM;
	m->next = NULL;
	m->type = type;
	m->id = id;
	m->len = body.len;
	if (body.len > 0)
		memcpy(m->body, body.ptr, body.len);
	*q->last = m;
	q->last = &m->next;
	q->bytes += size;
	return want_out(q, true);
}

int outq_send(struct outq *q, uint32_t type, uint32_t id, struct str body)
{
	int r;

	if (q->first)
		return enqueue(q, type, id, body);
	r = ipc_send(q->io->fd, type, id, body, NULL, 0);
	return r == -EAGAIN ? enqueue(q, type, id, body) : r;
}

/* 0 = all sent, -EAGAIN = not now. */
static int send_some(struct outq *q)
{
	while (q->first) {
		struct outq_msg *m = q->first;
		struct str body = { .ptr = m->body, .len = m->len };
		int r = ipc_send(q->io->fd, m->type, m->id, body, NULL, 0);

		if (r != 0)
			return r;
		q->first = m->next;
		if (!q->first)
			q->last = &q->first;
		q->bytes -= sizeof(*m) + m->len;
		free(m);
	}
	return 0;
}

int outq_flush(struct outq *q)
{
	int r = send_some(q);

	if (r == -EAGAIN)
		return 0;
	if (r != 0)
		return r;
	return want_out(q, false);
}

int outq_drain(struct outq *q, int timeout_ms)
{
	uint64_t end_ns = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;

	for (;;) {
		struct pollfd p = { .fd = q->io->fd, .events = POLLOUT };
		int r = send_some(q);
		uint64_t now_ns = clock_mono_ns();

		if (r != -EAGAIN)
			return r;
		if (now_ns >= end_ns)
			return -ETIMEDOUT;
		/* cannot overflow: less than timeout_ms */
		(void)poll(&p, 1, (int)((end_ns - now_ns) / NS_PER_MS) + 1);
	}
}
