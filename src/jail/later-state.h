/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later-state: which files of later.h a session made, changed or removed, by
 * what was there when it began and what is there when it is over.
 *
 * Fed with directory entries twice: by hide's first pass, before the command can
 * run, and by later-walk.h when nothing runs any more.  Reads git configurations
 * and asks for the state of files it has a row for; writes nothing.
 */
#pragma once

#include "jail/later.h"

#define LATER_MAX_LOCKS   256u
#define LATER_MAX_WATCHED 4096u /* of which a removal is told */
#define LATER_MAX_CONFIGS 64u   /* read at the start */
#define LATER_MAX_HOOKS   16u   /* directories that core.hooksPath names */

enum later_what {
	LATER_CREATED = 1, /* or moved to this path */
	LATER_CHANGED,     /* content, kind, mode or what a link leads to */
	LATER_REMOVED,
	LATER_NOT_SEEN,
};
const char *later_what_name(enum later_what w); /* "created" */

/* Strings are valid during the call. */
struct later_find {
	const struct later_row *row;
	enum later_what what;
	struct str path;   /* absolute */
	struct str heap;   /* the directory above it that is one; or empty */
	struct str detail; /* "core.fsmonitor = ./x", or empty */
};

/* What is to be read-only. */
struct later_lock {
	char *path; /* absolute, without links */
	const struct later_row *row;
	bool pin; /* the directory above it is not to be moved either */
};

struct later_state_config {
	/* Absolute, writable in the jail, none in another; borrowed. */
	char *const *trees;
	size_t n_trees;
	/* Not to be protected: borrowed. */
	char *const *open;
	size_t n_open;
	void (*found)(void *owner, const struct later_find *f);
	void *owner;
};

struct later_state;

must_check int later_state_new(struct later_state **ret,
			       const struct later_state_config *c);
void later_state_free(struct later_state *s);
DEFINE_AUTO(later_state, struct later_state, later_state_free);

/*
 * One directory: begin, each entry, end.  @dir is absolute, open at @fd, which
 * stays borrowed until the end.  @is_new: at the end, it was not there.
 * 0 or -errno: no memory.
 */
must_check int later_state_begin(struct later_state *s, struct str dir, int fd,
				 bool is_new);
struct later_entry {
	struct str name;    /* terminated */
	unsigned char type; /* DT_* */
	uint64_t ino;       /* as getdents64(2) gives it */
	bool hidden;        /* the jail sees something blank there */
};
/* *ret_new, of a directory at the end: it was not there.  1: do not enter it. */
must_check int later_state_entry(struct later_state *s,
				 const struct later_entry *e, bool *ret_new);
must_check int later_state_end(struct later_state *s);

/* After the first pass. */
const struct later_lock *later_state_locks(const struct later_state *s,
					   size_t *ret_n);
/* From here on it is the end. */
void later_state_over(struct later_state *s);
/* At the end of it all: what is gone. */
void later_state_removed(struct later_state *s);
/* A directory of the second pass that could not be read. */
void later_state_unread(struct later_state *s, struct str dir, bool is_new,
			const char *why);
/* Is @dir in a directory that tools fill? */
bool later_state_in_heap(const struct later_state *s, struct str dir);
const struct later_state_config *later_state_config(
	const struct later_state *s);
