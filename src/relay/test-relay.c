/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "policy/net.h"
#include "relay/test-hello.h"
#include "relay/test-world.h"

static uint16_t up_port; /* of the upstream */
static int up = -1;

/* The policy of these tests; "up.example" and below lead to our upstream. */
static struct str make_policy(struct buf *b, uint16_t port)
{
	struct in6_addr loop = world_addr("::ffff:127.0.0.1");
	struct net_rule allow[] = {
		{ .host = STR("up.example"),
		  .ports = { 80, 443, 9000 },
		  .n_ports = 3,
		  .connect_addr = loop,
		  .connect_port = port,
		  .origin = { .layer = STR("user"),
			      .file = STR("p.yaml"),
			      .line = 3 } },
		{ .host = STR("wild.example"),
		  .subdomains = true,
		  .ports = { 80 },
		  .n_ports = 1,
		  .connect_addr = loop,
		  .connect_port = port },
		{ .host = STR("resolved.example"),
		  .ports = { 80, port },
		  .n_ports = 2 },
		{ .host = STR("single"), .ports = { port }, .n_ports = 1 },
		{ .addr = loop, .bits = 128, .ports = { port }, .n_ports = 1 },
	};
	struct net_policy p = { .allow = allow, .n_allow = N_ELEMS(allow) };

	/* Ports are sorted. */
	if (port < 80) {
		allow[2].ports[0] = port;
		allow[2].ports[1] = 80;
	}
	buf_clear(b);
	net_format(&p, b);
	ASSERT(!b->failed);
	return buf_str(b);
}

static void open_world(const char *resolvers)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 65536);
	if (up == -1)
		up = world_socket(AF_INET, SOCK_STREAM, &up_port);
	world_open(make_policy(&b, up_port), resolvers);
}

static struct in6_addr synthetic(const char *name)
{
	unsigned rcode = 99;
	struct in6_addr a = world_lookup(name, 1, &rcode);

	CHECK_EQ(rcode, 0);
	return a;
}

/* Both ends of a connection to up.example:9000 that passes bytes. */
static void connect_through(int *ret_program, int *ret_upstream)
{
	struct in6_addr a = synthetic("up.example");

	*ret_program = world_program(&a, 9000);
	*ret_upstream = world_accept(up, 2000);
	CHECK_EQ(*ret_upstream != -1, true);
}

static bool is_reset(int fd)
{
	char c;

	return world_read(fd, &c, 1) == -ECONNRESET;
}

static void test_dns(void)
{
	struct in6_addr v4, v6, again;
	unsigned rcode = 99;

	open_world("{}");
	v4 = synthetic("up.example");
	CHECK_EQ(v4.s6_addr[12], 198);
	again = synthetic("UP.Example");
	CHECK_EQ(memcmp(&v4, &again, sizeof(v4)), 0);
	v6 = world_lookup("up.example", 28, &rcode);
	CHECK_EQ(v6.s6_addr[0], 0xfd);
	CHECK_EQ(v6.s6_addr[15], v4.s6_addr[15]);

	(void)world_lookup("up.example", 65, &rcode); /* HTTPS */
	CHECK_EQ(rcode, 0);
	v4 = synthetic("x.wild.example");
	CHECK_EQ(v4.s6_addr[12], 198);
	v4 = synthetic("localhost");
	CHECK_EQ(v4.s6_addr[12], 127);
	CHECK_EQ(world.refusals, 0);

	(void)world_lookup("evil.example", 1, &rcode);
	CHECK_EQ(rcode, 3);
	WORLD_UNTIL(world.refusals == 1 && world.notices == 1);
	CHECK_EQ(strstr(world.last_refusal, "\"host\":\"evil.example\"") !=
			 NULL,
		 true);
	CHECK_EQ(strstr(world.last_refusal, "\"proto\":\"dns\"") != NULL, true);
	CHECK_EQ(strstr(world.last_notice, "host: evil.example") != NULL, true);
	for (int i = 0; i < 10; i++)
		(void)world_lookup("evil.example", 1, &rcode);
	CHECK_EQ(world.refusals, 1);
	(void)world_lookup("wild.example", 1, &rcode);
	CHECK_EQ(rcode, 3);
	world_close();
}

static void test_dns_fold(void)
{
	unsigned rcode = 0;

	open_world("{}");
	world.now_ns = clock_mono_ns();
	for (int i = 0; i < 10; i++)
		(void)world_lookup("evil.example", 1, &rcode);
	CHECK_EQ(world.refusals, 1);
	world.now_ns += 6 * NS_PER_S;
	WORLD_UNTIL(world.refusals == 2);
	CHECK_EQ(world.refuse_count, 10);
	world_close();
}

