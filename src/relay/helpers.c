/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   relay  -> helper  PAIR      struct wire_pair, descriptors client, upstream
 *   helper -> relay   ENDED     struct wire_ended: counts since the last one
 *   helper -> relay   REFUSED   struct wire_refused; the pair is also counted
 *                               in the next ENDED
 *   relay  -> helper  EOF       deliver what programs sent, tell a last ENDED,
 *                               exit
 *
 * Both ends are the same program in the same memory layout, so structures
 * travel as they are; what comes from a helper, which reads foreign bytes, is
 * checked nevertheless.
 *
 * Helpers are filled one after the other.  A helper whose channel breaks has
 * lost its pairs: they are counted as ended.
 */
#include "relay/helpers.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "ipc/ipc.h"
#include "relay/table.h"

#define REPORT_MS      200u
#define SETTLE_MS      500u /* at the end, for upstreams that do not read */
#define SETTLE_STEP_MS 5

enum { /* message types on these channels alone */
	WIRE_PAIR = 1,
	WIRE_ENDED,
	WIRE_REFUSED,
};

struct wire_ended {
	uint64_t n;
	uint64_t bytes[2];
};

struct wire_refused {
	struct helper_pair pair;
	uint32_t why;
	uint32_t sni_len;
	char sni[TLS_HELLO_NAME_MAX + 1];
};

/* ---- in the helper ---- */

struct helper {
	struct loop *loop;
	struct pump_pool pool;
	struct loop_io io;
	struct loop_timer timer;
	struct list all;
	struct wire_ended report;
	bool over; /* the relay has closed the channel */
};

struct held {
	struct list link; /* in helper.all */
	struct helper *helper;
	struct pump pump;
	struct sniff *sniff;
	struct helper_pair pair;
};

static struct str bytes_of(const void *p, size_t len)
{
	return (struct str){ .ptr = p, .len = len };
}

/* A blocking channel: the relay reads, or is gone. */
static int report(struct helper *h)
{
	int r;

	if (h->report.n == 0)
		return 0;
	r = ipc_send(h->io.fd, WIRE_ENDED, 0,
		     bytes_of(&h->report, sizeof(h->report)), NULL, 0);
	h->report = (struct wire_ended){ 0 };
	return r;
}

static int run_report(struct loop_timer *t)
{
	return report(t->owner);
}

static void count(struct held *c)
{
	c->helper->report.n++;
	for (size_t i = 0; i < 2; i++)
		c->helper->report.bytes[i] += c->pump.bytes[i];
}

static void held_free(struct held *c)
{
	struct helper *h = c->helper;

	count(c);
	list_remove(&c->link);
	sniff_free(c->sniff, h->loop);
	free(c);
	if (h->timer.heap_pos == 0 &&
	    loop_timer_set(h->loop, &h->timer,
			   loop_now_ns(h->loop) + REPORT_MS * NS_PER_MS) != 0)
		loop_stop(h->loop, -ENOMEM);
}

static void tell_refused(struct held *c)
{
	struct wire_refused w = { .pair = c->pair,
				  .why = (uint32_t)c->sniff->result,
				  .sni_len = c->sniff->hello.name_len };

	memcpy(w.sni, c->sniff->hello.name, w.sni_len);
	if (ipc_send(c->helper->io.fd, WIRE_REFUSED, 0, bytes_of(&w, sizeof(w)),
		     NULL, 0) != 0)
		loop_stop(c->helper->loop, -EPIPE);
}

static enum pump_look on_look(struct pump *p, struct str bytes)
{
	struct held *c = p->owner;

	return sniff_look(c->sniff, c->helper->loop, bytes);
}

static void on_ended(struct pump *p, int error)
{
	struct held *c = p->owner;

	if (error == -ECONNABORTED)
		tell_refused(c);
	held_free(c);
}

static int on_late(struct loop_timer *t)
{
	struct held *c = t->owner;

	c->sniff->result = SNIFF_LATE;
	tell_refused(c);
	pump_close(&c->pump, true);
	held_free(c);
	return 0;
}

