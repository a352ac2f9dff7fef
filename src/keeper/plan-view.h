/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan-view: what a path will be in a jail that has this plan, without making
 * one.  For explanations; nothing is decided with it.
 *
 * Follows links as the kernel would inside: through links of the plan, and
 * through those of the host's directories that the plan shows.
 */
#pragma once

#include "base/arena.h"
#include "jail/plan.h"
#include "keeper/host.h"

#define VIEW_NONE SIZE_MAX

enum view_place {
	VIEW_ROOT = 1, /* the jail's own root: read-only, holds mounts only */
	VIEW_HOST,     /* a file of the host at its own path */
	VIEW_PRIVATE,  /* of the private home, or one that stands in for it */
	VIEW_TMP,      /* a tmpfs of the session's own, empty when it begins */
	VIEW_DIR,      /* an empty directory of ours, read-only */
	VIEW_MADE,     /* a file of ours, read-only */
	VIEW_SOCKET,
	VIEW_PROC,
	VIEW_DEV,
};

struct view {
	enum view_place place;
	char *path;    /* without links, in the jail */
	bool exists;   /* something is there when the session begins */
	char *host;    /* what the host calls it; NULL: not the host's */
	size_t mount;  /* that decides, in the plan; VIEW_NONE: the root */
	bool writable; /* the mount is */
	size_t hidden; /* the entry of plan.hide that covers it; VIEW_NONE */
};

/*
 * @path is absolute and normalised.  The result lives in @a.
 * 0; -ENOMEM; -ELOOP: too many links.
 */
must_check int plan_view(struct arena *a, const struct plan *p,
			 const struct host *host, struct str path,
			 struct view *ret);
