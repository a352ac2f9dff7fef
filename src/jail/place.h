/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place: finds and makes mount points in a root that is being built.
 *
 * Paths are resolved inside that root, symlinks too.  What is missing is made
 * only on file systems of ours, never on the host's: a mount point there would
 * outlive the jail, and a planted symlink would choose where.
 */
#pragma once

#include <sys/stat.h>

#include "base/base.h"

#define PLACE_MAX_OWN   64u
#define PLACE_MAX_LINKS 40u /* as the kernel's MAXSYMLINKS */

/* A result > 0. */
enum place_error {
	PLACE_E_HOST = 1, /* missing, and its parent is the host's */
	PLACE_E_KIND,     /* there, but a directory where none must be, ... */
};

struct place {
	int root_fd;              /* borrowed */
	dev_t own[PLACE_MAX_OWN]; /* file systems that are ours */
	size_t n_own;
};

/* What is at @root_fd is ours. */
must_check int place_init(struct place *p, int root_fd);
/* So is what was just mounted, of which @fd is the root. */
must_check int place_add_own(struct place *p, int fd);

/* An O_PATH descriptor of what is there; -ENOENT, -errno. */
must_check int place_find(const struct place *p, const char *path);
/*
 * An O_PATH descriptor of the directory @path, made with its parents when
 * missing.  0, -errno, enum place_error.
 */
must_check int place_dir(const struct place *p, const char *path, mode_t mode,
			 int *ret);
/* The same for an empty file.  Anything but a directory counts as a file. */
must_check int place_file(const struct place *p, const char *path, mode_t mode,
			  int *ret);
/*
 * Parent directory of @path, in a file system of ours, and in @name
 * (NAME_MAX + 1 bytes) its last component, for things that must not exist yet.
 */
must_check int place_parent(const struct place *p, const char *path, int *ret,
			    char *name);
/* Is @fd in a file system of ours?  In the root itself (*ret_root)? */
must_check int place_is_own(const struct place *p, int fd, bool *ret,
			    bool *ret_root);
