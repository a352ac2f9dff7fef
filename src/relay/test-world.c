/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/test-world.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"

struct world world;
size_t world_fds_max;

static uint64_t world_now(void)
{
	return world.now_ns ? world.now_ns : clock_mono_ns();
}

static int world_orig(int fd, struct sockaddr_in6 *ret)
{
	(void)fd;
	*ret = world.orig;
	return 0;
}

/* A socket on [::] or 127.0.0.1, any port. */
int world_socket(int family, int type, uint16_t *ret_port)
{
	struct sockaddr_storage sa = { .ss_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in)
					  : sizeof(struct sockaddr_in6);
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, zero = 0;
	in_port_t port = 0;

	ASSERT(fd != -1);
	if (family == AF_INET6)
		ASSERT(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero,
				  sizeof(int)) == 0);
	if (type == SOCK_DGRAM && family == AF_INET6)
		ASSERT(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one,
				  sizeof(int)) == 0);
	if (family == AF_INET)
		((struct sockaddr_in *)&sa)->sin_addr.s_addr =
			htonl(INADDR_LOOPBACK);
	ASSERT(bind(fd, (struct sockaddr *)&sa, len) == 0);
	if (type == SOCK_STREAM)
		ASSERT(listen(fd, 4096) == 0);
	ASSERT(getsockname(fd, (struct sockaddr *)&sa, &len) == 0);
	/* At the same place in both families. */
	memcpy(&port, (char *)&sa + offsetof(struct sockaddr_in, sin_port),
	       sizeof(port));
	*ret_port = ntohs(port);
	return fd;
}

struct in6_addr world_addr(const char *text)
{
	struct in6_addr a;

	ASSERT(inet_pton(AF_INET6, text, &a) == 1);
	return a;
}

static void world_answer(uint32_t id)
{
	struct str body = world.fail ? STR("{\"error\":\"disk full\"}")
				     : STR("{\"seq\":7}");

	ASSERT(ipc_send(world.scribe, MSG_APPENDED, id, body, NULL, 0) == 0);
}

void world_release(void)
{
	for (size_t i = 0; i < world.n_held; i++)
		world_answer(world.held[i]);
	world.n_held = 0;
}

static void world_record(struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	uint64_t count;

	arena_init(&a, 65536);
	ASSERT(m->type == MSG_APPEND);
	ASSERT(json_parse(&a, buf_str(&m->body), &j, NULL) == 0);
	count = (uint64_t)json_find_int(j, "count", 0);
	if (str_eq(json_find_str(j, "kind"), STR("net.grant"))) {
		world.grants++;
		world.grant_count += count;
		(void)snprintf(world.last_grant, sizeof(world.last_grant), "%s",
			       buf_cstr(&m->body));
	} else {
		world.refusals++;
		world.refuse_count += count;
		(void)snprintf(world.last_refusal, sizeof(world.last_refusal),
			       "%s", buf_cstr(&m->body));
	}
	if (m->id == 0)
		return;
	world.waited++;
	if (!world.hold)
		world_answer(m->id);
	else if (world.n_held < N_ELEMS(world.held))
		world.held[world.n_held++] = m->id;
}

static void world_told(struct ipc_msg *m)
{
	if (m->type == MSG_READY)
		world.ready = true;
	if (m->type == MSG_STATS)
		(void)snprintf(world.stats, sizeof(world.stats), "%s",
			       buf_cstr(&m->body));
	if (m->type != MSG_NOTICE)
		return;
	world.notices++;
	(void)snprintf(world.last_notice, sizeof(world.last_notice), "%s",
		       buf_cstr(&m->body));
}

/* What scribe and supervisor find in their channels. */
void world_peers(void)
{
	AUTO(ipc_msg) struct ipc_msg m;

	ipc_msg_init(&m);
	while (world.scribe != -1 &&
	       ipc_recv(world.scribe, &m, IPC_BODY_MAX) == 0)
		world_record(&m);
	while (world.supervisor != -1 &&
	       ipc_recv(world.supervisor, &m, IPC_BODY_MAX) == 0)
		world_told(&m);
}

/* Some rounds, until nothing seems to happen. */
void world_run(int rounds)
{
	for (int i = 0; i < rounds && world.ended == 0; i++) {
		world.ended = relay_once(world.relay, 1);
		world_peers();
	}
}

