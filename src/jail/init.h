/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init: pid 1 of a jail.  It builds the walls from inside, puts itself behind
 * them, starts the one command, and ends with it or with its supervisor.
 */
#pragma once

#include "base/base.h"

struct ground;

/* Ids of MSG_PLAN */
enum init_plan {
	INIT_PLAN = 0,
	INIT_PLAN_ROOT, /* sources follow, until one of INIT_SOURCED */
	INIT_SOURCES,   /* mounts; the body says of which rows, uint32_t */
	INIT_SOURCED,   /* that were all */
	INIT_SOURCED_IDMAPPED, /* and some of them have mapped ids */
	INIT_MAPPED,           /* no plan: the ids are mapped, go on */
};

struct init_config {
	int sock; /* to the supervisor */
	bool tty;
	/*
	 * The jail's user is ours, so init may map it.  Else the supervisor
	 * does, and says so with INIT_MAPPED.
	 */
	bool own_ids;
	uint32_t uid, gid; /* of the jail's user, as the jail counts */
	/*
	 * We are born on it (ground.h), borrowed.  NULL: neither network nor id
	 * maps are there, nor a root.
	 */
	const struct ground *ground;
	bool steps; /* tell in MSG_INIT_READY how long each step took */
};

/*
 * Never returns.  Called in the new process with all namespaces but the
 * network's, ids not mapped yet.
 */
noreturn_fn void init_main(const struct init_config *c);
