/* SPDX-License-Identifier: Apache-2.0 */
/*
 * telemetry: the relay's part in receiving what agents say of themselves
 * (audit.telemetry): it hands clients to a receiver, a process of its own that
 * exists once there is a client, and what that says to the scribe.
 *
 * The receiver reads hostile bytes and is believed nothing but that: what is no
 * record of kind agent.event, or comes faster than it may, ends it.
 */
#pragma once

#include "base/loop.h"
#include "relay/outq.h"

#define TELEMETRY_RECEIVERS 8u /* that may end before nobody is heard */

struct telemetry;

/*
 * @take_listener non-blocking, or -1: clients come by telemetry_take() alone;
 * taken also on failure.  Silent until telemetry_pause(t, false).
 */
must_check int telemetry_new(struct telemetry **ret, struct loop *loop,
			     struct outq *scribe, int take_listener);
void telemetry_free(struct telemetry *t);
DEFINE_AUTO(telemetry, struct telemetry, telemetry_free);

/* A client, non-blocking; taken.  -errno ends the relay. */
must_check int telemetry_take(struct telemetry *t, int take_fd);
/* For tests: what a receiver runs instead of receiver_run(). */
void telemetry_set_run(struct telemetry *t, void (*run)(int take_fd));
must_check int telemetry_pause(struct telemetry *t, bool pause);
/* The receiver's last words.  -errno: the ledger cannot be reached. */
must_check int telemetry_end(struct telemetry *t);
