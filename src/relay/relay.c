/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A role: it owns the parts, the three channels, and decides when to end.
 *
 * Who may ask what is in the tables below.  A peer that breaks them ends the
 * relay, and thereby the session.
 *
 * Back-pressure of the ledger: when more than OUTQ_HIGH bytes wait for the
 * scribe, nothing new is taken in (connections, questions, packets) until it
 * has caught up.  So records are never dropped, and memory is bounded.
 *
 * relay_end() in this order: helpers' last words; what the kernel still tells of
 * refusals; counts to the scribe; stats to the supervisor.
 */
#include "relay/relay.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "ipc/protocol.h"
#include "ipc/request.h"
#include "relay/dns.h"
#include "relay/handover.h"
#include "relay/nflog.h"
#include "relay/telemetry.h"

#define POLICY_MAX      ((size_t)64 * 1024 * 1024) /* bytes of memory */
#define MESSAGES_MAX    64 /* read per event of a channel */
#define DRAIN_SCRIBE_MS 2000
#define DRAIN_STATS_MS  500
#define END_MS          500u
#define LINGER_MS       1000
#define SETTLE_STEP_MS  5

enum peer_kind {
	PEER_SUPERVISOR,
	PEER_SCRIBE,
	PEER_KEEPER,
	PEER_MAX_,
};

struct peer {
	struct relay *relay;
	enum peer_kind kind;
	int fd; /* -1: not yet */
	bool gone;
	struct loop_io io;
	struct outq out;
	struct request_state state;
};

struct relay {
	struct loop *loop;
	struct relay_seams seams;
	struct peer peers[PEER_MAX_];
	struct arena arena; /* of config */
	struct relay_config config;
	/*
	 * What decides: config.net, and what later words took from it.  The
	 * classes of ports stay those of config.net, as in the jail's kernel.
	 */
	struct net_policy policy;
	char *layers; /* JSON */
	struct resolver *resolver;
	struct pump_pool pool;
	struct names *names;
	struct grants *grants;
	struct refusals *refusals;
	struct gate *gate;
	struct dns *dns;
	struct nflog *nflog;
	struct telemetry *telemetry;
	struct handover_in handed;
	bool paused, ended;
};

static int answer_sockets(void *peer, struct ipc_msg *m);
static int answer_appended(void *peer, struct ipc_msg *m);
static int answer_resolvers(void *peer, struct ipc_msg *m);
static int answer_narrow(void *peer, struct ipc_msg *m);

#define ANY_PHASE 1u

static const struct request from_supervisor[] = {
	[MSG_SOCKETS] = { "sockets", answer_sockets, 256, ANY_PHASE, 1, 5,
			  true },
};
static const struct request from_scribe[] = {
	[MSG_APPENDED] = { "appended", answer_appended, 4096, ANY_PHASE, 0, 0,
			   false },
};
static const struct request from_keeper[] = {
	[MSG_RESOLVERS] = { "resolvers", answer_resolvers, RELAY_CONFIG_MAX,
			    ANY_PHASE, 0, 0, false },
	[MSG_NARROW] = { "narrow", answer_narrow, RELAY_CONFIG_MAX, ANY_PHASE,
			 0, 0, false },
};

static const struct {
	const char *name;
	const struct request *table;
	size_t n;
	size_t max_body;
} kinds[PEER_MAX_] = {
	[PEER_SUPERVISOR] = { "supervisor", from_supervisor,
			      N_ELEMS(from_supervisor), 4096 },
	[PEER_SCRIBE] = { "scribe", from_scribe, N_ELEMS(from_scribe), 4096 },
	[PEER_KEEPER] = { "keeper", from_keeper, N_ELEMS(from_keeper),
			  RELAY_CONFIG_MAX },
};

