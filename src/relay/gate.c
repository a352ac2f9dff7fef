/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Connections are in one of two lists: pending (before the pump) and running.
 * Of the descriptors a process may have, GATE_FD_SPARE are kept for everything
 * else and a connection is reckoned with three: its two, and one for dialling
 * several addresses.  Above half of what so fits, running connections without
 * bytes in hand are given to helpers, oldest first, a few whenever something
 * moves; so there is room for those that cannot be given.
 *
 * Accepting stops when: paused from outside (the ledger is behind), this
 * process is full, GATE_MAX_CONNS are reached, or the kernel lacks resources
 * (then for RETRY_MS).  The kernel's queue holds those that wait.
 */
#include "relay/gate.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "relay/conn.h"

#define ACCEPTS_PER_EVENT 64
#define GIVES_PER_TURN    32
#define RETRY_MS          100u
#define HELPERS_END_MS    1000

struct gate {
	struct gate_parts parts;
	struct loop_io io;
	struct loop_timer retry;
	struct list pending, running;
	struct helpers *helpers;
	struct helpers_ops helpers_ops;
	size_t helper_max; /* pairs of one helper */
	size_t n_local, n_given, local_max;
	struct gate_stats stats;
	bool paused, no_helper;
	bool over; /* no more will come */
};

static void conn_running(struct gate *g, struct conn *c);
static void conn_ended(struct gate *g, struct conn *c);
static void broken(struct gate *g, int error);

static const struct conn_ops conn_ops = {
	.running = conn_running,
	.ended = conn_ended,
	.broken = broken,
};

static bool is_full(const struct gate *g)
{
	return g->n_local >= g->local_max ||
	       g->n_local + g->n_given >= GATE_MAX_CONNS;
}

/* Listen or not, as things stand.  Called whenever they may have changed. */
static int update(struct gate *g)
{
	bool stop = g->paused || is_full(g) || g->retry.heap_pos != 0;

	if (g->over)
		return 0;

	return loop_io_set(g->parts.loop, &g->io, stop ? 0 : EPOLLIN);
}

static void broken(struct gate *g, int error)
{
	loop_stop(g->parts.loop, error);
}

static void must_update(struct gate *g)
{
	int r = update(g);

	if (r != 0)
		broken(g, r);
}

/* True: it is a helper's now, and @c is gone. */
static bool give(struct gate *g, struct conn *c)
{
	struct helper_pair pair;
	int r, fds[2];

	conn_describe(c, &pair);
	r = helpers_give(g->helpers, &pair, c->pump.side[PUMP_CLIENT].fd,
			 c->pump.side[PUMP_UPSTREAM].fd);
	if (r != 0) {
		g->no_helper = true;
		return false;
	}
	pump_take(&c->pump, fds);
	(void)close(fds[PUMP_CLIENT]);
	(void)close(fds[PUMP_UPSTREAM]);
	g->stats.bytes_in += c->pump.bytes[PUMP_CLIENT];
	g->stats.bytes_out += c->pump.bytes[PUMP_UPSTREAM];
	g->n_local--;
	g->n_given++;
	list_remove(&c->link);
	conn_free(c);
	return true;
}

/* Give some to helpers when there are many. */
static void relieve(struct gate *g)
{
	for (int i = 0; i < GIVES_PER_TURN && !g->no_helper; i++) {
		struct list *l = g->running.next;
		struct conn *c = LIST_OWNER(l, struct conn, link);

		if (g->n_local <= g->local_max / 2 || l == &g->running)
			return;
		if (!conn_is_idle(c) || !give(g, c)) {
			list_remove(l);
			list_add(&g->running, l);
		}
	}
}

static void conn_running(struct gate *g, struct conn *c)
{
	list_remove(&c->link);
	list_add(&g->running, &c->link);
	relieve(g);
}

