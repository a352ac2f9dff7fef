/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * An attempt has two conditions, in either order: its grant is on the ledger,
 * its connection stands.  The first attempt whose connection stands is the
 * winner; all others are closed, and it waits for its own grant if need be.
 * No byte can have passed before, since nobody else knows the socket.
 *
 * Each attempt asks for a grant of its own: the record names the address that
 * is dialled, and precedes the first packet to it in the ledger's order.
 */
#include "relay/dial.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/wall.h"

#define KEEP_IDLE_S     60
#define KEEP_INTERVAL_S 15
#define KEEP_COUNT      4

struct attempt {
	struct dial *dial;
	struct loop_io io;
	struct grant_wait wait;
	int fd; /* -1: not begun, or failed */
	bool granted;
};

struct dial {
	struct loop *loop;
	struct grants *grants;
	struct dial_to to;
	dial_fn done;
	void *owner;
	struct loop_timer next, total;
	struct attempt *winner;
	size_t begun, failed;
	bool unrecorded; /* some attempt failed for want of a record */
	bool starting;   /* in dial_start(): conclude by its result */
	int outcome;     /* while starting */
	struct attempt attempts[RESOLVE_ADDRS_MAX];
};

static void drop_attempt(struct dial *d, struct attempt *a)
{
	loop_io_remove(d->loop, &a->io);
	grants_cancel(&a->wait);
	if (a->fd != -1)
		(void)close(TAKE_FD(a->fd));
}

void dial_cancel(struct dial *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->begun; i++)
		drop_attempt(d, &d->attempts[i]);
	loop_timer_clear(d->loop, &d->next);
	loop_timer_clear(d->loop, &d->total);
	free(d);
}

static void take_result(struct dial *d, struct dial_result *ret)
{
	loop_io_remove(d->loop, &d->winner->io);
	ret->fd = TAKE_FD(d->winner->fd);
	ret->addr = d->to.addr[d->winner - d->attempts];
}

/* The end of @d, unless dial_start() is still on the stack. */
static void conclude(struct dial *d, int outcome)
{
	struct dial_result res = { .fd = -1 };
	dial_fn done = d->done;
	void *owner = d->owner;

	if (d->starting) {
		d->outcome = outcome;
		return;
	}
	if (outcome == 0)
		take_result(d, &res);
	dial_cancel(d);
	done(owner, outcome, outcome == 0 ? &res : NULL);
}

static int begin_next(struct dial *d);

static void fail_attempt(struct attempt *a)
{
	struct dial *d = a->dial;

	drop_attempt(d, a);
	d->failed++;
	if (d->begun < d->to.n) {
		(void)begin_next(d);
		return;
	}
	if (d->failed == d->to.n)
		conclude(d, d->unrecorded ? DIAL_NOT_RECORDED : DIAL_NO_ANSWER);
}

static void win(struct attempt *a)
{
	struct dial *d = a->dial;

	d->winner = a;
	for (size_t i = 0; i < d->begun; i++) {
		if (&d->attempts[i] != a)
			drop_attempt(d, &d->attempts[i]);
	}
	d->begun = d->to.n; /* no further ones */
	loop_timer_clear(d->loop, &d->next);
	loop_io_remove(d->loop, &a->io);
	if (a->granted)
		conclude(d, 0);
}

static void on_grant(struct grant_wait *w, int error)
{
	struct attempt *a = w->owner;
	struct dial *d = a->dial;

	if (error != 0)
		d->unrecorded = true;
	if (error != 0 && d->winner)
		conclude(d, DIAL_NOT_RECORDED);
	else if (error != 0)
		fail_attempt(a);
	else if (d->winner == a)
		conclude(d, 0);
	else
		a->granted = true;
}

static int run_socket(struct loop_io *io, uint32_t events)
{
	struct attempt *a = io->owner;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)events;
	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = EIO;
	if (error != 0)
		fail_attempt(a);
	else
		win(a);
	return 0;
}

static void set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT },
	};

	/* Each makes things better; none is needed. */
	for (size_t i = 0; i < N_ELEMS(options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name,
				 &options[i].value, sizeof(int));
}

