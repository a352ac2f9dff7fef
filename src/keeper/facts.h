/* SPDX-License-Identifier: Apache-2.0 */
/* facts: what a client tells of itself when it opens a session. */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/json.h"

#define FACTS_ARGV_MAX ((size_t)4096) /* bytes kept of the command line */

/* Strings live in the arena that parsed them; NULL = not given. */
struct facts {
	const char *build, *cwd, *profile, *policy, *task;
	const char *home;
	struct str argv; /* shell-quoted, cut */
	const struct json *env; /* the fixed list of variables */
	bool tty, plan_only;
	uid_t uid;
	gid_t gid;
};

/*
 * 0, -ENOMEM, or 1 = not what a client sends (@reterr).  uid and gid are not
 * the client's word: the caller fills them.
 */
must_check int facts_parse(struct arena *a, struct str body, struct facts *ret,
			   struct diag *reterr);
/* A variable of the client's environment; {0} when not sent. */
struct str facts_env(const struct facts *f, const char *name);
