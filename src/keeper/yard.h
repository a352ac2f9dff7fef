/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yard: what is to be seen in a jail, collected in any order and then put in
 * the order of plan_mount.
 *
 * A path is added as it is known on the host.  Links in it become links in the
 * jail, and the real path is bound.  What is visible already is not bound
 * again.  The private home is a place of ours: what is bound below it needs a
 * mount point there, which is made in the home's own tree.
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

struct yard_item {
	struct plan_mount m;
	struct plan_reason why;
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
	struct plan_reason why; /* of what is added from now on */
	struct yard_item *items;
	size_t n, size;
};

enum yard_result {
	YARD_MISSING = 1, /* no such path on the host */
	YARD_FULL,
	YARD_REFUSED, /* a layer allows nothing of it */
};

must_check int yard_init(struct yard *y, struct arena *a,
			 const struct host *host);

/*
 * A file or directory of the host, with its links, or what of it every layer
 * allows.  *ret_real (may be NULL) is its path without links.  0, < 0, enum
 * yard_result.
 */
must_check int yard_add_path(struct yard *y, const char *path, bool writable,
			     char **ret_real);
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
