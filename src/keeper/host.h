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

/* O_PATH; -errno. */
must_check int host_open(int root_fd, const char *path);
/* Follows links. */
must_check int host_stat(int root_fd, const char *path, struct stat *ret);
bool host_is_dir(int root_fd, const char *path);
bool host_is_file(int root_fd, const char *path);
/* A regular file of at most the free room of @b. */
must_check int host_load(int root_fd, const char *path, struct buf *b);
/*
 * @path without any symbolic link in it, in @a.  @ret_st may be NULL.
 * 0 or -errno (-ENOENT: there is no such file).
 */
must_check int host_real(struct arena *a, int root_fd, const char *path,
			 char **ret, struct stat *ret_st);
/* What the link at @path itself holds; -EINVAL: no link. */
must_check int host_readlink(struct arena *a, int root_fd, const char *path,
			     char **ret);
/*
 * Names in the directory @path, at most @max, without those that begin with a
 * dot; sorted.  *ret is an array in @a.
 */
must_check int host_list(struct arena *a, int root_fd, const char *path,
			 size_t max, char ***ret, size_t *ret_n);
