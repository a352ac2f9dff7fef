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
struct rules_entry;

#define GRANT_ARGV_MAX  ((size_t)4096) /* bytes of the command in a record */
#define GRANT_ARENA_MAX ((size_t)16 * 1024 * 1024)

enum grant_result {
	GRANT_WAIT = 1, /* for a preset; session_advance() comes again */
	GRANT_REFUSED,  /* the policy says no */
	GRANT_FAILED,   /* we could not */
	GRANT_ASK, /* the user is to say whether the project's policy counts */
};

#define GRANT_ASK_CODE 5 /* of MSG_REFUSED */

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

/*
 * The policy as its files are now, for a session that knows its project, with a
 * reference; then what follows from it.  0, < 0, 1 with a line, and compiling
 * also GRANT_WAIT: a preset is not known yet.
 */
must_check int grant_get_rules(struct session *s, struct rules_entry **ret,
			       struct diag *reterr);
must_check int grant_compile_rules(struct session *s, struct rules_entry *e,
				   struct diag *reterr);

/* The body of MSG_REFUSED for GRANT_ASK.  0 or -ENOMEM. */
must_check int grant_format_asks(const struct session *s, struct buf *b);

/* Both ends of the six channels; -1 = none, or handed on. */
struct grant_channels {
	int supervisor[2]; /* to the relay; the witness's, to the scribe */
	int relay[3];      /* to the supervisor, the scribe, the keeper */
	int scribe[4];     /* from the relay, ledger, events, witness */
	int keeper[3];     /* ledger, events, relay */
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