static void test_dns_over_tcp(void)
{
	static const char query[] = "\0\x1c\x01\x02\x01\0\0\x01\0\0\0\0\0\0"
				    "\x02up\x07"
				    "example\0\0\x01\0\x01";
	char twice[2 * sizeof(query)], reply[256];
	size_t n = sizeof(query) - 1, got = 0;
	int fd;

	open_world("{}");
	fd = world_connect(world.dns_tcp_port);
	memcpy(twice, query, n);
	memcpy(twice + n, query, n);
	CHECK_EQ(send(fd, twice, 5, 0), 5);
	world_run(3);
	CHECK_EQ(send(fd, twice + 5, 2 * n - 5, 0), 2 * n - 5);
	while (got < 2 * (n + 16)) {
		ssize_t r = world_read(fd, reply + got, sizeof(reply) - got);

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	CHECK_EQ(got, 2 * (n + 16));
	CHECK_EQ((uint8_t)reply[n + 16 - 4], 198);
	/* A frame that cannot be a question. */
	CHECK_EQ(send(fd, "\xff\xff", 2, 0), 2);
	CHECK_EQ(world_read(fd, reply, 1), 0);
	(void)close(fd);
	world_close();
}

static void test_grant(void)
{
	char b[64];
	int p, u;

	open_world("{}");
	connect_through(&p, &u);
	CHECK_EQ(world.waited, 1);
	CHECK_EQ(strstr(world.last_grant, "\"host\":\"up.example\"") != NULL,
		 true);
	CHECK_EQ(strstr(world.last_grant, "\"rule.line\":3") != NULL, true);
	CHECK_EQ(strstr(world.last_grant, "\"addr\":\"127.0.0.1\"") != NULL,
		 true);
	/* The server may speak first. */
	CHECK_EQ(send(u, "220 hi\n", 7, 0), 7);
	CHECK_EQ(world_read(p, b, sizeof(b)), 7);
	CHECK_EQ(send(p, "EHLO\n", 5, 0), 5);
	CHECK_EQ(world_read(u, b, sizeof(b)), 5);
	(void)close(p);
	(void)close(u);
	world_run(5);

	/* Again: no record to wait for. */
	connect_through(&p, &u);
	CHECK_EQ(world.waited, 1);
	CHECK_EQ(world.grants, 1);
	(void)close(p);
	(void)close(u);
	world_run(5);

	/* The end: counts and stats. */
	(void)close(TAKE_FD(world.keeper));
	world_run(5);
	relay_end(world.relay);
	world_peers();
	CHECK_EQ(world.grant_count, 2);
	CHECK_EQ(strcmp(world.stats, "{\"bytes_in\":7,\"bytes_out\":5,"
				     "\"connections\":2}"),
		 0);
	world_close();
}

static void test_no_byte_before_the_record(void)
{
	struct in6_addr a;
	char b[64];
	int p, u;

	open_world("{}");
	world.hold = true;
	a = synthetic("up.example");
	p = world_program(&a, 9000);
	CHECK_EQ(send(p, "GET", 3, 0), 3);
	u = world_accept(up, 2000); /* dialled at once */
	CHECK_EQ(u != -1, true);
	CHECK_EQ(send(u, "220", 3, 0), 3);
	world_run(50);
	CHECK_EQ(recv(u, b, sizeof(b), 0), -1);
	CHECK_EQ(recv(p, b, sizeof(b), 0), -1);
	CHECK_EQ(world.n_held, 1);

	world.hold = false;
	world_release();
	CHECK_EQ(world_read(u, b, sizeof(b)), 3);
	CHECK_EQ(world_read(p, b, sizeof(b)), 3);
	(void)close(p);
	(void)close(u);
	world_close();
}

static void test_record_refused(void)
{
	struct in6_addr a;
	char b[64];
	int p, u;

	open_world("{}");
	world.fail = true;
	a = synthetic("up.example");
	p = world_program(&a, 9000);
	CHECK_EQ(send(p, "GET", 3, 0), 3);
	CHECK_EQ(is_reset(p), true);
	u = world_accept(up, 100);
	if (u != -1) {
		CHECK_EQ(world_read(u, b, sizeof(b)) <= 0, true);
		(void)close(u);
	}
	CHECK_EQ(strstr(world.last_refusal, "ledger") != NULL, true);
	(void)close(p);

	/* The next use asks again. */
	world.fail = false;
	connect_through(&p, &u);
	CHECK_EQ(world.waited, 2);
	CHECK_EQ(send(p, "x", 1, 0), 1);
	CHECK_EQ(world_read(u, b, sizeof(b)), 1);
	(void)close(p);
	(void)close(u);
	world_close();
}

static void test_refused_addresses(void)
{
	static const struct {
		const char *addr;
		uint16_t port;
		const char *reason; /* NULL: closed without a record */
	} rows[] = {
		{ "::ffff:8.8.8.8", 443, "the policy does not allow it" },
		{ "2001:db8::1", 80, "the policy does not allow it" },
		{ "::ffff:198.18.0.77", 80, "stands for no name" },
		{ "fd18::77", 80, "stands for no name" },
		{ "::ffff:127.0.0.1", 1, NULL },
		{ "::ffff:10.0.2.100", 80, NULL },
		{ "fd00::2:64", 80, NULL },
		{ "::1", 1, NULL },
	};
	struct in6_addr a;
	int p;

	open_world("{}");
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		unsigned before = world.refusals;

		a = world_addr(rows[i].addr);
		p = world_program(&a, rows[i].port);
		CHECK_EQ(is_reset(p), true);
		(void)close(p);
		world_run(3);
		CHECK_EQ(world.refusals - before, rows[i].reason ? 1 : 0);
		if (rows[i].reason)
			CHECK_EQ(strstr(world.last_refusal, rows[i].reason) !=
					 NULL,
				 true);
	}
	/* A name on a port that its rule does not have. */
	a = synthetic("up.example");
	p = world_program(&a, 81);
	CHECK_EQ(is_reset(p), true);
	world_run(3);
	CHECK_EQ(strstr(world.last_notice, "{host: up.example, ports: [81]}") !=
			 NULL,
		 true);
	CHECK_EQ(world_accept(up, 5), -1);
	(void)close(p);
	world_close();
}

