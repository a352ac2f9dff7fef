/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   question                                  answer
 *   localhost, *.localhost                    127.0.0.1, ::1 (RFC 6761 6.3)
 *   A, AAAA of an allowed name                its synthetic address
 *   another type of an allowed name           NOERROR, no data: HTTPS and SVCB
 *                                             would carry addresses and keys
 *   PTR of a synthetic address                its name
 *   PTR of an address of the jail itself      NXDOMAIN
 *   anything else                             NXDOMAIN, and recorded
 *
 * A reply comes from the address that was asked, whatever it was, since every
 * address is local in the jail: IPV6_PKTINFO of the query goes into the reply.
 *
 * A jail without a network of its own has pairs instead of datagrams: what a
 * program takes for a UDP socket is one end, and each question and answer is a
 * packet on it.  They end with the program's.
 *
 * TCP carries the same messages behind a length of two bytes.  A client may
 * send several; replies are small, so one that does not take them is closed.
 */
#include "relay/dns.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/wall.h"
#include "relay/dns-parse.h"
#include "relay/table.h"

#define QUERIES_PER_EVENT 32
#define FRAME_MAX         (2u + DNS_QUERY_MAX)

/* One TCP client. */
struct client {
	struct dns *dns;
	struct loop_io io;
	struct loop_timer timer;
	int fd; /* -1: free */
	size_t len;
	uint8_t frame[FRAME_MAX];
};

/* One jail's program that asks by packets. */
struct pair {
	struct list link;
	struct dns *dns;
	struct loop_io io;
};

struct dns {
	struct dns_parts parts;
	struct loop_io udp, tcp;
	struct client *clients[DNS_TCP_MAX];
	size_t n_clients;
	struct list pairs; /* oldest first */
	size_t n_pairs;
	bool paused;
};

static int record(struct dns *d, const struct dns_query *q, struct str name,
		  enum refuse_reason reason)
{
	struct refusal f = { .host = { .ptr = q->name, .len = q->name_len },
			     .proto = REFUSE_DNS,
			     .reason = reason };
	struct net_verdict v = { 0 };

	if (name.len > 0) {
		v = net_decide_name(d->parts.policy, name, 0);
		f.host = name;
		f.verdict = &v;
	}
	return refusals_add(d->parts.refusals, &f, 1);
}

static bool is_localhost(struct str name)
{
	return str_eq(name, STR("localhost")) ||
	       str_ends(name, STR(".localhost"));
}

/* Addresses of the jail itself, which programs ask about out of habit. */
static bool is_inside(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		return a->s6_addr[12] == 127 ||
		       (a->s6_addr[12] == 10 && a->s6_addr[13] == 0 &&
			a->s6_addr[14] == 2);
	return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a) ||
	       a->s6_addr[0] == 0xfd;
}

/* 0 = answered; 1 = not a question for here. */
static int answer_reverse(const struct dns *d, const struct dns_query *q,
			  struct dns_answer *a)
{
	struct in6_addr addr;

	if (!dns_reverse_parse(
		    (struct str){ .ptr = q->name, .len = q->name_len }, &addr))
		return 1;
	a->target = names_find(d->parts.names, &addr);
	if (a->target.len > 0) {
		if (q->type != DNS_TYPE_PTR)
			a->target = (struct str){ 0 };
		return 0;
	}
	a->rcode = DNS_NXDOMAIN;
	return is_inside(&addr) || names_covers(d->parts.names, &addr) ? 0 : 1;
}

static void pick(const struct dns_query *q, struct dns_answer *a,
		 const struct in6_addr *v4, const struct in6_addr *v6,
		 struct in6_addr *store)
{
	if (q->type != DNS_TYPE_A && q->type != DNS_TYPE_AAAA)
		return;
	*store = q->type == DNS_TYPE_A ? *v4 : *v6;
	a->addr = store;
}

