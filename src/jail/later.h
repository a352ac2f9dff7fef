/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later: which files run, or decide what runs, outside the jail later: the next
 * time the user commits, opens an editor or a shell, builds, or starts an agent.
 *
 * One table (later-rows.c) and its matcher.  Pure: decides by names alone.
 */
#pragma once

#include "base/base.h"

enum later_class {
	LATER_GIT = 1,
	LATER_AGENT,
	LATER_SHELL,
	LATER_EDITOR,
	LATER_CI,
	LATER_PACKAGE,
	LATER_BUILD,
	LATER_VENV,
	LATER_PLACE, /* where a name leads, not what is in a file */
	LATER_CLASS_MAX_,
};

enum later_act {
	LATER_TELL = 1, /* ordinary work changes it: recorded and shown */
	/* What is there at the start is read-only; what is made later is told. */
	LATER_PROTECT,
};

/*
 * patterns: names with a space between; each is NAME (in any directory),
 * DIR/NAME (in a directory of that name, also with more than one), or DIR and
 * two stars (all below it).  One * of a NAME stands for any bytes.  GIT is a git
 * directory, whatever its name is.  Empty: found in another way.
 */
struct later_row {
	const char *id; /* stands on records: never change one */
	const char *patterns;
	enum later_class class;
	enum later_act act;
	const char *why; /* who runs it, and when */
};

extern const struct later_row later_rows[];
extern const size_t later_n_rows;

/* Those that no pattern finds. */
enum later_special {
	LATER_REPO = 1,    /* a repository that was not there */
	LATER_CONFIG,      /* git's configuration; what a changed one is */
	LATER_CONFIG_RUNS, /* when it names a program that it did not */
	LATER_HOOK,        /* in the directory that core.hooksPath names */
	LATER_LINK,        /* leads out */
	LATER_UNREAD,      /* cannot be looked at */
};
const struct later_row *later_special(enum later_special s);
const char *later_class_name(enum later_class c);

/* How a directory stands to a git directory. */
enum later_git {
	LATER_GIT_NONE,
	LATER_GIT_DIR,   /* is one */
	LATER_GIT_BELOW, /* its parent is one */
};

struct later;
/* The table, compiled.  -ENOMEM. */
must_check int later_new(struct later **ret);
void later_free(struct later *l);
DEFINE_AUTO(later, struct later, later_free);

#define LATER_HERE_MAX 32u /* patterns that apply in one directory */

/* One directory, as later_match() needs it. */
struct later_here {
	const struct later *later;
	const struct later_row *inside; /* all in it is of this row */
	uint16_t pats[LATER_HERE_MAX];
	size_t n;
};

/* @dir: path without "/" at the ends; components before it do not count. */
void later_enter(const struct later *l, struct str dir, enum later_git git,
		 struct later_here *ret);
/*
 * The row of @name; NULL: none.  With @is_dir only rows for all below it; *ret_placed
 * (may be NULL): its pattern names a directory too.
 */
const struct later_row *later_match(const struct later_here *h, struct str name,
				    bool is_dir, bool *ret_placed);

/*
 * A directory that tools fill by the thousand: what is in it is told in sum, and
 * nothing in it is protected, since the tools replace it whole.
 */
bool later_is_heap(struct str name);
