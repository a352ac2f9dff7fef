/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness: the process of a session that is shown its system calls.
 *
 *   witness_spawn  it confines itself, and waits; who holds its socket hands it on
 *   MSG_WITNESS    supervisor -> witness: the session, with the seccomp listener
 *                  (witness-begin-parse.h).  Calls made before wait for it
 *   end of file    of what the supervisor sends: no process of the jail is left,
 *                  or no supervisor; the rest is recorded
 *   MSG_WITNESS    witness -> supervisor, {"ledger_ms"}: all is with the scribe,
 *                  which it waited so long for; it ends
 *
 * Without its listener the calls that it would see fail with ENOSYS: a session
 * without its witness cannot go on, and its supervisor ends it.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define OPENERS 4u /* of a session with exact */

/*
 * Forks it; *ret_sock is owned, and the end of all its copies ends the witness.
 * Its pid, for who waits for its children; -errno.
 */
must_check pid_t witness_spawn(int *ret_sock);

/*
 * The system calls that are left to a witness, the last step of its start; no
 * more privileges than to look into processes.  -errno.
 */
must_check int witness_confine(void);
