/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: what a keeper tells a relay.  Laws:
 *   1. what is accepted keeps its limits, and every host is a name in its one
 *      spelling;
 *   2. its policy, narrowed by itself, allows nothing that it did not.
 */
#include "relay/relay-config-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_resolvers(const struct relay_resolvers *r)
{
	char name[NET_NAME_MAX + 1];

	law(r->n_servers <= RELAY_MAX_SERVERS &&
	    r->n_search <= RELAY_MAX_SEARCH && r->n_hosts <= RELAY_MAX_HOSTS);
	for (size_t i = 0; i < r->n_hosts; i++)
		law(net_name_parse(r->hosts[i].name, name) &&
		    str_eq(str_of(name), r->hosts[i].name));
}

static void check_policy(struct arena *a, const struct net_policy *p)
{
	struct net_policy left;

	law(p->n_allow <= NET_MAX_RULES && p->n_deny <= NET_MAX_RULES &&
	    p->n_layers <= NET_MAX_LAYERS);
	if (net_narrow(a, p, p, &left) != 0)
		return; /* too many together */
	for (size_t i = 0; i < left.n_allow; i++) {
		bool within = false;

		for (size_t k = 0; k < p->n_allow && !within; k++)
			within = net_rule_covers(&p->allow[k], &left.allow[i]);
		law(within);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .ptr = (const char *)data, .len = size };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct relay_resolvers res;
	struct relay_config c;

	if (size > 65536)
		return 0;
	arena_init(&a, (size_t)64 * 1024 * 1024);
	if (relay_resolvers_parse(&a, text, &res, NULL) == 0)
		check_resolvers(&res);
	if (relay_config_parse(&a, text, &c, NULL) != 0)
		return 0;
	check_resolvers(&c.resolvers);
	check_policy(&a, &c.net);
	return 0;
}
