/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the body of a client's OPEN.  Laws:
 *   1. a refusal says why;
 *   2. what is accepted keeps its limits, and its paths are absolute and
 *      normal;
 *   3. no variable but those of the table is taken.
 */
#include "base/path.h"
#include "keeper/open-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool is_normal(struct arena *a, struct str path)
{
	return str_starts(path, STR("/")) &&
	       str_eq(path_normalise(a, STR("/"), path), path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .ptr = (const char *)data, .len = size };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *body = NULL;
	struct open_request q = { 0 };
	struct diag d = { 0 };
	int r;

	if (size > OPEN_MAX_BYTES)
		return 0;
	arena_init(&a, 32 * OPEN_MAX_BYTES);
	if (json_parse(&a, text, &body, NULL) != 0)
		return 0;
	r = open_parse(&a, body, &q, &d);
	law(r == 0 || r == -ENOMEM || (r == 1 && d.text[0] != '\0'));
	if (r != 0)
		return 0;
	law(q.n_argv >= 1 && q.n_argv <= OPEN_MAX_ARGV && q.argc >= 1);
	law(q.n_set <= OPEN_MAX_SET && q.task.len <= OPEN_MAX_TEXT &&
	    q.profile.len <= OPEN_MAX_TEXT);
	law(is_normal(&a, q.cwd));
	law(q.policy.len == 0 || is_normal(&a, q.policy));
	for (size_t i = 0; i < q.n_set; i++)
		law(q.set[i].len > 0 &&
		    !memchr(q.set[i].ptr, '=', q.set[i].len));
	return 0;
}
