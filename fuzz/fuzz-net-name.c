/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a host name as a hostile program may spell it.  Laws:
 *   1. what is accepted parses to itself, is at most NET_NAME_MAX long and has
 *      letters, digits, hyphens and dots only;
 *   2. no spelling of an address is accepted: inet_aton(3) takes nothing that
 *      net_name_parse() took;
 *   3. a rule for exactly this name matches it, and one for "*." and the name
 *      does not.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "policy/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_characters(const char *name)
{
	for (; *name; name++)
		law((*name >= 'a' && *name <= 'z') ||
		    (*name >= '0' && *name <= '9') || *name == '-' ||
		    *name == '.');
}

static void check_rules(struct str name)
{
	struct net_rule rule = { .host = name, .ports = { 443 }, .n_ports = 1 };
	struct net_policy p = { .allow = &rule, .n_allow = 1 };

	law(net_decide_name(&p, name, 443).verdict == VERDICT_ALLOW);
	law(net_decide_name(&p, name, 80).verdict == VERDICT_DENY);
	rule.subdomains = true;
	law(net_decide_name(&p, name, 443).verdict == VERDICT_DENY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { .ptr = (const char *)data, .len = size };
	char name[NET_NAME_MAX + 1], again[NET_NAME_MAX + 1];
	struct in_addr addr;

	if (!net_name_parse(in, name))
		return 0;
	law(strlen(name) > 0 && strlen(name) <= NET_NAME_MAX);
	law(net_name_parse(str_of(name), again) && strcmp(name, again) == 0);
	law(inet_aton(name, &addr) == 0);
	check_characters(name);
	check_rules(str_of(name));
	return 0;
}
