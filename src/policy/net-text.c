/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/net-text.h"

#include <arpa/inet.h>
#include <stdio.h>

static const struct in6_addr v4_base = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
					     0xff } } };

bool net_is_v4(const struct in6_addr *a)
{
	return memcmp(a, &v4_base, 12) == 0;
}

struct in6_addr net_mask(const struct in6_addr *a, uint8_t bits)
{
	struct in6_addr m = *a;
	size_t full = bits / 8;

	if (full < 16) {
		m.s6_addr[full] &= (uint8_t)(0xff00 >> (bits % 8));
		memset(m.s6_addr + full + 1, 0, 15 - full);
	}
	return m;
}

bool net_covers(const struct in6_addr *net, uint8_t bits,
		const struct in6_addr *a)
{
	struct in6_addr m;

	if (bits > 128 || (bits < 96 && net_is_v4(a)))
		return false;
	m = net_mask(a, bits);
	return memcmp(&m, net, sizeof(m)) == 0;
}

/* @ret_v6: it was written with colons. */
static bool addr_parse(struct str s, struct in6_addr *ret, bool *ret_v6)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (s.len == 0 || s.len >= sizeof(text) || memchr(s.ptr, 0, s.len))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = 0;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ret = v4_base;
		memcpy(ret->s6_addr + 12, &v4, 4);
		*ret_v6 = false;
		return true;
	}
	*ret_v6 = true;
	return inet_pton(AF_INET6, text, ret) == 1;
}

bool net_addr_parse(struct str s, struct in6_addr *ret)
{
	bool v6;

	return addr_parse(s, ret, &v6);
}

int net_cidr_parse(struct str s, struct in6_addr *ret, uint8_t *ret_bits)
{
	struct in6_addr addr, masked;
	struct str left;
	uint32_t bits;
	bool v6;

	if (!str_cut(&s, '/', &left) || !addr_parse(left, &addr, &v6))
		return NET_TEXT_E_SYNTAX;
	if (!str_u32(s, 0, v6 ? 128 : 32, &bits))
		return NET_TEXT_E_SYNTAX;
	if (v6 && net_is_v4(&addr))
		return NET_TEXT_E_SYNTAX; /* one spelling: as v4 */

	*ret_bits = v6 ? (uint8_t)bits : NET_BITS_V4(bits);
	masked = net_mask(&addr, *ret_bits);
	if (memcmp(&masked, &addr, sizeof(addr)) != 0)
		return NET_TEXT_E_HOST_BITS;
	*ret = addr;
	return 0;
}

bool net_endpoint_parse(struct str s, uint16_t port_absent,
			struct in6_addr *ret, uint16_t *ret_port)
{
	struct str host = s, port = { 0 };
	const char *colon;
	uint32_t n;
	bool v6;

	if (port_absent > 0 && addr_parse(s, ret, &v6)) {
		*ret_port = port_absent;
		return true;
	}

	colon = s.len > 0 ? memrchr(s.ptr, ':', s.len) : NULL;
	if (!colon)
		return false;
	host.len = (size_t)(colon - s.ptr);
	port = str_skip(s, host.len + 1);
	if (!str_u32(port, 1, UINT16_MAX, &n))
		return false;

	bool bracket = host.len > 2 && host.ptr[0] == '[' &&
		       host.ptr[host.len - 1] == ']';

	if (bracket)
		host = (struct str){ .ptr = host.ptr + 1, .len = host.len - 2 };
	if (!addr_parse(host, ret, &v6) || v6 != bracket)
		return false;
	*ret_port = (uint16_t)n;
	return true;
}

void net_addr_format(const struct in6_addr *a, char dst[NET_ADDR_TEXT])
{
	const char *done = net_is_v4(a)
				   ? inet_ntop(AF_INET, a->s6_addr + 12, dst,
					       NET_ADDR_TEXT)
				   : inet_ntop(AF_INET6, a, dst, NET_ADDR_TEXT);

	ASSERT(done); /* cannot fail: NET_ADDR_TEXT > INET6_ADDRSTRLEN */
}

void net_cidr_format(const struct in6_addr *a, uint8_t bits,
		     char dst[NET_ADDR_TEXT])
{
	unsigned n = net_is_v4(a) && bits >= 96 ? bits - 96u : bits;
	size_t len;

	net_addr_format(a, dst);
	len = strlen(dst);
	(void)snprintf(dst + len, NET_ADDR_TEXT - len, "/%u", n);
}

void net_endpoint_format(const struct in6_addr *a, uint16_t port,
			 char dst[NET_ADDR_TEXT])
{
	char addr[NET_ADDR_TEXT];

	net_addr_format(a, addr);
	(void)snprintf(dst, NET_ADDR_TEXT,
		       net_is_v4(a) ? "%.46s:%u" : "[%.46s]:%u", addr, port);
}
