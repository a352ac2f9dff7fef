/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Whatever a program connects to, the verdict is made here again, from the
 * policy: the kernel's rules in the jail only save the trouble.
 *
 *   decide       orig is synthetic -> the name it stands for, and its verdict;
 *                else the verdict on the address
 *   CONN_HELLO   ports for TLS: nothing is dialled before the server name in
 *                the ClientHello equals the name.  The name is looked up
 *                meanwhile.
 *   CONN_RESOLVE a pin, the raw address, or the resolver's answer
 *   CONN_DIAL    only to addresses that net_may_dial() allows for the rule;
 *                the grant is recorded in parallel
 *   CONN_PUMP    for names on other ports what the program says first is held
 *                back until it is known not to be TLS, or to name the host; the
 *                server's bytes pass at once (ssh, smtp, databases)
 *
 * Invariants:
 *   1. no byte passes before the grant is durable: the upstream socket reaches
 *      the pump only out of dial, which waits for it;
 *   2. no byte of a program passes to a name before sniff said so.
 *
 * ops.ended() is the last thing that happens to a connection; after a call that
 * may end it (all of end, refuse, fail, resolve, dial_to, establish) the caller
 * returns at once.
 */
#include "relay/conn.h"

#include <sys/socket.h>

#include "base/wall.h"
#include "relay/tls-hello-parse.h"

/* The jail's own addresses; what goes there is not for us. */
static const struct in6_addr own[] = {
	{ { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 2, 100 } } },
	{ { { 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x64 } } },
};

static const uint16_t tls_ports[] = { 443, 8443 };

static bool is_own(const struct in6_addr *a)
{
	for (size_t i = 0; i < N_ELEMS(own); i++) {
		if (IN6_ARE_ADDR_EQUAL(a, &own[i]))
			return true;
	}
	if (IN6_IS_ADDR_V4MAPPED(a))
		return a->s6_addr[12] == 127 || a->s6_addr[12] == 0;
	return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a);
}

static bool demands_tls(const struct conn *c)
{
	if (c->name.len == 0 || !WALL(RELAY_TLS))
		return false;
	for (size_t i = 0; i < N_ELEMS(tls_ports); i++) {
		if (c->port == tls_ports[i])
			return true;
	}
	return false;
}

static void close_reset(int fd)
{
	static const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	(void)close(fd);
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	loop_io_remove(c->parts->loop, &c->io);
	resolver_cancel(&c->wait);
	dial_cancel(c->dial);
	sniff_free(c->sniff, c->parts->loop);
	pump_close(&c->pump, true);
	free(c);
}

static void end(struct conn *c)
{
	c->ops->ended(c->gate, c);
}

/* Record a refusal and end; @addr may be NULL. */
static void refuse(struct conn *c, enum refuse_reason reason,
		   const struct in6_addr *addr, uint16_t port)
{
	struct refusal f = { .host = c->name,
			     .addr = addr,
			     .port = port,
			     .proto = REFUSE_TCP,
			     .reason = reason };
	int r = refusals_add(c->parts->refusals, &f, 1);

	if (r != 0)
		c->ops->broken(c->gate, r);
	end(c);
}

static void fail(struct conn *c, enum fail_reason reason)
{
	refusals_fail(c->parts->refusals, c->name,
		      c->name.len > 0 ? NULL : &c->orig, c->port, reason);
	end(c);
}

int conn_refuse_hello(const struct gate_parts *parts, struct str name,
		      const struct in6_addr *orig, uint16_t port,
		      enum sniff_result why, struct str sni)
{
	static const enum refuse_reason reasons[] = {
		[SNIFF_OPEN] = REFUSE_BAD_HELLO,
		[SNIFF_OK] = REFUSE_BAD_HELLO,
		[SNIFF_NOT_TLS] = REFUSE_NOT_TLS,
		[SNIFF_BAD_HELLO] = REFUSE_BAD_HELLO,
		[SNIFF_NO_NAME] = REFUSE_NO_SNI,
		[SNIFF_OTHER_NAME] = REFUSE_OTHER_SNI,
		[SNIFF_LATE] = REFUSE_LATE_HELLO,
	};
	struct refusal f = { .host = name,
			     .addr = name.len > 0 ? NULL : orig,
			     .port = port,
			     .proto = REFUSE_TLS,
			     .reason = reasons[why] };

	if (why == SNIFF_OTHER_NAME)
		f.sni = sni;
	return refusals_add(parts->refusals, &f, 1);
}

/* sniff said no. */
static void refuse_hello(struct conn *c)
{
	const struct tls_hello *h = &c->sniff->hello;
	int r = conn_refuse_hello(
		c->parts, c->name, &c->orig, c->port, c->sniff->result,
		(struct str){ .ptr = h->name, .len = h->name_len });

	if (r != 0)
		c->ops->broken(c->gate, r);
	end(c);
}

