/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-crowd: on which processor is a caller to go on?  Pure.
 *
 * A synchronous answer puts the caller on our processor.  That is right for one
 * caller, which goes to and fro with us; of several it gathers all on the one
 * processor, while another has nothing to do (measured: 30 C files with make -j2
 * took 1.5 times as long as bare, and 1.25 times with answers that are not).
 *
 * When calls are rare, each such misplacement stays for milliseconds: until the
 * kernel moves one of them away again (the same job with audit.files: writes took
 * 1.12 times as long as bare, and 1.06 times when the caller's processor was
 * looked at).  A look costs 2 us, so it is not for calls that come densely.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define CROWD_RUNS 8u /* that are remembered */

enum crowd_answer {
	CROWD_HERE,  /* on ours: it called there */
	CROWD_APART, /* where it was: it is one of several */
	CROWD_LOOK,  /* nothing tells where it called: see where it is */
};

struct crowd {
	/* A run is calls of one thread without another's between them. */
	pid_t runs[CROWD_RUNS];
	unsigned at; /* of the present one */
	unsigned score;
	uint64_t since_ns; /* it began */
	uint64_t last_ns;  /* the last call */
};

/* Of a call of @tid at clock_mono_ns() @now_ns. */
enum crowd_answer crowd_see(struct crowd *c, pid_t tid, uint64_t now_ns);
