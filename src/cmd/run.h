/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: the supervisor of one session, `bawn run`.
 *
 * It is the only process that talks to all others: keeper, relay, init of the
 * jail, and the user's terminal.  Everything happens in one loop, from the
 * first message on, so that a signal is served in every phase.
 *
 *   OPENING -- keeper: MSG_GRANT --> MAKING
 *   MAKING -- all of enum run_need are there (run_try_go) --> RUNNING
 *   RUNNING -- init: MSG_INIT_EXIT, or run_end() --> ENDING
 *   ENDING -- no process is left, the record is closed --> over
 *   OPENING, MAKING -- run_fail() --> ENDING
 *
 * The parts are in run-*.c; this header is for them alone.
 */
#pragma once

#include "base/arena.h"
#include "base/loop.h"
#include "cmd/cmd.h"
#include "cmd/run-ask.h"
#include "cmd/run-notice.h"
#include "ipc/ipc.h"
#include "jail/broker.h"
#include "jail/cover.h"
#include "jail/hide.h"
#include "jail/jail.h"
#include "jail/limits.h"
#include "jail/plan.h"
#include "jail/pty.h"

struct run_opts {
	const char *profile, *policy, *task;
	struct option_list env;
	bool json, plan, review, live, no_hints, no_ask;
};

/* Of our two requests, by which the keeper's refusal says which it is about. */
#define RUN_OPEN_ID  1u
#define RUN_CLOSE_ID 2u

enum run_phase {
	RUN_OPENING = 1,
	RUN_MAKING,
	RUN_RUNNING,
	RUN_ENDING,
};

/* What the command waits for. */
enum run_need {
	RUN_NEED_JAIL = 1u << 0,   /* init made the jail; see may_go() */
	RUN_NEED_RELAY = 1u << 1,  /* the relay has its sockets */
	RUN_NEED_LEDGER = 1u << 2, /* the opening is on the ledger */
	RUN_NEED_HIDE = 1u << 3,   /* all that is hidden is covered */
	RUN_NEEDS = RUN_NEED_JAIL | RUN_NEED_RELAY | RUN_NEED_LEDGER |
		    RUN_NEED_HIDE,
};

/* Of the command and its children, as init saw it. */
struct run_use {
	uint64_t utime_us, stime_us, maxrss_kb;
	uint64_t bytes_in, bytes_out;
	uint64_t
		ledger_ms; /* the witness waited for the ledger, and all for it */
};

#define RUN_GRACE_NS (5 * NS_PER_S) /* from SIGTERM to SIGKILL */

struct run {
	struct run_opts opts;
	char *const *argv; /* of the command, terminated */
	int argc;

	struct loop *loop;
	struct arena arena;
	enum run_phase phase;
	unsigned needs; /* enum run_need that are still missing */
	struct plan plan;
	char session[32];
	struct ipc_msg msg; /* what is being served */
	struct buf out;     /* what is being written */

	/* Descriptors: -1 none; owned. */
	int keeper_fd, relay_fd, signal_fd;
	int witness_fd;           /* made ahead or by us; -1 */
	int witness_scribe;       /* its channel, until it is told of it; -1 */
	pid_t witness;            /* 0: none, or no child of ours */
	bool witness_listens;     /* it was given the listener */
	bool witness_over;        /* it has said all */
	bool close_waits;         /* for that */
	pid_t openers[4];         /* of audit.files: exact; 0: none */
	int hash_fd, hash_scribe; /* of a hasher that nobody asked yet; -1 */
	pid_t hasher;             /* bawn-hash; 0: none, or no more */
	struct loop_io hash_io;   /* of its questions; then of its pidfd */
	struct loop_io keeper_io, relay_io, jail_io, init_io, signal_io,
		witness_io;
	struct jail *jail;
	struct limits *limits;
	struct hide *hide;
	struct run_sockets *sockets; /* NULL: none can be reached */
	struct broker *broker;
	struct pty *pty;
	struct pty_choice tty;
	int master; /* of the jail's pty */
	struct loop_timer hide_timer, grace_timer, greet_timer;
	uint64_t started_ns; /* clock_mono_ns(); 0: not yet */
	bool told_started;   /* the keeper knows, by init's word */

	/* Found before the jail was there to cover them. */
	struct cover_hide *covers; /* their paths in the arena */
	size_t n_covers, covers_size;
	bool scanning;           /* the first pass of hide is not over */
	struct run_later *later; /* run-later.c; NULL: nothing is writable */
	bool watching;           /* run_hide_watch() was called */
	struct str layers;       /* body of MSG_INIT_READY */
	char no_jail[1000];      /* why there is none of namespaces; "" */
	const char **env;        /* of the command, in the arena */
	size_t n_env;

	struct run_hits *hits;     /* run-limits.c */
	struct run_refusals *seen; /* run-witness.c: of a warden */
	struct notices *notices;

	struct buf output; /* of the terminal, not recorded yet */
	bool shown;        /* some was */