static void test_hello(void)
{
	static const struct {
		struct hello_form form;
		const char *bytes; /* instead of form */
		uint16_t port;
		const char *reason; /* NULL: passes */
	} rows[] = {
		{ { .sni = "up.example" }, NULL, 443, NULL },
		{ { .sni = "UP.example" }, NULL, 443, NULL },
		{ { .sni = "up.example" }, NULL, 9000, NULL },
		{ { .sni = "up.example", .before = 40000, .record = 300 },
		  NULL,
		  9000,
		  NULL },
		{ { .sni = "evil.example" }, NULL, 443, "another name" },
		{ { .sni = "evil.example" }, NULL, 9000, "another name" },
		{ { .sni = NULL }, NULL, 443, "without a server name" },
		{ { .sni = NULL }, NULL, 9000, "without a server name" },
		{ { .sni = "up.example", .twice = true },
		  NULL,
		  443,
		  "malformed" },
		{ { 0 }, "GET / HTTP/1.1\r\n\r\n", 443, "not TLS" },
		{ { 0 }, "GET / HTTP/1.1\r\n\r\n", 9000, NULL },
		{ { 0 }, "\x16\x02", 9000, NULL },
	};
	static char wire[HELLO_WIRE_MAX], got[HELLO_WIRE_MAX];

	open_world("{}");
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct in6_addr a = synthetic("up.example");
		size_t n = hello_make(&rows[i].form, wire), at = 0;
		bool reset;
		int p, u;

		if (rows[i].bytes) {
			n = strlen(rows[i].bytes);
			memcpy(wire, rows[i].bytes, n);
		}
		p = world_program(&a, rows[i].port);
		/* In two pieces: what is held back comes first. */
		CHECK_EQ(send(p, wire, n / 2, 0), n / 2);
		world_run(3);
		/* A reset that has arrived is told by the first call only. */
		reset = send(p, wire + n / 2, n - n / 2, MSG_NOSIGNAL) == -1;
		u = world_accept(up, rows[i].reason ? 20 : 2000);
		while (u != -1 && at < n) {
			ssize_t r = world_read(u, got + at, n - at);

			if (r <= 0)
				break;
			at += (size_t)r;
		}
		if (rows[i].reason) {
			CHECK_EQ(at, 0);
			CHECK_EQ(reset || is_reset(p), true);
			CHECK_EQ(strstr(world.last_refusal, rows[i].reason) !=
					 NULL,
				 true);
		} else {
			CHECK_EQ(at, n);
			CHECK_EQ(memcmp(wire, got, n), 0);
		}
		(void)close(p);
		if (u != -1)
			(void)close(u);
		world_run(5);
	}
	CHECK_EQ(strstr(world.last_refusal, "sni") == NULL, true);
	world_close();
}

static void test_hello_too_late(void)
{
	struct in6_addr a;
	int p, q, u;

	open_world("{}");
	world.now_ns = clock_mono_ns();
	a = synthetic("up.example");
	p = world_program(&a, 443);
	world_run(5);
	/* On another port time begins with the first byte. */
	q = world_program(&a, 9000);
	u = world_accept(up, 2000);
	world.now_ns += 16 * NS_PER_S;
	CHECK_EQ(is_reset(p), true);
	CHECK_EQ(strstr(world.last_refusal, "in time") != NULL, true);
	CHECK_EQ(send(q, "\x16\x03", 2, 0), 2);
	world_run(5);
	world.now_ns += 14 * NS_PER_S;
	world_run(5);
	CHECK_EQ(recv(q, &a, 1, 0) == -1 && errno == EAGAIN, true);
	world.now_ns += 2 * NS_PER_S;
	CHECK_EQ(is_reset(q), true);
	(void)close(p);
	(void)close(q);
	(void)close(u);
	world_close();
}

