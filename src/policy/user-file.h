/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user-file: find the user's layer, read the text of any.
 *
 * The one module of this folder that is not pure: it opens files.  The keeper
 * and `bawn policy` call it and hand the text to policy_parse().
 */
#pragma once

#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"

struct user_file_query {
	const char *home;    /* absolute */
	const char *profile; /* --profile, or NULL */
	const char *policy;  /* --policy, or NULL; takes precedence */
	const char *cwd;     /* a relative @policy is relative to it; or NULL */
};

enum user_file_error {
	USER_FILE_E_NONE = 1, /* no such file; without a profile: no layer */
	USER_FILE_E_REFUSED,  /* @reterr says why */
};

/*
 * The absolute path of the user's layer: @policy, else
 * HOME/.config/bawn/profiles/PROFILE.yaml, else HOME/.config/bawn/policy.yaml.
 * 0; -ENOMEM; USER_FILE_E_REFUSED: a profile's name that cannot be one.
 */
must_check int user_file_path(struct arena *a, const struct user_file_query *q,
			      char **ret, struct diag *reterr);

/*
 * Initialise @b and read the open file @fd: a regular file of at most
 * POLICY_MAX_BYTES; with @guarded one that not everybody can write.
 * 0; -errno; USER_FILE_E_REFUSED.
 */
must_check int user_file_load(int fd, bool guarded, struct buf *b,
			      struct stat *ret_stat, struct diag *reterr);

/*
 * Initialise @b and read @path: a regular file of at most POLICY_MAX_BYTES that nobody else can
 * write.  *ret_stat (may be NULL) is of the descriptor that was read.
 * 0; -errno; enum user_file_error with @reterr.
 */
must_check int user_file_read(const char *path, struct buf *b,
			      struct stat *ret_stat, struct diag *reterr);
