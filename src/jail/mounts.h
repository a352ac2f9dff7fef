/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts: carries out the mounts of a plan, inside the jail's namespaces.
 *
 *   mounts_begin    an empty root of our own
 *   mounts_early    what every plan has and needs no plan: /proc and /dev
 *   mounts_do       each op of the plan, in its order
 *   mounts_enter    make it the root, drop the host's
 *   mounts_allow    tell Landlock
 */
#pragma once

#include "jail/place.h"
#include "jail/plan.h"

/* Kept in every jail, to be mounted over what is hidden; mode 000. */
#define MOUNTS_BLANK      ".bawn"
#define MOUNTS_BLANK_FILE "/" MOUNTS_BLANK "/file"
#define MOUNTS_BLANK_DIR  "/" MOUNTS_BLANK "/dir"

struct mounts {
	struct place place;
	int root_fd, blank_fd;
	bool early_proc, early_dev; /* made, and not asked for yet */
	const struct plan *plan;    /* borrowed */
	/*
	 * As root the supervisor opened the sources: a detached mount for each
	 * mount of the plan, -1 = none.  NULL: they are opened here.
	 */
	int *sources;
	bool done[PLAN_MAX_MOUNTS]; /* not passed over as optional */
	int listeners[PLAN_MAX_MOUNTS];
	size_t n_listeners;
};

/*
 * For a jail that is made later, in a mount namespace of one's own which ends
 * with this: its root with /dev, as a detached tree.  Or -errno with @reterr.
 */
must_check int mounts_make_ahead(struct diag *reterr);

/* All: 0, or -errno with @reterr. */
/* @take_root: made ahead, used up; -1: make one. */
must_check int mounts_begin(struct mounts *m, int take_root,
			    struct diag *reterr);
must_check int mounts_early(struct mounts *m, struct diag *reterr);
/* @sources may be NULL. */
must_check int mounts_do(struct mounts *m, const struct plan *p, int *sources,
			 struct diag *reterr);
must_check int mounts_enter(struct mounts *m, struct diag *reterr);
/* In the new root.  What of the plan is writable, and /dev and /proc. */
must_check int mounts_allow(const struct mounts *m, int ruleset, int abi,
			    struct diag *reterr);
