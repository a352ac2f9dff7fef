/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ground: what a jail of namespaces needs and no policy decides, made ahead: a
 * user namespace with its ids mapped, and of it a network that refuses
 * everything (net_prepare) with its sockets, and a root with /dev and nothing else;
 * and outside of it a witness that waits to be told of a session.  Nobody is in any
 * of it; who starts a jail enters and takes it, once, and what holds it are
 * descriptors alone.
 */
#pragma once

#include "base/base.h"
#include "jail/net.h"

#define GROUND_FDS    7u /* in a message, in the order of the struct */
#define GROUND_LIMITS 4u

struct ground {
	int user_ns, net_ns;
	struct net_sockets sockets; /* all but nflog */
	int root;                   /* with /dev in it: mounts_make_ahead() */
	int witness;                /* witness_spawn() */
};

#define GROUND_NULL                                                         \
	{                                                                   \
		.user_ns = -1, .net_ns = -1, .sockets = { -1, -1, -1, -1 }, \
		.root = -1, .witness = -1                                   \
	}

void ground_done(struct ground *g);
static inline void auto_ground(struct ground *g)
{
	ground_done(g);
}

/*
 * For a jail of our user, or as root for one of PLAN_ROOT_UID.  By a process of
 * its own, which is waited for; the witness is a child of ours, and nobody waits
 * for it: a caller that lives on ignores SIGCHLD.  0, or -errno and @reterr says
 * what failed.
 */
must_check int ground_make(struct ground *ret, struct diag *reterr);

/*
 * The limits of ours that a user namespace takes from who makes it and keeps for
 * ever, as a body {"limits":[..]}.
 */
must_check int ground_format_limits(struct buf *b);
/* The body says the limits that we have now, too. */
must_check bool ground_has_our_limits(struct str body);

/* Descriptors in a message's order; the latter takes them. */
void ground_to_fds(const struct ground *g, int fds[GROUND_FDS]);
struct ground ground_take_fds(const int take_fds[GROUND_FDS]);
