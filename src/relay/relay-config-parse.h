/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay-config-parse: what the keeper tells a relay at its birth, and of name
 * servers later.  Pure; strict: unknown members and wrong types are refused.
 *
 *   config    = {"session": STRING, "net": policy, "resolvers": resolvers,
 *                "telemetry": BOOL}
 *   resolvers = {"servers": ["ADDR#PORT", ...], "search": [NAME, ...],
 *                "hosts": [[NAME, ADDR], ...], "timeout_ms": INT}
 *
 * "#PORT" may be left out (53).  An IPv6 address stands without brackets.
 * Members of resolvers may be left out, except that resolvers itself is there;
 * telemetry may, which is false then.
 */
#pragma once

#include "policy/net.h"

#define RELAY_MAX_SERVERS 8u
#define RELAY_MAX_SEARCH  16u
#define RELAY_MAX_HOSTS   65536u
#define RELAY_CONFIG_MAX  ((size_t)8 * 1024 * 1024) /* bytes of JSON */

struct relay_host {
	struct str name; /* as net_name_parse() makes it */
	struct in6_addr addr;
};

struct relay_resolvers {
	struct net_resolver servers[RELAY_MAX_SERVERS];
	size_t n_servers;
	struct str search[RELAY_MAX_SEARCH];
	size_t n_search;
	struct relay_host
		*hosts; /* as given: the first of a name comes first */
	size_t n_hosts;
	uint32_t timeout_ms; /* of one look-up; 0 = not given */
};

struct relay_config {
	struct str session;
	struct net_policy net;
	struct relay_resolvers resolvers;
	bool telemetry; /* what agents say of themselves is received */
};

/*
 * 0; -ENOMEM; 1 = not in the language (@reterr, may be NULL).  All lives in @a.
 * Hosts whose name is no host name are left out; they could not be asked for.
 */
must_check int relay_config_parse(struct arena *a, struct str json,
				  struct relay_config *ret,
				  struct diag *reterr);
must_check int relay_resolvers_parse(struct arena *a, struct str json,
				     struct relay_resolvers *ret,
				     struct diag *reterr);