static void test_half_close(void)
{
	char b[64];
	int p, u;

	open_world("{}");
	/* The program ends first, the server answers after that. */
	connect_through(&p, &u);
	CHECK_EQ(send(p, "ask", 3, 0), 3);
	CHECK_EQ(shutdown(p, SHUT_WR), 0);
	CHECK_EQ(world_read(u, b, sizeof(b)), 3);
	CHECK_EQ(world_read(u, b, sizeof(b)), 0);
	CHECK_EQ(send(u, "answer", 6, 0), 6);
	CHECK_EQ(world_read(p, b, sizeof(b)), 6);
	CHECK_EQ(recv(p, b, 1, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	(void)close(u);
	CHECK_EQ(world_read(p, b, sizeof(b)), 0);
	(void)close(p);

	/* And the other way round, before a word was said. */
	connect_through(&p, &u);
	CHECK_EQ(shutdown(u, SHUT_WR), 0);
	CHECK_EQ(world_read(p, b, sizeof(b)), 0);
	CHECK_EQ(send(p, "late", 4, 0), 4);
	CHECK_EQ(world_read(u, b, sizeof(b)), 4);
	CHECK_EQ(shutdown(p, SHUT_WR), 0);
	CHECK_EQ(world_read(u, b, sizeof(b)), 0);
	(void)close(p);
	(void)close(u);
	world_run(3);
	world_close();
}

static void close_reset(int fd)
{
	static const struct linger now = { 1, 0 };

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	(void)close(fd);
}

static void test_resets(void)
{
	char b[64];
	int p, u;

	open_world("{}");
	connect_through(&p, &u);
	close_reset(u);
	CHECK_EQ(is_reset(p), true);
	(void)close(p);

	connect_through(&p, &u);
	CHECK_EQ(send(p, "x", 1, 0), 1);
	CHECK_EQ(world_read(u, b, 1), 1);
	close_reset(p);
	CHECK_EQ(is_reset(u), true);
	(void)close(u);

	/* After a half close, too; recv(2) would show the end for ever. */
	connect_through(&p, &u);
	CHECK_EQ(shutdown(p, SHUT_WR), 0);
	CHECK_EQ(world_read(u, b, 1), 0);
	close_reset(p);
	world_run(20);
	CHECK_EQ(send(u, b, 1, MSG_NOSIGNAL), -1);
	CHECK_EQ(errno, EPIPE);
	(void)close(u);
	world_close();
}

static void test_upstream_refuses(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	uint16_t port;
	struct in6_addr a;
	int fd, p;

	buf_init(&b, 65536);
	fd = world_socket(AF_INET, SOCK_STREAM, &port);
	(void)close(fd); /* nobody listens there */
	world_open(make_policy(&b, port), "{}");
	a = synthetic("up.example");
	p = world_program(&a, 9000);
	CHECK_EQ(is_reset(p), true);
	WORLD_UNTIL(world.notices == 1);
	CHECK_EQ(strstr(world.last_notice, "no address of it answers") != NULL,
		 true);
	CHECK_EQ(world.refusals, 0);
	(void)close(p);
	world_close();
}

/* Bytes that a blocked pair swallowed. */
static size_t stuff(int from)
{
	static char zeros[65536];
	size_t total = 0;

	for (int idle = 0; idle < 20;) {
		ssize_t n = send(from, zeros, sizeof(zeros), MSG_NOSIGNAL);

		if (n > 0) {
			total += (size_t)n;
			idle = 0;
		} else {
			idle++;
		}
		world_run(1);
	}
	return total;
}

static size_t drain(int fd, size_t want)
{
	static char b[65536];
	size_t total = 0;

	while (total < want) {
		ssize_t n = world_read(fd, b, sizeof(b));

		if (n <= 0)
			break;
		total += (size_t)n;
	}
	return total;
}

static void test_back_pressure(void)
{
	int p, u;
	size_t n;

	open_world("{}");
	connect_through(&p, &u);
	n = stuff(p);
	/* Kernel buffers of four sockets and one chunk of ours. */
	CHECK_EQ(n < (size_t)64 * 1024 * 1024, true);
	CHECK_EQ(drain(u, n), n);
	n = stuff(u);
	CHECK_EQ(shutdown(u, SHUT_WR), 0);
	CHECK_EQ(drain(p, n), n);
	CHECK_EQ(world_read(p, &n, 1), 0);
	(void)close(p);
	(void)close(u);
	world_close();
}

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)((at * 2654435761u) >> 13);
}

#define STREAM ((uint64_t)24 * 1024 * 1024)

/* One end of a stream: what was sent and received so far. */
struct stream {
	int fd;
	uint64_t sent, got;
	bool wrong, ended;
};

