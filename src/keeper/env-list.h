/* SPDX-License-Identifier: Apache-2.0 */
/* env-list: variables for a jail, each name once; the later value wins. */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "jail/plan.h"

struct env_list {
	struct arena *arena;
	char **items; /* "K=V" */
	size_t n, size;
};

must_check int env_list_init(struct env_list *e, struct arena *a);
/* Failure is arena->failed; what is beyond PLAN_MAX_ENV too. */
void env_list_set(struct env_list *e, const char *name, struct str value);
/* NULL: not set.  Behind the "=". */
const char *env_list_find(const struct env_list *e, const char *name);
