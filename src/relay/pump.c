/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * One read into the scratch buffer that all pumps share, one write from there.
 * What the other side does not take becomes its out: then the source is not
 * read until out is empty, so a pump holds at most one chunk per direction, and
 * all pumps together PUMP_PENDING plus PUMP_SMALL each.
 *
 * A stream (many large reads in a row) goes through a pipe instead, so that its
 * bytes are not copied twice more: half the time of the processor.  The pipe is
 * only filled when empty; what is in it counts as out.
 *
 * Interest of a side, recomputed after everything that moves:
 *   IN   not eof, and the other side's out is empty or held by look()
 *   OUT  own out is not empty and not held
 * With neither, the side stays registered without interest, to learn of a
 * reset; but once it was shut, an end of input shows as HUP for ever, so it is
 * taken out of the loop.  Thus nothing spins:
 *   HUP or ERR without interest in IN, not shut  = a reset, ends the pump.
 *
 * End of input of one side is passed on (shutdown) as soon as the other side's
 * out is empty.  A pump is done when both sides are eof and shut.
 *
 * Output that makes no progress for PUMP_STUCK_MS ends the pump.  The timer is
 * armed when output begins to wait and re-arms itself, so moving data costs no
 * timer operation.  A quiet connection has no output and no timer.
 */
#include "relay/pump.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "relay/tls-hello-parse.h"

#define READS_PER_EVENT 2

/* What makes a stream: so many reads in a row of so many bytes. */
#define STREAM_READ     ((size_t)64 * 1024)
#define STREAM_STREAK   16u
#define STREAM_PATIENCE 64u /* smaller reads before it is none any more */

