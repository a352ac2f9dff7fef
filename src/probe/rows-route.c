/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing the network itself.  What is asked for does not exist (a route in
 * an unused table, an interface without a number), so that who may is told ENOENT or the like,
 * and nothing changes for anybody.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/rows.h"

#define NO_INDEX          0x7ffffff0
#define NO_TABLE          250
#define IPV6_TRANSPARENT_ 75
#define IP_TRANSPARENT_   19

struct request {
	struct nlmsghdr h;
	union {
		struct rtmsg route;
		struct ifinfomsg link;
		struct ifaddrmsg addr;
	};
};

/* What the kernel answers: 0 or an errno; -1: it could not be asked. */
static int ask_kernel(struct request *q)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[512];
	} answer = { 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	q->h.nlmsg_len = sizeof(*q);
	q->h.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (fd == -1 || send(fd, q, sizeof(*q), 0) == -1 ||
	    recv(fd, &answer, sizeof(answer), 0) == -1)
		return -1;
	return answer.h.nlmsg_type == NLMSG_ERROR ? -answer.e.error : 0;
}

static void try_request(const struct attempt *a, const struct run *r,
			struct result *out)
{
	struct request q = *(const struct request *)a->arg;
	int e = ask_kernel(&q);

	(void)r;
	if (e == -1)
		say_refused(out, errno, "no route netlink");
	else if (e == EPERM || e == EACCES)
		say_refused(out, e, "%s", "");
	else
		say_reachable(out, "%s",
			      e ? strerror(e) : "done"); /* ESRCH and such */
}

struct option_row {
	int level, name, value;
	int family;
};

static void try_option(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const struct option_row *o = a->arg;
	int fd = socket(o->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)r;
	if (fd == -1)
		say_refused(out, errno, "socket");
	else
		say_call(out, setsockopt(fd, o->level, o->name, &o->value,
					 sizeof(o->value)));
}

/* An interface that is not there: ENODEV is said to those who may. */
static void try_interface(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	struct ifreq q = { .ifr_name = "bawnprobe0" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)r;
	if (ioctl(fd, *(const unsigned long *)a->arg, &q) == -1 &&
	    (errno == EPERM || errno == EACCES || errno == ENOTTY || fd == -1))
		say_refused(out, errno, "%s", "");
	else
		say_reachable(out, "%s", "");
}

static void try_low_port(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(607) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)a;
	(void)r;
	say_call(out, bind(fd, (struct sockaddr *)&in, sizeof(in)));
}

/* Interfaces other than loopback lead somewhere. */
static void try_see_interfaces(const struct attempt *a, const struct run *r,
			       struct result *out)
{
	struct if_nameindex *list = if_nameindex();

	(void)a;
	(void)r;
	for (size_t i = 0; list && list[i].if_index; i++) {
		if (strcmp(list[i].if_name, "lo") != 0) {
			say_reachable(out, "%s", list[i].if_name);
			if_freenameindex(list);
			return;
		}
	}
	if (list)
		if_freenameindex(list);
	say_refused(out, list ? 0 : errno, "only loopback");
}

/* @arg: a list that names sockets of the whole network namespace. */
static void try_see_sockets(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	char text[2048];
	const char *second;
	ssize_t n = read_file(a->arg, text, sizeof(text));

	(void)r;
	if (n <= 0) {
		say_refused(out, errno, "%s", "");
		return;
	}
	second = strchr(text, '\n');
	if (second && second[1])
		say_reachable(out, "some are listed");
	else
		say_refused(out, 0, "none is listed");
}

#define REQUEST(id, what, ...)                            \
	ROW("net." id, what, "rtnetlink(7)", try_request, \
	    (&(const struct request){ __VA_ARGS__ }))
#define OPTION(id, what, ref, f, l, n, v)     \
	ROW("net." id, what, ref, try_option, \
	    (&(const struct option_row){ (l), (n), (v), (f) }))
#define INTERFACE(id, what, request)                        \
	ROW("net." id, what, "netdevice(7)", try_interface, \
	    (&(const unsigned long){ (request) }))

const struct attempt route_rows[] = {
	REQUEST("route-delete", "take a route away",
		.h.nlmsg_type = RTM_DELROUTE,
		.route = { .rtm_family = AF_INET,
			   .rtm_table = NO_TABLE,
			   .rtm_dst_len = 0 }),
	REQUEST("route-add", "add a route by no interface",
		.h.nlmsg_type = RTM_NEWROUTE,
		.route = { .rtm_family = AF_INET,
			   .rtm_table = NO_TABLE,
			   .rtm_type = 250 }),
	REQUEST("route6-delete", "take an IPv6 route away",
		.h.nlmsg_type = RTM_DELROUTE,
		.route = { .rtm_family = AF_INET6, .rtm_table = NO_TABLE }),
	REQUEST("link-change", "change an interface",
		.h.nlmsg_type = RTM_SETLINK, .link = { .ifi_index = NO_INDEX }),
	REQUEST("link-delete", "remove an interface",
		.h.nlmsg_type = RTM_DELLINK, .link = { .ifi_index = NO_INDEX }),
	REQUEST("address-delete", "take an address away",
		.h.nlmsg_type = RTM_DELADDR,
		.addr = { .ifa_family = AF_INET, .ifa_index = NO_INDEX }),
	REQUEST("rule-delete", "take a routing rule away",
		.h.nlmsg_type = RTM_DELRULE,
		.route = { .rtm_family = AF_INET, .rtm_table = NO_TABLE }),
	INTERFACE("interface-flags", "set an interface up or down",
		  0x8914 /* SIOCSIFFLAGS */),
	INTERFACE("interface-address", "give an interface an address",
		  0x8916 /* SIOCSIFADDR */),
	INTERFACE("interface-name", "rename an interface",
		  0x8923 /* SIOCSIFNAME */),
	OPTION("option-mark", "mark packets for routing", "socket(7)", AF_INET,
	       SOL_SOCKET, SO_MARK, 1),
	OPTION("option-transparent", "be any address", "ip(7)", AF_INET,
	       IPPROTO_IP, IP_TRANSPARENT_, 1),
	OPTION("option-transparent6", "be any address", "ip(7)", AF_INET6,
	       IPPROTO_IPV6, IPV6_TRANSPARENT_, 1),
	OPTION("option-debug", "debugging of sockets", "socket(7)", AF_INET,
	       SOL_SOCKET, SO_DEBUG, 1),
	OPTION("option-rcvbufforce", "more memory than allowed", "socket(7)",
	       AF_INET, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 20),
	OPTION("option-netfilter", "packet filters by a socket option",
	       "CVE-2021-22555", AF_INET, IPPROTO_IP, 64, 0),
	ROW("net.low-port", "a port of root's", "ip(7)", try_low_port, NULL),
	ROW("net.see-interfaces", "interfaces beside loopback",
	    "network_namespaces(7)", try_see_interfaces, NULL),
	ROW("net.see-tcp", "others' connections", "proc_pid_net(5)",
	    try_see_sockets, "/proc/net/tcp"),
	ROW("net.see-udp", "others' datagram sockets", "proc_pid_net(5)",
	    try_see_sockets, "/proc/net/udp"),
	ROW("net.see-neighbours", "the neighbourhood", "arp(7)",
	    try_see_sockets, "/proc/net/arp"),
};
END_ROWS(route);
