/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hide-dirs: the directories that hide looks at, by index and by inotify
 * watch.  Each knows its parent and its name, so a rename is one change and a
 * path costs memory only while it is looked at.  Does no I/O.
 */
#pragma once

#include "base/base.h"

#define HIDE_DIR_NONE 0u

struct hide_dir {
	char *name;      /* of a tree: its absolute path; NULL: slot is free */
	uint32_t parent; /* HIDE_DIR_NONE: a tree; of a free slot: the next */
	uint32_t tree;   /* index in hide_config.trees */
	int wd;          /* -1: not watched */
	bool deep;       /* everything below is looked at */
	bool queued;
	bool waits; /* for the right to be read; the owner's mark */
};

struct hide_dirs {
	struct hide_dir *v; /* slot 0 is HIDE_DIR_NONE */
	uint32_t *by_wd;
	uint32_t *queue; /* a stack: depth first keeps it short */
	uint32_t n, size, max, free_slot, n_used;
	uint32_t wd_size, n_queue, queue_size;
};

#define HIDE_DIRS_NULL \
	{              \
		0      \
	}

void hide_dirs_init(struct hide_dirs *d, uint32_t max);
void hide_dirs_done(struct hide_dirs *d);

/* -ENOSPC: @max are there; -ENOMEM.  @name is copied. */
must_check int hide_dirs_add(struct hide_dirs *d, uint32_t parent,
			     struct str name, uint32_t *ret);
void hide_dirs_drop(struct hide_dirs *d, uint32_t i);
/* Give @i another place in the tree. */
must_check int hide_dirs_move(struct hide_dirs *d, uint32_t i, uint32_t parent,
			      struct str name);

must_check int hide_dirs_set_wd(struct hide_dirs *d, uint32_t i, int wd);
uint32_t hide_dirs_find_wd(const struct hide_dirs *d, int wd);

/* Queue @i to be scanned, once. */
must_check int hide_dirs_push(struct hide_dirs *d, uint32_t i);
/* HIDE_DIR_NONE when nothing waits. */
uint32_t hide_dirs_pop(struct hide_dirs *d);

/*
 * The absolute path of @i, terminated, no "/" at the end ("" for the root).
 * @ret_rel: where in it the part below its tree begins ("" for the tree).
 * False: longer than @size allows, or a parent is gone.
 */
bool hide_dirs_path(const struct hide_dirs *d, uint32_t i, char *dst,
		    size_t size, struct str *ret, const char **ret_rel);
