/* SPDX-License-Identifier: Apache-2.0 */
/* run-output: the terminal's output on the ledger (audit.output). */
#pragma once

#include "cmd/run.h"

/* What the jail's terminal said; as struct pty_config's `output`. */
void run_output(void *owner, struct str bytes);
/* What it still holds, and what waited; before the session is closed. */
void run_output_end(struct run *r);
