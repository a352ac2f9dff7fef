/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a git configuration file.  The laws:
 *   1. what was read, written and read again is equal, in values and order;
 *   2. the writer has one spelling: writing again gives the same bytes;
 *   3. what is let in is what the filter lets pass, and all of it, so nothing
 *      in a value can become an entry of its own;
 *   4. a refusal names a line of the text.
 */
#include "jail/gitconfig-parse.h"

#define ROOM ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool equal(const struct gitconfig_entry *a,
		  const struct gitconfig_entry *b)
{
	return str_eq(a->section, b->section) &&
	       !a->subsection.ptr == !b->subsection.ptr &&
	       (!a->subsection.ptr || str_eq(a->subsection, b->subsection)) &&
	       str_eq(a->key, b->key) && str_eq(a->value, b->value) &&
	       a->bare == b->bare;
}

typedef bool (*may_fn)(const struct gitconfig_entry *e);

/* @c, written by @may and read again, is what @may lets pass of it. */
static void round_trip(const struct gitconfig *c, may_fn may)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf once = BUF_NULL;
	AUTO(buf) struct buf twice = BUF_NULL;
	struct gitconfig again;
	size_t n = 0;

	arena_init(&a, ROOM);
	buf_init(&once, GITCONFIG_MAX_BYTES);
	buf_init(&twice, GITCONFIG_MAX_BYTES);
	gitconfig_format(c, may, &once);
	if (once.failed)
		return; /* escapes make it longer */
	law(gitconfig_parse(&a, buf_str(&once), &again, NULL) == 0);
	for (size_t i = 0; i < c->n; i++) {
		if (may && !may(&c->entries[i]))
			continue;
		law(n < again.n);
		law(equal(&c->entries[i], &again.entries[n]));
		n++;
	}
	law(n == again.n);
	gitconfig_format(&again, NULL, &twice);
	law(str_eq(buf_str(&once), buf_str(&twice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str text = { (const char *)data, size };
	struct diag why = { 0 };
	struct gitconfig c;
	unsigned lines = 1;
	int r;

	arena_init(&a, ROOM);
	r = gitconfig_parse(&a, text, &c, &why);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	law(r >= 0);
	if (r > 0) {
		law(why.line >= 1 && why.line <= lines && why.text[0]);
		return 0;
	}
	round_trip(&c, NULL);
	round_trip(&c, gitconfig_may_enter);
	return 0;
}
