/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hide: finds what the policy hides in the trees a jail can see, at the start
 * and while it runs.
 *
 * Covers nothing by itself: each find is handed to the owner, who has the jail
 * mount something over it.  Mounts cannot hold against the host's own edits
 * (an editor's atomic save replaces a covered file), so the trees are watched
 * with inotify, and the gap between appearing and being found is reported.
 *
 * Not pure: reads directories, holds one inotify descriptor.
 */
#pragma once

#include "base/base.h"
#include "base/loop.h"

#define HIDE_MAX_DIRS  1048576u /* directories looked at; 24 bytes + name */
#define HIDE_MAX_FOUND 16384u   /* covers of one session */

enum hide_what {
	HIDE_FILE = 1,
	HIDE_DIR,
	/*
	 * A host socket that somebody listens on; when not at_start, any socket
	 * file: whose it is, the owner finds out.
	 */
	HIDE_SOCKET,
	HIDE_LOCKED, /* is to be read-only, and was replaced by the host */
};

struct hide_found {
	const char *path; /* absolute on the host; valid during the call */
	enum hide_what what;
	bool at_start; /* found by the first scan */
	bool pin;      /* it would not be, were a directory above it moved */
	uint64_t appeared_utc_ns; /* 0: not known */
};

struct later_state;

struct hide_config {
	/* Absolute paths and globs; borrowed until hide_free(). */
	char *const *globs;
	size_t n_globs;
	/*
	 * Host directories the jail sees at the same path; a glob is looked
	 * for nowhere else.  Borrowed.
	 */
	char *const *trees;
	size_t n_trees;
	/* Those of them in which sockets are to be found too. */
	char *const *socket_trees;
	size_t n_socket_trees;
	/* Fed by the first pass with writable trees; or NULL.  Borrowed. */
	struct later_state *later;
	uint32_t max_watches; /* 0: half of what the system grants a user */
	uint32_t max_dirs;    /* 0: HIDE_MAX_DIRS */

	/*
	 * 0: covered; 1: not, or not yet; -errno ends the step that is running.
	 * After 1 the same is found again when it is met again.
	 */
	int (*found)(void *owner, const struct hide_found *f);
	/* Once each: that watching is incomplete, and what is done instead. */
	void (*notice)(void *owner, const char *text);
	/*
	 * @fn(@arg) with the right to read whatever belongs to the jail's user,
	 * and its result.  The jail can take that right from us, by chmod(2), and
	 * keep or regain it for itself.  -EAGAIN: later.  NULL: we have it, or
	 * nobody does.
	 */
	int (*empowered)(void *owner, int (*fn)(void *arg), void *arg);
	void *owner;
};

struct hide;

must_check int hide_new(struct hide **ret, const struct hide_config *c);
void hide_free(struct hide *h);
DEFINE_AUTO(hide, struct hide, hide_free);

/* A result of hide_step(): the rest can be done when `empowered` works. */
#define HIDE_WAITS 2

/*
 * Work for about @budget_ns on the directories that wait.  0: none waits any
 * more; 1: call again; HIDE_WAITS; -errno: a hidden thing may be readable, so the session
 * must not start or go on (-E2BIG: there are more directories than max_dirs).
 */
must_check int hide_step(struct hide *h, uint64_t budget_ns);

/*
 * From here on, within 50 ms and the time of one pass, serve changes from @l.
 * The first scan must be complete.  Failures of `found` go to @failed.
 */
must_check int hide_watch(struct hide *h, struct loop *l,
			  void (*failed)(void *owner, int error));

/* What `found` answered 1 for is covered by now.  0 or -errno. */
must_check int hide_covered(struct hide *h, const char *path);

struct hide_stats {
	uint64_t dirs, entries, found, rescans;
	uint32_t watches;
	bool polling; /* some directories are only looked at now and then */
};
void hide_get_stats(const struct hide *h, struct hide_stats *ret);