static void conn_ended(struct gate *g, struct conn *c)
{
	g->stats.bytes_in += c->pump.bytes[PUMP_CLIENT];
	g->stats.bytes_out += c->pump.bytes[PUMP_UPSTREAM];
	g->n_local--;
	list_remove(&c->link);
	conn_free(c);
	must_update(g);
}

static void helper_ended(void *owner, size_t n, const uint64_t bytes[2])
{
	struct gate *g = owner;

	g->n_given -= n;
	g->stats.bytes_in += bytes[PUMP_CLIENT];
	g->stats.bytes_out += bytes[PUMP_UPSTREAM];
	g->no_helper = false;
	must_update(g);
}

static void helper_refused(void *owner, const struct helper_pair *p,
			   enum sniff_result why, struct str sni)
{
	struct gate *g = owner;
	int r = conn_refuse_hello(
		&g->parts, (struct str){ .ptr = p->name, .len = p->name_len },
		&p->orig, p->port, why, sni);

	if (r != 0)
		broken(g, r);
}

static void helper_ready(void *owner)
{
	struct gate *g = owner;

	g->no_helper = false;
	relieve(g);
	must_update(g);
}

static int run_retry(struct loop_timer *t)
{
	return update(t->owner);
}

static int orig_of(int fd, struct sockaddr_in6 *ret)
{
	socklen_t len = sizeof(*ret);

	if (getsockname(fd, (struct sockaddr *)ret, &len) == -1)
		return neg_errno();
	return ret->sin6_family == AF_INET6 ? 0 : -EAFNOSUPPORT;
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static void take_socket(struct gate *g, int take_fd,
			const struct sockaddr_in6 *orig)
{
	struct conn *c = NULL;
	int r = conn_new(&c, g, &g->parts, &conn_ops, take_fd, &orig->sin6_addr,
			 ntohs(orig->sin6_port));

	if (r < 0 && r != -ENOMEM)
		broken(g, r);
	if (r != 0)
		return;
	g->n_local++;
	g->stats.connections++;
	list_add(&g->pending, &c->link);
	conn_begin(c);
}

/* As gate_accept_fn. */
static int accept_plain(void *owner, int listener, int *ret_fd,
			struct sockaddr_in6 *ret_orig)
{
	struct gate *g = owner;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1)
		return errno == EAGAIN      ? 1
		       : is_shortage(errno) ? neg_errno()
					    : 2; /* gone already */
	if (g->parts.orig(fd, ret_orig) != 0) {
		(void)close(fd);
		return 2;
	}
	*ret_fd = fd;
	return 0;
}

/* 0, 1 = none waits, -errno. */
static int accept_one(struct gate *g)
{
	struct sockaddr_in6 orig = { 0 };
	int fd = -1;
	int r = g->parts.accept(g->parts.accept_owner, g->io.fd, &fd, &orig);

	if (r == 0)
		take_socket(g, fd, &orig);
	if (r == -EPIPE) {
		loop_io_remove(g->parts.loop, &g->io);
		g->over = true;
		return 1;
	}
	return r == 2 ? 0 : r;
}

static int run_listener(struct loop_io *io, uint32_t events)
{
	struct gate *g = io->owner;
	int r = 0;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT && r == 0 && !is_full(g); i++)
		r = accept_one(g);
	if (r < 0 && !is_shortage(-r))
		return r;
	if (r < 0)
		r = loop_timer_set(g->parts.loop, &g->retry,
				   loop_now_ns(g->parts.loop) +
					   RETRY_MS * NS_PER_MS);
	else
		r = 0;
	return r != 0 ? r : update(g);
}

/* Of a listener: accepted sockets inherit these. */
void gate_set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 60 /* s */ },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 15 /* s */ },
		{ IPPROTO_TCP, TCP_KEEPCNT, 4 },
	};

	for (size_t i = 0; i < N_ELEMS(options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
				 &options[i].value, sizeof(int));
}