static int take_pair(struct helper *h, struct ipc_msg *m)
{
	struct held *c;
	int r;

	if (m->type != WIRE_PAIR || m->n_fds != 2 ||
	    m->body.len != sizeof(c->pair))
		return -EPROTO;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	list_init(&c->link);
	list_add(&h->all, &c->link);
	c->helper = h;
	memcpy(&c->pair, buf_str(&m->body).ptr, sizeof(c->pair));
	pump_init(&c->pump, &h->pool, ipc_take_fd(m, 0));
	c->pump.ended = on_ended;
	c->pump.owner = c;
	r = 0;
	if (c->pair.sniff) {
		c->pump.look = on_look;
		r = sniff_new(&c->sniff, h->loop,
			      bytes_of(c->pair.name, c->pair.name_len), false,
			      on_late, c);
	}
	if (r == 0)
		r = pump_start(&c->pump, ipc_take_fd(m, 1));
	if (r != 0) {
		if (r == -ECONNABORTED)
			tell_refused(c);
		pump_close(&c->pump, true);
		held_free(c);
	}
	return 0;
}

static int run_channel(struct loop_io *io, uint32_t events)
{
	struct helper *h = io->owner;
	struct ipc_msg m;
	int r = 0;

	(void)events;
	ipc_msg_init(&m);
	/* The channel blocks on sending only. */
	r = ipc_recv(io->fd, &m, sizeof(struct helper_pair));
	if (r == 0)
		r = take_pair(h, &m);
	ipc_msg_done(&m);
	if (r == -EPIPE) {
		loop_io_remove(h->loop, io);
		h->over = true;
		return 0;
	}
	return r;
}

static bool is_settled(const struct helper *h)
{
	LIST_EACH(it, &h->all)
	{
		if (!pump_is_delivered(
			    &LIST_OWNER(it, struct held, link)->pump))
			return false;
	}
	return true;
}

/* To the end of the session, and until the last bytes are delivered. */
static int serve(struct helper *h)
{
	uint64_t end_ns;
	int r = 0;

	while (r == 0 && !h->over)
		r = loop_once(h->loop, -1);
	end_ns = clock_mono_ns() + SETTLE_MS * NS_PER_MS;
	while (r == 0 && !is_settled(h) && clock_mono_ns() < end_ns)
		r = loop_once(h->loop, SETTLE_STEP_MS);
	return r;
}

/* Does not return.  Nothing of the relay is touched but copied memory. */
static noreturn_fn void helper_run(int take_fd)
{
	struct helper h = { 0 };
	int r;

	/* What the relay holds is not ours to keep open. */
	if (take_fd > 3)
		(void)close_range(3, (unsigned)take_fd - 1, 0);
	(void)close_range((unsigned)take_fd + 1, ~0u, 0);

	list_init(&h.all);
	if (loop_new(&h.loop, NULL) != 0 ||
	    pump_pool_init(&h.pool, h.loop) != 0)
		_exit(1);
	h.io = (struct loop_io){ .fd = take_fd,
				 .events = EPOLLIN,
				 .run = run_channel,
				 .owner = &h };
	h.timer = (struct loop_timer){ .run = run_report, .owner = &h };
	if (loop_io_add(h.loop, &h.io) != 0)
		_exit(1);
	r = serve(&h);
	LIST_EACH(it, &h.all)
	{
		struct held *c = LIST_OWNER(it, struct held, link);

		count(c);
		pump_close(&c->pump, true);
	}
	if (r == 0)
		r = report(&h);
	_exit(r == 0 ? 0 : 1);
}

/* ---- in the relay ---- */

struct channel {
	struct helpers *helpers;
	struct loop_io io;
	int fd; /* -1: unused */
	size_t n_pairs;
	bool busy; /* did not take the last pair at once */
};

struct helpers {
	struct loop *loop;
	struct helpers_ops ops;
	size_t pairs_max;
	struct channel channels[HELPERS_MAX];
};

int helpers_new(struct helpers **ret, struct loop *loop, size_t pairs_max,
		const struct helpers_ops *ops)
{
	struct helpers *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->ops = *ops;
	h->pairs_max = pairs_max;
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		h->channels[i].helpers = h;
		h->channels[i].fd = -1;
	}
	*ret = h;
	return 0;
}

static void close_channel(struct channel *c)
{
	static const uint64_t none[2] = { 0, 0 };
	struct helpers *h = c->helpers;
	size_t lost = c->n_pairs;

	loop_io_remove(h->loop, &c->io);
	(void)close(TAKE_FD(c->fd));
	c->n_pairs = 0;
	c->busy = false;
	if (lost > 0)
		h->ops.ended(h->ops.owner, lost, none);
}

void helpers_free(struct helpers *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		/* Nobody is to be told any more. */
		h->channels[i].n_pairs = 0;
		if (h->channels[i].fd != -1)
			close_channel(&h->channels[i]);
	}
	free(h);
}

