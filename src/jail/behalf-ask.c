/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Some resolvers (musl's, c-ares) look who answered and drop what comes from
 * elsewhere; and from a Unix socket, which a UDP socket is here, recvfrom(2)
 * names nobody.  The kernel then leaves the caller's buffer for the name as it
 * is.  So the address that was asked last is written there before the call goes
 * on: the answer is the relay's, whatever resolver was meant.
 *
 * They ask for the socket's own name, too, and that is one of loopback.
 *
 * All is written into the caller's own memory, where it said.
 */
#include "jail/behalf-own.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static void note(const struct call *c, struct asked *a, uint64_t at,
		 uint64_t len)
{
	if (at == 0 || len < sizeof(sa_family_t) || len > sizeof(a->addr) ||
	    call_read(c, at, &a->addr, (size_t)len) != 0)
		return;
	a->len = (socklen_t)len;
}

static void name(const struct call *c, const struct asked *a, uint64_t at,
		 uint64_t room)
{
	/* Who gives no memory for it gets the kernel's answer. */
	if (at != 0 && a->len > 0)
		call_write(c, at, &a->addr, room < a->len ? room : a->len);
}

int asks_watch(struct call *c)
{
	struct asked *a = socks_asked(c, (int)c->args[0]);
	struct msghdr h;
	socklen_t room;

	if (!a)
		return BEHALF_GO_ON;
	if (c->nr == SYS_sendto)
		note(c, a, c->args[4], c->args[5]);
	else if (c->nr == SYS_recvmsg) {
		if (call_read(c, c->args[1], &h, sizeof(h)) == 0)
			name(c, a, (uint64_t)(uintptr_t)h.msg_name,
			     h.msg_namelen);
	} else if (c->args[5] != 0 &&
		   call_read(c, c->args[5], &room, sizeof(room)) == 0) {
		name(c, a, c->args[4], room);
	}
	return BEHALF_GO_ON;
}

static socklen_t own_name(const struct asked *a, struct sockaddr_storage *ret)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	if (a->family == AF_INET)
		memcpy(ret, &v4, sizeof(v4));
	else
		memcpy(ret, &v6, sizeof(v6));
	return a->family == AF_INET ? sizeof(v4) : sizeof(v6);
}

int asks_name(struct call *c)
{
	struct asked *a = socks_asked(c, (int)c->args[0]);
	struct sockaddr_storage own;
	socklen_t room, len;
	int r;

	if (!a)
		return BEHALF_GO_ON;
	r = call_read(c, c->args[2], &room, sizeof(room));
	if (r != 0)
		return r;
	if (c->nr == SYS_getpeername && a->len == 0)
		return -ENOTCONN;
	len = c->nr == SYS_getpeername ? a->len : own_name(a, &own);
	if (room > len)
		room = len;
	call_write(c, c->args[1], c->nr == SYS_getpeername ? &a->addr : &own,
		   room);
	call_write(c, c->args[2], &len, sizeof(len));
	return 0;
}