/* Fills @a, whose address goes into @store; -errno ends the relay. */
static int answer(struct dns *d, const struct dns_query *q,
		  struct dns_answer *a, struct in6_addr *store)
{
	static const struct in6_addr loop4 = {
		{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1 } }
	};
	static const struct in6_addr loop6 = IN6ADDR_LOOPBACK_INIT;
	struct str asked = { .ptr = q->name, .len = q->name_len };
	char text[NET_NAME_MAX + 1];
	struct in6_addr v4, v6;
	struct str name;
	int r;

	if (answer_reverse(d, q, a) == 0)
		return 0;
	a->rcode = DNS_NXDOMAIN;
	if (!net_name_parse(asked, text))
		return record(d, q, (struct str){ 0 }, REFUSE_NOT_A_NAME);
	name = str_of(text);
	if (is_localhost(name)) {
		a->rcode = DNS_NOERROR;
		pick(q, a, &loop4, &loop6, store);
		return 0;
	}
	if (WALL(RELAY_NAMES) &&
	    net_decide_name(d->parts.policy, name, 0).verdict != VERDICT_ALLOW)
		return record(d, q, name, REFUSE_POLICY);
	r = names_assign(d->parts.names, name, &v4, &v6);
	if (r != 0) {
		a->rcode = DNS_SERVFAIL;
		return r < 0 ? 0 : record(d, q, name, REFUSE_NAMES_FULL);
	}
	a->rcode = DNS_NOERROR;
	pick(q, a, &v4, &v6, store);
	return 0;
}

/* *ret_len 0: no reply. */
static int serve(struct dns *d, struct str query, uint8_t reply[DNS_REPLY_MAX],
		 size_t *ret_len)
{
	struct dns_answer a = { .ttl = DNS_TTL_S };
	struct in6_addr store;
	struct dns_query q;
	int r;

	*ret_len = 0;
	r = dns_parse(query, &q, &a.rcode);
	if (r == 1)
		return 0;
	if (r == 0) {
		a.rcode = DNS_NOERROR;
		r = answer(d, &q, &a, &store);
		if (r != 0)
			return r;
	}
	*ret_len = dns_format(&q, &a, reply);
	return 0;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 64];
};

/* Keep of @h's control data only what makes the reply come from where we were
 * asked. */
static void keep_source(struct msghdr *h)
{
	struct in6_pktinfo info;
	struct cmsghdr *c = CMSG_FIRSTHDR(h);

	while (c &&
	       (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO ||
		c->cmsg_len != CMSG_LEN(sizeof(info))))
		c = CMSG_NXTHDR(h, c);
	if (!c) {
		h->msg_control = NULL;
		h->msg_controllen = 0;
		return;
	}
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	info.ipi6_ifindex = 0;
	h->msg_controllen = CMSG_SPACE(sizeof(info));
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
}

