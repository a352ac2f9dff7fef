/* SPDX-License-Identifier: Apache-2.0 */
/* state: what the files of the keeper share.  One instance for the process. */
#pragma once

#include "base/heap.h"
#include "base/loop.h"
#include "keeper/accepting.h"
#include "keeper/amending.h"
#include "keeper/exporter.h"
#include "keeper/grounds.h"
#include "keeper/host.h"
#include "keeper/keeper.h"
#include "keeper/link.h"
#include "keeper/owed.h"
#include "keeper/preset.h"
#include "keeper/resolvers.h"
#include "keeper/rules.h"

struct client;
struct session;

struct keeper {
	const struct keeper_config *config;
	struct loop *loop;
	struct host host;
	struct loop_io listen;
	bool listen_off; /* until the next tick */
	int spare_fd;    /* to turn somebody away with; -1: in use */
	struct link scribe, zygote;
	struct grounds grounds;
	struct exporter exporter;
	char scribe_why[256]; /* it could not begin; "": it did, or died mute */
	struct client *clients;
	size_t n_clients;
	struct session *sessions; /* newest first */
	size_t n_sessions;
	struct heap_crowd crowd; /* of them */
	uint32_t last_serial;
	uint64_t began_ns; /* monotonic */
	uint64_t n_opened; /* since the start */
	uint64_t seq;      /* of the newest record that we know to be durable */
	bool recovered;    /* what the daemon before us owed */
	bool draining;     /* no new sessions; ends with the last one */
	bool stopping;
	enum keeper_end end;
	struct rules rules;
	struct accepting accepting;
	struct amending amending;
	struct resolvers resolvers;
	struct preset preset;
	struct owed owed;
	struct loop_timer idle_timer, tick_timer, stop_timer;
};

/* The number of clients or sessions has changed. */
void keeper_changed(struct keeper *k);
/*
 * Record @seq is durable; 0: unknown.  After the first, the ledger can be read,
 * and what a daemon before us owed is looked after.
 */
void keeper_durable(struct keeper *k, uint64_t seq);
/* Tell the relays if resolv.conf or hosts have changed. */
void keeper_look_at_resolvers(struct keeper *k);
/* End all sessions, then the role. */
void keeper_stop(struct keeper *k, enum keeper_end why, const char *reason);
/*
 * peer.killed on the channel of the session @on, or on our own with NULL.  A
 * failure is logged: the peer dies all the same.
 */
void keeper_record_killed(struct keeper *k, struct session *on,
			  const char *peer, pid_t pid, const char *why);
