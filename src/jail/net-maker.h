/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net-maker: a network namespace made by a process beside init, while init
 * makes the mounts: together they are most of a start.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "jail/net.h"

struct net_made; /* shared with the maker */

struct net_maker {
	pid_t pid;
	struct net_made *made;
};

/* Begins; the caller is single-threaded and blocks SIGCHLD. 0 or -errno. */
must_check int net_maker_start(struct net_maker *m);
/*
 * Waits for it, and enters the namespace.  Once.  @ret: all but nflog.
 * 0, or -errno and @reterr says which step and what mends it.
 */
must_check int net_maker_join(struct net_maker *m, struct net_sockets *ret,
			      struct diag *reterr);
