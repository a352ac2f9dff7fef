/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove-judge: what rows of bawn-probe --json amount to.  The text comes out
 * of a session, so it is foreign: strict, with limits, and never a better result
 * for less text.  Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/json.h"
#include "cmd/prove-reasons.h"

#define PROVE_TEXT_MAX ((size_t)2 << 20)
#define PROVE_OPEN_MAX 8u /* that are named */
/* Fewer were not all: the program has hundreds for each architecture. */
#define PROVE_ROWS_MIN 500u

struct prove_class {
	const char *name, *what;
	unsigned rows, refused, excepted, open, untried, absent;
};

enum prove_class_id {
	PROVE_HANDOVER,
	PROVE_KERNEL,
	PROVE_PROC,
	PROVE_FS,
	PROVE_WTX,
	PROVE_IPC,
	PROVE_NET,
	PROVE_CLASS_MAX_
};

struct prove_sum {
	struct prove_class classes[PROVE_CLASS_MAX_];
	unsigned rows, open;
	bool used[PROVE_REASONS_MAX]; /* of prove_reasons[] */
	bool landlock;                /* the session's backend */
	unsigned lacked[LACK_MAX_];   /* rows reached for want of it */
	/* The first that are open; what they say is in the arena. */
	struct {
		struct str id, what;
	} opened[PROVE_OPEN_MAX];
};

/*
 * @text: all that the program printed.  0; -ENOMEM; 1: not its output, or not all
 * of it, and @reterr says what.
 */
must_check int prove_judge(struct arena *a, struct str text, bool landlock,
			   struct prove_sum *ret, struct diag *reterr);
