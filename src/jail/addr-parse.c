/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/addr-parse.h"

#include <stddef.h>

#define PATH_AT offsetof(struct sockaddr_un, sun_path)
/* The kernel takes IPv6 addresses without a scope, too. */
#define V6_MIN offsetof(struct sockaddr_in6, sin6_scope_id)

_Static_assert(sizeof(union addr) == sizeof(struct sockaddr_storage),
	       "any address fits, and no more");

void addr_map_v4(struct in6_addr *ret, struct in_addr a)
{
	*ret = (struct in6_addr){ { { 0 } } };
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(ret->s6_addr + 12, &a, sizeof(a));
}

int addr_parse(const union addr *a, socklen_t len, enum addr_form form,
	       struct sockaddr_in6 *ret)
{
	sa_family_t family = len < sizeof(family) ? AF_UNSPEC : a->sa.sa_family;

	*ret = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	if (family == AF_INET && (form == ADDR_V4 || form == ADDR_EITHER)) {
		if (len < sizeof(a->v4))
			return -EINVAL;
		addr_map_v4(&ret->sin6_addr, a->v4.sin_addr);
		ret->sin6_port = a->v4.sin_port;
		return 0;
	}
	if (family == AF_INET6 && form != ADDR_V4) {
		if (len < V6_MIN)
			return -EINVAL;
		ret->sin6_addr = a->v6.sin6_addr;
		ret->sin6_port = a->v6.sin6_port;
		return 0;
	}
	return -EAFNOSUPPORT;
}

socklen_t addr_format(const struct sockaddr_in6 *at, enum addr_form form,
		      union addr *ret)
{
	bool mapped = IN6_IS_ADDR_V4MAPPED(&at->sin6_addr);

	*ret = (union addr){ .room = { 0 } };
	if (form == ADDR_V6 || (form == ADDR_V6_ONLY && !mapped)) {
		ret->v6 = *at;
		return sizeof(ret->v6);
	}
	if (form != ADDR_V4 || !mapped)
		return 0;
	ret->v4 = (struct sockaddr_in){ .sin_family = AF_INET,
					.sin_port = at->sin6_port };
	memcpy(&ret->v4.sin_addr, at->sin6_addr.s6_addr + 12, 4);
	return sizeof(ret->v4);
}

bool addr_parse_path(const union addr *a, socklen_t len,
		     char ret[ADDR_PATH_SIZE])
{
	size_t n;

	if (len <= PATH_AT || len > sizeof(a->un) || a->sa.sa_family != AF_UNIX)
		return false;
	n = len - PATH_AT;
	memcpy(ret, a->un.sun_path, n);
	ret[n] = '\0';
	return true;
}
