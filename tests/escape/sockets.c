/* SPDX-License-Identifier: Apache-2.0 */
/* Families, types and protocols of sockets that lead out. */
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "escape.h"

#define MPTCP      262
#define FAMILY_END 64
#define HIGH_BIT   (1L << 32)

static bool is_allowed(int family)
{
	return family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
	       family == AF_NETLINK;
}

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW,
				     SOCK_SEQPACKET };
	int pair[2];

	for (int family = 0; family < FAMILY_END; family++) {
		for (size_t i = 0; i < N_ELEMS(types) && !is_allowed(family);
		     i++) {
			REFUSED(EAFNOSUPPORT, socket(family, types[i], 0));
			REFUSED(EAFNOSUPPORT,
				socketpair(family, types[i], 0, pair));
		}
	}
	/* The kernel looks at 32 bits; so must the filter. */
	REFUSED(EAFNOSUPPORT,
		syscall(SYS_socket, AF_VSOCK | HIGH_BIT, SOCK_STREAM, 0));
	REFUSED(EAFNOSUPPORT,
		syscall(SYS_socket, AF_PACKET | HIGH_BIT, SOCK_RAW, 0));
	REFUSED(EAFNOSUPPORT, syscall(SYS_socket, -1, SOCK_STREAM, 0));

	REFUSED(EPROTONOSUPPORT, socket(AF_INET, SOCK_STREAM, MPTCP));
	REFUSED(EPROTONOSUPPORT, socket(AF_INET6, SOCK_STREAM, MPTCP));
	REFUSED(EPROTONOSUPPORT,
		syscall(SYS_socket, AF_INET, SOCK_STREAM, MPTCP | HIGH_BIT));
	REFUSED(EPROTONOSUPPORT, socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
	REFUSED(EPROTONOSUPPORT, socket(AF_INET6, SOCK_DCCP, IPPROTO_DCCP));
	REFUSED(EPROTONOSUPPORT, socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
	for (int protocol = 1; protocol < 32; protocol++)
		REFUSED(EPROTONOSUPPORT,
			socket(AF_NETLINK, SOCK_RAW, protocol));

	REFUSED(EPERM, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	REFUSED(EPERM, socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
	REFUSED(EPERM, socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
	REFUSED(alone ? EPROTONOSUPPORT : EACCES,
		socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
	REFUSED(alone ? EPROTONOSUPPORT : EACCES,
		socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6));
	if (alone)
		REFUSED(EPROTONOSUPPORT, socket(AF_UNIX, SOCK_DGRAM, 0));
	if (alone)
		REFUSED(EPROTONOSUPPORT,
			socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));

	WORKS(socket(AF_UNIX, SOCK_STREAM, 0));
	WORKS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	WORKS(socket(AF_INET, SOCK_STREAM, 0));
	WORKS(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
	WORKS(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP));
	WORKS(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	return verdict();
}
