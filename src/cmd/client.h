/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: the way to this user's bawnd, which is started when none runs, or
 * when the one that runs is of another build.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "ipc/ipc.h"

/* $BAWN_STATE_DIR, else $HOME/.local/state/bawn.  NULL: neither is set. */
const char *client_state_dir(struct arena *a);
/* STATE/programs, where hashes of programs are remembered.  NULL likewise. */
const char *client_programs(struct arena *a);

enum client_outcome {
	CLIENT_NONE = 1, /* no daemon runs, and none was wanted */
	CLIENT_FAILED,   /* said on stderr */
};

/*
 * A connection to a daemon of this build; its greeting has not been read.
 * @start: start one if need be.  0, or an enum client_outcome.
 */
must_check int client_connect(bool start, int *ret_fd);

/*
 * The daemon that client_connect() has started says why it ended, or is about
 * to; terminated.  False: it said nothing.
 */
bool client_why_no_daemon(char *dst, size_t size);
/* Do not listen to it any more: it serves. */
void client_forget_daemon(void);

/*
 * Send {"build":...,@body's members} and wait for the answer, skipping the
 * greeting.  0 and *m; else CLIENT_FAILED, after saying why on stderr.
 */
must_check int client_ask(int fd, uint32_t type, struct str body,
			  struct ipc_msg *m);

/* The same for what takes as long as it takes. */
must_check int client_ask_long(int fd, uint32_t type, struct str body,
			       struct ipc_msg *m);

/* @m is no answer to what was asked: say its text; the exit code. */
int client_refused(const struct ipc_msg *m);
