/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Many a user says who he is in a file that is included for some directories
 * only, so leaving includes out gives a commit the wrong author, or none.
 *
 *   [include] path = FILE
 *   [includeIf "gitdir:PATTERN"] path = FILE     ; also gitdir/i:
 *
 * PATTERN is made whole as git makes it ("~/" is the home, "./" the file's
 * directory, else "**" before it, and after a "/" at its end) and asked of
 * PROJECT/.git.  Other conditions (onbranch, hasconfig) depend on the
 * repository's content and do not hold here.
 *
 * Git allows ten levels.  A file below the project is passed over: an earlier
 * session could have written it.
 */
#include "keeper/gitconfig-include.h"

#include "base/path.h"

#define DEPTH_MAX 10u

struct loading {
	struct arena *arena;
	const struct gitconfig_place *at;
	struct gitconfig *out; /* room for GITCONFIG_MAX_ENTRIES */
};

/* As git takes a path of its configuration, which is in @file. */
static char *whole_path(struct loading *l, const char *file, struct str path)
{
	if (str_starts(path, STR("~/")))
		return arena_printf(l->arena, "%s/%.*s", l->at->home,
				    STR_ARG(str_skip(path, 2)));
	if (str_starts(path, STR("/")))
		return arena_cstr(l->arena, path);
	return arena_printf(l->arena, "%.*s/%.*s",
			    STR_ARG(path_dirname(str_of(file))), STR_ARG(path));
}

static void to_lower(struct arena *a, struct str *s)
{
	char *copy = arena_cstr(a, *s);

	for (char *p = copy; p && *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	*s = str_of(copy);
}

static bool is_of_project(struct loading *l, const char *file,
			  struct str pattern, bool fold)
{
	struct arena *a = l->arena;
	char *git = arena_printf(a, "%s/.git", l->at->project);
	struct str text = str_of(git);
	const char *p = NULL;

	if (str_starts(pattern, STR("~/")) || str_starts(pattern, STR("/")))
		p = whole_path(l, file, pattern);
	else if (str_starts(pattern, STR("./")))
		p = whole_path(l, file, str_skip(pattern, 2));
	else
		p = arena_printf(a, "**/%.*s", STR_ARG(pattern));
	if (p && str_ends(pattern, STR("/")))
		p = arena_printf(a, "%s**", p);
	if (!p || !git || !glob_is_valid(str_of(p)))
		return false;
	pattern = str_of(p);
	if (fold) {
		to_lower(a, &pattern);
		to_lower(a, &text);
	}
	return pattern.ptr && text.ptr && glob_match(pattern, text);
}

static bool is_include(struct loading *l, const char *file,
		       const struct gitconfig_entry *e)
{
	struct str gitdir = STR("gitdir:"), gitdir_i = STR("gitdir/i:");

	if (!str_eq(e->key, STR("path")) || e->value.len == 0)
		return false;
	if (str_eq(e->section, STR("include")))
		return !e->subsection.ptr;
	if (!str_eq(e->section, STR("includeif")) || !e->subsection.ptr)
		return false;
	if (str_starts(e->subsection, gitdir))
		return is_of_project(
			l, file, str_skip(e->subsection, gitdir.len), false);
	return str_starts(e->subsection, gitdir_i) &&
	       is_of_project(l, file, str_skip(e->subsection, gitdir_i.len),
			     true);
}

static bool read_file(struct loading *l, const char *path, struct gitconfig *c)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char *real = NULL;
	struct str text;

	if (host_real(l->arena, l->at->host, path, &real, NULL) != 0 ||
	    path_is_below(str_of(real), str_of(l->at->project)))
		return false;
	buf_init(&b, GITCONFIG_MAX_BYTES);
	if (host_load(l->at->host, path, &b) != 0)
		return false;
	text = arena_str(l->arena, buf_str(&b));
	return text.ptr && gitconfig_parse(l->arena, text, c, NULL) == 0;
}

static int add_file(struct loading *l, const char *path, unsigned depth)
{
	struct gitconfig c;
	int r = 0;

	if (!read_file(l, path, &c))
		return l->arena->failed ? -ENOMEM : depth == 0;
	for (size_t i = 0; i < c.n && r == 0; i++) {
		const struct gitconfig_entry *e = &c.entries[i];

		if (is_include(l, path, e)) {
			const char *next = whole_path(l, path, e->value);

			if (!next)
				r = -ENOMEM;
			else if (depth < DEPTH_MAX)
				r = add_file(l, next, depth + 1);
		} else if (gitconfig_may_enter(e)) {
			if (l->out->n == GITCONFIG_MAX_ENTRIES)
				return 1;
			l->out->entries[l->out->n++] = *e;
		}
	}
	return r;
}

int gitconfig_load(struct arena *a, const struct gitconfig_place *at,
		   const char *path, struct gitconfig *ret)
{
	struct gitconfig out = { 0 };
	struct loading l = { a, at, &out };
	int r;

	out.entries =
		arena_array(a, GITCONFIG_MAX_ENTRIES, sizeof(*out.entries));
	if (!out.entries)
		return -ENOMEM;
	r = add_file(&l, path, 0);
	if (a->failed)
		return -ENOMEM;
	if (r == 0)
		*ret = out;
	return r;
}
