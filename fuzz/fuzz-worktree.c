/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the small files by which git joins directories.  Laws:
 *   1. a path that is taken stands in the text, is not empty, and holds neither
 *      NUL nor a line end;
 *   2. written out again in its form it is read back.
 */
#include <stdio.h>

#include "keeper/worktree-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_path(struct str text, struct str path)
{
	law(path.len > 0 && path.ptr >= text.ptr &&
	    path.ptr + path.len <= text.ptr + text.len);
	law(!memchr(path.ptr, '\0', path.len) &&
	    !memchr(path.ptr, '\n', path.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .ptr = (const char *)data, .len = size }, path,
		   back;
	static char again[WORKTREE_FILE_MAX + 16];
	int n;

	if (worktree_parse_path(text, &path)) {
		check_path(text, path);
		law(worktree_parse_path(path, &back) && str_eq(path, back));
	}
	if (!worktree_parse_gitfile(text, &path))
		return 0;
	check_path(text, path);
	n = snprintf(again, sizeof(again), "gitdir: %.*s\n", STR_ARG(path));
	if (n > 0 && (size_t)n <= WORKTREE_FILE_MAX)
		law(worktree_parse_gitfile(
			    (struct str){ .ptr = again, .len = (size_t)n },
			    &back) &&
		    str_eq(path, back));
	return 0;
}
