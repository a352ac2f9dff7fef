/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/net.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "ipc/handover.h"
#include "jail/nft.h"
#include "jail/nl.h"

#define LO_INDEX          1u /* of every network namespace */
#define BACKLOG           4096
#define TELEMETRY_BACKLOG 64
#define DNS_PORT          53u
#define NFLOG_BUFFER      (1 << 20) /* bytes of socket buffer */

static void add_addr(struct nl *n, int family, const void *addr, size_t len)
{
	struct ifaddrmsg m = { .ifa_family = (uint8_t)family,
			       .ifa_prefixlen = (uint8_t)(8 * len),
			       .ifa_flags = IFA_F_NODAD,
			       .ifa_index = LO_INDEX };

	nl_begin(n, RTM_NEWADDR, NLM_F_CREATE);
	nl_put(n, &m, sizeof(m));
	nl_attr(n, IFA_ADDRESS, addr, len);
	nl_attr(n, IFA_LOCAL, addr, len);
	nl_end(n);
}

/*
 * "local default dev lo": whatever the destination, it is here.  Without the
 * preferred source a connection would come from the address it goes to.
 */
static void add_route(struct nl *n, int family, const void *src, size_t len,
		      unsigned flags)
{
	struct rtmsg m = { .rtm_family = (uint8_t)family,
			   .rtm_table = RT_TABLE_LOCAL,
			   .rtm_protocol = RTPROT_STATIC,
			   .rtm_scope = family == AF_INET ? RT_SCOPE_HOST
							  : RT_SCOPE_UNIVERSE,
			   .rtm_type = RTN_LOCAL };

	nl_begin(n, RTM_NEWROUTE,
		 (uint16_t)(NLM_F_CREATE | NLM_F_EXCL | flags));
	nl_put(n, &m, sizeof(m));
	nl_attr_u32(n, RTA_OIF, LO_INDEX);
	nl_attr(n, RTA_PREFSRC, src, len);
	nl_end(n);
}

static int setup_routes(char *scratch, struct diag *err)
{
	struct ifinfomsg up = { .ifi_index = (int)LO_INDEX,
				.ifi_flags = IFF_UP,
				.ifi_change = IFF_UP };
	AUTO(fd) int fd = -1;
	struct in_addr v4;
	struct in6_addr v6;
	struct nl n;
	int r;

	(void)inet_pton(AF_INET, NET_OWN_V4, &v4);
	(void)inet_pton(AF_INET6, NET_OWN_V6, &v6);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd == -1)
		return neg_errno();
	nl_init(&n, scratch);
	nl_begin(&n, RTM_NEWLINK, 0);
	nl_put(&n, &up, sizeof(up));
	nl_end(&n);
	add_addr(&n, AF_INET, &v4, sizeof(v4));
	add_addr(&n, AF_INET6, &v6, sizeof(v6));
	add_route(&n, AF_INET, &v4, sizeof(v4), 0);
	add_route(&n, AF_INET6, &v6, sizeof(v6), NLM_F_ACK); /* the last */
	r = nl_exchange(fd, &n, NULL);
	if (r != 0)
		diag_set(err, 0, 0, "cannot set up lo in the jail: %s",
			 strerror(-r));
	return r;
}

static int refused(int r, struct diag *err)
{
	diag_set(err, 0, 0,
		 "nf_tables refused the jail's rules (%s): modprobe -a "
		 "nf_tables nft_tproxy nft_log nfnetlink_log",
		 strerror(-r));
	return r;
}

static int open_nft(struct diag *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int r;

	if (fd != -1)
		return fd;
	r = neg_errno();
	diag_set(err, 0, 0,
		 "the kernel has no netfilter netlink: modprobe nf_tables");
	return r;
}

static int setup_nft(char *scratch, struct diag *err)
{
	AUTO(fd) int fd = -1;
	struct nl n;
	int r = open_nft(err);

	if (r < 0)
		return r;
	fd = r;
	nl_init(&n, scratch);
	nft_base(&n, true);
	r = nl_exchange(fd, &n, NULL);
	if (r == -ENOENT) { /* no nft_limit: the relay folds what comes */
		nl_init(&n, scratch);
		nft_base(&n, false);
		r = nl_exchange(fd, &n, NULL);
	}
	return r == 0 ? 0 : refused(r, err);
}