/* Take in new things, or not, as the ledger keeps up. */
static int update_pressure(struct relay *r)
{
	bool pause = outq_is_high(&r->peers[PEER_SCRIBE].out);
	int e;

	if (!r->gate || pause == r->paused)
		return 0;
	r->paused = pause;
	e = gate_pause(r->gate, pause);
	if (e == 0)
		e = dns_pause(r->dns, pause);
	if (e == 0 && r->nflog)
		e = nflog_pause(r->nflog, pause);
	if (e == 0 && r->telemetry)
		e = telemetry_pause(r->telemetry, pause);
	return e;
}

static int socket_option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int v = -1;

	return getsockopt(fd, SOL_SOCKET, name, &v, &len) == -1 ? -1 : v;
}

/* What came as the @i-th descriptor is what should. */
static bool is_expected(int fd, size_t i)
{
	static const struct {
		int domain, type, protocol, listens;
	} rows[] = {
		{ AF_INET6, SOCK_STREAM, IPPROTO_TCP, 1 },
		{ AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 0 },
		{ AF_INET6, SOCK_STREAM, IPPROTO_TCP, 1 },
		{ AF_NETLINK, -1, NETLINK_NETFILTER, -1 },
		{ AF_INET, SOCK_STREAM, IPPROTO_TCP, 1 },
	};

	return socket_option(fd, SO_DOMAIN) == rows[i].domain &&
	       (rows[i].type == -1 ||
		socket_option(fd, SO_TYPE) == rows[i].type) &&
	       socket_option(fd, SO_PROTOCOL) == rows[i].protocol &&
	       (rows[i].listens == -1 ||
		socket_option(fd, SO_ACCEPTCONN) == rows[i].listens);
}

static struct nflog_parts log_parts(struct relay *r)
{
	return (struct nflog_parts){ .loop = r->loop,
				     .policy = &r->policy,
				     .names = r->names,
				     .refusals = r->refusals };
}

static int open_gate(struct relay *r, int take_listener, bool handed)
{
	struct gate_parts parts = { .loop = r->loop,
				    .policy = &r->policy,
				    .names = r->names,
				    .resolver = r->resolver,
				    .grants = r->grants,
				    .refusals = r->refusals,
				    .pool = &r->pool,
				    .orig = r->seams.orig };
	struct rlimit limit = { .rlim_cur = 1024 };

	if (handed) {
		r->handed.parts = log_parts(r);
		r->handed.dns = &r->dns;
		r->handed.telemetry = &r->telemetry;
		parts.accept = handover_accept;
		parts.accept_owner = &r->handed;
	}
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	parts.fds_max =
		r->seams.fds_max ? r->seams.fds_max : (size_t)limit.rlim_cur;
	return gate_new(&r->gate, &parts, take_listener);
}

static int open_dns(struct relay *r, int take_udp, int take_tcp)
{
	struct dns_parts parts = { .loop = r->loop,
				   .policy = &r->policy,
				   .names = r->names,
				   .refusals = r->refusals };

	return dns_new(&r->dns, &parts, take_udp, take_tcp);
}

static int open_nflog(struct relay *r, int take_fd)
{
	struct nflog_parts parts = log_parts(r);

	return nflog_new(&r->nflog, &parts, take_fd);
}

static int send_ready(struct relay *r)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, 4096);
	json_open(&w, '{');
	json_key(&w, "layers");
	json_raw(&w, str_of(r->layers));
	json_close(&w, '}');
	if (b.failed)
		return -ENOMEM;
	return outq_send(&r->peers[PEER_SUPERVISOR].out, MSG_READY, 0,
			 buf_str(&b));
}

/* The warden's end of handover.h. */
static bool is_channel(int fd)
{
	return socket_option(fd, SO_DOMAIN) == AF_UNIX &&
	       socket_option(fd, SO_TYPE) == SOCK_SEQPACKET &&
	       socket_option(fd, SO_ACCEPTCONN) == 0;
}

