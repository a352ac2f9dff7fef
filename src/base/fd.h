/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd: descriptors and small files.  Everything is O_CLOEXEC from birth.
 * All functions retry EINTR.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "base/buf.h"

/* All @len bytes, or -errno.  For read: -EPIPE at an early end. */
must_check int fd_read_full(int fd, void *p, size_t len);
must_check int fd_write_full(int fd, const void *p, size_t len);
/* To the end; > max of @b gives -EFBIG. */
must_check int fd_read_all(int fd, struct buf *b);
must_check int fd_set_nonblock(int fd, bool on);
/* As many descriptors as the hard limit grants; the usual soft one is 1024. */
int fd_raise_limit(void);
/* A duplicate >= 3 with CLOEXEC, or -errno. */
must_check int fd_dup(int fd);
/*
 * The whole file @path below @dirfd.  -EFBIG beyond @max bytes, -EINVAL when
 * not a regular file.  @b is initialised by the caller with its own max.
 */
must_check int file_load(int dirfd, const char *path, struct buf *b);
/* Atomic: temporary name, fsync when @durable, rename.  Mode @mode. */
must_check int file_save(int dirfd, const char *path, struct str content,
			 mode_t mode, bool durable);
/*
 * What processes left of @path that died between making a temporary name and
 * renaming it.  A directory that is full of other things, which a jail's may be,
 * is looked through in part.
 */
void file_remove_leftovers(int dirfd, const char *path);
/*
 * Calls @fn for each name in directory @dirfd but "." and "..", until it says
 * something else than 0.  That, 0 at the end, or -errno: then not all of the
 * names were seen.  The position of @dirfd is not used.
 */
must_check int dir_each(int dirfd, int (*fn)(void *owner, const char *name),
			void *owner);
/* mkdir -p below "/" for an absolute path; existing directories stay. */
must_check int dir_make(const char *path, mode_t mode);
/*
 * A directory that is ours alone: created 0700 or, when it exists, owned by
 * the caller, not a symlink and without rights for others; else -EPERM.
 */
must_check int dir_make_private(const char *path);