int net_rules(const struct plan *p, char *scratch, struct diag *reterr)
{
	AUTO(fd) int fd = -1;
	struct nl n;
	int r;

	nl_init(&n, scratch);
	if (!nft_plan(&n, p))
		return 0;
	r = open_nft(reterr);
	if (r < 0)
		return r;
	fd = r;
	r = nl_exchange(fd, &n, NULL);
	return r == 0 ? 0 : refused(r, reterr);
}

static void log_config(struct nl *n, uint8_t family, uint16_t group,
		       uint16_t attr, const void *p, size_t len)
{
	struct nfgenmsg g = { .nfgen_family = family,
			      .version = NFNETLINK_V0,
			      .res_id = htons(group) };

	nl_begin(n, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_ACK);
	nl_put(n, &g, sizeof(g));
	nl_attr(n, attr, p, len);
	nl_end(n);
}

int net_log(char *scratch, struct net_sockets *ret, struct diag *reterr)
{
	struct nfulnl_msg_config_cmd bind_group = { NFULNL_CFG_CMD_BIND };
	struct nfulnl_msg_config_mode mode = { htonl(NET_LOG_BYTES),
					       NFULNL_COPY_PACKET, 0 };
	/*
	 * Each copy at once: a session may be over in milliseconds, and what
	 * waits in the kernel then is never said.
	 */
	uint32_t threshold = htonl(1);
	int size = NFLOG_BUFFER;
	AUTO(fd) int fd = -1;
	struct nl n;
	int r;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd == -1)
		return neg_errno();
	nl_init(&n, scratch);
	log_config(&n, AF_UNSPEC, NET_LOG_GROUP, NFULA_CFG_CMD, &bind_group,
		   sizeof(bind_group));
	log_config(&n, AF_UNSPEC, NET_LOG_GROUP, NFULA_CFG_MODE, &mode,
		   sizeof(mode));
	log_config(&n, AF_UNSPEC, NET_LOG_GROUP, NFULA_CFG_QTHRESH, &threshold,
		   sizeof(threshold));
	r = nl_exchange(fd, &n, NULL);
	if (r != 0) {
		diag_set(reterr, 0, 0,
			 "the kernel has no NFLOG (%s): modprobe nfnetlink_log",
			 strerror(-r));
		return r;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ret->nflog = TAKE_FD(fd);
	return 0;
}

static int set_int(int fd, int level, int name, int v)
{
	return setsockopt(fd, level, name, &v, sizeof(v)) == -1 ? neg_errno()
								: 0;
}

/* [::]:@port for both families; a listener when @type is SOCK_STREAM. */
static int open_socket(int type, uint16_t port, bool transparent, int *ret)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6,
				  .sin6_port = htons(port) };
	AUTO(fd) int fd = -1;
	int r;

	fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return neg_errno();
	r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (r == 0 && transparent)
		r = set_int(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
	if (r == 0 && type == SOCK_STREAM)
		r = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r == 0 && type == SOCK_DGRAM)
		r = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	if (r != 0)
		return r;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		return neg_errno();
	if (type == SOCK_STREAM && listen(fd, BACKLOG) == -1)
		return neg_errno();
	*ret = TAKE_FD(fd);
	return 0;
}

static int open_sockets(struct net_sockets *s, struct diag *err)
{
	int r = open_socket(SOCK_STREAM, NET_PROXY_PORT, true, &s->tproxy);

	if (r == 0)
		r = open_socket(SOCK_DGRAM, DNS_PORT, false, &s->udp53);
	if (r == 0)
		r = open_socket(SOCK_STREAM, DNS_PORT, false, &s->tcp53);
	if (r != 0)
		diag_set(err, 0, 0, "cannot make the jail's sockets: %s",
			 strerror(-r));
	return r;
}

int net_prepare(char *scratch, struct net_sockets *ret, struct diag *reterr)
{
	int r;

	*ret = (struct net_sockets){ -1, -1, -1, -1 };
	r = setup_routes(scratch, reterr);
	if (r == 0)
		r = setup_nft(scratch, reterr);
	return r == 0 ? open_sockets(ret, reterr) : r;
}

int net_telemetry(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(HANDOVER_TELEMETRY_PORT),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	AUTO(fd)
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof(a)) == -1 ||
	    listen(fd, TELEMETRY_BACKLOG) == -1)
		return neg_errno();
	return TAKE_FD(fd);
}
