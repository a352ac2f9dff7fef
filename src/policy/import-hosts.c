/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   entry = ( name / "*." name / address / "*" ) [ ":" port ]
 *
 * An IPv6 address with a port, or in sandbox-runtime always, is in brackets.
 * Without a port every port is meant; bawn allows 80 and 443 then, and denies
 * all.  "*" is only of use to deny; the language names hosts, so it empties the
 * list of what is allowed instead, for its port or as a whole.
 */
#include "policy/import-work.h"

#include "policy/net-text.h"
#include "policy/net.h"
#include "policy/scalar-parse.h"

/* "host:443", "[::1]:443", "::1" -> host and port.  False: no port it can be. */
static bool split(struct str s, struct str *ret_host, uint16_t *ret_port)
{
	const char *colon = memrchr(s.ptr, ':', s.len);
	const char *close = memrchr(s.ptr, ']', s.len);
	struct in6_addr addr;
	uint32_t port;

	*ret_port = 0;
	*ret_host = s;
	if (net_addr_parse(s, &addr))
		return true; /* with colons of its own */
	if (colon && (!close || close < colon)) {
		if (!str_u32(str_skip(s, (size_t)(colon - s.ptr) + 1), 1,
			     UINT16_MAX, &port))
			return false;
		*ret_port = (uint16_t)port;
		ret_host->len = (size_t)(colon - s.ptr);
	}
	if (ret_host->len > 2 && ret_host->ptr[0] == '[' &&
	    ret_host->ptr[ret_host->len - 1] == ']')
		*ret_host =
			(struct str){ ret_host->ptr + 1, ret_host->len - 2 };
	return true;
}

static int add(struct import_work *w, bool allow, struct str text, bool cidr,
	       uint16_t port, struct str key)
{
	if (!text.ptr)
		return -ENOMEM;
	return import_add(w, allow ? &w->im.allow : &w->im.deny,
			  (struct import_item){ .text = text,
						.from = key,
						.port = port,
						.cidr = cidr });
}

static int deny_all(struct import_work *w, uint16_t port, struct str key)
{
	int r;

	if (port == 0) {
		w->no_network = true;
		return import_remark(w, key,
				     "refuses every host, so none is allowed");
	}
	r = import_add(w, &w->denied_ports,
		       (struct import_item){ .from = key, .port = port });
	return r != 0 ? r
		      : import_remark(w, key,
				      "its port is taken out of what is "
				      "allowed");
}

/* 1: not an address. */
static int take_addr(struct import_work *w, bool allow, struct str host,
		     uint16_t port, struct str key)
{
	char text[NET_ADDR_TEXT];
	struct in6_addr addr;

	if (!net_addr_parse(host, &addr))
		return 1;
	if (allow && net_special(&addr))
		return import_leave(w, key,
				    "an address of a special range; where it "
				    "is meant, name it with cidr by hand");
	net_cidr_format(&addr, 128, text);
	return add(w, allow, str_of(arena_printf(w->arena, "%s", text)), true,
		   port, key);
}

int import_host(struct import_work *w, bool allow, struct str text,
		struct str key)
{
	bool subdomains;
	const char *why;
	struct str host, name;
	uint16_t port;
	int r;

	if (text.len == 0 || !split(text, &host, &port))
		return allow ? import_leave(w, key, "not a host and port")
			     : import_refuse(w, key, "not a host and port");
	if (str_eq(host, STR("*")))
		return allow ? import_leave(w, key,
					    "every host; a policy names them")
			     : deny_all(w, port, key);
	r = take_addr(w, allow, host, port, key);
	if (r != 1)
		return r;
	if (str_eq(host, STR("localhost")))
		return allow ? import_leave(w, key,
					    "the session's own; it is always "
					    "reached")
			     : import_remark(w, key,
					     "the session's own, not the "
					     "host's");
	why = scalar_host(w->arena, host, &name, &subdomains);
	if (why)
		return allow ? import_leave(w, key, why)
			     : import_refuse(w, key, why);
	return add(w, allow, arena_str(w->arena, host), false, port, key);
}

int import_range(struct import_work *w, struct str text, struct str key)
{
	struct in6_addr addr;
	uint8_t bits;

	if (net_addr_parse(text, &addr))
		return take_addr(w, false, text, 0, key);
	if (net_cidr_parse(text, &addr, &bits) != 0)
		return import_refuse(w, key, "not ADDRESS/BITS");
	return add(w, false, arena_str(w->arena, text), true, 0, key);
}

static bool is_denied(const struct import_work *w, uint16_t port)
{
	for (size_t i = 0; i < w->denied_ports.n; i++) {
		if (w->denied_ports.items[i].port == port)
			return true;
	}
	return false;
}

/* What an entry without a port stands for, less what "*:port" denies. */
static int narrow(struct import_work *w, struct import_item *it, bool *ret_keep)
{
	bool no_http = is_denied(w, 80), no_https = is_denied(w, 443);

	*ret_keep = it->port == 0 ? !(no_http && no_https)
				  : !is_denied(w, it->port);
	if (!*ret_keep)
		return import_leave(w, it->from,
				    "its ports are refused by another key");
	if (it->port == 0 && (no_http || no_https))
		it->port = no_http ? 443 : 80;
	return 0;
}

int import_finish_hosts(struct import_work *w)
{
	struct import_list *l = &w->im.allow;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++) {
		bool keep = false;

		if (w->no_network)
			r = import_leave(w, l->items[i].from,
					 "refused by another key");
		else if (w->foreign_proxy)
			r = import_leave(w, l->items[i].from,
					 "a proxy of your own decides there; "
					 "what it refuses is not known");
		else
			r = narrow(w, &l->items[i], &keep);
		if (keep)
			l->items[n++] = l->items[i];
	}
	l->n = n;
	return r;
}
