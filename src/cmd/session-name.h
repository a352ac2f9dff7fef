/* SPDX-License-Identifier: Apache-2.0 */
/* session-name: from what the user typed to a session on the ledger. */
#pragma once

#include "cmd/cmd.h"
#include "ledger/reader.h"

/*
 * Opens the ledger and finds the session @name, "@" or a prefix.  -1: *ret is
 * at its first record's file, *ret_id in @a; else the exit code, after saying
 * why on stderr.
 */
int session_open(struct arena *a, const char *name, struct reader **ret,
		 struct str *ret_id);
/* Does this stored line belong to session @id?  By its text: no parsing. */
bool session_has(struct str line, struct str id);
