/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that the plan does not name, by every protocol.
 *
 * The plan: 198.18.0.0/16 and fd18::/64 on ports 80 and 443, 198.19.0.0/16 and
 * fd18:0:0:1::/64 on a few others, 192.0.2.0/24 on port 80 but for its upper
 * half, which is denied.  argv[1]: a TCP port of the host's loopback that is listened on.
 */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "escape.h"

#define IPV6_TRANSPARENT_ 75
#define SLOW_MS           500

static struct sockaddr_in6 address(const char *ip, int port)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_port = htons((uint16_t)port) };
	char mapped[64];

	(void)snprintf(mapped, sizeof(mapped), "%s%s",
		       strchr(ip, ':') ? "" : "::ffff:", ip);
	HOLDS(inet_pton(AF_INET6, mapped, &a.sin6_addr) == 1);
	return a;
}

static int reach(const char *ip, int port, int type)
{
	struct sockaddr_in6 a = address(ip, port);
	int fd = socket(AF_INET6, type, 0), e;
	char c[2] = "";

	e = error_of(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	if (e == 0 && type == SOCK_DGRAM) {
		e = error_of(send(fd, "x", 1, 0));
		if (e == 0)
			e = error_of(recv(fd, c, 1, 0));
	}
	if (e == 0 && type == SOCK_STREAM && read(fd, c, 2) != 2)
		e = EIO;
	(void)close(fd);
	return e;
}

static long now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void foreign(int type)
{
	static const struct {
		const char *ip;
		int port;
	} to[] = {
		{ "203.0.113.1", 80 },      { "8.8.8.8", 443 },
		{ "169.254.169.254", 80 },  { "10.0.0.1", 22 },
		{ "192.168.1.1", 80 },      { "2001:db8::1", 80 },
		{ "2606:4700::1111", 443 }, { "fd00::1", 80 },
		{ "198.18.0.1", 81 },       { "198.19.0.1", 80 },
		{ "fd18::1", 81 },          { "fd18:0:0:1::1", 80 },
		{ "192.0.2.1", 443 },       { "255.255.255.254", 80 },
		{ "192.0.2.200", 80 },      { "198.19.0.1", 2001 },
		{ "fd18:0:0:1::1", 999 },
	};

	for (size_t i = 0; i < N_ELEMS(to); i++) {
		long begun = now_ms();
		int e = reach(to[i].ip, to[i].port, type);

		/* Who sorts a name's addresses asks so: no attempt. */
		must_be(to[i].ip, e, ECONNREFUSED,
			alone && type == SOCK_DGRAM ? ENETUNREACH : 0);
		HOLDS(now_ms() - begun < SLOW_MS);
	}
}

static void fast_open(void)
{
	struct sockaddr_in6 a = address("203.0.113.1", 80);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	REFUSED(alone ? EOPNOTSUPP : ECONNREFUSED,
		sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&a,
		       sizeof(a)));
	(void)close(fd);
}

static void rewiring(void)
{
	struct ifreq down = { .ifr_name = "lo" };
	int fd = socket(AF_INET6, alone ? SOCK_STREAM : SOCK_DGRAM, 0), one = 1;
	struct {
		struct nlmsghdr h;
		struct rtmsg m;
	} route = {
		.h = { .nlmsg_len = sizeof(route),
		       .nlmsg_type = RTM_DELROUTE,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.m = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_LOCAL },
	};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[256];
	} answer = { 0 };
	int nl = socket(AF_NETLINK, SOCK_RAW, 0);

	REFUSED(EPERM, setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT_, &one,
				  sizeof(one)));
	REFUSED(EPERM, setsockopt(fd, SOL_SOCKET, SO_MARK, &one, sizeof(one)));
	REFUSED(EPERM, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0
			       ? (errno = EPERM, -1)
			       : -1);
	REFUSED(EPERM, ioctl(fd, SIOCSIFFLAGS, &down));
	HOLDS(send(nl, &route, sizeof(route), 0) == sizeof(route));
	HOLDS(recv(nl, &answer, sizeof(answer), 0) > 0 &&
	      answer.e.error == -EPERM);
}

int main(int argc, char **argv)
{
	HOLDS(argc == 2);
	foreign(SOCK_STREAM);
	foreign(SOCK_DGRAM);
	fast_open();
	rewiring();
	if (argc == 2) {
		must_be("the host's loopback",
			reach("127.0.0.1", number(argv[1]), SOCK_STREAM),
			ECONNREFUSED, 0);
	}
	must_be("198.18.0.1:80", reach("198.18.0.1", 80, SOCK_STREAM), 0, 0);
	must_be("198.18.9.9:443", reach("198.18.9.9", 443, SOCK_STREAM), 0, 0);
	must_be("fd18::7:80", reach("fd18::7", 80, SOCK_STREAM), 0, 0);
	must_be("198.19.0.1:2000", reach("198.19.0.1", 2000, SOCK_STREAM), 0,
		0);
	must_be("fd18:0:0:1::5:65535",
		reach("fd18:0:0:1::5", 65535, SOCK_STREAM), 0, 0);
	must_be("192.0.2.77:80", reach("192.0.2.77", 80, SOCK_STREAM), 0, 0);
	return verdict();
}
