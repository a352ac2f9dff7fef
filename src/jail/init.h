/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init: pid 1 of a jail.  It builds the walls from inside, puts itself behind
 * them, starts the one command, and ends with it or with its supervisor.
 */
#pragma once

#include "base/base.h"

/* Ids of MSG_PLAN */
enum init_plan {
	INIT_PLAN = 0,
	INIT_SOURCES,       /* mounts; the body says of which rows, uint32_t */
	INIT_PLAN_IDMAPPED, /* some of them have mapped ids */
};

struct init_config {
	int sock; /* to the supervisor */
	bool tty;
	/*
	 * The jail's user is ours, whatever the plan is: map it at once, and
	 * make what every plan has.  Else the supervisor maps.
	 */
	bool own_ids;
	uint32_t uid, gid; /* ours, on the host */
	bool steps;        /* tell in MSG_INIT_READY how long each step took */
};

/*
 * Never returns.  Called in the new process with all namespaces but the
 * network's, ids not mapped yet.
 */
noreturn_fn void init_main(const struct init_config *c);
