/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Each flow has one buffer.  It is read while there is room and written while
 * there is content; what a descriptor is polled for follows from that alone
 * (interest()), so there is no state to get out of step.  Every event serves
 * both flows of the duct: the second costs one comparison when idle.
 *
 * End of input: the buffer is written out first, then the end is passed on
 * (shutdown, or what the owner does, such as an end-of-file character).  The
 * duct is over when both ends were passed on, or when an end fails.
 */
#include "jail/duct.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"

/* Of a blocking terminal: poll promises room for at least this much. */
#define SMALL_WRITE 256u

static struct duct_end *from(struct duct *p, unsigned i)
{
	return &p->e[i];
}

static struct duct_end *to(struct duct *p, unsigned i)
{
	return &p->e[1 - i];
}

static bool wants_in(const struct duct *p, unsigned i)
{
	const struct duct_flow *f = &p->f[i];

	return p->e[i].in_fd != -1 && !f->ended && !f->paused &&
	       f->off + f->len < DUCT_BUF;
}

static bool wants_out(const struct duct *p, unsigned i)
{
	return p->e[i].out_fd != -1 && p->f[1 - i].len > 0;
}

static int set_io(struct duct *p, struct loop_io *io, bool *added,
		  uint32_t events)
{
	if (*added && io->events == events)
		return 0;
	/* Level-triggered HUP on an end with nothing to do would spin. */
	if (events == 0) {
		if (*added)
			loop_io_remove(p->loop, io);
		*added = false;
		io->events = 0;
		return 0;
	}
	if (*added)
		return loop_io_set(p->loop, io, events);
	io->events = events;
	*added = true;
	return loop_io_add(p->loop, io);
}

static int interest(struct duct *p, unsigned i)
{
	struct duct_end *e = &p->e[i];
	uint32_t in = wants_in(p, i) ? EPOLLIN : 0;
	uint32_t out = wants_out(p, i) ? EPOLLOUT : 0;
	int r;

	if (e->in_fd == e->out_fd)
		return set_io(p, &e->in, &e->in_added, in | out);
	r = e->in_fd != -1 ? set_io(p, &e->in, &e->in_added, in) : 0;
	if (r == 0 && e->out_fd != -1)
		r = set_io(p, &e->out, &e->out_added, out);
	return r;
}

static void pass_on_end(struct duct *p, unsigned i)
{
	struct duct_flow *f = &p->f[i];

	if (!f->ended || f->len > 0 || f->closed)
		return;
	f->closed = true;
	if (p->on_end)
		p->on_end(p, i);
	else if (to(p, i)->out_fd != -1)
		(void)shutdown(to(p, i)->out_fd, SHUT_WR);
}

/* 1: something was read; 0: nothing is there; -errno: the end is broken. */
static int fill(struct duct *p, unsigned i)
{
	struct duct_flow *f = &p->f[i];
	ssize_t n;

	if (!wants_in(p, i) || (p->may_read && !p->may_read(p, i)))
		return 0;
	n = read(from(p, i)->in_fd, f->buf + f->off + f->len,
		 DUCT_BUF - f->off - f->len);
	if (n == -1) {
		int e = neg_errno();

		if (e == -EAGAIN || e == -EINTR)
			return 0;
		if (!p->is_end || !p->is_end(p, i, e))
			return e;
		n = 0;
	}
	if (n == 0) {
		f->ended = !f->paused;
		return 0;
	}
	if (p->filter)
		n = (ssize_t)p->filter(p, i, f->buf + f->off + f->len,
				       (size_t)n);
	f->len += (size_t)n;
	p->bytes[i] += (uint64_t)n;
	return 1;
}