static int answer_sockets(void *peer, struct ipc_msg *m)
{
	struct relay *r = ((struct peer *)peer)->relay;
	bool handed = m->n_fds == 1;
	int e = 0;

	if (m->n_fds == 2 || (handed && !is_channel(m->fds[0])) ||
	    (!handed && (m->n_fds == 5) != r->config.telemetry))
		return -EPROTO;
	for (size_t i = 0; i < m->n_fds && e == 0; i++) {
		if (!handed && !is_expected(m->fds[i], i))
			return -EPROTO;
		e = fd_set_nonblock(m->fds[i], true);
	}
	if (e == 0)
		e = open_gate(r, ipc_take_fd(m, 0), handed);
	if (e == 0) /* without others: -1 */
		e = open_dns(r, ipc_take_fd(m, 1), ipc_take_fd(m, 2));
	if (e == 0 && m->n_fds > 3)
		e = open_nflog(r, ipc_take_fd(m, 3));
	if (e == 0 && r->config.telemetry)
		e = telemetry_new(&r->telemetry, r->loop,
				  &r->peers[PEER_SCRIBE].out,
				  ipc_take_fd(m, 4));
	r->paused = true;
	if (e == 0)
		e = update_pressure(r);
	return e == 0 ? send_ready(r) : e;
}

static int answer_appended(void *peer, struct ipc_msg *m)
{
	struct relay *r = ((struct peer *)peer)->relay;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	bool ok;

	/* Only {"seq":N} is success; whatever else there is, is not. */
	arena_init(&a, 64 * 1024);
	ok = json_parse(&a, buf_str(&m->body), &j, NULL) == 0 &&
	     json_is(json_find(j, "seq"), JSON_INT) && !json_find(j, "error");
	return grants_answer(r->grants, m->id, ok) == 0 ? 0 : -EPROTO;
}

/* The policy's own servers stand in for the host's. */
static int set_resolvers(struct relay *r, struct relay_resolvers *c)
{
	const struct net_policy *p = &r->config.net;

	if (p->n_dns > 0) {
		_Static_assert(N_ELEMS(c->servers) >= N_ELEMS(p->dns),
			       "the policy's servers fit");
		memcpy(c->servers, p->dns, p->n_dns * sizeof(p->dns[0]));
		c->n_servers = p->n_dns;
	}
	return resolver_set(r->resolver, c);
}

static int answer_resolvers(void *peer, struct ipc_msg *m)
{
	struct relay *r = ((struct peer *)peer)->relay;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct relay_resolvers c;
	int e;

	arena_init(&a, POLICY_MAX);
	e = relay_resolvers_parse(&a, buf_str(&m->body), &c, NULL);
	if (e != 0)
		return e < 0 ? e : -EPROTO;
	return set_resolvers(r, &c);
}

/*
 * Whatever the keeper says, it can only take away.  Connections and refusals
 * point into the policies that were, so all of them stay; who changes a policy
 * so often that they do not fit ends the session.
 */
static int answer_narrow(void *peer, struct ipc_msg *m)
{
	struct relay *r = ((struct peer *)peer)->relay;
	struct net_policy now, left;
	int e = net_parse(&r->arena, buf_str(&m->body), &now, NULL);

	if (e > 0)
		return -EPROTO;
	if (e == 0)
		e = net_narrow(&r->arena, &r->policy, &now, &left);
	if (e > 0 || r->arena.failed)
		e = -ENOMEM;
	if (e != 0)
		return e;
	r->policy = left;
	return r->gate ? gate_narrow(r->gate) : 0;
}

/* 0; -EAGAIN = nothing waits; -EPIPE = gone; else the relay ends. */
static int take_message(struct peer *p)
{
	AUTO(ipc_msg) struct ipc_msg m;
	struct diag why = { 0 };
	int e;

	ipc_msg_init(&m);
	e = ipc_recv(p->fd, &m, kinds[p->kind].max_body);
	if (e != 0)
		return e;
	e = request_dispatch(kinds[p->kind].table, kinds[p->kind].n, &p->state,
			     p, &m, &why);
	if (e == -EPROTO)
		log_error("%s: %s", kinds[p->kind].name,
			  why.text[0] ? why.text : "malformed");
	/* An answer's own lack of something is not "nothing waits". */
	return e == -EAGAIN || e == -EPIPE ? -EIO : e;
}