static void move_some(struct stream *s, size_t most)
{
	static uint8_t b[262144];
	size_t n = most < sizeof(b) ? most : sizeof(b);
	ssize_t r;

	if (n > STREAM - s->sent)
		n = (size_t)(STREAM - s->sent);
	for (size_t i = 0; i < n; i++)
		b[i] = pattern(s->sent + i);
	r = n > 0 ? send(s->fd, b, n, MSG_NOSIGNAL) : 0;
	s->sent += r > 0 ? (uint64_t)r : 0;
	if (n > 0 && s->sent == STREAM)
		CHECK_EQ(shutdown(s->fd, SHUT_WR), 0);

	r = recv(s->fd, b, most < sizeof(b) ? most : sizeof(b), 0);
	for (ssize_t i = 0; i < r; i++)
		s->wrong = s->wrong || b[i] != pattern(s->got + (uint64_t)i);
	s->got += r > 0 ? (uint64_t)r : 0;
	s->ended = s->ended || r == 0;
}

/* Long enough to go through pipes, in sizes that make it stop and go. */
static void test_streams(void)
{
	struct stream a = { 0 }, b = { 0 };
	char c;

	open_world("{}");
	connect_through(&a.fd, &b.fd);
	CHECK_EQ(send(a.fd, "x", 1, 0), 1);
	CHECK_EQ(world_read(b.fd, &c, 1), 1);
	for (unsigned i = 0; i < 20000 && !(a.ended && b.ended); i++) {
		move_some(&a, i % 70 == 0 ? 1 : 262144);
		move_some(&b, i % 50 < 25 ? 200000 : 4096);
		world.ended = relay_once(world.relay, 0);
	}
	CHECK_EQ(a.got, STREAM);
	CHECK_EQ(b.got, STREAM);
	CHECK_EQ(a.wrong || b.wrong, false);
	CHECK_EQ(a.ended && b.ended, true);
	(void)close(a.fd);
	(void)close(b.fd);
	world_close();
}

