/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant: from a request to all that a session needs: policy, plan, channels,
 * the opening record, a relay.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "keeper/open-parse.h"

struct git_hosts;
struct session;

#define GRANT_ARGV_MAX  ((size_t)4096) /* bytes of the command in a record */
#define GRANT_ARENA_MAX ((size_t)16 * 1024 * 1024)

enum grant_result {
	GRANT_WAIT = 1, /* for a preset; session_advance() comes again */
	GRANT_REFUSED,  /* the policy says no */
	GRANT_FAILED,   /* we could not */
};

struct grant {
	struct arena arena;
	struct buf buf;
	struct git_hosts *git; /* NULL: the policy does not ask for them */
	struct str body;       /* of MSG_GRANT */
};

void grant_init(struct grant *g);
void grant_done(struct grant *g);

/*
 * Policy and plan.  0, < 0, or enum grant_result with a line for the user in
 * @reterr.
 */
must_check int grant_make(struct session *s, struct grant *g,
			  struct diag *reterr);

/* Both ends of the five channels; -1 = none, or handed on. */
struct grant_channels {
	int supervisor;
	int relay[3];  /* to the supervisor, the scribe, the keeper */
	int scribe[3]; /* from the relay, ledger, events */
	int keeper[3]; /* ledger, events, relay */
};

/* On failure nothing stays open. */
must_check int grant_channels_open(struct grant_channels *ret);
void grant_channels_close(struct grant_channels *ch);

/* The ledger's channel alone, for a session that is only to be closed. */
must_check int grant_open_ledger(struct session *s);
must_check int grant_tell_scribe(struct session *s,
				 const struct grant_channels *ch);
must_check int grant_append_open(struct session *s, uint32_t record_id);
must_check int grant_fork_relay(struct session *s,
				const struct grant_channels *ch);

/*
 * The words as a shell would need them, in one line of at most GRANT_ARGV_MAX
 * bytes; "..." where words are missing.
 */
must_check int grant_quote_argv(struct arena *a, const struct open_request *q,
				struct str *ret);