static int run_peer(struct loop_io *io, uint32_t events)
{
	struct peer *p = io->owner;
	struct relay *r = p->relay;
	int e = 0;

	if (events & EPOLLOUT)
		e = outq_flush(&p->out);
	for (int i = 0; i < MESSAGES_MAX && e == 0; i++)
		e = take_message(p);
	if (e == -EAGAIN)
		e = update_pressure(r);
	if (e == -EPIPE) {
		/* Its end would be an event for ever. */
		loop_io_remove(r->loop, io);
		p->gone = true;
		return 0;
	}
	return e;
}

int relay_new(struct relay **ret, const struct relay_seams *seams)
{
	AUTO(relay) struct relay *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	for (size_t i = 0; i < PEER_MAX_; i++) {
		r->peers[i] = (struct peer){ .relay = r,
					     .kind = (enum peer_kind)i,
					     .fd = -1,
					     .state.phase = ANY_PHASE };
	}
	if (seams)
		r->seams = *seams;
	e = loop_new(&r->loop, seams ? &seams->loop : NULL);
	if (e == 0)
		e = resolver_new(&r->resolver, r->loop);
	if (e == 0)
		e = pump_pool_init(&r->pool, r->loop);
	if (e != 0)
		return e;
	*ret = TAKE(r);
	return 0;
}

/*
 * The keeper last: when it sees our end, the scribe has all we had to say.  A
 * supervisor that has told us to end waits for nothing of ours any more.
 */
static void hang_up(struct relay *r)
{
	static const int order[] = { PEER_SCRIBE, PEER_SUPERVISOR,
				     PEER_KEEPER };

	for (size_t i = 0; i < N_ELEMS(order); i++) {
		struct peer *p = &r->peers[order[i]];

		if (p->fd == -1)
			continue;
		loop_io_remove(r->loop, &p->io);
		outq_done(&p->out);
		if (p->kind != PEER_SUPERVISOR || !p->gone)
			(void)close(TAKE_FD(p->fd));
	}
}

void relay_linger(const struct relay *r)
{
	struct pollfd p = { .fd = r->peers[PEER_SUPERVISOR].fd };

	if (r->ended && p.fd != -1)
		(void)poll(&p, 1, LINGER_MS);
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	/* In the order of use: each may refer to those after it. */
	gate_free(r->gate);
	dns_free(r->dns);
	telemetry_free(r->telemetry);
	nflog_free(r->nflog);
	resolver_free(r->resolver);
	grants_free(r->grants);
	refusals_free(r->refusals);
	names_free(r->names);
	pump_pool_done(&r->pool);
	hang_up(r);
	auto_fd(&r->peers[PEER_SUPERVISOR].fd);
	arena_done(&r->arena);
	free(r->layers);
	loop_free(r->loop);
	free(r);
}

static int open_peer(struct relay *r, enum peer_kind kind, int take_fd)
{
	struct peer *p = &r->peers[kind];
	int e;

	p->fd = take_fd;
	p->io = (struct loop_io){
		.fd = take_fd, .events = EPOLLIN, .run = run_peer, .owner = p
	};
	outq_init(&p->out, r->loop, &p->io);
	e = fd_set_nonblock(take_fd, true);
	return e != 0 ? e : loop_io_add(r->loop, &p->io);
}

static int make_parts(struct relay *r)
{
	struct outq *scribe = &r->peers[PEER_SCRIBE].out;
	struct outq *supervisor = &r->peers[PEER_SUPERVISOR].out;
	int e;

	r->policy = r->config.net;
	e = names_new(&r->names, &r->config.net);
	if (e != 0)
		return e < 0 ? e : -EINVAL;
	e = grants_new(&r->grants, r->loop, scribe);
	if (e != 0)
		return e;
	e = refusals_new(&r->refusals, r->loop, scribe, supervisor);
	return e != 0 ? e : set_resolvers(r, &r->config.resolvers);
}

