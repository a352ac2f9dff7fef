/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: what a session's terminal showed, from its session.output records.
 *
 * To a terminal as it was, with its pauses; elsewhere as an asciicast of version 2,
 * which other players take.
 */
#pragma once

#include "cmd/cmd.h"
#include "ledger/record.h"

#define REPLAY_PAUSE_MS 3000u /* longer pauses are not waited for */

struct replay {
	bool cast;   /* asciicast */
	bool begun;  /* some output was seen */
	uint64_t ms; /* of the last */
};

/* One record of the session, of whatever kind.  False: cannot be written. */
must_check bool replay_record(struct replay *r, const struct record *rec);