static void test_stuck_peer(void)
{
	int p, u;
	size_t n;

	open_world("{}");
	world.now_ns = clock_mono_ns();
	connect_through(&p, &u);
	/* Quiet for a day is fine. */
	world.now_ns += 86400 * NS_PER_S;
	world_run(5);
	n = stuff(p);
	world.now_ns += 100 * NS_PER_S;
	world_run(5);
	/* Progress: the time begins anew. */
	CHECK_EQ(drain(u, n / 2) >= n / 2, true);
	(void)stuff(p);
	world.now_ns += 100 * NS_PER_S;
	world_run(5);
	CHECK_EQ(recv(p, &n, 1, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	world.now_ns += 50 * NS_PER_S;
	CHECK_EQ(is_reset(p), true);
	WORLD_UNTIL(strstr(world.last_notice, "two minutes") != NULL);
	(void)close(p);
	(void)close(u);
	world_close();
}

#define MANY 2000

static void test_many(void)
{
	static int p[MANY], u[MANY];
	struct rlimit limit;
	struct in6_addr a;
	char b[8];

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur < 5 * MANY) {
		printf("# skipped: too few descriptors\n");
		return;
	}
	open_world("{}");
	a = synthetic("up.example");
	for (int i = 0; i < MANY; i++) {
		p[i] = world_program(&a, 9000);
		u[i] = world_accept(up, 2000);
		if (u[i] == -1) {
			CHECK_EQ(i, MANY);
			return;
		}
	}
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(send(p[i], "ping", 4, 0), 4);
	for (int i = 0; i < MANY; i++) {
		CHECK_EQ(world_read(u[i], b, 4), 4);
		CHECK_EQ(send(u[i], "pong", 4, 0), 4);
	}
	for (int i = 0; i < MANY; i++) {
		CHECK_EQ(world_read(p[i], b, 4), 4);
		(void)close(p[i]);
		(void)close(u[i]);
	}
	CHECK_EQ(world.waited, 1);
	(void)close(TAKE_FD(world.keeper));
	world_run(50);
	relay_end(world.relay);
	world_peers();
	CHECK_EQ(world.grant_count, MANY);
	CHECK_EQ(strcmp(world.stats, "{\"bytes_in\":8000,\"bytes_out\":8000,"
				     "\"connections\":2000}"),
		 0);
	world_close();
}

#define GIVEN 500

/* With few descriptors most connections go to helpers. */
static void test_helpers(void)
{
	static int p[GIVEN], u[GIVEN];
	static const struct hello_form bad = { .sni = "evil.example" };
	static char wire[HELLO_WIRE_MAX];
	struct in6_addr a;
	size_t n = hello_make(&bad, wire);
	char b[8], want[128];

	world_fds_max = 700; /* 148 here, 222 in a helper */
	open_world("{}");
	a = synthetic("up.example");
	for (int i = 0; i < GIVEN; i++) {
		p[i] = world_program(&a, 9000);
		u[i] = world_accept(up, 2000);
		CHECK_EQ(u[i] != -1, true);
		if (u[i] == -1)
			return;
	}
	world_run(10);
	for (int i = 0; i < GIVEN; i++) {
		CHECK_EQ(send(p[i], i % 10 ? "ping" : wire, i % 10 ? 4 : n, 0),
			 i % 10 ? 4 : n);
		if (i % 10 == 5)
			CHECK_EQ(shutdown(p[i], SHUT_WR), 0);
	}
	for (int i = 0; i < GIVEN; i++) {
		if (i % 10 == 0) {
			CHECK_EQ(is_reset(p[i]), true);
			continue;
		}
		CHECK_EQ(world_read(u[i], b, 4), 4);
		CHECK_EQ(send(u[i], "pong", 4, 0), 4);
		CHECK_EQ(world_read(p[i], b, 4), 4);
		if (i % 10 == 5)
			CHECK_EQ(world_read(u[i], b, 4), 0);
	}
	world_run(5);
	CHECK_EQ(strstr(world.last_refusal, "another name") != NULL, true);
	for (int i = 0; i < GIVEN; i++) {
		/* Some are still open when the session ends. */
		if (i % 3 == 0)
			continue;
		(void)close(p[i]);
		(void)close(u[i]);
	}
	world_run(20);
	(void)close(TAKE_FD(world.keeper));
	world_run(20);
	relay_end(world.relay);
	world_peers();
	CHECK_EQ(world.refuse_count, GIVEN / 10);
	(void)snprintf(want, sizeof(want),
		       "{\"bytes_in\":%d,\"bytes_out\":%d,\"connections\":%d}",
		       GIVEN / 10 * 36, GIVEN / 10 * 36, GIVEN);
	CHECK_EQ(strcmp(world.stats, want), 0);
	if (strcmp(world.stats, want) != 0)
		printf("# %s\n", world.stats);
	world_close();
	for (int i = 0; i < GIVEN; i += 3) {
		if (i % 10 != 0)
			CHECK_EQ(recv(u[i], b, 1, 0) == -1 &&
					 errno == ECONNRESET,
				 i % 10 != 5);
		(void)close(p[i]);
		(void)close(u[i]);
	}
	world_fds_max = 0;
}

static void test_hosts_and_ranges(void)
{
	struct in6_addr a;
	char b[8];
	int p, u;

	open_world("{\"hosts\":[[\"resolved.example\",\"127.0.0.1\"]]}");
	a = synthetic("resolved.example");
	/* The policy names 127.0.0.1 on up_port alone. */
	p = world_program(&a, up_port);
	u = world_accept(up, 2000);
	CHECK_EQ(u != -1, true);
	CHECK_EQ(send(p, "x", 1, 0), 1);
	CHECK_EQ(world_read(u, b, 1), 1);
	(void)close(p);
	(void)close(u);
	p = world_program(&a, 80);
	CHECK_EQ(is_reset(p), true);
	CHECK_EQ(strstr(world.last_refusal, "leads to a range") != NULL, true);
	CHECK_EQ(strstr(world.last_refusal, "cidr") != NULL, true);
	(void)close(p);
	world_close();
}

/* Answers one query at @fd with 127.0.0.1, or NXDOMAIN.  The name's length. */
static size_t serve_dns(int fd, bool exists)
{
	uint8_t b[1024];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, b, 512, 0, (struct sockaddr *)&from, &len);
	size_t end = (size_t)n, name = 12;

	if (n < 17)
		return 0;
	while (b[name] != 0 && name < end)
		name += b[name] + 1u;
	end = name + 5;
	b[2] = 0x81;
	b[3] = exists ? 0x80 : 0x83;
	if (exists && b[name + 2] == 1) {
		b[7] = 1;
		memcpy(b + end,
		       "\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x7f\0\0\x01", 16);
		end += 16;
	}
	CHECK_EQ(sendto(fd, b, end, 0, (struct sockaddr *)&from, len), end);
	return name - 12;
}

static void test_name_servers(void)
{
	uint16_t port;
	int fd = world_socket(AF_INET, SOCK_DGRAM, &port), p, u = -1;
	char config[128];
	struct in6_addr a;
	unsigned asked = 0;

	(void)snprintf(config, sizeof(config),
		       "{\"servers\":[\"127.0.0.1#%u\"],\"timeout_ms\":2000}",
		       port);
	open_world(config);
	a = synthetic("resolved.example");
	p = world_program(&a, up_port);
	for (int i = 0; i < 1000 && u == -1; i++) {
		asked += serve_dns(fd, true) > 0;
		u = world_accept(up, 1);
	}
	CHECK_EQ(u != -1, true);
	(void)close(p);
	(void)close(u);
	asked += serve_dns(fd, true) > 0;
	CHECK_EQ(asked, 2);

	/* Remembered. */
	p = world_program(&a, up_port);
	u = world_accept(up, 2000);
	CHECK_EQ(u != -1, true);
	CHECK_EQ(serve_dns(fd, true), 0);
	(void)close(p);
	(void)close(u);
	(void)close(fd);
	world_close();
}

