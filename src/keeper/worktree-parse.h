/* SPDX-License-Identifier: Apache-2.0 */
/* worktree-parse: the small files by which git joins directories.  Pure. */
#pragma once

#include "base/base.h"

#define WORKTREE_FILE_MAX ((size_t)8192) /* bytes */

/* A ".git" file: "gitdir: PATH" and at most one LF. */
must_check bool worktree_parse_gitfile(struct str text, struct str *ret);
/* "gitdir" and "commondir" of a git directory: PATH and at most one LF. */
must_check bool worktree_parse_path(struct str text, struct str *ret);
