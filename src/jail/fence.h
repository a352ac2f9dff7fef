/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fence: the walls of a jail without namespaces, around the calling process and
 * all that it starts: Landlock for files, TCP, signals and abstract sockets, and
 * the filter that asks the warden.
 */
#pragma once

#include "base/base.h"
#include "jail/plan.h"

#define FENCE_ABI 6 /* of Landlock, at least: 6.12 */

/* 0: it can be used here; 1 and @reterr says what is missing. */
must_check int fence_check(int *ret_abi, struct diag *reterr);

struct fence {
	const struct plan *plan;
	int abi;
	int terminal; /* the jail's; -1 none */
	pid_t warden;
	bool bounded; /* of caps_drop(), which the warden has done */
};

/*
 * First Landlock, proved alone, then the filter.  Its listener is *ret_listener:
 * from then on calls wait for who serves it.  0, or -errno and @reterr.
 */
must_check int fence_enter(const struct fence *f, int *ret_listener,
			   struct diag *reterr);
/* What the filter refuses by itself. */
must_check int fence_prove(const struct fence *f, struct diag *reterr);
