/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nflog-parse: what the kernel tells of packets that went nowhere.  Pure.
 *
 * The netlink frame is the kernel's; the packet inside is a program's.
 */
#pragma once

#include <netinet/in.h>

#include "base/base.h"

struct nflog_packet {
	uint8_t proto;       /* IPPROTO_*, after extension headers */
	struct in6_addr dst; /* v4 mapped */
	uint16_t port;       /* destination; 0 when the protocol has none */
};

/*
 * The next packet of a datagram from the netlink socket; *rest moves on.
 * False: none left.  Messages that are no packets are passed over; packets that
 * cannot be read raise *n_bad.
 */
must_check bool nflog_next(struct str *rest, struct nflog_packet *ret,
			   uint64_t *n_bad);