static int flush(struct duct *p, unsigned i)
{
	struct duct_flow *f = &p->f[i];
	const struct duct_end *e = to(p, i);

	while (f->len > 0 && e->out_fd != -1) {
		size_t len = f->len;
		ssize_t n;

		if (e->small_writes) {
			struct pollfd pfd = { e->out_fd, POLLOUT, 0 };

			if (len > SMALL_WRITE)
				len = SMALL_WRITE;
			if (poll(&pfd, 1, 0) != 1)
				return 0;
		}
		n = write(e->out_fd, f->buf + f->off, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : neg_errno();
		f->off += (size_t)n;
		f->len -= (size_t)n;
	}
	if (f->len == 0)
		f->off = 0;
	return 0;
}

static void end_it(struct duct *p, enum duct_over how, int error)
{
	if (p->over)
		return;
	duct_done(p);
	p->over = true;
	p->on_over(p, how, error);
}

/* Flow @i: what can be moved now. */
static int serve_flow(struct duct *p, unsigned i)
{
	int r;

	r = fill(p, i);
	if (r < 0)
		return r;
	r = flush(p, i);
	if (r < 0)
		return r;
	pass_on_end(p, i);
	return 0;
}

static void serve(struct duct *p)
{
	int r = 0;

	for (unsigned i = 0; i < 2 && r == 0; i++)
		r = serve_flow(p, i);
	for (unsigned i = 0; i < 2 && r == 0; i++)
		r = interest(p, i);
	if (r < 0)
		end_it(p, DUCT_BROKEN, r);
	else if (p->f[0].closed && p->f[1].closed)
		end_it(p, DUCT_CLOSED, 0);
}

static int on_event(struct loop_io *io, uint32_t events)
{
	(void)events;
	serve(io->owner);
	return 0;
}

int duct_start(struct duct *p, struct loop *l, struct duct_fds a,
	       struct duct_fds b)
{
	const struct duct_fds *fds[2] = { &a, &b };
	int r = 0;

	p->loop = l;
	p->over = false;
	for (unsigned i = 0; i < 2; i++) {
		struct duct_end *e = &p->e[i];

		*e = (struct duct_end){ .in_fd = fds[i]->in,
					.out_fd = fds[i]->out,
					.small_writes = fds[i]->small_writes };
		e->in = (struct loop_io){ .fd = e->in_fd,
					  .run = on_event,
					  .owner = p };
		e->out = (struct loop_io){ .fd = e->out_fd,
					   .run = on_event,
					   .owner = p };
		p->f[i].off = p->f[i].len = 0;
		p->f[i].ended = p->f[i].closed = e->in_fd == -1;
		p->bytes[i] = 0;
	}
	for (unsigned i = 0; i < 2 && r == 0; i++)
		r = interest(p, i);
	if (r < 0)
		duct_done(p);
	return r;
}

void duct_done(struct duct *p)
{
	for (unsigned i = 0; i < 2 && p->loop; i++) {
		struct duct_end *e = &p->e[i];

		if (e->in_added)
			loop_io_remove(p->loop, &e->in);
		if (e->out_added)
			loop_io_remove(p->loop, &e->out);
		e->in_added = e->out_added = false;
	}
}

void duct_pause(struct duct *p, unsigned i, bool paused)
{
	if (p->over || p->f[i].paused == paused)
		return;
	p->f[i].paused = paused;
	if (interest(p, i) < 0)
		end_it(p, DUCT_BROKEN, -ENOMEM);
}

bool duct_inject(struct duct *p, unsigned i, struct str s)
{
	struct duct_flow *f = &p->f[i];

	if (p->over || f->closed || s.len > DUCT_BUF - f->off - f->len)
		return false;
	memcpy(f->buf + f->off + f->len, s.ptr, s.len);
	f->len += s.len;
	serve(p);
	return true;
}

void duct_drain(struct duct *p, unsigned i, int timeout_ms, int stop_fd)
{
	uint64_t end = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	struct duct_flow *f = &p->f[i];

	if (p->over)
		return;
	f->paused = false;
	for (;;) {
		struct pollfd pfd[2] = { { to(p, i)->out_fd, POLLOUT, 0 },
					 { stop_fd, POLLIN, 0 } };
		size_t before = f->len;
		int got = fill(p, i);
		uint64_t now;

		if (got < 0)
			f->ended = true;
		/*
		 * A pty gives 4 KiB at a time; it is empty when nothing came
		 * although the buffer had room for it.
		 */
		if (flush(p, i) < 0 || (before == 0 && got <= 0))
			return;
		now = clock_mono_ns();
		if (now >= end)
			return;
		if (f->len > 0 &&
		    (poll(pfd, 2, (int)((end - now) / NS_PER_MS) + 1) <= 0 ||
		     pfd[1].revents))
			return;
	}
}
