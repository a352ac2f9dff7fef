/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   gitfile = "gitdir: " path [ LF ]
 *   path    = 1*any-but-NUL-LF, without blanks at its ends
 *
 * Git itself cuts any number of line ends; one spelling is enough for what git
 * writes.
 */
#include "keeper/worktree-parse.h"

#include "base/path.h"

bool worktree_parse_path(struct str text, struct str *ret)
{
	struct str trimmed;

	if (str_ends(text, STR("\n")))
		text.len--;
	trimmed = str_trim(text);
	if (text.len == 0 || text.len > PATH_LIMIT || trimmed.len != text.len ||
	    memchr(text.ptr, '\0', text.len) ||
	    memchr(text.ptr, '\n', text.len))
		return false;
	*ret = text;
	return true;
}

bool worktree_parse_gitfile(struct str text, struct str *ret)
{
	struct str prefix = STR("gitdir: ");

	return str_starts(text, prefix) &&
	       worktree_parse_path(str_skip(text, prefix.len), ret);
}
