/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a stored line, or a posting of the index's file.  The laws:
 *   1. of what is a record the quick scanner finds each value that the parser
 *      finds, and the same number and time: no query misses it;
 *   2. a posting that is taken is written again as the same set.
 */
#include "ledger/index-own.h"
#include "ledger/index-terms.h"

#define ROOM ((size_t)4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_line(struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(arena) struct arena b = ARENA_NULL;
	struct record r;
	struct terms t;

	arena_init(&a, ROOM);
	arena_init(&b, ROOM);
	if (record_read(&a, line, &r) != 0)
		return;
	law(terms_read(&b, line, &t));
	law(t.seq == r.head.seq && t.at == r.head.at);
	law(str_eq(t.session, r.head.session));
	JSON_EACH (f, r.fields) {
		bool found = false;

		if (f->type != JSON_STRING || !terms_has_field(f->key))
			continue;
		for (size_t i = 0; i < t.n; i++)
			found |= t.v[i] == term_of(f->key, f->string);
		law(found);
	}
}

static void check_post(struct str bytes)
{
	struct bundle_set s, again;
	uint8_t out[POST_MAX];
	size_t n;

	if (!post_parse(1, 2, bytes, &s))
		return;
	n = post_format(1, 2, &s, out);
	law(post_parse(1, 2, (struct str){ (const char *)out, n }, &again));
	law(memcmp(&s, &again, sizeof(s)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };

	if (size > RECORD_MAX_BYTES)
		return 0;
	check_line(in);
	check_post(in);
	return 0;
}
