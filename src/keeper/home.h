/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home: the private home of a project, STATE/homes/NAME/home.
 *
 * Commands of earlier sessions have written there, and one may be writing now.
 * So nothing in it is followed: every look and change goes through its
 * descriptor with links refused.
 */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/base.h"

#define HOME_NAME_MAX 80u

/*
 * "TAIL-HASH" of @project: readable, and one for each path.  0 or -EIO.
 */
must_check int home_name(const char *project, char ret[HOME_NAME_MAX]);

/* Has @project one?  Not without a session of it. */
bool home_exists(const char *state_dir, const char *project);

/*
 * Make what is missing of STATE/homes/NAME/home, 0700, owned by @uid.
 * *ret_fd is the directory, *ret_path its path in @a.
 */
must_check int home_open(struct arena *a, const char *state_dir,
			 const char *name, uid_t uid, gid_t gid, int *ret_fd,
			 char **ret_path);

/*
 * A directory (or, with @is_dir false, an empty file) at @rel, parents too;
 * what is there already stays.  -ENOTDIR, -ELOOP, -EISDIR: something else is
 * there.
 */
must_check int home_make_point(int home_fd, const char *rel, bool is_dir,
			       uid_t uid, gid_t gid);
/* A link at @rel, unless something is there. */
must_check int home_make_link(int home_fd, const char *rel, const char *target,
			      uid_t uid, gid_t gid);
/*
 * Write @text to @rel unless what is there is newer than @newer_than_s (a
 * modification time).
 */
must_check int home_put_file(int home_fd, const char *rel, struct str text,
			     int64_t newer_than_s, uid_t uid, gid_t gid);
/* True: home_put_file() with this time would write. */
bool home_wants_file(int home_fd, const char *rel, int64_t newer_than_s);
