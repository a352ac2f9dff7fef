/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host: looking at the machine's files, below a root that tests replace.
 *
 * Paths are absolute; links are followed within the root; nothing is written.
 */
#pragma once

#include <sys/stat.h>

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

struct host_memo;

struct host {
	int root_fd;            /* O_PATH, borrowed */
	bool whole;             /* it is "/" */
	struct host_memo *memo; /* of host_real(); NULL: none */
};

/* 0 or -errno.  @h->memo is made when @root_fd is "/". */
must_check int host_init(struct host *h, int root_fd);
void host_done(struct host *h);

/* Follows links. */
must_check int host_stat(const struct host *h, const char *path,
			 struct stat *ret);
bool host_is_dir(const struct host *h, const char *path);
bool host_is_file(const struct host *h, const char *path);
/*
 * For reading, never blocking; with O_NOFOLLOW in @flags not through a link at
 * its end.  A descriptor or -errno.
 */
must_check int host_open(const struct host *h, const char *path, int flags);
/* A regular file of at most the free room of @b. */
must_check int host_load(const struct host *h, const char *path, struct buf *b);
/*
 * @path without any symbolic link in it, in @a.  *ret_mode (may be NULL): what
 * it is.  0 or -errno (-ENOENT: there is no such file).
 */
must_check int host_real(struct arena *a, const struct host *h,
			 const char *path, char **ret, mode_t *ret_mode);
/* What the link at @path itself holds; -EINVAL: no link. */
must_check int host_readlink(struct arena *a, const struct host *h,
			     const char *path, char **ret);
/*
 * What is in the directory @dir, from a memo that holds while the directory
 * does not change; NULL: not known, ask for each.  Valid until the next call.
 */
struct host_names;
const struct host_names *host_names(const struct host *h, const char *dir);
bool host_names_has(const struct host_names *n, const char *name);
/*
 * Names in the directory @path, at most @max, without "." and ".."; sorted.
 * *ret is an array in @a.
 */
must_check int host_list(struct arena *a, const struct host *h,
			 const char *path, size_t max, char ***ret,
			 size_t *ret_n);
