/* SPDX-License-Identifier: Apache-2.0 */
/* child: the command's process, from clone to exec. */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "jail/plan.h"

struct child {
	const struct plan *plan;
	char *const *argv, *const *env; /* terminated; argv[0] exists */
	int stdio[3];                   /* -1: the terminal */
	int tty; /* init's controlling terminal; -1: none, and a new session */
	/* How it went, when child_start() returned > 0 or the child is over. */
	int exec_errno;       /* of a failed exec; 0 */
	struct diag unproven; /* text is empty, or names the missing wall */
	uint64_t ready_ns, proven_ns; /* clock_mono_ns(), for measurements */
	/*
	 * For child_start_apart(): puts the walls around this process, and tries
	 * them; 0, or @unproven says what is wrong.
	 */
	int (*confine)(struct child *c);
	void *owner;
	int outcome; /* private */
};

/*
 * Start it and wait until it has executed its program or failed: then it is
 * over and c says why.  Its pid, or -errno.
 */
must_check pid_t child_start(struct child *c);
/*
 * The same in a process of its own from the start, which our parent's death
 * ends; it is not waited for.  *ret_outcome is readable, without data when the
 * program was executed, else child_outcome() says why not.
 */
must_check pid_t child_start_apart(struct child *c, int *ret_outcome);
/* Takes @outcome.  c->exec_errno and c->unproven as after child_start(). */
void child_outcome(struct child *c, int take_outcome);
/* 126 or 127, as shells have it. */
int child_exit_code(int exec_errno);
