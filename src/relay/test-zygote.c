/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay as it is in a session: forked by the zygote, confined, behind
 * TPROXY.  Skipped where unprivileged namespaces or nf_tables are not there.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/test.h"
#include "ipc/protocol.h"
#include "relay/test-jail.h"

static uint16_t up_port;

static void make_policy(struct net_policy *p)
{
	static struct net_rule rule = { .host = STR("up.example"),
					.ports = { 9000 },
					.n_ports = 1 };

	ASSERT(inet_pton(AF_INET6, "::ffff:127.0.0.1", &rule.connect_addr) ==
	       1);
	rule.connect_port = up_port;
	*p = (struct net_policy){ .allow = &rule, .n_allow = 1 };
}

/* Answers "pong" to four bytes, on every connection. */
static pid_t start_upstream(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	ASSERT(bind(l, (struct sockaddr *)&sa, len) == 0 &&
	       listen(l, 4096) == 0 &&
	       getsockname(l, (struct sockaddr *)&sa, &len) == 0);
	up_port = ntohs(sa.sin_port);
	pid = fork();
	if (pid != 0) {
		(void)close(l);
		return pid;
	}
	for (;;) {
		int fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
		char b[4];

		if (fd != -1 && fd_read_full(fd, b, 4) == 0)
			(void)!write(fd, "pong", 4);
		(void)close(fd);
	}
}

/* What the program in the jail found. */
struct findings {
	int looked_up, elsewhere, talked, refused_name;
	int wrong_port, raw_tcp, raw_udp, loopback, v6;
};

static void program(int go, int result)
{
	struct in_addr a = { 0 }, b = { 0 }, other;
	struct findings f = { 0 };
	char buf[8] = "";
	int fd;

	(void)go;
	f.looked_up = tj_lookup("up.example", "10.0.2.3", &a);
	/* Whoever is asked, it is the same resolver. */
	f.elsewhere =
		tj_lookup("up.example", "9.9.9.9", &b) && a.s_addr == b.s_addr;
	f.refused_name = tj_lookup("evil.example", "10.0.2.3", &other);
	fd = tj_connect(a, 9000);
	f.talked = fd >= 0 && write(fd, "ping", 4) == 4 &&
		   fd_read_full(fd, buf, 4) == 0 && memcmp(buf, "pong", 4) == 0;
	f.wrong_port = tj_connect(a, 9001);
	ASSERT(inet_pton(AF_INET, "8.8.8.8", &other) == 1);
	f.raw_tcp = tj_connect(other, 443);
	ASSERT(inet_pton(AF_INET, "127.0.0.1", &other) == 1);
	f.loopback = tj_connect(other, 1);
	if (f.loopback >= 0)
		f.loopback =
			(int)read(f.loopback, buf, 1) == -1 ? neg_errno() : 0;

	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(123) };

	ASSERT(inet_pton(AF_INET, "8.8.4.4", &sa.sin_addr) == 1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	(void)!send(fd, "x", 1, 0);
	f.raw_udp = recv(fd, buf, 1, 0) == -1 ? neg_errno() : 0;
	ASSERT(write(result, &f, sizeof(f)) == sizeof(f));
}

static void test_session(void)
{
	struct findings f = { 0 };
	struct net_policy p;

	make_policy(&p);
	if (!tj_open(&p, program)) {
		printf("# no namespaces or nf_tables here\n");
		(void)kill(tj.zygote, SIGKILL);
		printf("Bail out! skipped\n");
		exit(TEST_EXIT_SKIP);
	}
	CHECK_EQ(strstr(tj.ready, "\"seccomp\":true") != NULL, true);
	CHECK_EQ(strstr(tj.ready, "\"root\":true") != NULL, true);
	printf("# %s\n", tj.ready);
	CHECK_EQ(tj_run(&f, sizeof(f)), sizeof(f));
	CHECK_EQ(f.looked_up, true);
	CHECK_EQ(f.elsewhere, true);
	CHECK_EQ(f.refused_name, false);
	CHECK_EQ(f.talked, true);
	CHECK_EQ(f.wrong_port, -ECONNREFUSED);
	CHECK_EQ(f.raw_tcp, -ECONNREFUSED);
	CHECK_EQ(f.raw_udp, -ECONNREFUSED);
	CHECK_EQ(f.loopback == -ECONNRESET || f.loopback == -ECONNREFUSED,
		 true);
	for (int i = 0; i < 20 && tj.refusals < 4; i++)
		(void)tj_serve(100);
	CHECK_EQ(tj.grants, 1);
	/* name, port of a name, TCP, UDP */
	CHECK_EQ(tj.refusals, 4);
	if (tj.refusals != 4)
		printf("# %s\n", tj.refused);
	CHECK_EQ(strstr(tj.refused, "\"port\":9001") != NULL, true);
	CHECK_EQ(strstr(tj.refused, "\"addr\":\"8.8.8.8\"") != NULL, true);
	CHECK_EQ(strstr(tj.refused, "\"proto\":\"udp\"") != NULL, true);
	CHECK_EQ(tj_close(), 0);
	CHECK_EQ(strstr(tj.stats, "\"connections\":1") != NULL, true);
}

/* After some sessions the zygote has only a spare left. */
static void test_sessions_in_a_row(void)
{
	struct net_policy p;

	make_policy(&p);
	for (int i = 0; i < 5; i++) {
		AUTO(ipc_msg) struct ipc_msg m;

		ipc_msg_init(&m);
		tj_fork(&p);
		CHECK_EQ(tj.relay > 0, true);
		(void)close(tj.keeper);
		CHECK_EQ(ipc_recv(tj.to_zygote, &m, 4096), 0);
		CHECK_EQ(m.type, MSG_EXITED);
		(void)close(tj.scribe);
		(void)close(tj.supervisor);
	}
}

static void test_zygote_ends(void)
{
	CHECK_EQ(tj_end_zygote(), 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a session", test_session },
		{ "sessions in a row", test_sessions_in_a_row },
		{ "the zygote ends with its keeper", test_zygote_ends },
	};
	pid_t upstream = start_upstream();
	int r = test_main(tests, N_ELEMS(tests));

	(void)kill(upstream, SIGKILL);
	return r;
}
