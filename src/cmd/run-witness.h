/* SPDX-License-Identifier: Apache-2.0 */
/* run-witness: the supervisor and the session's witness (jail/witness.h). */
#pragma once

#include "cmd/run.h"

/* Forks it, unless one was made ahead.  @take_scribe: its channel. */
must_check int run_witness_start(struct run *r, int take_scribe);
/*
 * The listener of the jail's filter; with exact @take_ruleset, Landlock's, else
 * -1.
 */
must_check int run_witness_listen(struct run *r, int take_fd, int take_ruleset);
/* Nothing of the jail makes a call any more. */
void run_witness_stop(struct run *r);
/* True: it has more to say, and then run_close() is called. */
bool run_witness_await(struct run *r);
/* What the witness would have recorded, seen by a warden. */
must_check int run_witness_refused(struct run *r, const struct json *j);
/* Record what was only counted so far. */
void run_witness_flush(struct run *r);

/* run-hasher.c: bawn-hash, once the witness asks for a program's hash. */
/* @ret_sock: the witness's end.  @scribe: borrowed. */
must_check int run_hasher_prepare(struct run *r, int scribe, int *ret_sock);
/* The witness asks no more.  True: what it asked is being computed. */
bool run_hasher_await(struct run *r);
void run_hasher_done(struct run *r);

void run_witness_done(struct run *r);
