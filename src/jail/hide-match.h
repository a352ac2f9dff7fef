/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hide-match: hide globs, compiled so that a directory entry is decided by its
 * name alone in the usual case.  Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"

enum hide_kind {
	HIDE_K_DEEP = 1, /* ROOT "/" "**" "/" NAME: NAME anywhere below ROOT */
	HIDE_K_HERE,     /* ROOT "/" NAME */
	HIDE_K_FULL,     /* anything else below ROOT, by the whole path */
};

struct hide_glob {
	struct str root; /* fixed directory, "" for "/" */
	struct str name; /* last component: literal or pattern */
	struct str full;
	enum hide_kind kind;
	bool literal; /* name holds no pattern */
};

/*
 * @glob is absolute and valid by glob_is_valid().  0, -ENOMEM, or 1: it is
 * not, or it names "/" itself.
 */
must_check int hide_glob_parse(struct arena *a, struct str glob,
			       struct hide_glob *ret);

/* Is @name in directory @dir (absolute, no "/" at the end) hidden by @g? */
bool hide_glob_match(const struct hide_glob *g, struct str dir,
		     struct str name);
