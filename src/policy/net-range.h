/* SPDX-License-Identifier: Apache-2.0 */
/* net-range: address ranges that are not the public Internet.  Pure. */
#pragma once

#include <netinet/in.h>

#include "base/base.h"

struct net_range {
	const char *name;
	struct in6_addr addr;
	uint8_t bits;
};

/* The most specific special range with @a in it, or NULL. */
const struct net_range *net_range_find(const struct in6_addr *a);

/*
 * The v4 address which a packet to @a finally reaches through NAT64
 * (64:ff9b::/96), mapped.  False: not such an address.
 */
bool net_range_embedded(const struct in6_addr *a, struct in6_addr *ret);
