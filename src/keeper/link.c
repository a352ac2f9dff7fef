/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message that could not be sent at once keeps duplicates of its descriptors
 * until it is.  While there is a queue everything goes through it, so the
 * order holds.
 *
 * A paused link still sees its peer's end: the kernel reports a hang-up
 * whatever the interest is, and then what is left is read as usual.
 */
#include "keeper/link.h"

#include "base/fd.h"

struct link_out {
	struct link_out *next;
	uint32_t type, id;
	int fds[IPC_FDS_MAX];
	size_t n_fds, len;
	char body[];
};

static void out_free(struct link_out *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n_fds; i++)
		(void)close(o->fds[i]);
	free(o);
}
DEFINE_AUTO(link_out, struct link_out, out_free);

static int out_new(uint32_t type, uint32_t id, struct str body, const int *fds,
		   size_t n_fds, struct link_out **ret)
{
	AUTO(link_out) struct link_out *o = NULL;
	size_t size;

	if (ckd_add(&size, sizeof(*o), body.len))
		return -ENOMEM;
	o = calloc(1, size);
	if (!o)
		return -ENOMEM;
	o->type = type;
	o->id = id;
	o->len = body.len;
	if (body.len > 0)
		memcpy(o->body, body.ptr, body.len);
	for (size_t i = 0; i < n_fds; i++) {
		int fd = fd_dup(fds[i]);

		if (fd < 0)
			return fd;
		o->fds[o->n_fds++] = fd;
	}
	*ret = TAKE(o);
	return 0;
}

static uint32_t interest(const struct link *l)
{
	return (l->paused ? 0u : (uint32_t)EPOLLIN) |
	       (l->n_queued > 0 ? (uint32_t)EPOLLOUT : 0u);
}

/* A failure leaves the old interest, with which we only wake more often. */
static void update_interest(struct link *l)
{
	(void)!loop_io_set(l->loop, &l->io, interest(l));
}

static int flush(struct link *l)
{
	while (l->first) {
		AUTO(link_out) struct link_out *o = l->first;
		int r = ipc_send(l->fd, o->type, o->id,
				 (struct str){ o->body, o->len }, o->fds,
				 o->n_fds);

		if (r == -EAGAIN) {
			(void)TAKE(o);
			return 0;
		}
		l->first = o->next;
		if (!l->first)
			l->last = &l->first;
		l->n_queued--;
		l->queued_bytes -= o->len;
		if (r != 0)
			return r;
	}
	update_interest(l);
	if (l->on_drained)
		l->on_drained(l);
	return 0;
}

static int on_io(struct loop_io *io, uint32_t events)
{
	struct link *l = io->owner;
	AUTO(ipc_msg) struct ipc_msg m;
	int r;

	ipc_msg_init(&m);
	if (events & EPOLLOUT) {
		/* on_drained() may resume others, but does not end this. */
		r = flush(l);
		if (r != 0)
			return r;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return 0;
	r = ipc_recv(l->fd, &m, l->max_body);
	if (r == -EAGAIN)
		return 0;
	return r != 0 ? r : l->on_msg(l, &m);
}

static void on_error(struct loop_io *io, int error)
{
	struct link *l = io->owner;

	l->on_end(l, error);
}

int link_open(struct link *l, struct loop *loop, int fd)
{
	int r;

	ASSERT(l->on_msg && l->on_end && l->max_body > 0);
	l->fd = fd;
	l->loop = loop;
	l->last = &l->first;
	l->io = (struct loop_io){ .fd = fd,
				  .events = EPOLLIN,
				  .run = on_io,
				  .on_error = on_error,
				  .owner = l };
	r = fd_set_nonblock(fd, true);
	if (r == 0)
		r = loop_io_add(loop, &l->io);
	if (r != 0)
		link_close(l);
	return r;
}

void link_close(struct link *l)
{
	if (l->fd == -1)
		return;
	loop_io_remove(l->loop, &l->io);
	(void)close(TAKE_FD(l->fd));
	while (l->first) {
		struct link_out *next = l->first->next;

		out_free(l->first);
		l->first = next;
	}
	l->last = &l->first;
	l->n_queued = 0;
	l->queued_bytes = 0;
}

int link_send(struct link *l, uint32_t type, uint32_t id, struct str body,
	      const int *fds, size_t n_fds)
{
	struct link_out *o = NULL;
	int r;

	if (l->fd == -1)
		return -EPIPE;
	if (l->n_queued == 0) {
		r = ipc_send(l->fd, type, id, body, fds, n_fds);
		if (r != -EAGAIN)
			return r;
	}
	if (l->n_queued >= LINK_QUEUE_MESSAGES ||
	    body.len > LINK_QUEUE_BYTES - l->queued_bytes)
		return -ENOBUFS;
	r = out_new(type, id, body, fds, n_fds, &o);
	if (r != 0)
		return r;
	*l->last = o;
	l->last = &o->next;
	l->n_queued++;
	l->queued_bytes += body.len;
	update_interest(l);
	return 0;
}

void link_pause(struct link *l, bool paused)
{
	if (l->fd == -1 || l->paused == paused)
		return;
	l->paused = paused;
	update_interest(l);
}
