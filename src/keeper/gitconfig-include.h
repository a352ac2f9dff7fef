/* SPDX-License-Identifier: Apache-2.0 */
/* gitconfig-include: a user's configuration of git with what it includes. */
#pragma once

#include "jail/gitconfig-parse.h"
#include "keeper/host.h"

struct gitconfig_place {
	const struct host *host;
	const char *home; /* "~" */
	const char *
		project; /* what "gitdir:" is asked of; no file in it is read */
};

/*
 * The entries of the file @path that may enter a jail (gitconfig_may_enter()),
 * each where git would read it: those of an included file at the place of the
 * include.  Files that are missing or that git would refuse count as empty, but
 * for @path itself.  Everything lives in @a.
 *
 * 0; -ENOMEM; 1 = @path cannot be read, or there is more than a limit allows.
 */
must_check int gitconfig_load(struct arena *a, const struct gitconfig_place *at,
			      const char *path, struct gitconfig *ret);
