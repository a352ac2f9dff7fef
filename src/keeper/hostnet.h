/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostnet: the host's resolv.conf(5) and hosts(5), read for the relay, which
 * has no files.  The parsers are pure; both skip what they do not know, as the
 * C library does, and stop at their limits.
 */
#pragma once

#include <netinet/in.h>

#include "base/arena.h"
#include "base/buf.h"
#include "policy/net.h"

#define HOSTNET_SERVERS_MAX 8u
#define HOSTNET_SEARCH_MAX  6u	    /* as in glibc */
#define HOSTNET_HOSTS_MAX   200000u /* names; block lists are long */
#define HOSTNET_FILE_MAX    ((size_t)6 * 1024 * 1024) /* bytes */

struct hostnet_host {
	struct str name; /* net_name_parse()d */
	struct in6_addr addr;
};

struct hostnet {
	struct net_resolver servers[HOSTNET_SERVERS_MAX];
	size_t n_servers;
	struct str search[HOSTNET_SEARCH_MAX];
	size_t n_search;
	struct hostnet_host *hosts;
	size_t n_hosts;
};

/* "1.2.3.4" or an IPv6 address without zone; v4 mapped. */
must_check bool hostnet_addr_parse(struct str s, struct in6_addr *ret);
void hostnet_resolv_parse(struct arena *a, struct str text,
			  struct hostnet *ret);
void hostnet_hosts_parse(struct arena *a, struct str text, struct hostnet *ret);
/*
 * {"servers":["ip#port"],"search":[],"hosts":[["name","ip"]],"timeout_ms":N}
 * @dns replaces the host's servers when @n_dns > 0.
 */
void hostnet_format(const struct hostnet *h, const struct net_resolver *dns,
		    size_t n_dns, struct buf *b);