/* 1 = none waits. */
static int serve_datagram(struct dns *d)
{
	uint8_t query[DNS_QUERY_MAX + 1], reply[DNS_REPLY_MAX];
	union control control = { 0 };
	struct sockaddr_storage from;
	struct iovec iov = { .iov_base = query, .iov_len = sizeof(query) };
	struct msghdr h = { .msg_name = &from,
			    .msg_namelen = sizeof(from),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(d->udp.fd, &h, 0);
	size_t len = 0;
	int r;

	if (n == -1) /* an error of the socket is cleared by being told */
		return errno == EAGAIN ? 1 : 0;
	r = serve(d,
		  (struct str){ .ptr = (const char *)query, .len = (size_t)n },
		  reply, &len);
	if (r != 0 || len == 0)
		return r;
	keep_source(&h);
	iov = (struct iovec){ .iov_base = reply, .iov_len = len };
	/* A reply that cannot be sent is lost, as datagrams are. */
	(void)sendmsg(d->udp.fd, &h, MSG_NOSIGNAL);
	return 0;
}

static int run_udp(struct loop_io *io, uint32_t events)
{
	int r = 0;

	(void)events;
	for (int i = 0; i < QUERIES_PER_EVENT && r == 0; i++)
		r = serve_datagram(io->owner);
	return r < 0 ? r : 0;
}

static void client_free(struct client *c)
{
	struct dns *d = c->dns;

	loop_io_remove(d->parts.loop, &c->io);
	loop_timer_clear(d->parts.loop, &c->timer);
	(void)close(c->fd);
	for (size_t i = 0; i < DNS_TCP_MAX; i++) {
		if (d->clients[i] == c)
			d->clients[i] = NULL;
	}
	d->n_clients--;
	free(c);
}

static int run_client_timer(struct loop_timer *t)
{
	client_free(t->owner);
	return 0;
}

/* The first frame of c->frame, if it is complete: 0; 1 = not, or refused. */
static int serve_frame(struct client *c, bool *ret_close)
{
	uint8_t reply[2 + DNS_REPLY_MAX];
	size_t want, len = 0;
	int r;

	if (c->len < 2)
		return 1;
	want = (size_t)c->frame[0] << 8 | c->frame[1];
	if (want > DNS_QUERY_MAX) {
		*ret_close = true;
		return 1;
	}
	if (c->len < 2 + want)
		return 1;
	r = serve(
		c->dns,
		(struct str){ .ptr = (const char *)c->frame + 2, .len = want },
		reply + 2, &len);
	if (r != 0)
		return r;
	c->len -= 2 + want;
	memmove(c->frame, c->frame + 2 + want, c->len);
	reply[0] = (uint8_t)(len >> 8);
	reply[1] = (uint8_t)(len & 0xff);
	if (len == 0 ||
	    send(c->fd, reply, len + 2, MSG_NOSIGNAL) != (ssize_t)len + 2)
		*ret_close = true;
	return *ret_close ? 1 : 0;
}

static int run_client(struct loop_io *io, uint32_t events)
{
	struct client *c = io->owner;
	struct loop *l = c->dns->parts.loop;
	bool close_it = false;
	ssize_t n = recv(c->fd, c->frame + c->len, FRAME_MAX - c->len, 0);
	size_t before;
	int r = 0;

	(void)events;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		client_free(c);
		return 0;
	}
	c->len += (size_t)n;
	before = c->len;
	while (r == 0)
		r = serve_frame(c, &close_it);
	if (r < 0)
		return r;
	if (c->len < before && !close_it)
		r = loop_timer_set(l, &c->timer,
				   loop_now_ns(l) +
					   DNS_TCP_IDLE_MS * NS_PER_MS);
	if (close_it || r < 0)
		client_free(c);
	return 0;
}

static int client_new(struct dns *d, int take_fd)
{
	struct loop *l = d->parts.loop;
	struct client *c = calloc(1, sizeof(*c));
	size_t i = 0;
	int r;

	if (!c) {
		(void)close(take_fd);
		return 0;
	}
	while (d->clients[i])
		i++;
	d->clients[i] = c;
	d->n_clients++;
	c->dns = d;
	c->fd = take_fd;
	c->io = (struct loop_io){
		.fd = take_fd, .events = EPOLLIN, .run = run_client, .owner = c
	};
	c->timer = (struct loop_timer){ .run = run_client_timer, .owner = c };
	r = loop_io_add(l, &c->io);
	if (r == 0)
		r = loop_timer_set(l, &c->timer,
				   loop_now_ns(l) +
					   DNS_TCP_IDLE_MS * NS_PER_MS);
	if (r != 0)
		client_free(c);
	return 0;
}

/* The one that has waited longest makes room. */
static void drop_oldest(struct dns *d)
{
	struct client *oldest = NULL;

	for (size_t i = 0; i < DNS_TCP_MAX; i++) {
		struct client *c = d->clients[i];

		if (c && (!oldest || c->timer.at_ns < oldest->timer.at_ns))
			oldest = c;
	}
	if (oldest)
		client_free(oldest);
}

/* Takes it; one more than there may be, and the oldest ends. */
int dns_take_stream(struct dns *d, int take_fd)
{
	if (d->n_clients == DNS_TCP_MAX)
		drop_oldest(d);
	return client_new(d, take_fd);
}

