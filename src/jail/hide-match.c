/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/hide-match.h"

#include "base/path.h"

/* Drops every "\" that quotes, for a component that is no pattern. */
static struct str unquote(struct arena *a, struct str s)
{
	struct str r = arena_str(a, s);
	/* arena_str() made a copy that is ours to edit. */
	char *w = r.ptr ? (char *)(uintptr_t)r.ptr : NULL;
	size_t n = 0;

	for (size_t i = 0; w && i < s.len; i++) {
		if (s.ptr[i] == '\\' && i + 1 < s.len)
			i++;
		w[n++] = s.ptr[i];
	}
	r.len = n;
	return r;
}

/* The components before the first pattern, without the last component. */
static size_t fixed_prefix(struct str glob, size_t last)
{
	size_t end = 0;

	for (size_t i = 1; i <= last; i++) {
		if (i < last && glob.ptr[i] != '/')
			continue;
		if (glob_is_pattern((struct str){ glob.ptr + end, i - end }))
			break;
		end = i;
	}
	return end;
}

int hide_glob_parse(struct arena *a, struct str glob, struct hide_glob *ret)
{
	struct str name, mid;
	size_t last = glob.len;
	size_t root;

	if (glob.len < 2 || glob.ptr[0] != '/' || !glob_is_valid(glob) ||
	    glob.ptr[glob.len - 1] == '/')
		return 1;
	while (glob.ptr[last - 1] != '/')
		last--;
	last--; /* of the slash before the last component */

	name = str_skip(glob, last + 1);
	root = fixed_prefix(glob, last);
	mid = (struct str){ glob.ptr + root, last - root };

	*ret = (struct hide_glob){ .kind = HIDE_K_FULL };
	if (str_eq(name, STR("**")))
		ret->kind = HIDE_K_FULL;
	else if (mid.len == 0)
		ret->kind = HIDE_K_HERE;
	else if (str_eq(mid, STR("/**")))
		ret->kind = HIDE_K_DEEP;
	ret->literal = !glob_is_pattern(name);
	ret->root = unquote(a, (struct str){ glob.ptr, root });
	ret->name = ret->literal ? unquote(a, name) : arena_str(a, name);
	ret->full = arena_str(a, glob);
	return a->failed ? -ENOMEM : 0;
}

static bool name_match(const struct hide_glob *g, struct str name)
{
	if (g->literal)
		return str_eq(g->name, name);
	/* Most patterns begin with a letter or dot: one byte decides. */
	if (g->name.ptr[0] != '*' && g->name.ptr[0] != '?' &&
	    g->name.ptr[0] != '[' && g->name.ptr[0] != '\\' &&
	    (name.len == 0 || name.ptr[0] != g->name.ptr[0]))
		return false;
	return glob_match(g->name, name);
}

static bool full_match(const struct hide_glob *g, struct str dir,
		       struct str name)
{
	char path[PATH_LIMIT + 1];

	if (dir.len + 1 + name.len > PATH_LIMIT)
		return false; /* no such path can be opened by name either */
	memcpy(path, dir.ptr, dir.len);
	path[dir.len] = '/';
	memcpy(path + dir.len + 1, name.ptr, name.len);
	return glob_match(g->full,
			  (struct str){ path, dir.len + 1 + name.len });
}

bool hide_glob_match(const struct hide_glob *g, struct str dir, struct str name)
{
	switch (g->kind) {
	case HIDE_K_HERE:
		return name_match(g, name) && str_eq(dir, g->root);
	case HIDE_K_DEEP:
		return name_match(g, name) &&
		       (g->root.len == 0 || path_is_below(dir, g->root));
	case HIDE_K_FULL:
		return full_match(g, dir, name);
	}
	return false;
}
