/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte of flags, a directory, NUL, a name.  The laws:
 *   1. the matcher, with its chains, says what trying each pattern says;
 *   2. a row is found only where one of its patterns ends in the name, or the
 *      directory is inside one of its units.
 */
#include "base/path.h"
#include "jail/later.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static struct str base_of(struct str s, struct str *ret_dir)
{
	size_t at = s.len;

	while (at > 0 && s.ptr[at - 1] != '/')
		at--;
	*ret_dir = (struct str){ s.ptr, at > 0 ? at - 1 : 0 };
	return str_skip(s, at);
}

static bool ends_in(struct str path, struct str dir)
{
	if (dir.len == 0 || str_eq(path, dir))
		return true;
	return path.len > dir.len && str_ends(path, dir) &&
	       path.ptr[path.len - dir.len - 1] == '/';
}

static bool name_fits(struct str pattern, struct str name)
{
	const char *star = memchr(pattern.ptr, '*', pattern.len);
	struct str head = pattern, tail;

	if (!star)
		return str_eq(pattern, name);
	head.len = (size_t)(star - pattern.ptr);
	tail = str_skip(pattern, head.len + 1);
	return name.len >= head.len + tail.len && str_starts(name, head) &&
	       str_ends(name, tail);
}

/* Is @path, a directory, one that @unit names? */
static bool unit_is(struct str unit, struct str path)
{
	struct str udir, dir, uname = base_of(unit, &udir);

	return name_fits(uname, base_of(path, &dir)) && ends_in(dir, udir);
}

static bool unit_fits(struct str unit, bool git, struct str dir,
		      enum later_git how)
{
	struct str up;

	if (git)
		return how == LATER_GIT_BELOW &&
		       str_eq(unit, base_of(dir, &up));
	for (size_t end = 1; end <= dir.len; end++) {
		if ((end == dir.len || dir.ptr[end] == '/') &&
		    unit_is(unit, (struct str){ dir.ptr, end }))
			return true;
	}
	return false;
}

static bool fits(struct str p, struct str dir, enum later_git how,
		 struct str name, bool is_dir)
{
	bool git = str_starts(p, STR("GIT/")), unit = str_ends(p, STR("/**"));
	struct str pdir, pname, up;

	if (git)
		p = str_skip(p, 4);
	if (unit)
		p.len -= 3;
	if (unit && !is_dir && unit_fits(p, git, dir, how))
		return true;
	pname = base_of(p, &pdir);
	if (unit != is_dir || !name_fits(pname, name))
		return false;
	if (!git)
		return ends_in(dir, pdir);
	return pdir.len == 0 ? how == LATER_GIT_DIR
			     : how == LATER_GIT_BELOW &&
				       str_eq(pdir, base_of(dir, &up));
}

static const struct later_row *slowly(struct str dir, enum later_git how,
				      struct str name, bool is_dir)
{
	for (size_t i = 0; i < later_n_rows; i++) {
		struct str rest = str_of(later_rows[i].patterns), p;

		while (str_word(&rest, &p)) {
			if (fits(p, dir, how, name, is_dir))
				return &later_rows[i];
		}
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(later) struct later *l = NULL;
	struct later_here here;
	struct str dir, name;
	enum later_git how;
	bool is_dir;

	if (size < 2 || size > PATH_LIMIT)
		return 0;
	how = (enum later_git)(data[0] % 3);
	is_dir = data[0] & 4;
	name = (struct str){ (const char *)data + 1, size - 1 };
	if (!str_cut(&name, '\0', &dir) || name.len == 0 || name.len > 255 ||
	    memchr(name.ptr, '/', name.len) || memchr(name.ptr, '\0', name.len))
		return 0;
	law(later_new(&l) == 0);
	later_enter(l, dir, how, &here);
	law(later_match(&here, name, is_dir, NULL) ==
	    slowly(dir, how, name, is_dir));
	return 0;
}
