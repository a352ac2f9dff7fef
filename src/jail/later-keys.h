/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later-keys: what was there, as a set of 64-bit hashes under a key drawn at
 * random, so that nobody can make something new that looks as if it had been
 * there.  Does no I/O but for that key.
 */
#pragma once

#include "base/base.h"

#define LATER_KEYS_MAX (4u * 1024 * 1024) /* 64 MiB */

enum later_tag {
	LATER_T_DIR = 1, /* a directory by name and inode */
	LATER_T_NAME,    /* something of that name */
	LATER_T_FILE,    /* the same and its inode, and perhaps its times */
	LATER_T_TARGET,  /* of a link: what it leads to */
	LATER_T_HIDDEN,  /* covered: nothing in it can change */
	LATER_T_GIT,     /* a git directory */
	LATER_T_GIT_NOW, /* at the end */
	LATER_T_RUNS, /* an entry of a git configuration that runs something */
};

struct later_keys {
	uint64_t key[2];
	uint64_t *v; /* 0: free */
	uint32_t n, size;
	bool full; /* LATER_KEYS_MAX, or no memory: some are missing */
};

must_check int later_keys_init(struct later_keys *k);
void later_keys_done(struct later_keys *k);

/* Of one thing: @dir from later_keys_dir(), @more bytes beside its name. */
uint64_t later_keys_dir(const struct later_keys *k, struct str path);
uint64_t later_keys_hash(const struct later_keys *k, enum later_tag tag,
			 uint64_t dir, struct str name, const void *more,
			 size_t len);
void later_keys_add(struct later_keys *k, uint64_t hash);
bool later_keys_has(const struct later_keys *k, uint64_t hash);
