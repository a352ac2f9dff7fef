/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The kernel in the jail logs what it is about to refuse, rate-limited.  Each
 * packet becomes a refusal, which refuse.c folds.  Only TCP leaves the jail, so
 * for UDP, ICMP and others no line of policy would help.  When the socket
 * overflows the kernel says so once (ENOBUFS), not how many were lost.
 */
#include "relay/nflog.h"

#include <sys/socket.h>

#define DATAGRAM_MAX        ((size_t)16 * 1024)
#define DATAGRAMS_PER_EVENT 16

struct nflog {
	struct nflog_parts parts;
	struct loop_io io;
	bool paused;
	char datagram[DATAGRAM_MAX];
};

static enum refuse_proto proto_of(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return REFUSE_TCP;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return REFUSE_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return REFUSE_ICMP;
	default:
		return REFUSE_OTHER;
	}
}

int nflog_record(const struct nflog_parts *parts, const struct nflog_packet *p)
{
	struct refusal f = { .host = names_find(parts->names, &p->dst),
			     .addr = &p->dst,
			     .port = p->port,
			     .proto = proto_of(p->proto),
			     .reason = REFUSE_NOT_TCP };
	struct net_verdict v = { 0 };

	if (f.proto == REFUSE_TCP && f.host.len > 0)
		v = net_decide_name(parts->policy, f.host, p->port);
	else if (f.proto == REFUSE_TCP)
		v = net_decide_addr(parts->policy, &p->dst, p->port);
	if (f.host.len > 0)
		f.addr = NULL;
	if (f.proto == REFUSE_TCP) {
		f.reason = REFUSE_POLICY;
		f.verdict = &v;
		/* A synthetic address that nobody was given. */
		if (f.host.len == 0 && names_covers(parts->names, &p->dst)) {
			f.reason = REFUSE_UNNAMED;
			f.verdict = NULL;
		}
	}
	return refusals_add(parts->refusals, &f, 1);
}

static int add_lost(struct nflog *n, uint64_t count)
{
	struct refusal f = { .proto = REFUSE_OTHER, .reason = REFUSE_LOST };

	return refusals_add(n->parts.refusals, &f, count);
}

/* 0; 1 = nothing waits; -errno. */
static int read_one(struct nflog *n)
{
	ssize_t len = recv(n->io.fd, n->datagram, sizeof(n->datagram), 0);
	struct str rest = { .ptr = n->datagram, .len = (size_t)len };
	struct nflog_packet p;
	uint64_t bad = 0;
	int r = 0;

	if (len == -1 && errno == ENOBUFS)
		return add_lost(n, 1);
	if (len == -1)
		return errno == EINTR ? 0 : 1;
	while (r == 0 && nflog_next(&rest, &p, &bad))
		r = nflog_record(&n->parts, &p);
	if (r == 0 && bad > 0)
		r = add_lost(n, bad);
	return r;
}

static int run(struct loop_io *io, uint32_t events)
{
	int r = 0;

	(void)events;
	for (int i = 0; i < DATAGRAMS_PER_EVENT && r == 0; i++)
		r = read_one(io->owner);
	return r < 0 ? r : 0;
}

int nflog_new(struct nflog **ret, const struct nflog_parts *parts, int take_fd)
{
	struct nflog *n = calloc(1, sizeof(*n));
	int r;

	if (!n) {
		(void)close(take_fd);
		return -ENOMEM;
	}
	n->parts = *parts;
	n->paused = true;
	n->io = (struct loop_io){ .fd = take_fd, .run = run, .owner = n };
	r = loop_io_add(parts->loop, &n->io);
	if (r != 0) {
		nflog_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void nflog_free(struct nflog *n)
{
	if (!n)
		return;
	loop_io_remove(n->parts.loop, &n->io);
	(void)close(n->io.fd);
	free(n);
}

int nflog_pause(struct nflog *n, bool pause)
{
	if (n->paused == pause)
		return 0;
	n->paused = pause;
	return loop_io_set(n->parts.loop, &n->io, pause ? 0 : EPOLLIN);
}

int nflog_drain(struct nflog *n)
{
	int r = 0;

	for (int i = 0; i < DATAGRAMS_PER_EVENT * 64 && r == 0; i++)
		r = read_one(n);
	return r < 0 ? r : 0;
}
