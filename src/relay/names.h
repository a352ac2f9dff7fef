/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: which synthetic addresses stand for which name.  Pure but for memory.
 *
 * A name keeps its pair of addresses for the life of the session.
 */
#pragma once

#include "policy/net.h"

#define NAMES_MAX       65536u                     /* names of one session */
#define NAMES_MAX_BYTES ((size_t)24 * 1024 * 1024) /* memory for them */

struct names;

/* @p is borrowed for the life of the table.  -ENOMEM, or 1 = no classes. */
must_check int names_new(struct names **ret, const struct net_policy *p);
void names_free(struct names *n);
DEFINE_AUTO(names, struct names, names_free);

/*
 * The addresses of @name (as net_name_parse() made it), which is allowed on
 * some port; the v4 one is mapped.
 * 0; -ENOMEM; 1 = the policy allows it on no port; 2 = no address is left.
 */
must_check int names_assign(struct names *n, struct str name,
			    struct in6_addr *ret_v4, struct in6_addr *ret_v6);

/* @addr lies in a range that stands for names, whether given out or not. */
bool names_covers(const struct names *n, const struct in6_addr *addr);

/* The name for which @addr stands, NULL-terminated; {0}: none. */
struct str names_find(const struct names *n, const struct in6_addr *addr);