/* 0 = connected, 1 = on the way, -errno. */
static int connect_to(int fd, const struct in6_addr *addr, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port),
				   .sin6_addr = *addr };
	const struct sockaddr *sa = (const struct sockaddr *)&v6;
	socklen_t len = sizeof(v6);

	if (IN6_IS_ADDR_V4MAPPED(addr)) {
		memcpy(&v4.sin_addr, addr->s6_addr + 12, 4);
		sa = (const struct sockaddr *)&v4;
		len = sizeof(v4);
	}
	if (connect(fd, sa, len) == 0)
		return 0;
	return errno == EINPROGRESS || errno == EINTR ? 1 : neg_errno();
}

/* 0, 1 as connect_to(); a->fd is open then. */
static int open_attempt(struct attempt *a, const struct in6_addr *addr)
{
	struct dial *d = a->dial;
	int family = IN6_IS_ADDR_V4MAPPED(addr) ? AF_INET : AF_INET6;
	int r;

	a->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd == -1)
		return neg_errno();
	set_options(a->fd);
	r = connect_to(a->fd, addr, d->to.use.port);
	if (r != 1)
		return r;
	a->io = (struct loop_io){
		.fd = a->fd, .events = EPOLLOUT, .run = run_socket, .owner = a
	};
	r = loop_io_add(d->loop, &a->io);
	return r == 0 ? 1 : r;
}

/* One more attempt; an error of it is handled by fail_attempt(). */
static int begin_next(struct dial *d)
{
	struct attempt *a = &d->attempts[d->begun];
	const struct in6_addr *addr = &d->to.addr[d->begun];
	struct grant_use use = d->to.use;
	int r;

	d->begun++;
	*a = (struct attempt){ .dial = d, .fd = -1 };
	a->wait = (struct grant_wait){ .done = on_grant, .owner = a };
	use.addr = addr;
	r = grants_use(d->grants, &use, &a->wait);
	if (r < 0) {
		d->unrecorded = true;
		fail_attempt(a);
		return r;
	}
	a->granted = r == 0 || !WALL(GRANT_FIRST);
	if (d->begun < d->to.n) {
		r = loop_timer_set(d->loop, &d->next,
				   loop_now_ns(d->loop) +
					   DIAL_NEXT_MS * NS_PER_MS);
		if (r != 0) {
			fail_attempt(a);
			return r;
		}
	}
	r = open_attempt(a, addr);
	if (r == 0)
		win(a);
	else if (r < 0)
		fail_attempt(a);
	return r;
}

static int run_next(struct loop_timer *t)
{
	struct dial *d = t->owner;

	if (d->begun < d->to.n)
		(void)begin_next(d);
	return 0;
}

static int run_total(struct loop_timer *t)
{
	struct dial *d = t->owner;

	/* A connection that only lacks its record waits for the scribe. */
	conclude(d, d->winner ? DIAL_NOT_RECORDED : DIAL_NO_ANSWER);
	return 0;
}

int dial_start(struct dial **ret, struct loop *loop, struct grants *grants,
	       const struct dial_to *to, dial_fn done, void *owner,
	       struct dial_result *ret_res)
{
	struct dial *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	ASSERT(to->n > 0 && to->n <= RESOLVE_ADDRS_MAX);
	d->loop = loop;
	d->grants = grants;
	d->to = *to;
	d->done = done;
	d->owner = owner;
	d->next = (struct loop_timer){ .run = run_next, .owner = d };
	d->total = (struct loop_timer){ .run = run_total, .owner = d };
	d->starting = true;
	d->outcome = DIAL_PENDING;
	r = loop_timer_set(loop, &d->total,
			   loop_now_ns(loop) + DIAL_TOTAL_MS * NS_PER_MS);
	if (r != 0) {
		free(d);
		return r;
	}
	(void)begin_next(d);
	d->starting = false;
	if (d->outcome == DIAL_PENDING) {
		*ret = d;
		return DIAL_PENDING;
	}
	r = d->outcome;
	if (r == 0)
		take_result(d, ret_res);
	dial_cancel(d);
	return r;
}