static int on_late(struct loop_timer *t)
{
	struct conn *c = t->owner;

	c->sniff->result = SNIFF_LATE;
	refuse_hello(c);
	return 0;
}

static enum pump_look on_look(struct pump *p, struct str bytes)
{
	struct conn *c = p->owner;

	return sniff_look(c->sniff, c->parts->loop, bytes);
}

static void on_ended(struct pump *p, int error)
{
	struct conn *c = p->owner;

	if (error == -ECONNABORTED)
		refuse_hello(c);
	else if (error == -ETIMEDOUT)
		fail(c, FAIL_STUCK);
	else
		end(c);
}

/* A connection to the upstream stands and its grant is on the ledger. */
static void establish(struct conn *c, int take_fd)
{
	int r = 0;

	c->state = CONN_PUMP;
	c->pump.ended = on_ended;
	c->pump.owner = c;
	if (c->name.len > 0 && !c->sniff) {
		r = sniff_new(&c->sniff, c->parts->loop, c->name, false,
			      on_late, c);
		c->pump.look = on_look;
	}
	if (r != 0) {
		(void)close(take_fd);
		end(c);
		return;
	}
	r = pump_start(&c->pump, take_fd);
	if (r == -ECONNABORTED)
		refuse_hello(c);
	else if (r != 0)
		end(c);
	else
		c->ops->running(c->gate, c);
}

static void on_dialled(void *owner, int outcome, const struct dial_result *res)
{
	struct conn *c = owner;

	c->dial = NULL;
	if (outcome == 0) {
		if (c->name.len > 0)
			resolver_prefer(c->parts->resolver, c->name,
					&res->addr);
		establish(c, res->fd);
		return;
	}
	if (outcome == DIAL_NOT_RECORDED)
		refuse(c, REFUSE_LEDGER, NULL, c->port);
	else
		fail(c, FAIL_CONNECT);
}

/* Of @res those that the policy lets us dial for c->rule on @port. */
static void dial_to(struct conn *c, const struct resolved *res, uint16_t port)
{
	struct dial_to to = { .use = { .rule = c->rule,
				       .host = c->name,
				       .orig = &c->orig,
				       .orig_port = c->port,
				       .port = port } };
	struct dial_result result = { .fd = -1 };
	int r;

	for (size_t i = 0; i < res->n; i++) {
		if (net_may_dial(c->parts->policy, c->rule, &res->addr[i],
				 port))
			to.addr[to.n++] = res->addr[i];
	}
	if (to.n == 0) {
		refuse(c, REFUSE_ADDRESS, &res->addr[0], port);
		return;
	}
	c->state = CONN_DIAL;
	r = dial_start(&c->dial, c->parts->loop, c->parts->grants, &to,
		       on_dialled, c, &result);
	if (r < 0)
		end(c);
	else if (r != DIAL_PENDING)
		on_dialled(c, r, &result);
}

static void on_resolved(struct resolve_wait *w, const struct resolved *res)
{
	struct conn *c = w->owner;

	/* In CONN_HELLO it was only to have the answer ready. */
	if (c->state != CONN_RESOLVE)
		return;
	if (res)
		dial_to(c, res, c->port);
	else
		fail(c, FAIL_RESOLVE);
}

static void resolve(struct conn *c)
{
	struct resolved one = { .n = 1 };
	const struct resolved *res = &one;
	int r = 0;

	c->state = CONN_RESOLVE;
	if (c->rule->connect_port != 0) {
		one.addr[0] = c->rule->connect_addr;
		dial_to(c, &one, c->rule->connect_port);
		return;
	}
	if (c->name.len == 0)
		one.addr[0] = c->orig;
	else if (c->wait.entry)
		return; /* asked in CONN_HELLO, not yet answered */
	else
		r = resolver_find(c->parts->resolver, c->name, &c->wait, &res);
	if (r == 0)
		dial_to(c, res, c->port);
	else if (r == 2)
		fail(c, FAIL_RESOLVE);
	else if (r < 0)
		end(c);
}

/* Bytes in CONN_HELLO, or their end. */
static void take_hello(struct conn *c, struct str bytes)
{
	enum pump_look look = sniff_look(c->sniff, c->parts->loop, bytes);

	if (look != PUMP_REFUSE && pump_keep(&c->pump, bytes) != 0) {
		c->sniff->result = SNIFF_BAD_HELLO;
		look = PUMP_REFUSE;
	}
	if (look == PUMP_REFUSE) {
		refuse_hello(c);
		return;
	}
	if (look == PUMP_PASS) {
		loop_io_remove(c->parts->loop, &c->io);
		resolve(c);
	}
}