static void test_name_fails(void)
{
	uint16_t port;
	int fd = world_socket(AF_INET, SOCK_DGRAM, &port), p;
	char config[128];
	struct in6_addr a;
	size_t names[8] = { 0 }, n = 0;

	(void)snprintf(config, sizeof(config),
		       "{\"servers\":[\"127.0.0.1#%u\"],"
		       "\"search\":[\"corp.example\"]}",
		       port);
	open_world(config);
	/* A name without a dot: first with the search list, then itself. */
	a = synthetic("single");
	p = world_program(&a, up_port);
	for (int i = 0; i < 1000 && n < 4; i++) {
		names[n] = serve_dns(fd, false);
		n += names[n] > 0;
		world_run(1);
	}
	CHECK_EQ(n, 4);
	CHECK_EQ(names[0], 7 + 5 + 8);
	CHECK_EQ(names[3], 7);
	CHECK_EQ(is_reset(p), true);
	WORLD_UNTIL(world.notices > 0);
	CHECK_EQ(strstr(world.last_notice, "does not resolve") != NULL, true);
	CHECK_EQ(world.refusals, 0);
	(void)close(p);
	(void)close(fd);
	world_close();
}

static void test_no_name_server(void)
{
	struct in6_addr a;
	int p;

	open_world("{}");
	a = synthetic("resolved.example");
	p = world_program(&a, up_port);
	CHECK_EQ(is_reset(p), true);
	(void)close(p);
	world_close();
}

static void test_new_resolvers(void)
{
	uint16_t silent_port, port;
	int silent = world_socket(AF_INET, SOCK_DGRAM, &silent_port);
	int fd = world_socket(AF_INET, SOCK_DGRAM, &port), p, u = -1;
	char config[128];
	struct in6_addr a;

	(void)snprintf(config, sizeof(config),
		       "{\"servers\":[\"127.0.0.1#%u\"]}", silent_port);
	open_world(config);
	a = synthetic("resolved.example");
	p = world_program(&a, up_port);
	world_run(10);
	/* What is under way is asked again. */
	(void)snprintf(config, sizeof(config),
		       "{\"servers\":[\"127.0.0.1#%u\"]}", port);
	CHECK_EQ(ipc_send(world.keeper, MSG_RESOLVERS, 0, str_of(config), NULL,
			  0),
		 0);
	for (int i = 0; i < 1000 && u == -1; i++) {
		(void)serve_dns(fd, true);
		u = world_accept(up, 1);
	}
	CHECK_EQ(u != -1, true);
	(void)close(p);
	(void)close(u);
	(void)close(fd);
	(void)close(silent);
	world_close();
}

static void test_raw_address(void)
{
	static const struct hello_form form = { .sni = "any.example" };
	static char wire[HELLO_WIRE_MAX];
	struct in6_addr a = world_addr("::ffff:127.0.0.1");
	char b[16];
	int p;

	open_world("{}");
	/* It is the jail's own loopback, whatever the policy says. */
	p = world_program(&a, up_port);
	CHECK_EQ(is_reset(p), true);
	CHECK_EQ(hello_make(&form, wire) > 0, true);
	CHECK_EQ(recv(p, b, 1, 0), 0);
	(void)close(p);
	world_close();
}

/* Rounds that find something to do, in 50 ms in which nothing happens. */
static unsigned count_rounds(void)
{
	uint64_t end_ns = clock_mono_ns() + 50 * NS_PER_MS;
	unsigned n = 0;

	world_run(20);
	while (clock_mono_ns() < end_ns) {
		CHECK_EQ(relay_once(world.relay, 50), 0);
		n++;
	}
	return n;
}

static void test_does_not_spin(void)
{
	int p, u;
	char b;

	open_world("{}");
	connect_through(&p, &u);
	CHECK_EQ(count_rounds() <= 2, true);
	/* Half closed, and both, with the other side still there. */
	CHECK_EQ(shutdown(p, SHUT_WR), 0);
	CHECK_EQ(world_read(u, &b, 1), 0);
	CHECK_EQ(count_rounds() <= 2, true);
	/* Output waits, behind it the end. */
	(void)stuff(u);
	CHECK_EQ(shutdown(u, SHUT_WR), 0);
	CHECK_EQ(count_rounds() <= 2, true);
	(void)close(p);
	(void)close(u);

	connect_through(&p, &u);
	CHECK_EQ(shutdown(u, SHUT_WR), 0);
	CHECK_EQ(world_read(p, &b, 1), 0);
	CHECK_EQ(count_rounds() <= 2, true);
	(void)stuff(p);
	CHECK_EQ(count_rounds() <= 2, true);
	(void)close(p);
	CHECK_EQ(count_rounds() <= 2, true);
	(void)close(u);
	world_close();
}

