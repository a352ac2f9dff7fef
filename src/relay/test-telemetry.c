/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's part with receivers that are its enemies, and a true one; then
 * the receiver's clients, in a time that is ours.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "ipc/ipc.h"
#include "ledger/record-parse.h"
#include "relay/receive.h"
#include "relay/receiver.h"
#include "relay/telemetry.h"
#include "telemetry/rate.h"

#define EVENT                                                       \
	"{\"kind\":\"agent.event\",\"verdict\":\"none\",\"trust\":" \
	"\"claimed\",\"count\":1,\"name\":\"x\"}"

/* ---- a relay without the rest ---- */

static struct {
	struct loop *loop;
	struct outq out;
	struct loop_io io;
	struct telemetry *t;
	int scribe; /* the other end */
	size_t events, lost, others;
	uint64_t lost_sum;
} world;

static int run_nothing(struct loop_io *io, uint32_t events)
{
	(void)events;
	return outq_flush(&world.out) == 0 && io ? 0 : -EIO;
}

static void begin(void (*run)(int fd))
{
	int fds[2];

	memset(&world, 0, sizeof(world));
	ASSERT(loop_new(&world.loop, NULL) == 0 && ipc_pair(fds) == 0);
	ASSERT(fd_set_nonblock(fds[0], true) == 0 &&
	       fd_set_nonblock(fds[1], true) == 0);
	world.scribe = fds[1];
	world.io = (struct loop_io){ .fd = fds[0], .run = run_nothing };
	ASSERT(loop_io_add(world.loop, &world.io) == 0);
	outq_init(&world.out, world.loop, &world.io);
	ASSERT(telemetry_new(&world.t, world.loop, &world.out, -1) == 0);
	if (run)
		telemetry_set_run(world.t, run);
	ASSERT(telemetry_pause(world.t, false) == 0);
}

/* What the scribe was sent. */
static void count(void)
{
	struct ipc_msg m;

	ipc_msg_init(&m);
	while (ipc_recv(world.scribe, &m, IPC_INLINE_MAX) == 0) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct json *j = NULL;
		enum record_kind kind = 0;

		arena_init(&a, 1 << 20);
		CHECK_EQ(record_check(buf_str(&m.body), RECORD_ROLE_RELAY,
				      &kind, NULL),
			 0);
		ASSERT(json_parse(&a, buf_str(&m.body), &j, NULL) == 0);
		world.events +=
			kind == RECORD_AGENT_EVENT &&
			str_eq(json_find_str(j, "trust"), STR("claimed"));
		world.lost += kind == RECORD_AGENT_LOST;
		if (kind == RECORD_AGENT_LOST)
			world.lost_sum +=
				(uint64_t)json_find_int(j, "count", 0);
		world.others +=
			kind != RECORD_AGENT_EVENT && kind != RECORD_AGENT_LOST;
	}
	ipc_msg_done(&m);
}

/* A client for it; the other end, or -1. */
static int client(void)
{
	int fds[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	ASSERT(fd_set_nonblock(fds[0], true) == 0);
	CHECK_EQ(telemetry_take(world.t, fds[0]), 0);
	return fds[1];
}

static void done(void)
{
	telemetry_free(world.t);
	loop_io_remove(world.loop, &world.io);
	outq_done(&world.out);
	(void)close(world.io.fd);
	(void)close(world.scribe);
	loop_free(world.loop);
}

static void turn(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		CHECK_EQ(loop_once(world.loop, 20), 0);
		count();
	}
}

/* ---- enemies ---- */

static struct str lies_text;
static uint32_t lies_type;
static size_t lies_fds, lies_times;

static void lie(int fd)
{
	int fds[1] = { fd };
	char c;

	/* The relay's end would keep this one alive. */
	if (fd > 3)
		(void)close_range(3, (unsigned)fd - 1, 0);
	(void)close_range((unsigned)fd + 1, ~0u, 0);

	for (size_t i = 0; i < lies_times; i++) {
		if (ipc_send(fd, lies_type, 0, lies_text, fds, lies_fds) != 0)
			_exit(1);
	}
	(void)!recv(fd, &c, 1, 0); /* until the relay closes it */
}

static void lie_as(uint32_t type, struct str text, size_t n_fds, size_t times)
{
	lies_type = type;
	lies_text = text;
	lies_fds = n_fds;
	lies_times = times;
	begin(lie);
	(void)close(client());
	for (int i = 0; i < 500 && world.lost == 0; i++)
		turn(1);
	turn(1); /* nothing comes behind it */
}

