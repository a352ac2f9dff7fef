/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yard: what is to be seen in a jail, collected in any order and then put in
 * the order of plan_mount.
 *
 * A path is added as it is known on the host.  Links in it become links in the
 * jail, and the real path is bound; links that a session could have made are not
 * followed.  What is visible already is not bound again.  The private home is a
 * place of ours: what is bound below it needs a mount point there, which is made
 * in the home's own tree.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "jail/plan.h"
#include "keeper/host.h"
#include "policy/files-join.h"

/* Why something is in a plan. */
struct plan_reason {
	const char *what;     /* "the private home", "files.read" */
	struct origin origin; /* of the policy's line; an empty layer: none */
};

#define YARD_MAX_LINKS 40u /* followed in one path, as the kernel does */

struct yard_link {
	char *at, *target;
};

/* How a path is reached. */
struct yard_way {
	char *real; /* without links */
	mode_t mode;
	struct yard_link *links; /* that were met, each with a real path */
	size_t n_links;
};

struct yard_item {
	struct plan_mount m;
	struct plan_reason why;
	const struct yard_link *links; /* that lead to it */
	size_t n_links;
	bool is_dir; /* PLAN_BIND: what src is */
	bool covers; /* PLAN_FILE and the like: takes a host file's place */
};

struct yard {
	struct arena *arena;
	const struct host *host;
	const char *home_dst; /* where the private home is seen; NULL: none */
	int home_fd;          /* its directory on the host; -1: plan only */
	uid_t home_uid;       /* owner of what is made in it */
	gid_t home_gid;
	/* What of the host's files may be added at all; paths without links. */
	const struct files_layer *layers;
	size_t n_layers;
	const char *home;    /* NULL: not known yet, as the next two */
	const char *project; /* without links */
	const char *state_dir;
	bool settled;
	struct plan_reason why; /* of what is added from now on */
	struct yard_item *items;
	size_t n, size;
};

enum yard_result {
	YARD_MISSING = 1, /* no such path on the host */
	YARD_FULL,
	YARD_REFUSED, /* a layer allows nothing of it */
	YARD_PLANTED, /* a session could have made a link to it */
};

must_check int yard_init(struct yard *y, struct arena *a,
			 const struct host *host);

/* How the host reaches @path, in the arena.  0, < 0, YARD_MISSING. */
must_check int yard_find(struct yard *y, const char *path,
			 struct yard_way *ret);
/*
 * What was found, with its links, or what of it every layer allows.  0, < 0,
 * enum yard_result.
 */
must_check int yard_add_way(struct yard *y, const struct yard_way *way,
			    bool writable);
/* Both at once. */
must_check int yard_add_path(struct yard *y, const char *path, bool writable);
/*
 * The link on @way that a session could have made: it lies where this one may
 * write, or in a project that had sessions, or where the project's own path was
 * a moment ago.  NULL: none.
 */
const struct yard_link *yard_planted(const struct yard *y,
				     const struct yard_way *way);
/*
 * All that is writable was added: drop what is there only by links as above, and
 * add no more of the kind.  @tell is called for each.
 */
void yard_settle(struct yard *y, void *ctx,
		 void (*tell)(void *ctx, const struct yard_item *item,
			      const struct yard_link *link));
/* One mount as it is; strings are borrowed and live as long as the arena. */
must_check int yard_add(struct yard *y, const struct plan_mount *m);
/*
 * A text of ours where the host has a file, or in a place of ours.  When the
 * host has a link there, what it points at is covered.  Left out where the
 * host's directory is seen and has no such file.  @text is borrowed.
 */
must_check int yard_add_file(struct yard *y, const char *dst, struct str text,
			     uint32_t mode);
/* The same with a file of the host, read-only. */
must_check int yard_cover(struct yard *y, const char *dst, const char *src);

/*
 * Is @path, without links, from the host's tree in the jail?  Not so in the
 * private home itself and in places of ours.
 */
bool yard_sees(const struct yard *y, const char *path, bool writable);

/*
 * Sort, drop what is covered by a parent, make mount points in the private
 * home.  *ret and *ret_why are arrays in the arena.  0, < 0, 1 = a mount point cannot be
 * made (@reterr).
 */
must_check int yard_finish(struct yard *y, struct plan_mount **ret,
			   struct plan_reason **ret_why, size_t *ret_n,
			   struct diag *reterr);
