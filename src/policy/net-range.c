/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Goal: nobody outside may choose, by an answer of DNS, that the relay dials
 * the host itself, the local network or a cloud's metadata service.
 *
 * The table follows IANA's special-purpose registries (RFC 6890 and later)
 * and adds the addresses where clouds serve credentials; these stand first,
 * each as a range of its own, so that naming 169.254.0.0/16 in a policy does
 * not open them.  Whatever IPv6 outside 2000::/3 is not in the table is
 * special too: new allocations are refused until somebody names them.
 *
 * NAT64 (64:ff9b::/96) is no range of its own: in an IPv6-only network every
 * public v4 host has such an address, so the v4 address inside is judged.
 * 6to4, Teredo and v4-compatible addresses are obsolete ways to the same end
 * and are refused as a whole.
 */
#include "policy/net-range.h"

#include "policy/net-text.h"

#define V4(a, b, c, d)                                                       \
	{                                                                    \
		{                                                            \
			{                                                    \
				0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, \
					b, c, d                              \
			}                                                    \
		}                                                            \
	}
#define HI(w) (uint8_t)((w) >> 8), (uint8_t)((w)&0xff)
#define V6(a, b, c, d, h)                                                     \
	{                                                                     \
		{                                                             \
			{                                                     \
				HI(a), HI(b), HI(c), HI(d), 0, 0, 0, 0, 0, 0, \
					HI(h)                                 \
			}                                                     \
		}                                                             \
	}
#define BITS4(n) (96 + (n))

static const struct net_range ranges[] = {
	/* most specific first */
	{ "metadata", V4(169, 254, 169, 254), BITS4(32) },
	{ "metadata", V4(169, 254, 170, 2), BITS4(32) },
	{ "metadata", V4(169, 254, 170, 23), BITS4(32) },
	{ "metadata", V4(168, 63, 129, 16), BITS4(32) },
	{ "metadata", V4(100, 100, 100, 200), BITS4(32) },
	{ "metadata", V4(192, 0, 0, 192), BITS4(32) },
	{ "metadata", V6(0xfd00, 0x0ec2, 0, 0, 0x0254), 128 },
	{ "metadata", V6(0xfd00, 0x0ec2, 0, 0, 0x0023), 128 },
	{ "metadata", V6(0xfd20, 0x00ce, 0, 0, 0x0254), 128 },
	{ "broadcast", V4(255, 255, 255, 255), BITS4(32) },
	{ "this network", V4(0, 0, 0, 0), BITS4(8) },
	{ "private", V4(10, 0, 0, 0), BITS4(8) },
	{ "carrier-grade NAT", V4(100, 64, 0, 0), BITS4(10) },
	{ "loopback", V4(127, 0, 0, 0), BITS4(8) },
	{ "link-local", V4(169, 254, 0, 0), BITS4(16) },
	{ "private", V4(172, 16, 0, 0), BITS4(12) },
	{ "protocol assignments", V4(192, 0, 0, 0), BITS4(24) },
	{ "documentation", V4(192, 0, 2, 0), BITS4(24) },
	{ "6to4 relay", V4(192, 88, 99, 0), BITS4(24) },
	{ "private", V4(192, 168, 0, 0), BITS4(16) },
	{ "benchmarking", V4(198, 18, 0, 0), BITS4(15) },
	{ "documentation", V4(198, 51, 100, 0), BITS4(24) },
	{ "documentation", V4(203, 0, 113, 0), BITS4(24) },
	{ "multicast", V4(224, 0, 0, 0), BITS4(4) },
	{ "reserved", V4(240, 0, 0, 0), BITS4(4) },
	{ "unspecified", V6(0, 0, 0, 0, 0), 128 },
	{ "loopback", V6(0, 0, 0, 0, 1), 128 },
	{ "IPv4-compatible", V6(0, 0, 0, 0, 0), 96 },
	{ "local NAT64", V6(0x0064, 0xff9b, 1, 0, 0), 48 },
	{ "discard", V6(0x0100, 0, 0, 0, 0), 64 },
	{ "Teredo", V6(0x2001, 0, 0, 0, 0), 32 },
	{ "protocol assignments", V6(0x2001, 0, 0, 0, 0), 23 },
	{ "documentation", V6(0x2001, 0x0db8, 0, 0, 0), 32 },
	{ "6to4", V6(0x2002, 0, 0, 0, 0), 16 },
	{ "documentation", V6(0x3fff, 0, 0, 0, 0), 20 },
	{ "private", V6(0xfc00, 0, 0, 0, 0), 7 },
	{ "link-local", V6(0xfe80, 0, 0, 0, 0), 10 },
	{ "site-local", V6(0xfec0, 0, 0, 0, 0), 10 },
	{ "multicast", V6(0xff00, 0, 0, 0, 0), 8 },
};

/* What is left of IPv6 outside 2000::/3. */
static const struct net_range unallocated = { "unallocated", V6(0, 0, 0, 0, 0),
					      0 };

bool net_range_embedded(const struct in6_addr *a, struct in6_addr *ret)
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const struct in6_addr v4 = V4(0, 0, 0, 0);

	if (memcmp(a->s6_addr, nat64, sizeof(nat64)) != 0)
		return false;
	*ret = v4;
	memcpy(ret->s6_addr + 12, a->s6_addr + 12, 4);
	return true;
}

const struct net_range *net_range_find(const struct in6_addr *a)
{
	struct in6_addr inner;

	if (net_range_embedded(a, &inner))
		a = &inner;
	for (size_t i = 0; i < N_ELEMS(ranges); i++) {
		if (net_covers(&ranges[i].addr, ranges[i].bits, a))
			return &ranges[i];
	}
	if (!net_is_v4(a) && (a->s6_addr[0] & 0xe0) != 0x20)
		return &unallocated;
	return NULL;
}