static int run_hello(struct loop_io *io, uint32_t events)
{
	struct conn *c = io->owner;
	char *p = c->parts->pool->scratch;
	ssize_t n = recv(io->fd, p, TLS_HELLO_MAX, 0);

	(void)events;
	if (n >= 0)
		take_hello(c, (struct str){ .ptr = p, .len = (size_t)n });
	else if (errno != EAGAIN && errno != EINTR)
		end(c); /* the program gave up */
	return 0;
}

static int begin_hello(struct conn *c)
{
	const struct resolved *res;
	int r;

	r = sniff_new(&c->sniff, c->parts->loop, c->name, true, on_late, c);
	if (r != 0)
		return r;
	c->io = (struct loop_io){ .fd = c->pump.side[PUMP_CLIENT].fd,
				  .events = EPOLLIN,
				  .run = run_hello,
				  .owner = c };
	r = loop_io_add(c->parts->loop, &c->io);
	if (r != 0)
		return r;
	/* So that the answer is there when the hello is. */
	if (c->rule->connect_port == 0)
		r = resolver_find(c->parts->resolver, c->name, &c->wait, &res);
	return r < 0 ? r : 0;
}

void conn_begin(struct conn *c)
{
	if (!demands_tls(c)) {
		resolve(c);
		return;
	}
	c->state = CONN_HELLO;
	if (begin_hello(c) != 0)
		end(c);
}

/* 0 = *ret is the rule that allows it; 1 = refused and recorded; -errno. */
static int decide(const struct gate_parts *p, const struct in6_addr *orig,
		  uint16_t port, struct str *ret_name,
		  const struct net_rule **ret)
{
	struct refusal f = { .addr = orig,
			     .port = port,
			     .proto = REFUSE_TCP,
			     .reason = REFUSE_POLICY };
	struct net_verdict v = { 0 };
	int r;

	*ret_name = (struct str){ 0 };
	if (names_covers(p->names, orig)) {
		*ret_name = names_find(p->names, orig);
		if (ret_name->len > 0) {
			f.host = *ret_name;
			f.addr = NULL;
			v = net_decide_name(p->policy, *ret_name, port);
			f.verdict = &v;
		} else {
			f.reason = REFUSE_UNNAMED;
		}
	} else {
		v = net_decide_addr(p->policy, orig, port);
		f.verdict = &v;
	}
	if (v.verdict != VERDICT_ALLOW && !WALL(RELAY_VERDICT) &&
	    p->policy->n_allow > 0) {
		v.verdict = VERDICT_ALLOW;
		v.rule = &p->policy->allow[0];
	}
	if (v.verdict == VERDICT_ALLOW) {
		*ret = v.rule;
		return 0;
	}
	r = refusals_add(p->refusals, &f, 1);
	return r != 0 ? r : 1;
}

bool conn_decide_again(struct conn *c, int *ret_error)
{
	const struct net_rule *rule = NULL;
	struct str name;
	int r = decide(c->parts, &c->orig, c->port, &name, &rule);

	*ret_error = r < 0 ? r : 0;
	if (r == 0)
		c->rule = rule;
	return r == 0;
}

int conn_new(struct conn **ret, struct gate *g, const struct gate_parts *parts,
	     const struct conn_ops *ops, int take_fd,
	     const struct in6_addr *orig, uint16_t port)
{
	const struct net_rule *rule = NULL;
	struct str name = { 0 };
	struct conn *c = NULL;
	int r = 1;

	if (!WALL(RELAY_OWN) || !is_own(orig))
		r = decide(parts, orig, port, &name, &rule);
	if (r == 0)
		c = calloc(1, sizeof(*c));
	if (!c) {
		close_reset(take_fd);
		return r != 0 ? r : -ENOMEM;
	}
	list_init(&c->link);
	c->gate = g;
	c->parts = parts;
	c->ops = ops;
	c->orig = *orig;
	c->port = port;
	c->name = name;
	c->rule = rule;
	c->wait = (struct resolve_wait){ .done = on_resolved, .owner = c };
	pump_init(&c->pump, parts->pool, take_fd);
	*ret = c;
	return 0;
}

bool conn_is_idle(const struct conn *c)
{
	if (c->state != CONN_PUMP || !pump_is_empty(&c->pump))
		return false;
	return !c->pump.look || c->sniff->hello.total == 0;
}

void conn_describe(const struct conn *c, struct helper_pair *ret)
{
	*ret = (struct helper_pair){ .orig = c->orig,
				     .port = c->port,
				     .sniff = c->pump.look != NULL,
				     .name_len = (uint16_t)c->name.len };
	if (c->name.len > 0)
		memcpy(ret->name, c->name.ptr, c->name.len);
}