/* @net and @resolvers are JSON. */
void world_open(struct str net, const char *resolvers)
{
	struct relay_seams seams = { .loop.now_ns = world_now,
				     .orig = world_orig,
				     .fds_max = world_fds_max };
	AUTO(buf) struct buf b = BUF_NULL;
	struct relay_channels c;
	struct diag why = { 0 };
	int pair[2], fds[3];

	world = (struct world){ 0 };
	ASSERT(relay_new(&world.relay, &seams) == 0);
	ASSERT(ipc_pair(pair) == 0);
	world.supervisor = pair[0];
	c.supervisor = pair[1];
	ASSERT(ipc_pair(pair) == 0);
	world.scribe = pair[0];
	c.scribe = pair[1];
	ASSERT(ipc_pair(pair) == 0);
	world.keeper = pair[0];
	c.keeper = pair[1];
	ASSERT(fd_set_nonblock(world.supervisor, true) == 0);
	ASSERT(fd_set_nonblock(world.scribe, true) == 0);

	buf_init(&b, 65536);
	ASSERT(buf_printf(&b,
			  "{\"session\":\"s\",\"net\":%.*s,"
			  "\"resolvers\":%s}",
			  STR_ARG(net), resolvers));
	if (relay_begin(world.relay, buf_str(&b), STR("{\"seccomp\":false}"), c,
			&why) != 0) {
		printf("# %s\n", why.text);
		ASSERT(false);
	}
	fds[0] = world_socket(AF_INET6, SOCK_STREAM, &world.tcp_port);
	fds[1] = world_socket(AF_INET6, SOCK_DGRAM, &world.dns_port);
	fds[2] = world_socket(AF_INET6, SOCK_STREAM, &world.dns_tcp_port);
	ASSERT(ipc_send(world.supervisor, MSG_SOCKETS, 0, STR("{}"), fds, 3) ==
	       0);
	for (size_t i = 0; i < 3; i++)
		(void)close(fds[i]);
	for (int i = 0; i < 1000 && !world.ready; i++)
		world_run(1);
	ASSERT(world.ready);
}

void world_close(void)
{
	relay_free(world.relay);
	if (world.scribe != -1)
		(void)close(world.scribe);
	if (world.supervisor != -1)
		(void)close(world.supervisor);
	if (world.keeper != -1)
		(void)close(world.keeper);
	world.relay = NULL;
}

/* A connection to 127.0.0.1:@port, non-blocking; in the backlog at least. */
int world_connect(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ASSERT(fd != -1);
	ASSERT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	ASSERT(fd_set_nonblock(fd, true) == 0);
	return fd;
}

/* A program connects to @orig:@port, so it thinks. */
int world_program(const struct in6_addr *orig, uint16_t port)
{
	world.orig = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					    .sin6_addr = *orig,
					    .sin6_port = htons(port) };
	return world_connect(world.tcp_port);
}

/* The synthetic v4 address of @name by DNS; :: = refused. */
struct in6_addr world_lookup(const char *name, uint8_t type,
			     unsigned *ret_rcode)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(world.dns_port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint8_t q[512] = { 1, 2, 1, 0, 0, 1 }, reply[768];
	struct str rest = str_of(name), label = { 0 };
	struct in6_addr a = { 0 };
	size_t n = 12;
	ssize_t got = -1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	while (str_cut(&rest, '.', &label)) {
		q[n++] = (uint8_t)label.len;
		memcpy(q + n, label.ptr, label.len);
		n += label.len;
	}
	n++;
	q[n + 1] = type;
	q[n + 3] = 1;
	n += 4;
	ASSERT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	ASSERT(send(fd, q, n, 0) == (ssize_t)n);
	for (int i = 0; i < 2000 && got == -1; i++) {
		world_run(1);
		got = recv(fd, reply, sizeof(reply), 0);
	}
	(void)close(fd);
	*ret_rcode = 99;
	if (got < (ssize_t)n)
		return a;
	*ret_rcode = reply[3] & 0xfu;
	ASSERT(memcmp(reply + 12, q + 12, n - 12) == 0);
	if (reply[7] != 1)
		return a;
	if (type == 28) {
		memcpy(&a, reply + got - 16, 16);
		return a;
	}
	a.s6_addr[10] = 0xff;
	a.s6_addr[11] = 0xff;
	memcpy(a.s6_addr + 12, reply + got - 4, 4);
	return a;
}

/* What recv(2) gives within some rounds: bytes, 0 = end, -errno. */
ssize_t world_read(int fd, void *p, size_t size)
{
	for (int i = 0; i < 2000; i++) {
		ssize_t n = recv(fd, p, size, 0);

		if (n >= 0)
			return n;
		if (errno != EAGAIN)
			return neg_errno();
		world_run(1);
	}
	return -EAGAIN;
}

/* accept(2) within some rounds; -1 = nobody came. */
int world_accept(int listener, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		int fd = accept4(listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1)
			return fd;
		world_run(1);
	}
	return -1;
}
