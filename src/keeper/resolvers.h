/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolvers: what the relays know of names: nameservers, search list and hosts
 * file of this machine, read again when the files change.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/json.h"
#include "keeper/host.h"
#include "keeper/hosts-parse.h"
#include "policy/net.h"

struct resolvers {
	struct hosts_resolv conf;
	struct hosts_file hosts;
	uint64_t identity[2][5];
	uint64_t version; /* 0: never read */
	struct buf text;  /* of the files; reused */
};

void resolvers_init(struct resolvers *r);
void resolvers_done(struct resolvers *r);

/*
 * Look whether the files have changed.  A file that cannot be
 * read counts as empty.  True: they have; then the relays are to be told.
 */
bool resolvers_check(struct resolvers *r, const struct host *host);

/*
 * The object of MSG_FORK's "resolvers" and of MSG_RESOLVERS.  Nameservers
 * that @net names take the place of the machine's.
 */
void resolvers_format(const struct resolvers *r, const struct net_policy *net,
		      struct json_out *w);