static void pair_free(struct pair *p)
{
	loop_io_remove(p->dns->parts.loop, &p->io);
	(void)close(p->io.fd);
	list_remove(&p->link);
	p->dns->n_pairs--;
	free(p);
}

/* Descriptors in a packet are never received: there is no room for them. */
static int run_pair(struct loop_io *io, uint32_t events)
{
	struct pair *p = io->owner;
	uint8_t query[DNS_QUERY_MAX + 1], reply[DNS_REPLY_MAX];
	ssize_t n = recv(io->fd, query, sizeof(query), 0);
	size_t len = 0;
	int r;

	(void)events;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		pair_free(p);
		return 0;
	}
	r = serve(p->dns,
		  (struct str){ .ptr = (const char *)query, .len = (size_t)n },
		  reply, &len);
	if (r == 0 && len > 0) /* who does not read loses it, as with UDP */
		(void)send(io->fd, reply, len, MSG_NOSIGNAL);
	return r;
}

int dns_take_questions(struct dns *d, int take_fd)
{
	struct pair *p = calloc(1, sizeof(*p));

	if (!p) {
		(void)close(take_fd);
		return 0;
	}
	if (d->n_pairs == DNS_PAIRS_MAX)
		pair_free(LIST_OWNER(d->pairs.next, struct pair, link));
	p->dns = d;
	p->io = (struct loop_io){
		.fd = take_fd, .events = EPOLLIN, .run = run_pair, .owner = p
	};
	list_add(&d->pairs, &p->link);
	d->n_pairs++;
	if (loop_io_add(d->parts.loop, &p->io) != 0)
		pair_free(p);
	return 0;
}

static int run_tcp(struct loop_io *io, uint32_t events)
{
	struct dns *d = io->owner;
	int fd;

	(void)events;
	if (d->n_clients == DNS_TCP_MAX)
		drop_oldest(d);
	fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		/* Without descriptors an old client has to go. */
		if (errno == EMFILE || errno == ENFILE)
			drop_oldest(d);
		return 0;
	}
	return client_new(d, fd);
}

int dns_new(struct dns **ret, const struct dns_parts *parts, int take_udp,
	    int take_tcp)
{
	AUTO(dns) struct dns *d = calloc(1, sizeof(*d));
	int r;

	if (!d) {
		auto_fd(&take_udp);
		auto_fd(&take_tcp);
		return -ENOMEM;
	}
	list_init(&d->pairs);
	d->parts = *parts;
	d->paused = true;
	d->udp = (struct loop_io){ .fd = take_udp, .run = run_udp, .owner = d };
	d->tcp = (struct loop_io){ .fd = take_tcp, .run = run_tcp, .owner = d };
	r = take_udp == -1 ? 0 : loop_io_add(parts->loop, &d->udp);
	if (r == 0 && take_tcp != -1)
		r = loop_io_add(parts->loop, &d->tcp);
	if (r != 0)
		return r;
	*ret = TAKE(d);
	return 0;
}

void dns_free(struct dns *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < DNS_TCP_MAX; i++) {
		if (d->clients[i])
			client_free(d->clients[i]);
	}
	LIST_EACH(it, &d->pairs)
	{
		pair_free(LIST_OWNER(it, struct pair, link));
	}
	loop_io_remove(d->parts.loop, &d->udp);
	loop_io_remove(d->parts.loop, &d->tcp);
	auto_fd(&d->udp.fd);
	auto_fd(&d->tcp.fd);
	free(d);
}

int dns_pause(struct dns *d, bool pause)
{
	int r;

	if (d->paused == pause)
		return 0;
	d->paused = pause;
	if (d->udp.fd == -1)
		return 0; /* who hands clients over is paused */
	r = loop_io_set(d->parts.loop, &d->udp, pause ? 0 : EPOLLIN);
	if (r != 0)
		return r;
	return loop_io_set(d->parts.loop, &d->tcp, pause ? 0 : EPOLLIN);
}
