/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a base and a path with LF between.  Laws:
 *   1. what path_normalise() gives is absolute, has no empty, "." or ".."
 *      component, no NUL, and keeps PATH_LIMIT;
 *   2. it is the same when done again, whatever the base then is;
 *   3. it is its own dirname and basename put together;
 *   4. it is below its dirname and below "/", and "/" is not below it.
 */
#include "base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_components(struct str p)
{
	struct str rest = p, part;

	law(str_starts(p, STR("/")) && p.len <= PATH_LIMIT);
	law(!memchr(p.ptr, '\0', p.len));
	if (p.len == 1)
		return;
	rest = str_skip(rest, 1);
	law(rest.ptr[rest.len - 1] != '/');
	while (str_cut(&rest, '/', &part))
		law(part.len > 0 && !str_eq(part, STR(".")) &&
		    !str_eq(part, STR("..")));
}

static void check_parts(struct arena *a, struct str p)
{
	struct str dir = path_dirname(p), name = path_basename(p);
	struct str whole;

	law(path_is_below(p, STR("/")) && path_is_below(p, p));
	if (p.len == 1)
		return;
	law(path_is_below(p, dir) && !path_is_below(dir, p));
	whole = path_normalise(a, dir, name);
	law(str_eq(whole, p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str path = { .ptr = (const char *)data, .len = size };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str base = { 0 }, got;

	if (size > 65536)
		return 0;
	arena_init(&a, (size_t)1024 * 1024);
	(void)str_cut(&path, '\n', &base);
	got = path_normalise(&a, base, path);
	if (got.len == 0)
		return 0;
	check_components(got);
	check_parts(&a, got);
	law(str_eq(path_normalise(&a, STR("/other"), got), got));
	return 0;
}