int pump_pool_init(struct pump_pool *p, struct loop *loop)
{
	/* Mapped, so that pages are only there once a big read needs them. */
	void *m = mmap(NULL, PUMP_CHUNK, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return neg_errno();
	*p = (struct pump_pool){ .loop = loop, .scratch = m };
	return 0;
}

void pump_pool_done(struct pump_pool *p)
{
	if (p->scratch)
		(void)munmap(p->scratch, PUMP_CHUNK);
	p->scratch = NULL;
}

static struct pump_side *other(struct pump *p, const struct pump_side *s)
{
	return s == &p->side[0] ? &p->side[1] : &p->side[0];
}

static bool has_output(const struct pump_side *s)
{
	return s->out_len > 0 || (s->pipe && s->pipe->len > 0);
}

/* Bytes wait that may be written now. */
static bool is_due(const struct pump *p, const struct pump_side *s)
{
	return has_output(s) && !(p->held && s == &p->side[PUMP_UPSTREAM]);
}

static void drop_pipe(struct pump *p, struct pump_side *s)
{
	if (!s->pipe)
		return;
	pump_pipe_free(s->pipe);
	s->pipe = NULL;
	p->pool->n_pipes--;
}

static void drop_out(struct pump *p, struct pump_side *s)
{
	p->pool->pending -= s->out_len;
	free(s->out);
	s->out = NULL;
	s->out_len = 0;
	s->out_off = 0;
}

static int keep_out(struct pump *p, struct pump_side *s, struct str bytes)
{
	char *out;

	if (bytes.len == 0)
		return 0;
	if (s->out_off > 0)
		memmove(s->out, s->out + s->out_off, s->out_len);
	s->out_off = 0;
	out = realloc(s->out, s->out_len + bytes.len);
	if (!out)
		return -ENOMEM;
	memcpy(out + s->out_len, bytes.ptr, bytes.len);
	if (s->out_len == 0)
		s->progress_ns = loop_now_ns(p->pool->loop);
	s->out = out;
	s->out_len += bytes.len;
	p->pool->pending += bytes.len;
	return 0;
}

void pump_init(struct pump *p, struct pump_pool *pool, int take_client)
{
	*p = (struct pump){ .pool = pool };
	p->side[PUMP_CLIENT].fd = take_client;
	p->side[PUMP_UPSTREAM].fd = -1;
}

int pump_keep(struct pump *p, struct str bytes)
{
	struct pump_side *up = &p->side[PUMP_UPSTREAM];

	if (bytes.len > TLS_HELLO_MAX - up->out_len)
		return -EMSGSIZE;
	return keep_out(p, up, bytes);
}

void pump_close(struct pump *p, bool reset)
{
	static const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	loop_timer_clear(p->pool->loop, &p->stuck);
	for (size_t i = 0; i < 2; i++) {
		struct pump_side *s = &p->side[i];

		loop_io_remove(p->pool->loop, &s->io);
		drop_out(p, s);
		drop_pipe(p, s);
		if (s->fd == -1)
			continue;
		if (reset)
			(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now,
					 sizeof(now));
		(void)close(TAKE_FD(s->fd));
	}
	p->running = false;
}

static void end(struct pump *p, int error)
{
	pump_close(p, error != 0);
	p->ended(p, error);
}

/* 0, or -errno of the side @s. */
static int write_side(struct pump *p, struct pump_side *s, struct str bytes,
		      size_t *ret_n)
{
	ssize_t n;

	do
		n = send(s->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	*ret_n = n > 0 ? (size_t)n : 0;
	if (n == -1)
		return errno == EAGAIN ? 0 : neg_errno();
	p->bytes[s - p->side] += *ret_n;
	return 0;
}

static int drain_pipe(struct pump *p, struct pump_side *s)
{
	ssize_t n = pump_pipe_drain(s->pipe, s->fd);

	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	p->bytes[s - p->side] += (size_t)n;
	s->progress_ns = loop_now_ns(p->pool->loop);
	return 0;
}

static int drain(struct pump *p, struct pump_side *s)
{
	size_t n = 0;
	int r;

	if (!is_due(p, s))
		return 0;
	if (s->out_len == 0)
		return drain_pipe(p, s);
	r = write_side(
		p, s,
		(struct str){ .ptr = s->out + s->out_off, .len = s->out_len },
		&n);
	if (r != 0)
		return r;
	if (n > 0)
		s->progress_ns = loop_now_ns(p->pool->loop);
	if (n == s->out_len) {
		drop_out(p, s);
		return 0;
	}
	s->out_off += n;
	s->out_len -= n;
	p->pool->pending -= n;
	return 0;
}

/* Ask the owner about bytes of the program. */
static int look_at(struct pump *p, struct str bytes)
{
	struct pump_side *up = &p->side[PUMP_UPSTREAM];
	int r;

	switch (p->look(p, bytes)) {
	case PUMP_MORE:
		r = pump_keep(p, bytes);
		return r;
	case PUMP_PASS:
		r = keep_out(p, up, bytes);
		p->look = NULL;
		p->held = false;
		up->progress_ns = loop_now_ns(p->pool->loop);
		return r != 0 ? r : drain(p, up);
	case PUMP_REFUSE:
	default:
		return -ECONNABORTED;
	}
}

/* @bytes came from the side opposite to @dst. */
static int forward(struct pump *p, struct pump_side *dst, struct str bytes)
{
	size_t n = 0;
	int r;

	if (p->look && dst == &p->side[PUMP_UPSTREAM])
		return look_at(p, bytes);
	r = write_side(p, dst, bytes, &n);
	if (r != 0)
		return r;
	return keep_out(p, dst, str_skip(bytes, n));
}

static bool may_read(struct pump *p, struct pump_side *s)
{
	return !s->eof && !is_due(p, other(p, s));
}

/* A stream goes on through a pipe once it has lasted. */
static void note_read(struct pump *p, struct pump_side *s, size_t n)
{
	struct pump_side *dst = other(p, s);

	if (n < STREAM_READ) {
		s->streak = 0;
		return;
	}
	if (s->streak < STREAM_STREAK) {
		s->streak++;
		return;
	}
	s->streak = 0;
	if (p->look || p->pool->n_pipes >= PUMP_PIPES ||
	    pump_pipe_new(&dst->pipe) != 0)
		return;
	p->pool->n_pipes++;
}

/* As read_side(), for a side whose bytes go through a pipe, which is empty. */
static int splice_side(struct pump *p, struct pump_side *s)
{
	struct pump_side *dst = other(p, s);

	for (int i = 0; i < READS_PER_EVENT && may_read(p, s); i++) {
		ssize_t n = pump_pipe_fill(dst->pipe, s->fd);
		int r;

		if (n == 0)
			s->eof = true;
		if (n <= 0)
			return n == -EAGAIN ? 0 : (int)n;
		dst->pipe->small =
			(size_t)n < STREAM_READ ? dst->pipe->small + 1 : 0;
		dst->progress_ns = loop_now_ns(p->pool->loop);
		r = drain_pipe(p, dst);
		if (r != 0)
			return r;
		if (dst->pipe->len == 0 && dst->pipe->small > STREAM_PATIENCE) {
			drop_pipe(p, dst);
			return 0;
		}
	}
	return 0;
}

static int read_side(struct pump *p, struct pump_side *s)
{
	size_t max = p->pool->pending > PUMP_PENDING ? PUMP_SMALL : PUMP_CHUNK;

	if (other(p, s)->pipe && other(p, s)->out_len == 0)
		return splice_side(p, s);
	for (int i = 0; i < READS_PER_EVENT && may_read(p, s); i++) {
		ssize_t n = recv(s->fd, p->pool->scratch, max, 0);
		int r;

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : neg_errno();
		if (n == 0)
			s->eof = true;
		if (n == 0 && !(p->look && s == &p->side[PUMP_CLIENT]))
			return 0;
		r = forward(p, other(p, s),
			    (struct str){ .ptr = p->pool->scratch,
					  .len = (size_t)n });
		if (r == 0)
			note_read(p, s, (size_t)n);
		if (r != 0 || (size_t)n < max || other(p, s)->pipe)
			return r;
	}
	return 0;
}

static void pass_end(struct pump *p, struct pump_side *s)
{
	if (s->shut || !other(p, s)->eof || has_output(s))
		return;
	/* Fails when the peer is gone; then its reset is on the way. */
	(void)shutdown(s->fd, SHUT_WR);
	s->shut = true;
}

static int set_interest(struct pump *p, struct pump_side *s)
{
	struct loop *l = p->pool->loop;
	uint32_t want = (may_read(p, s) ? (uint32_t)EPOLLIN : 0) |
			(is_due(p, s) ? (uint32_t)EPOLLOUT : 0);

	if (want == 0 && s->shut) {
		loop_io_remove(l, &s->io);
		return 0;
	}
	if (s->io.slot != 0)
		return loop_io_set(l, &s->io, want);
	s->io.events = want;
	return loop_io_add(l, &s->io);
}

static int watch_progress(struct pump *p)
{
	struct loop *l = p->pool->loop;

	if (p->stuck.heap_pos != 0 ||
	    (!is_due(p, &p->side[0]) && !is_due(p, &p->side[1])))
		return 0;
	return loop_timer_set(l, &p->stuck,
			      loop_now_ns(l) + PUMP_STUCK_MS * NS_PER_MS);
}

/* After everything that moves.  1 = both ways have ended. */
static int settle(struct pump *p)
{
	int r = 0;

	for (size_t i = 0; i < 2; i++)
		pass_end(p, &p->side[i]);
	if (p->side[0].eof && p->side[0].shut && p->side[1].eof &&
	    p->side[1].shut)
		return 1;
	for (size_t i = 0; i < 2 && r == 0; i++)
		r = set_interest(p, &p->side[i]);
	return r != 0 ? r : watch_progress(p);
}

static int run_side(struct loop_io *io, uint32_t events)
{
	struct pump *p = io->owner;
	struct pump_side *s = io == &p->side[0].io ? &p->side[0] : &p->side[1];
	bool gone = events & (EPOLLHUP | EPOLLERR);
	int r = 0;

	if (events & EPOLLOUT)
		r = drain(p, s);
	if (r == 0 && may_read(p, s) && (gone || (events & EPOLLIN)))
		r = read_side(p, s);
	else if (r == 0 && gone && !s->shut && !is_due(p, s))
		r = -ECONNRESET;
	if (r == 0)
		r = settle(p);
	if (r != 0)
		end(p, r > 0 ? 0 : r);
	return 0;
}

static int run_stuck(struct loop_timer *t)
{
	struct pump *p = t->owner;
	uint64_t now = loop_now_ns(p->pool->loop), next = UINT64_MAX;

	for (size_t i = 0; i < 2; i++) {
		uint64_t at =
			p->side[i].progress_ns + PUMP_STUCK_MS * NS_PER_MS;

		if (!is_due(p, &p->side[i]))
			continue;
		if (at <= now) {
			end(p, -ETIMEDOUT);
			return 0;
		}
		next = at < next ? at : next;
	}
	if (next != UINT64_MAX && loop_timer_set(p->pool->loop, t, next) != 0)
		end(p, -ENOMEM);
	return 0;
}

int pump_start(struct pump *p, int take_upstream)
{
	int r;

	p->side[PUMP_UPSTREAM].fd = take_upstream;
	for (size_t i = 0; i < 2; i++)
		p->side[i].io = (struct loop_io){ .fd = p->side[i].fd,
						  .run = run_side,
						  .owner = p };
	p->stuck = (struct loop_timer){ .run = run_stuck, .owner = p };
	p->held = p->look != NULL;
	p->running = true;
	p->side[PUMP_UPSTREAM].progress_ns = loop_now_ns(p->pool->loop);

	r = drain(p, &p->side[PUMP_UPSTREAM]);
	/* What a program asks for is often there already. */
	if (r == 0)
		r = read_side(p, &p->side[PUMP_CLIENT]);
	if (r == 0)
		r = settle(p);
	/* Both ends at once: the first event would be the end. */
	return r > 0 ? -ECONNRESET : r;
}

bool pump_is_empty(const struct pump *p)
{
	return p->running && !has_output(&p->side[0]) &&
	       !has_output(&p->side[1]) && !p->side[0].eof && !p->side[1].eof;
}

void pump_take(struct pump *p, int ret[2])
{
	loop_timer_clear(p->pool->loop, &p->stuck);
	for (size_t i = 0; i < 2; i++) {
		loop_io_remove(p->pool->loop, &p->side[i].io);
		drop_pipe(p, &p->side[i]);
		ret[i] = TAKE_FD(p->side[i].fd);
	}
	p->running = false;
}
