/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net: the network of a jail, made from inside its namespaces.
 *
 * Every address is local (AnyIP routes on lo with a preferred source).  TCP to
 * the plan's classes and CIDRs, on their ports, reaches one listening socket
 * by TPROXY; port 53 reaches the resolver's sockets; all else is refused by
 * the kernel at once and copied to NFLOG.
 */
#pragma once

#include "base/base.h"
#include "jail/plan.h"

#define NET_OWN_V4     "10.0.2.100"
#define NET_OWN_V6     "fd00::2:64"
#define NET_RESOLVER   "10.0.2.3" /* any address would do */
#define NET_LOG_GROUP  1u
#define NET_LOG_BYTES  80u /* of each refused packet */
#define NET_PROXY_PORT 1u /* only root could bind it inside, and is not there */

struct net_sockets {
	int tproxy, udp53, tcp53, nflog; /* owned by the caller; -1 = none */
};

/*
 * In this order, with CAP_NET_ADMIN in the current network namespace.  All:
 * @scratch is NL_BYTES; 0, or -errno and @reterr says which step and what
 * mends it.
 *
 * net_prepare   addresses, routes, rules that refuse everything, and all sockets
 *               but nflog; needs no plan
 * net_rules     what the plan allows
 * net_log       what is refused from here on is told to ret->nflog
 */
must_check int net_prepare(char *scratch, struct net_sockets *ret,
			   struct diag *reterr);
must_check int net_rules(const struct plan *p, char *scratch,
			 struct diag *reterr);
/*
 * net_telemetry the listener for what agents say of themselves, on loopback;
 *               the descriptor or -errno
 */
must_check int net_telemetry(void);
must_check int net_log(char *scratch, struct net_sockets *ret,
		       struct diag *reterr);