	struct run_question
		question; /* why it was not opened; lines NULL: no */

	/* How it ends. */
	bool greeted; /* MSG_HELLO was read */
	bool init_gone, closed, keeper_gone, granted;
	bool looking;     /* run_later_end() is at work */
	unsigned tries;   /* daemons that died before they answered */
	bool killed;      /* by us: SIGTERM was not enough */
	int code, signal; /* of the command */
	char reason[200]; /* empty: the command's own */
	struct buf words; /* for the user, once the terminal is theirs again */
	struct run_use use;
	uint64_t ended_ns;
	struct loop_timer close_timer;
};

/* run-reach.c: -ETIMEDOUT: the working directory's file system is dead. */
must_check int run_reach(void);

/* run-start.c */
must_check int run_start(struct run *r);
must_check int run_send_open(struct run *r);
must_check int run_granted(struct run *r, struct ipc_msg *m);
must_check int run_try_go(struct run *r);

/*
 * run-ground.c: what the keeper has made ahead of this session, once it was
 * asked for one.  False: nothing, or not in time.
 */
struct ground;
must_check bool run_take_ground(struct run *r, struct ground *ret);

/* run-keeper.c */
must_check int run_watch_keeper(struct run *r);
/* What it has to say now, or begins to within @ms; may end the session. */
void run_hear_keeper(struct run *r, int ms);
/* @r->out is one record, made with record_begin(). */
void run_record(struct run *r);

/* run-jail.c: messages of init, and its death */
must_check int run_watch_jail(struct run *r);

/* run-relay.c */
must_check int run_watch_relay(struct run *r);

/* run-signal.c */
must_check int run_watch_signals(struct run *r);
/* Signals do what they do to others: end or stop us. */
void run_unwatch_signals(void);
/* The same, and what came before is forgotten. */
void run_drop_signals(struct run *r);
/* And concern the session again. */
void run_rewatch_signals(void);
/* Ask the command to end; it is killed after RUN_GRACE_NS. */
void run_terminate(struct run *r, const char *reason);
/* The user's terminal is gone. */
void run_hangup(void *owner);
/* As a job of the user's shell: stop, and go on when it says so. */
void run_stop_self(struct run *r);

/* run-hide.c */
must_check int run_hide_start(struct run *r);
/* The jail is there: cover what was found so far. */
must_check int run_hide_covers(struct run *r);
/* The command may run from here on.  Again is a no-op. */
must_check int run_hide_watch(struct run *r);
void run_hide_done(struct run *r);
/* Covers and records one find.  0 or -errno. */
must_check int run_hide_one(struct run *r, const struct hide_found *f);
void run_hide_broken(void *owner, int error);

/* run-sockets.c: those that appear while the command runs */
/* @jail_net: any socket of the jail's network, borrowed. */
must_check int run_sockets_new(struct run *r, int jail_net);
/* As hide's `found`. */
must_check int run_sockets_found(struct run *r, const struct hide_found *f);
void run_sockets_free(struct run *r);

/* run-later.c: what runs outside later */
must_check int run_later_start(struct run *r);
struct later_state *run_later_state(struct run *r);
/* What is to be read-only and is not yet, for jail_cover_all(); then it is. */
size_t run_later_locks(struct run *r, const struct cover_lock **ret);
bool run_later_has_locks(const struct run *r);
/* The host replaced what was read-only. */
must_check int run_later_replaced(struct run *r, const struct hide_found *f);
/*
 * The command is over: look what changed, as soon as nothing runs any more.  Calls
 * run_close() at last, at once when there is nothing to look at.
 */
void run_later_end(struct run *r);
/* Nothing of the jail runs any more. */
void run_later_gone(struct run *r);
/* The user waits no longer. */
void run_later_stop(struct run *r);
uint64_t run_later_count(const struct run *r);
size_t run_later_n_locked(const struct run *r);
/* To the user. */
void run_later_tell(struct run *r);
void run_later_done(struct run *r);

/* run-limits.c */
void run_limit_hit(void *owner, const struct limit_hit *h);
must_check int run_limits_apply(struct run *r);
void run_limits_flush(struct run *r);

/* run-end.c */
/* Ours, before the command started, or a death that ends it: exit 125. */
void run_fail(struct run *r, const char *fmt, ...) printf_like(2, 3);
/* The same where it may be the machine that is in the way: then that is said. */
void run_fail_here(struct run *r, const char *text);
/* Send the closing record on its way, when all other records are. */
void run_close(struct run *r);
/* The command is over with this; the jail ends now. */
void run_end(struct run *r, int code, int signal);
/* Tell the user, at once or when the terminal is theirs again. */
void run_tell(struct run *r, const char *fmt, ...) printf_like(2, 3);
/* Is nothing awaited any more?  Then the loop stops. */
void run_check_over(struct run *r);
/* After the loop: last words; the exit code. */
int run_finish(struct run *r);