int relay_begin(struct relay *r, struct str config, struct str layers,
		struct relay_channels take, struct diag *reterr)
{
	int fds[PEER_MAX_] = { [PEER_SUPERVISOR] = take.supervisor,
			       [PEER_SCRIBE] = take.scribe,
			       [PEER_KEEPER] = take.keeper };
	int e = 0;

	for (size_t i = 0; i < PEER_MAX_; i++) {
		int one = open_peer(r, (enum peer_kind)i, fds[i]);

		e = e != 0 ? e : one;
	}
	if (e != 0)
		return e;
	r->layers = strndup(layers.ptr, layers.len);
	if (!r->layers)
		return -ENOMEM;
	arena_init(&r->arena, POLICY_MAX);
	e = relay_config_parse(&r->arena, config, &r->config, reterr);
	return e != 0 ? e : make_parts(r);
}

int relay_once(struct relay *r, int timeout_ms)
{
	int e = loop_once(r->loop, timeout_ms);

	return e != 0 ? e : update_pressure(r);
}

/* The keeper's goes on the ledger, the supervisor's to the user. */
static void send_stats(struct relay *r, const struct gate_stats *s)
{
	static const int to[] = { PEER_KEEPER, PEER_SUPERVISOR };
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, 256);
	json_open(&w, '{');
	json_kuint(&w, "bytes_in", s->bytes_in);
	json_kuint(&w, "bytes_out", s->bytes_out);
	json_kuint(&w, "connections", s->connections);
	json_close(&w, '}');
	for (size_t i = 0; i < N_ELEMS(to) && !b.failed; i++) {
		struct outq *q = &r->peers[to[i]].out;

		/* A peer that is gone wants none. */
		if (outq_send(q, MSG_STATS, 0, buf_str(&b)) == 0 &&
		    outq_drain(q, DRAIN_STATS_MS) == -ETIMEDOUT)
			log_warn("a peer does not read how it ended");
	}
}

/*
 * What a program sent before it ended is on its way: its sockets are closed,
 * but we may hold, or not yet have read, the last of it.  An upstream that does
 * not read has END_MS.  Without a scribe nothing may have an effect any more.
 */
static void settle(struct relay *r)
{
	uint64_t end_ns = clock_mono_ns() + END_MS * NS_PER_MS;
	int wait_ms = 0; /* first what is there already */

	while (!r->peers[PEER_SCRIBE].gone && relay_once(r, wait_ms) == 0 &&
	       !gate_is_settled(r->gate) && clock_mono_ns() < end_ns)
		wait_ms = SETTLE_STEP_MS;
}

void relay_end(struct relay *r)
{
	struct gate_stats stats = { 0 };
	int e = 0;

	if (r->ended || !r->refusals)
		return;
	r->ended = true;
	if (r->gate) {
		settle(r);
		gate_end(r->gate, &stats);
	}
	if (r->nflog)
		e = nflog_drain(r->nflog);
	if (e == 0 && r->telemetry)
		e = telemetry_end(r->telemetry);
	if (e == 0)
		e = grants_flush(r->grants);
	if (e == 0)
		e = refusals_flush(r->refusals);
	if (e == 0)
		e = outq_drain(&r->peers[PEER_SCRIBE].out, DRAIN_SCRIBE_MS);
	if (e != 0 && e != -EPIPE) /* the keeper knows of a dead scribe */
		log_error("the last records were not taken: %s", strerror(-e));
	send_stats(r, &stats);
	hang_up(r); /* the user waits for the keeper, and that for us */
}

static bool is_over(const struct relay *r)
{
	bool over = false;

	for (size_t i = 0; i < PEER_MAX_; i++)
		over = over || r->peers[i].gone;
	return over;
}

int relay_run(struct relay *r)
{
	int e = 0;

	while (e == 0 && !is_over(r))
		e = relay_once(r, -1);
	relay_end(r);
	return e;
}
