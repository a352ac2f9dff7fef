/* SPDX-License-Identifier: Apache-2.0 */
/* nflog: what the jail's kernel refused, from its netlink socket. */
#pragma once

#include "base/loop.h"
#include "relay/names.h"
#include "relay/nflog-parse.h"
#include "relay/refuse.h"

struct nflog;

/* Borrowed for the life of the reader. */
struct nflog_parts {
	struct loop *loop;
	const struct net_policy *policy;
	const struct names *names;
	struct refusals *refusals;
};

/* One packet that was refused. */
must_check int nflog_record(const struct nflog_parts *parts,
			    const struct nflog_packet *p);

/* @take_fd, non-blocking, is taken also on failure.  Reads when unpaused. */
must_check int nflog_new(struct nflog **ret, const struct nflog_parts *parts,
			 int take_fd);
void nflog_free(struct nflog *n);
DEFINE_AUTO(nflog, struct nflog, nflog_free);
must_check int nflog_pause(struct nflog *n, bool pause);
/* What waits in the socket, at the end. */
must_check int nflog_drain(struct nflog *n);