static void test_lies(void)
{
	static const char forged[] =
		"{\"kind\":\"net.grant\",\"verdict\":\"allow\",\"trust\":"
		"\"kernel\",\"count\":1}";
	static const uint64_t none = 0, all = UINT64_MAX;
	const struct {
		uint32_t type;
		struct str text;
		size_t n_fds;
	} rows[] = {
		{ RECEIVER_RECORD, STR(forged), 0 },
		{ RECEIVER_RECORD, STR(EVENT "\n"), 0 },
		{ RECEIVER_RECORD,
		  STR(EVENT "\n{\"kind\":\"net.grant\",\"verdict\":\"allow\","
			    "\"trust\":\"kernel\",\"count\":1}"),
		  0 },
		{ RECEIVER_RECORD,
		  STR("{\"kind\":\"agent.event\",\"verdict\":\"none\","
		      "\"trust\":\"kernel\",\"count\":1}"),
		  0 },
		{ RECEIVER_RECORD,
		  STR("{\"kind\":\"agent.event\",\"verdict\":\"none\","
		      "\"trust\":\"claimed\",\"count\":1,\"trust\":"
		      "\"kernel\"}"),
		  0 },
		{ RECEIVER_RECORD,
		  STR("{\"kind\":\"agent.event\",\"verdict\":\"none\","
		      "\"trust\":\"claimed\",\"count\":1,\"session\":\"x\"}"),
		  0 },
		{ RECEIVER_RECORD,
		  STR("{\"kind\":\"agent.lost\",\"verdict\":\"none\","
		      "\"trust\":\"claimed\",\"count\":1}"),
		  0 },
		{ RECEIVER_RECORD, STR(""), 0 },
		{ RECEIVER_RECORD, STR(EVENT), 1 },
		{ RECEIVER_CLIENT, STR(EVENT), 0 },
		{ 99, STR(EVENT), 0 },
		{ RECEIVER_LOST, STR("1234567"), 0 },
		{ RECEIVER_LOST, { (const char *)&none, 8 }, 0 },
		{ RECEIVER_LOST, { (const char *)&all, 8 }, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		lie_as(rows[i].type, rows[i].text, rows[i].n_fds, 1);
		CHECK_EQ(world.events, 0);
		CHECK_EQ(world.others, 0);
		CHECK_EQ(world.lost, 1); /* that it has ended */
		if (world.lost != 1)
			printf("# row %zu\n", i);
		done();
	}
}

static void test_flood(void)
{
	lie_as(RECEIVER_RECORD, STR(EVENT), 0, 100000);
	CHECK(world.events >= 2 * RATE_EVENTS_BURST);
	CHECK(world.events < 3 * RATE_EVENTS_BURST);
	CHECK_EQ(world.lost, 1);
	CHECK_EQ(world.others, 0);
	done();
}

static void fail(int fd)
{
	(void)fd;
	_exit(1);
}

static void test_receivers_end(void)
{
	char c;

	begin(fail);
	for (unsigned i = 0; i < TELEMETRY_RECEIVERS + 3; i++) {
		int fd = client();

		turn(3);
		CHECK_EQ(recv(fd, &c, 1, 0), 0); /* closed */
		(void)close(fd);
	}
	CHECK_EQ(world.lost, TELEMETRY_RECEIVERS);
	CHECK_EQ(world.events, 0);
	done();
}

/* ---- a true one ---- */

#define BODY                                                            \
	"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{},{}]}]}" \
	"]}"

static void test_true(void)
{
	static const char request[] =
		"POST /v1/logs HTTP/1.1\r\nHost: a\r\n"
		"Content-Type: application/json\r\nContent-Length: "
		"57\r\n\r\n" BODY;
	char text[512] = { 0 };
	int fd;

	_Static_assert(sizeof(BODY) - 1 == 57, "the head says so");
	begin(NULL);
	fd = client();
	ASSERT(send(fd, request, sizeof(request) - 1, 0) > 0);
	for (int i = 0; i < 200 && world.events < 2; i++)
		turn(1);
	CHECK_EQ(world.events, 2);
	CHECK(recv(fd, text, sizeof(text) - 1, 0) > 0);
	CHECK_EQ(strncmp(text, "HTTP/1.1 200 ", 13), 0);
	/* What is on its way at the end is heard. */
	ASSERT(send(fd, request, sizeof(request) - 1, 0) > 0);
	(void)close(fd);
	CHECK_EQ(telemetry_end(world.t), 0);
	count();
	CHECK_EQ(world.events, 4);
	CHECK_EQ(world.lost, 0);
	done();
}

/* ---- its clients, in our time ---- */

static uint64_t now = UINT64_C(1000) * 1000000000;

static uint64_t our_now(void)
{
	return now;
}

static int take_record(void *owner, struct str record)
{
	(void)owner;
	(void)record;
	world.events++;
	return 0;
}

static int take_lost(void *owner, uint64_t n)
{
	(void)owner;
	world.lost_sum += n;
	return 0;
}

static struct receive *receiving(void)
{
	struct loop_world w = { .now_ns = our_now };
	struct receive_ops ops = { .record = take_record, .lost = take_lost };
	struct receive *r = NULL;

	memset(&world, 0, sizeof(world));
	ASSERT(loop_new(&world.loop, &w) == 0);
	ASSERT(receive_new(&r, world.loop, &ops) == 0);
	return r;
}

static int receive_client(struct receive *r)
{
	int fds[2];

	ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	ASSERT(fd_set_nonblock(fds[0], true) == 0 &&
	       fd_set_nonblock(fds[1], true) == 0);
	CHECK_EQ(receive_take(r, fds[0]), 0);
	return fds[1];
}

static void rounds(void)
{
	for (int i = 0; i < 10; i++)
		CHECK_EQ(loop_once(world.loop, 0), 0);
}

/* 1: closed, 0: not; its answer's status. */
static bool is_closed(int fd, int *ret_status)
{
	char text[2048];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	*ret_status = 0;
	if (n > 12) {
		uint32_t v = 0;

		CHECK(str_u32((struct str){ text + 9, 3 }, 100, 599, &v));
		*ret_status = (int)v;
		n = recv(fd, text, sizeof(text), 0);
	}
	return n == 0 || (n == -1 && errno != EAGAIN);
}

static void test_slowly(void)
{
	struct receive *r = receiving();
	int fd = receive_client(r), status;
	static const char head[] = "POST /v1/logs HTTP/1.1\r\n";

	/* A byte a second is not in time. */
	for (size_t i = 0; i < 19; i++) {
		(void)!send(fd, head + i, 1, MSG_NOSIGNAL);
		rounds();
		CHECK_EQ(is_closed(fd, &status), false);
		now += NS_PER_S;
	}
	now += 2 * NS_PER_S;
	rounds();
	CHECK_EQ(is_closed(fd, &status), true);
	(void)close(fd);
	receive_free(r);
	loop_free(world.loop);
}

static void test_idle(void)
{
	static const char request[] =
		"POST /v1/logs HTTP/1.1\r\nHost: a\r\n"
		"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
	struct receive *r = receiving();
	int fd = receive_client(r), status;

	for (int i = 0; i < 3; i++) {
		(void)!send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		rounds();
		CHECK_EQ(is_closed(fd, &status), false);
		CHECK_EQ(status, 200);
		now += (RECEIVE_IDLE_MS - 1000) * NS_PER_MS;
		rounds();
	}
	now += 2 * NS_PER_S;
	rounds();
	CHECK_EQ(is_closed(fd, &status), true);
	(void)close(fd);
	receive_free(r);
	loop_free(world.loop);
}

static void test_most(void)
{
	struct receive *r = receiving();
	int fds[RECEIVE_CONNS + 8], status;
	size_t closed = 0;

	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		fds[i] = receive_client(r);
		now += NS_PER_MS;
		rounds();
	}
	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		bool is = is_closed(fds[i], &status);

		closed += is;
		CHECK_EQ(is, i < 8); /* the oldest */
		(void)close(fds[i]);
	}
	CHECK_EQ(closed, 8);
	receive_free(r);
	loop_free(world.loop);
}

