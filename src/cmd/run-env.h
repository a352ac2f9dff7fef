/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run-env: what of the user's environment enters the jail.  Pure.
 *
 * Nothing does, but: variables whose name a pattern of the plan fits, then the
 * plan's own, then those of -e; the later wins.  A name that is not
 * [A-Za-z_][A-Za-z0-9_]* never enters.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "jail/plan.h"

/* "K=V" with a name as above. */
bool run_env_is_valid(struct str assignment);

/*
 * *ret: a NULL-terminated list in @a, which borrows from @environ, @p and
 * @set.  0, -ENOMEM, or 1: more than PLAN_MAX_ENV.
 */
must_check int run_env_build(struct arena *a, const struct plan *p,
			     char *const environ_[], const char *const set[],
			     size_t n_set, const char ***ret, size_t *ret_n);
