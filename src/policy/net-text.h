/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net-text: addresses as text, one spelling each.  Pure.
 *
 * A v4 address is held as ::ffff:a.b.c.d everywhere, a v4 prefix length as
 * bits + 96.
 */
#pragma once

#include <netinet/in.h>

#include "base/base.h"

#define NET_ADDR_TEXT     64u /* "[v6]:port", "v6/bits", terminated */
#define NET_BITS_V4(bits) ((uint8_t)((bits) + 96))

enum net_text_error {
	NET_TEXT_E_SYNTAX = 1,
	NET_TEXT_E_HOST_BITS, /* bits are set beyond the prefix length */
};

bool net_is_v4(const struct in6_addr *a);
/* A v6 prefix never covers a v4 address, not even ::/0. */
bool net_covers(const struct in6_addr *net, uint8_t bits,
		const struct in6_addr *a);
/* @a with everything beyond @bits cleared. */
struct in6_addr net_mask(const struct in6_addr *a, uint8_t bits);

/* "10.0.0.1" or "fd00::1", no zone, no brackets. */
must_check bool net_addr_parse(struct str s, struct in6_addr *ret);
/* "10.0.0.0/8", "fd00::/8".  0 or enum net_text_error. */
must_check int net_cidr_parse(struct str s, struct in6_addr *ret,
			      uint8_t *ret_bits);
/*
 * "10.0.0.1:53", "[fd00::1]:53".  With @port_absent > 0 also an address alone.
 */
must_check bool net_endpoint_parse(struct str s, uint16_t port_absent,
				   struct in6_addr *ret, uint16_t *ret_port);

void net_addr_format(const struct in6_addr *a, char dst[NET_ADDR_TEXT]);
void net_cidr_format(const struct in6_addr *a, uint8_t bits,
		     char dst[NET_ADDR_TEXT]);
void net_endpoint_format(const struct in6_addr *a, uint16_t port,
			 char dst[NET_ADDR_TEXT]);
