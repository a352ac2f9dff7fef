/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate: TCP connections that leave the jail, from accept to the pump.
 */
#pragma once

#include "relay/grant.h"
#include "relay/helpers.h"
#include "relay/names.h"
#include "relay/pump.h"
#include "relay/refuse.h"
#include "relay/resolve.h"

#define GATE_MAX_CONNS 32768u /* of one session, helpers included */
#define GATE_FD_SPARE  256u   /* descriptors for everything else */

/* The original destination of an accepted socket; v4 mapped.  0 or -errno. */
typedef int (*gate_orig_fn)(int fd, struct sockaddr_in6 *ret);

/*
 * One connection: its socket, which is the caller's, and its destination.
 * 0; 1 = none waits; 2 = go on; -EPIPE = there will be no more; -EMFILE and
 * the like = not now; else the relay ends.
 */
typedef int (*gate_accept_fn)(void *owner, int fd, int *ret_fd,
			      struct sockaddr_in6 *ret_orig);

/* Borrowed for the life of the gate. */
struct gate_parts {
	struct loop *loop;
	const struct net_policy *policy;
	struct names *names;
	struct resolver *resolver;
	struct grants *grants;
	struct refusals *refusals;
	struct pump_pool *pool;
	gate_orig_fn orig;     /* NULL: getsockname(2) */
	gate_accept_fn accept; /* NULL: accept(2), and orig */
	void *accept_owner;
	size_t fds_max; /* RLIMIT_NOFILE */
};

struct gate_stats {
	uint64_t bytes_in;  /* to the jail */
	uint64_t bytes_out; /* from it */
	uint64_t connections;
};

struct gate;

/*
 * @listener is taken, whatever parts->accept makes of it; nothing is accepted
 * before gate_pause(g, false).
 */
must_check int gate_new(struct gate **ret, const struct gate_parts *parts,
			int take_listener);
/* What sockets of programs have; of a listener they inherit it. */
void gate_set_options(int fd);
/* Ends every connection with a reset. */
void gate_free(struct gate *g);
DEFINE_AUTO(gate, struct gate, gate_free);

/* Stop accepting, or go on.  Connections that stand are not touched. */
must_check int gate_pause(struct gate *g, bool pause);
/*
 * The policy allows less than it did: end, with a reset and a record, what it
 * does not allow any more; connections that helpers hold all end.
 */
must_check int gate_narrow(struct gate *g);
/* No program's last bytes are on their way to an upstream, as far as is known. */
bool gate_is_settled(const struct gate *g);
/* All connections so far; waits for helpers, which end, so call it last. */
void gate_end(struct gate *g, struct gate_stats *ret);
