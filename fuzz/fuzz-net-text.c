/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: an address, a range or an end point as text.  Laws:
 *   1. what is accepted is written in one spelling, which is read as the same;
 *   2. inet_pton() reads the same address, so none is another for the kernel;
 *   3. a range has no bit beyond its length, covers its own address, and no
 *      IPv6 range covers an IPv4 address;
 *   4. a port is never 0;
 *   5. a range that an address is said to be in has it, or the IPv4 address
 *      inside of it.
 */
#include <arpa/inet.h>

#include "policy/net-range.h"
#include "policy/net-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool same(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* By the C library, as a v4-mapped address when it is IPv4. */
static bool read_by_libc(struct str s, struct in6_addr *ret)
{
	char text[NET_ADDR_TEXT];
	struct in_addr v4;

	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ret = (struct in6_addr){ 0 };
		ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
		memcpy(ret->s6_addr + 12, &v4, sizeof(v4));
		return true;
	}
	return inet_pton(AF_INET6, text, ret) == 1;
}

static void check_addr(struct str s)
{
	struct in6_addr a, b, inner;
	const struct net_range *range;
	char text[NET_ADDR_TEXT];

	if (!net_addr_parse(s, &a))
		return;
	law(read_by_libc(s, &b) && same(&a, &b));
	net_addr_format(&a, text);
	law(net_addr_parse(str_of(text), &b) && same(&a, &b));
	range = net_range_find(&a);
	if (net_range_embedded(&a, &inner)) {
		law(net_is_v4(&inner));
		a = inner; /* which is what is judged */
	}
	law(!range || net_covers(&range->addr, range->bits, &a));
}

static void check_cidr(struct str s)
{
	struct in6_addr a, b, masked;
	uint8_t bits = 0, again = 0;
	char text[NET_ADDR_TEXT];

	if (net_cidr_parse(s, &a, &bits) != 0)
		return;
	law(bits <= 128);
	masked = net_mask(&a, bits);
	law(same(&a, &masked) && net_covers(&a, bits, &a));
	net_cidr_format(&a, bits, text);
	law(net_cidr_parse(str_of(text), &b, &again) == 0 && same(&a, &b) &&
	    bits == again);
	if (!net_is_v4(&a)) {
		law(net_addr_parse(STR("1.2.3.4"), &b));
		law(!net_covers(&a, bits, &b));
	}
}

static void check_endpoint(struct str s, uint16_t absent)
{
	uint16_t port = 0, again = 0;
	char text[NET_ADDR_TEXT];
	struct in6_addr a, b;

	if (!net_endpoint_parse(s, absent, &a, &port))
		return;
	law(port > 0);
	net_endpoint_format(&a, port, text);
	law(net_endpoint_parse(str_of(text), 0, &b, &again) && same(&a, &b) &&
	    port == again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { .ptr = (const char *)data, .len = size };

	check_addr(s);
	check_cidr(s);
	check_endpoint(s, 0);
	check_endpoint(s, 53);
	return 0;
}
