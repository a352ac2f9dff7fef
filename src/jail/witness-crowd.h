/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-crowd: do several threads call at the same time?  Pure.
 *
 * A synchronous answer puts the caller on our processor.  That is right for one
 * caller, which goes to and fro with us; of several it gathers all on the one
 * processor, while another has nothing to do (measured: 30 C files with make -j2
 * took 1.5 times as long as bare, and 1.25 times with answers that are not).
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define CROWD_RUNS 8u /* that are remembered */

struct crowd {
	/* A run is calls of one thread without another's between them. */
	pid_t runs[CROWD_RUNS];
	unsigned at; /* of the present one */
	unsigned score;
	uint64_t since_ns; /* it began */
};

/* A call of @tid at clock_mono_ns() @now_ns.  True: it is one of several. */
bool crowd_see(struct crowd *c, pid_t tid, uint64_t now_ns);