/* A program that says something and is gone was heard. */
static void test_last_words(void)
{
	static char block[65536];
	struct in6_addr a;
	int p, u, q;

	open_world("{}");
	connect_through(&p, &u);
	a = synthetic("up.example");
	q = world_program(&a, 9000);
	/* Neither has been read, and one not been accepted. */
	CHECK_EQ(send(p, block, sizeof(block), 0), sizeof(block));
	CHECK_EQ(send(q, "bye", 3, 0), 3);
	(void)close(p);
	(void)close(q);
	(void)close(TAKE_FD(world.keeper));
	CHECK_EQ(relay_run(world.relay), 0);
	world_peers();
	CHECK_EQ(strstr(world.stats, "\"bytes_out\":65539") != NULL, true);
	CHECK_EQ(fd_set_nonblock(u, false), 0);
	CHECK_EQ(fd_read_full(u, block, sizeof(block)), 0);
	CHECK_EQ(recv(u, block, 1, 0), 0);
	(void)close(u);
	u = accept4(up, NULL, NULL, SOCK_CLOEXEC);
	CHECK_EQ(u != -1 && recv(u, block, 8, 0) == 3, true);
	(void)close(u);
	world_close();
}

/* Each way the relay is told to end. */
static void test_ends(void)
{
	for (int i = 0; i < 3; i++) {
		int p, u;
		char b;

		open_world("{}");
		connect_through(&p, &u);
		if (i == 0)
			(void)close(TAKE_FD(world.supervisor));
		if (i == 1)
			(void)close(TAKE_FD(world.scribe));
		if (i == 2)
			(void)close(TAKE_FD(world.keeper));
		CHECK_EQ(relay_run(world.relay), 0);
		world_peers();
		CHECK_EQ(world.stats[0] != 0, i != 0);
		world_close();
		CHECK_EQ(recv(p, &b, 1, 0), -1);
		CHECK_EQ(errno, ECONNRESET);
		(void)close(p);
		(void)close(u);
	}
}

static void test_hostile_peers(void)
{
	static const struct {
		int peer; /* 0 supervisor, 1 scribe, 2 keeper */
		uint32_t type, id;
		struct str body;
	} rows[] = {
		{ 0, MSG_SOCKETS, 0, STR("{}") }, /* twice, without fds */
		{ 0, MSG_RESOLVERS, 0, STR("{}") },
		{ 0, MSG_APPENDED, 1, STR("{\"seq\":1}") },
		{ 1, MSG_APPENDED, 99, STR("{\"seq\":1}") },
		{ 1, MSG_APPEND, 0, STR("{}") },
		{ 2, MSG_RESOLVERS, 0, STR("{\"servers\":[\"x\"]}") },
		{ 2, MSG_RESOLVERS, 0, STR("[") },
		{ 2, MSG_FORK, 0, STR("{}") },
		{ 2, 4000, 0, STR("") },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		int fds[3];

		open_world("{}");
		fds[0] = world.supervisor;
		fds[1] = world.scribe;
		fds[2] = world.keeper;
		CHECK_EQ(ipc_send(fds[rows[i].peer], rows[i].type, rows[i].id,
				  rows[i].body, NULL, 0),
			 0);
		CHECK_EQ(relay_run(world.relay), -EPROTO);
		world_close();
	}
}

/* A program that makes up names does not fill the ledger. */
static void test_flood_of_names(void)
{
	unsigned rcode = 0;

	open_world("{}");
	world.now_ns = clock_mono_ns();
	for (unsigned i = 0; i < REFUSE_BURST + 500; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "n%u.evil.example", i);
		(void)world_lookup(name, 1, &rcode);
	}
	CHECK_EQ(world.refusals <= REFUSE_BURST + 1, true);
	world.now_ns += 6 * NS_PER_S;
	world_run(20);
	CHECK_EQ(world.refuse_count, REFUSE_BURST + 500);
	world_close();
}

int main(void)
{
	static const struct test tests[] = {
		{ "DNS answers", test_dns },
		{ "DNS refusals fold", test_dns_fold },
		{ "DNS over TCP", test_dns_over_tcp },
		{ "a grant", test_grant },
		{ "no byte before the record", test_no_byte_before_the_record },
		{ "a record that is refused", test_record_refused },
		{ "refused addresses", test_refused_addresses },
		{ "server names", test_hello },
		{ "a hello that is late", test_hello_too_late },
		{ "half close both ways", test_half_close },
		{ "resets both ways", test_resets },
		{ "an upstream that refuses", test_upstream_refuses },
		{ "back-pressure", test_back_pressure },
		{ "streams", test_streams },
		{ "a stuck peer", test_stuck_peer },
		{ "2,000 connections", test_many },
		{ "helpers", test_helpers },
		{ "hosts, and ranges not named", test_hosts_and_ranges },
		{ "name servers", test_name_servers },
		{ "a name that does not resolve", test_name_fails },
		{ "no name server", test_no_name_server },
		{ "new name servers", test_new_resolvers },
		{ "the jail's own addresses", test_raw_address },
		{ "nothing spins", test_does_not_spin },
		{ "last words", test_last_words },
		{ "ends", test_ends },
		{ "hostile peers", test_hostile_peers },
		{ "a flood of names", test_flood_of_names },
	};

	static const struct sigaction ignore = { .sa_handler = SIG_IGN };

	CHECK_EQ(sigaction(SIGPIPE, &ignore, NULL), 0); /* as a relay does */
	return test_main(tests, N_ELEMS(tests));
}
