/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: the process through which every byte between a jail and the network
 * passes.  One per session.
 *
 * Channels (bodies in doc/PROTOCOL.ipc):
 *   supervisor -> relay  MSG_SOCKETS {} + TPROXY listener, UDP 53, TCP 53
 *                        listener, NFLOG netlink (may be missing), and with
 *                        telemetry the listener for OTLP; or one
 *                        end of a pair on which the warden of a jail without
 *                        a network hands connections over (ipc/handover.h)
 *   relay -> supervisor  MSG_READY {"layers":{...}}, MSG_NOTICE {...},
 *                        MSG_STATS {"bytes_in","bytes_out","connections"}
 *   keeper -> relay      MSG_RESOLVERS
 *   relay -> scribe      MSG_APPEND; answered MSG_APPENDED
 *
 * End of file on any channel ends the relay: counts are told to the scribe,
 * MSG_STATS to the supervisor, all connections are reset.  A supervisor that
 * wants MSG_STATS shuts down its sending side; nothing comes after it.
 */
#pragma once

#include "base/loop.h"
#include "relay/gate.h"

struct relay;

/* For tests; zero members: the real thing. */
struct relay_seams {
	struct loop_world loop;
	gate_orig_fn orig; /* of accepted sockets */
	size_t fds_max;    /* instead of RLIMIT_NOFILE */
};

struct relay_channels {
	int supervisor, scribe, keeper;
};

/*
 * What needs a file system: call before confinement.  @seams may be NULL.
 * -errno.
 */
must_check int relay_new(struct relay **ret, const struct relay_seams *seams);
void relay_free(struct relay *r);
DEFINE_AUTO(relay, struct relay, relay_free);

/*
 * @config as relay-config-parse.h has it, @layers a JSON object for MSG_READY;
 * both borrowed for the call.  Channels are taken, also on failure.
 * -errno, or 1 = not a configuration (@reterr).
 */
must_check int relay_begin(struct relay *r, struct str config,
			   struct str layers, struct relay_channels take,
			   struct diag *reterr);
/* One round, for tests; see loop_once(). */
must_check int relay_once(struct relay *r, int timeout_ms);
/* Until the session ends.  0 = in order, else -errno. */
must_check int relay_run(struct relay *r);
/*
 * Until the supervisor that ended this is gone, or a second: the end of a process
 * takes time of the processors, which those need that are about to end a session.
 */
void relay_linger(const struct relay *r);
/* Flush, tell the stats.  relay_run() does it; for tests with relay_once(). */
void relay_end(struct relay *r);

/*
 * The process that forks relays: never returns but with its exit code.  Run in
 * a child that the daemon forks early; it closes all other descriptors, and
 * serves until end of file on @keeper_fd.
 *
 *   keeper -> zygote  MSG_FORK, body the relay's configuration + descriptors
 *                     supervisor, scribe, keeper (the relay's ends)
 *   zygote -> keeper  MSG_FORKED {"pid"}, the same id; pid 0 = could not, and
 *                     "error" says why
 *                     MSG_EXITED {"pid","status"}: exit code, or 128 + signal
 */
int zygote_run(int keeper_fd);
