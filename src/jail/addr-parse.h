/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr-parse: socket addresses as programs give them, and as their sockets take
 * them.  Inside there is one form: IPv6, with IPv4 mapped into it (RFC 4291,
 * 2.5.5.2).  Pure.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/base.h"

/* As large as the kernel takes one; what is not there is zero. */
union addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
	char room[sizeof(struct sockaddr_storage)];
};

/* What a socket can be given. */
enum addr_form {
	ADDR_V4 = 1,
	ADDR_V6,
	ADDR_V6_ONLY, /* no mapped ones */
	ADDR_EITHER,  /* to be read only */
};

#define ADDR_PATH_SIZE (sizeof(((struct sockaddr_un *)0)->sun_path) + 1)

void addr_map_v4(struct in6_addr *ret, struct in_addr a);
/*
 * The first @len <= sizeof(*a) bytes were given.  0 and *ret with address and
 * port alone; -EAFNOSUPPORT, -EINVAL as connect(2) says them.
 */
must_check int addr_parse(const union addr *a, socklen_t len,
			  enum addr_form form, struct sockaddr_in6 *ret);
/* Its length in *ret; 0: a socket of @form cannot be given that. */
must_check socklen_t addr_format(const struct sockaddr_in6 *at,
				 enum addr_form form, union addr *ret);
/*
 * The name of a Unix socket, terminated, up to its first NUL; "" is an abstract
 * one.  False: not such an address, or without a name.
 */
must_check bool addr_parse_path(const union addr *a, socklen_t len,
				char ret[ADDR_PATH_SIZE]);
