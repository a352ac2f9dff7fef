/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gitconfig-parse: Git's configuration files, and the few keys of them that
 * may enter a jail.  Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

#define GITCONFIG_MAX_BYTES   ((size_t)1024 * 1024)
#define GITCONFIG_MAX_ENTRIES 4096u
#define GITCONFIG_MAX_VALUE   4096u /* bytes */

struct gitconfig_entry {
	struct str section;    /* lower case */
	struct str subsection; /* .ptr NULL: none */
	struct str key;        /* lower case */
	struct str value;      /* "true" for a key alone */
	bool bare;             /* the key stood alone */
};

struct gitconfig {
	struct gitconfig_entry *entries; /* in the order of the file */
	size_t n;
};

/*
 * As git reads it, includes not followed.  0; -ENOMEM; 1 = git would refuse it
 * too, or a limit.
 */
must_check int gitconfig_parse(struct arena *a, struct str text,
			       struct gitconfig *ret, struct diag *reterr);

/* The last value of section.key without a subsection; {0}: none. */
struct str gitconfig_find(const struct gitconfig *c, const char *section,
			  const char *key);

/* Identity and harmless preferences: never what runs, authenticates, reads. */
bool gitconfig_may_enter(const struct gitconfig_entry *e);

/* Appends the entries that @may lets pass (NULL: all), one spelling. */
void gitconfig_format(const struct gitconfig *c,
		      bool (*may)(const struct gitconfig_entry *e),
		      struct buf *b);
