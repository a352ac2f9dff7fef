/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-open: the witness and its openers (opener.h).
 *
 * Of an open it waits for the answer a moment only; one that takes longer is
 * finished later, and others go to another opener meanwhile.
 */
#pragma once

#include "jail/witness-call.h"
#include "jail/witness.h"

struct openers;
/* @socks: one for each opener; taken. */
must_check int openers_new(struct openers **ret, const int *socks, size_t n);
void openers_free(struct openers *o);
DEFINE_AUTO(openers, struct openers, openers_free);

/* What came of an open: it is noted so, by whom and of what it was. */
typedef void (*openers_fn)(void *ctx, const struct note *n,
			   const struct look_who *who);

enum openers_result {
	OPENERS_ANSWERED = 0, /* the caller was, or will be; it is noted then */
	OPENERS_LEFT,         /* the caller is to be let go: claimed */
};
/*
 * Carry out @c, the call @id that is @call.  OPENERS_*, or -errno: an opener is
 * gone.
 */
must_check int openers_open(struct openers *o, uint64_t id,
			    const struct call_seen *c,
			    const struct call_open *call, openers_fn fn,
			    void *ctx);
/*
 * What took longer and has been answered; @left is called for what is to be let
 * go.  0 or -errno.
 */
typedef void (*openers_left_fn)(void *ctx, uint64_t id);
must_check int openers_collect(struct openers *o, openers_fn fn,
			       openers_left_fn left, void *ctx);
/* At the end: what is not answered any more was asked, and is noted so. */
void openers_give_up(struct openers *o, openers_fn fn, void *ctx);
/* All are busy: wait a while for one.  True: one has answered. */
bool openers_wait(struct openers *o);
bool openers_busy(const struct openers *o);
