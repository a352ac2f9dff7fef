/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exporter: the program that sends the ledger to the sinks (bawn-export), kept
 * running while there is a sinks.yaml.
 *
 * It ends by itself when our end of its socket closes.  When it dies it is
 * started anew, after a pause that grows.  All that it may tell us is that a
 * record was set aside.
 */
#pragma once

#include "base/loop.h"
#include "keeper/link.h"

struct keeper;

struct exporter {
	struct link link;
	struct loop_timer again;
	pid_t pid;
	uint64_t began_ns;
	uint32_t pause_s; /* 0: it has not died */
	bool waiting;     /* for the timer */
};

void exporter_init(struct keeper *k);
/* Lets it go: it has some seconds for what is under way. */
void exporter_done(struct keeper *k);
/* Starts it when there is something to do and it does not run. */
void exporter_check(struct keeper *k);
