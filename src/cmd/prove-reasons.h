/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove-reasons: rows of bawn-probe that a session may reach, each with why
 * that does no harm.  What is not here must be refused.  Pure.
 */
#pragma once

#include "base/base.h"
#include "base/path.h"
#include "policy/lack.h"

#define PROVE_REASON_IDS  6u
#define PROVE_REASONS_MAX 10u /* lines: all must fit one screen */
/* For one line on a screen of 80. */
#define PROVE_SHOWN_MAX 36u
#define PROVE_WHY_MAX   40u

struct prove_reason {
	const char *ids[PROVE_REASON_IDS]; /* globs */
	const char *shown;                 /* the same, short */
	const char *why;
	bool landlock; /* with that backend only */
};

extern const struct prove_reason prove_reasons[PROVE_REASONS_MAX];
extern const size_t n_prove_reasons;

/* NULL: it must be refused. */
const struct prove_reason *prove_reason_find(struct str id, bool landlock);
/* What `backend: landlock` lacks, so that @id can be reached; LACK_MAX_: nothing. */
enum lack prove_lack_find(struct str id);
