/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness: the process of a session that is shown its system calls.
 *
 *   witness_start   forked by the supervisor, when it knows the plan
 *   MSG_WITNESS     supervisor -> witness: the seccomp listener, and with exact
 *                   sockets to OPENERS openers.  Calls made before wait for it
 *   SIGTERM         no process of the jail is left: the rest is recorded
 *   MSG_WITNESS     witness -> supervisor, {}: all is with the scribe; it ends
 *
 * Without its listener the calls that it would see fail with ENOSYS: a session
 * without its witness cannot go on, and its supervisor ends it.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "jail/plan.h"

#define OPENERS 4u /* of a session with exact */

struct witness_config {
	int control;            /* to the supervisor */
	int scribe;             /* a writer of role witness */
	int hasher;             /* who computes hashes of programs */
	const char *hash_cache; /* the file of those that are known */
	enum plan_audit audit;
	/*
	 * The command, whose first execve(2) is made by a process that nobody
	 * may look into.
	 */
	const char *const *argv;
	size_t n_argv;
	const char *cwd;
};

/* Never returns.  In a new process of the supervisor's, which it dies with. */
noreturn_fn void witness_main(const struct witness_config *c);

/*
 * The system calls that are left to a witness, the last step of its start; no
 * more privileges than to look into processes.  -errno.
 */
must_check int witness_confine(void);
