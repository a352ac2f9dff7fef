/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/test.h"
#include "jail/reach.h"

static struct in6_addr address(const char *text)
{
	struct in6_addr a = { 0 };
	char mapped[64];

	(void)snprintf(mapped, sizeof(mapped), "%s%s",
		       strchr(text, ':') ? "" : "::ffff:", text);
	CHECK_EQ(inet_pton(AF_INET6, mapped, &a), 1);
	return a;
}

static void test_loopback(void)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "127.0.0.1", true },
		{ "127.255.255.254", true },
		{ "0.0.0.0", true },
		{ "0.1.2.3", true },
		{ "128.0.0.1", false },
		{ "::1", true },
		{ "::", true },
		{ "::2", false },
		{ "::ffff:126.0.0.1", false },
		{ "fe80::1", false },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct in6_addr a = address(rows[i].text);

		CHECK_EQ(reach_is_loopback(&a), rows[i].want);
	}
}

static void test_allows(void)
{
	struct plan_class class = {
		.v4_bits = 15, .v6_bits = 63, .ports = { 80, 443 }, .n_ports = 2
	};
	struct plan_cidr cidrs[] = {
		{ .bits = 96 + 24, .ports = { 5432 }, .n_ports = 1 },
		{ .bits = 96 + 32, .deny = true },
		{ .bits = 0, .ports = { 22 }, .n_ports = 1 },
	};
	struct plan p = { .classes = &class,
			  .n_classes = 1,
			  .cidrs = cidrs,
			  .n_cidrs = N_ELEMS(cidrs) };
	static const struct {
		const char *text;
		uint16_t port;
		bool want;
	} rows[] = {
		{ "198.18.0.1", 80, true },
		{ "198.19.255.1", 443, true },
		{ "198.18.0.1", 81, false },
		{ "198.20.0.1", 80, false },
		{ "198.17.255.255", 80, false },
		{ "fd18:0:0:1::5", 443, true },
		{ "fd18:0:0:2::5", 443, false },
		{ "192.0.2.1", 5432, true },
		{ "192.0.2.1", 5433, false },
		{ "192.0.3.1", 5432, false },
		{ "192.0.2.66", 5432, false },
		/* ::/0 is of IPv6 alone. */
		{ "2001:db8::1", 22, true },
		{ "203.0.113.1", 22, false },
		{ "192.0.2.1", 0, false },
	};

	CHECK_EQ(inet_pton(AF_INET, "198.18.0.0", &class.v4), 1);
	CHECK_EQ(inet_pton(AF_INET6, "fd18::", &class.v6), 1);
	cidrs[0].addr = address("192.0.2.0");
	cidrs[1].addr = address("192.0.2.66");
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct in6_addr a = address(rows[i].text);

		if (reach_allows(&p, &a, rows[i].port) != rows[i].want)
			test_note(__FILE__, __LINE__, rows[i].text,
				  !rows[i].want, rows[i].want);
	}
}

/* What /proc says of sockets that are ours. */
static void listens(int family, const struct in6_addr *at, bool want_v6)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = *at };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	AUTO(fd) int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);
	struct stat st;
	bool v6 = false;
	uint16_t port;
	int r = family == AF_INET ? bind(fd, (struct sockaddr *)&v4, sizeof(v4))
				  : bind(fd, (struct sockaddr *)&a, sizeof(a));

	if (r == -1)
		return; /* no IPv6 on this machine */
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	port = ntohs(a.sin6_port); /* at the same place in both */
	CHECK(!reach_listens(st.st_ino, port, &v6));
	CHECK_EQ(listen(fd, 1), 0);
	CHECK(reach_listens(st.st_ino, port, &v6));
	CHECK_EQ(v6, want_v6);
	CHECK(!reach_listens(st.st_ino + 1, port, &v6));
	CHECK(!reach_listens(st.st_ino, (uint16_t)(port ^ 1), &v6));
}

static void test_listens(void)
{
	struct in6_addr mapped = address("127.0.0.1");

	listens(AF_INET, &mapped, false);
	listens(AF_INET6, &in6addr_loopback, true);
	listens(AF_INET6, &mapped, false);
}

int main(void)
{
	static const struct test tests[] = {
		{ "loopback in each spelling", test_loopback },
		{ "ranges, ports, denied ones", test_allows },
		{ "who listens where", test_listens },
	};

	return test_main(tests, N_ELEMS(tests));
}