static bool take_ended(struct channel *c, struct str body)
{
	struct helpers *h = c->helpers;
	struct wire_ended w;

	if (body.len != sizeof(w))
		return false;
	memcpy(&w, body.ptr, sizeof(w));
	if (w.n > c->n_pairs)
		return false;
	c->n_pairs -= w.n;
	h->ops.ended(h->ops.owner, w.n, w.bytes);
	return true;
}

static bool take_refused(struct channel *c, struct str body)
{
	struct helpers *h = c->helpers;
	struct wire_refused w;

	if (body.len != sizeof(w))
		return false;
	memcpy(&w, body.ptr, sizeof(w));
	if (w.sni_len > TLS_HELLO_NAME_MAX || w.pair.name_len > NET_NAME_MAX ||
	    w.why > SNIFF_LATE)
		return false;
	h->ops.refused(h->ops.owner, &w.pair, (enum sniff_result)w.why,
		       bytes_of(w.sni, w.sni_len));
	return true;
}

/* 0, -EAGAIN = nothing more, else the helper is finished. */
static int take_message(struct channel *c)
{
	struct ipc_msg m;
	bool ok = false;
	int r;

	ipc_msg_init(&m);
	r = ipc_recv(c->fd, &m, sizeof(struct wire_refused));
	if (r == 0 && m.type == WIRE_ENDED)
		ok = take_ended(c, buf_str(&m.body));
	else if (r == 0 && m.type == WIRE_REFUSED)
		ok = take_refused(c, buf_str(&m.body));
	ipc_msg_done(&m);
	return r != 0 || ok ? r : -EPROTO;
}

static int run_helper(struct loop_io *io, uint32_t events)
{
	struct channel *c = io->owner;
	struct helpers *h = c->helpers;
	int r = 0;

	if (events & EPOLLOUT) {
		c->busy = false;
		r = loop_io_set(h->loop, io, EPOLLIN);
		h->ops.ready(h->ops.owner);
	}
	if (r == 0 && (events & ~(uint32_t)EPOLLOUT))
		r = take_message(c);
	if (r != 0 && r != -EAGAIN)
		close_channel(c);
	return 0;
}

static int spawn(struct helpers *h, struct channel *c)
{
	int fd = -1, r;
	pid_t pid = ipc_fork(&fd);

	if (pid == 0)
		helper_run(fd);
	if (pid < 0)
		return pid;
	c->fd = fd;
	c->io = (struct loop_io){
		.fd = c->fd, .events = EPOLLIN, .run = run_helper, .owner = c
	};
	r = fd_set_nonblock(c->fd, true);
	if (r == 0)
		r = loop_io_add(h->loop, &c->io);
	if (r != 0)
		close_channel(c);
	return r;
}

/* The helper that is being filled: NULL = all are full. */
static struct channel *find_channel(struct helpers *h)
{
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		struct channel *c = &h->channels[i];

		if (c->fd == -1 || c->n_pairs < h->pairs_max)
			return c;
	}
	return NULL;
}

int helpers_give(struct helpers *h, const struct helper_pair *p, int client,
		 int upstream)
{
	struct channel *c = find_channel(h);
	int fds[2] = { client, upstream };
	int r;

	if (!c)
		return -EMFILE;
	if (c->fd == -1) {
		r = spawn(h, c);
		if (r != 0)
			return r == -EAGAIN ? -EMFILE : r;
	}
	if (c->busy)
		return -EAGAIN;
	r = ipc_send(c->fd, WIRE_PAIR, 0, bytes_of(p, sizeof(*p)), fds, 2);
	if (r == 0) {
		c->n_pairs++;
		return 0;
	}
	/* Too many descriptors on their way counts as full, too. */
	if (r == -EAGAIN || r == -ETOOMANYREFS) {
		c->busy = true;
		r = loop_io_set(h->loop, &c->io, EPOLLIN | EPOLLOUT);
		return r == 0 ? -EAGAIN : r;
	}
	close_channel(c);
	return r;
}

void helpers_end(struct helpers *h, int timeout_ms)
{
	uint64_t end_ns = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;

	for (size_t i = 0; i < HELPERS_MAX; i++) {
		if (h->channels[i].fd != -1)
			(void)shutdown(h->channels[i].fd, SHUT_WR);
	}
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		struct channel *c = &h->channels[i];

		while (c->fd != -1) {
			struct pollfd p = { .fd = c->fd, .events = POLLIN };
			uint64_t now_ns = clock_mono_ns();
			int r;

			if (now_ns >= end_ns)
				return;
			(void)poll(&p, 1,
				   (int)((end_ns - now_ns) / NS_PER_MS) + 1);
			r = take_message(c);
			if (r != 0 && r != -EAGAIN)
				close_channel(c);
		}
	}
}
