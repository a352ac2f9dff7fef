/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns: the resolver that the jail sees, over UDP and TCP.
 *
 * Answers allowed names with synthetic addresses and refuses others, without
 * asking anybody.
 */
#pragma once

#include "base/loop.h"
#include "relay/names.h"
#include "relay/refuse.h"

#define DNS_TTL_S       60u
#define DNS_TCP_MAX     64u    /* connections */
#define DNS_TCP_IDLE_MS 10000u /* without a complete question */
#define DNS_PAIRS_MAX   512u   /* the oldest makes room */

struct dns;

/* Borrowed for the life of the resolver. */
struct dns_parts {
	struct loop *loop;
	const struct net_policy *policy;
	struct names *names;
	struct refusals *refusals;
};

/*
 * @take_udp has IPV6_RECVPKTINFO set, @take_tcp listens; both non-blocking,
 * taken also on failure; -1: clients come by dns_take_*() alone.  Silent until dns_pause(d, false).
 */
must_check int dns_new(struct dns **ret, const struct dns_parts *parts,
		       int take_udp, int take_tcp);
void dns_free(struct dns *d);
DEFINE_AUTO(dns, struct dns, dns_free);
/* A TCP client; taken.  -errno ends the relay. */
must_check int dns_take_stream(struct dns *d, int take_fd);
/* One end of a SOCK_SEQPACKET pair, a question a packet; taken. */
must_check int dns_take_questions(struct dns *d, int take_fd);
must_check int dns_pause(struct dns *d, bool pause);