/* Bodies of all clients together. */
static void test_memory(void)
{
	static const char head[] =
		"POST /v1/logs HTTP/1.1\r\nHost: a\r\n"
		"Content-Type: application/json\r\nContent-Length: 1000000"
		"\r\n\r\n";
	static char part[64 * 1024];
	struct receive *r = receiving();
	int fds[12];
	int refused = 0;

	memset(part, ' ', sizeof(part));
	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		fds[i] = receive_client(r);
		(void)!send(fds[i], head, sizeof(head) - 1, MSG_NOSIGNAL);
		for (size_t sent = 0; sent < 950000;) {
			ssize_t n =
				send(fds[i], part, sizeof(part), MSG_NOSIGNAL);

			if (n <= 0)
				break;
			sent += (size_t)n;
			rounds();
		}
	}
	for (size_t i = 0; i < N_ELEMS(fds); i++) {
		int status;

		(void)is_closed(fds[i], &status);
		refused += status == 503;
		CHECK(status == 0 || status == 503);
		(void)close(fds[i]);
	}
	CHECK_EQ(refused, 4);
	rounds();
	receive_free(r);
	loop_free(world.loop);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a receiver that lies ends, and says nothing", test_lies },
		{ "one that floods ends", test_flood },
		{ "after so many that end nobody is heard",
		  test_receivers_end },
		{ "a true one, to its last words", test_true },
		{ "a slow client is not waited for", test_slowly },
		{ "an idle one is, for a while", test_idle },
		{ "the oldest makes room", test_most },
		{ "bodies together are bounded", test_memory },
	};

	struct sigaction ignore = { .sa_handler = SIG_IGN };

	/* As in a relay. */
	(void)sigaction(SIGCHLD, &ignore, NULL);
	ASSERT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	return test_main(tests, N_ELEMS(tests));
}