int gate_new(struct gate **ret, const struct gate_parts *parts,
	     int take_listener)
{
	struct gate *g = calloc(1, sizeof(*g));
	size_t fds = parts->fds_max;
	int r = -ENOMEM;

	if (!g) {
		(void)close(take_listener);
		return r;
	}
	list_init(&g->pending);
	list_init(&g->running);
	g->parts = *parts;
	if (!g->parts.orig)
		g->parts.orig = orig_of;
	if (!g->parts.accept) {
		g->parts.accept = accept_plain;
		g->parts.accept_owner = g;
	}
	fds = fds > 2 * GATE_FD_SPARE ? fds : 2 * GATE_FD_SPARE;
	g->local_max = (fds - GATE_FD_SPARE) / 3;
	g->retry = (struct loop_timer){ .run = run_retry, .owner = g };
	g->paused = true;
	g->io = (struct loop_io){ .fd = take_listener,
				  .run = run_listener,
				  .owner = g };
	g->helper_max = (fds - GATE_FD_SPARE) / 2;
	g->helpers_ops = (struct helpers_ops){ .ended = helper_ended,
					       .refused = helper_refused,
					       .ready = helper_ready,
					       .owner = g };
	gate_set_options(take_listener);
	r = helpers_new(&g->helpers, parts->loop, g->helper_max,
			&g->helpers_ops);
	if (r == 0)
		r = loop_io_add(parts->loop, &g->io);
	if (r != 0) {
		gate_free(g);
		return r;
	}
	*ret = g;
	return 0;
}

static void free_all(struct list *head)
{
	LIST_EACH(it, head)
	{
		struct conn *c = LIST_OWNER(it, struct conn, link);

		list_remove(it);
		conn_free(c);
	}
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	free_all(&g->pending);
	free_all(&g->running);
	loop_timer_clear(g->parts.loop, &g->retry);
	loop_io_remove(g->parts.loop, &g->io);
	(void)close(g->io.fd);
	helpers_free(g->helpers);
	free(g);
}

int gate_pause(struct gate *g, bool pause)
{
	if (g->paused == pause)
		return 0;
	g->paused = pause;
	return update(g);
}

static void add_bytes(struct gate *g, struct list *head)
{
	LIST_EACH(it, head)
	{
		struct conn *c = LIST_OWNER(it, struct conn, link);

		g->stats.bytes_in += c->pump.bytes[PUMP_CLIENT];
		g->stats.bytes_out += c->pump.bytes[PUMP_UPSTREAM];
	}
}

bool gate_is_settled(const struct gate *g)
{
	LIST_EACH(it, &g->running)
	{
		struct conn *c = LIST_OWNER(it, struct conn, link);

		if (!pump_is_delivered(&c->pump))
			return false;
	}
	return list_is_empty(&g->pending);
}

/* Those in @head that the policy does not allow any more. */
static int narrow_list(struct gate *g, struct list *head)
{
	int r = 0;

	LIST_EACH(it, head)
	{
		struct conn *c = LIST_OWNER(it, struct conn, link);

		if (r == 0 && !conn_decide_again(c, &r))
			conn_ended(g, c);
	}
	return r;
}

int gate_narrow(struct gate *g)
{
	int r = narrow_list(g, &g->pending);

	if (r == 0)
		r = narrow_list(g, &g->running);
	if (r != 0 || g->n_given == 0)
		return r;
	/* They know no policy.  Programs connect again, and are asked here. */
	helpers_end(g->helpers, HELPERS_END_MS);
	helpers_free(TAKE(g->helpers));
	g->n_given = 0;
	return helpers_new(&g->helpers, g->parts.loop, g->helper_max,
			   &g->helpers_ops);
}

void gate_end(struct gate *g, struct gate_stats *ret)
{
	helpers_end(g->helpers, HELPERS_END_MS);
	add_bytes(g, &g->running);
	*ret = g->stats;
	g->stats = (struct gate_stats){ 0 };
}
