/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

/* Drop the last component of the @len bytes at @p. */
static size_t drop_last(const char *p, size_t len)
{
	while (len > 0 && p[len - 1] != '/')
		len--;
	return len > 0 ? len - 1 : 0;
}

/* Append the components of @s to "/a/b" in @dst ("" stands for "/"). */
static bool add_components(char dst[PATH_LIMIT], size_t *len, struct str s)
{
	struct str c;

	while (str_cut(&s, '/', &c)) {
		if (c.len == 0 || str_eq(c, STR(".")))
			continue;
		if (str_eq(c, STR(".."))) {
			*len = drop_last(dst, *len);
			continue;
		}
		if (c.len > PATH_LIMIT - 1 || *len > PATH_LIMIT - 1 - c.len)
			return false;
		dst[(*len)++] = '/';
		memcpy(dst + *len, c.ptr, c.len);
		*len += c.len;
	}
	return true;
}

static bool is_absolute(struct str s)
{
	return s.len > 0 && s.ptr[0] == '/';
}

static bool has_nul(struct str s)
{
	return s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL;
}

struct str path_normalise(struct arena *a, struct str base, struct str p)
{
	char out[PATH_LIMIT];
	size_t len = 0;

	if (has_nul(p))
		return (struct str){ 0 };
	if (!is_absolute(p)) {
		if (!is_absolute(base) || has_nul(base) ||
		    !add_components(out, &len, base))
			return (struct str){ 0 };
	}
	if (!add_components(out, &len, p))
		return (struct str){ 0 };
	if (len == 0)
		return arena_str(a, STR("/"));
	return arena_str(a, (struct str){ .ptr = out, .len = len });
}

bool path_is_below(struct str p, struct str dir)
{
	if (!str_starts(p, dir))
		return false;
	return p.len == dir.len || str_eq(dir, STR("/")) ||
	       (dir.len > 0 && p.ptr[dir.len] == '/');
}

struct str path_dirname(struct str p)
{
	size_t n = p.len;

	while (n > 0 && p.ptr[n - 1] != '/')
		n--;
	if (n == 0)
		return STR(".");
	return (struct str){ .ptr = p.ptr, .len = n > 1 ? n - 1 : 1 };
}

struct str path_basename(struct str p)
{
	size_t n = p.len;

	if (str_eq(p, STR("/")))
		return p;
	while (n > 0 && p.ptr[n - 1] != '/')
		n--;
	return str_skip(p, n);
}
