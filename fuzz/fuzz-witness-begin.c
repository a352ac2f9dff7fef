/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a witness is told of its session.  The laws:
 *   1. what is refused leaves what was there;
 *   2. what is taken has an absolute cwd, words and a path within their limits,
 *      and as many descriptors as a message can carry;
 *   3. written again it says the same.
 */
#include "ipc/ipc.h"
#include "jail/witness-begin-parse.h"
#include "jail/witness.h"

#define ROOM ((size_t)8 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool same(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static void look(const struct witness_begin *b)
{
	size_t n = witness_begin_fds(b);

	law(b->audit <= PLAN_AUDIT_EXACT);
	law(b->command.cwd[0] == '/');
	law(strlen(b->command.cwd) < WITNESS_PATH_MAX);
	law(strlen(b->command.argv) < WITNESS_WORDS_MAX);
	law(!b->command.path || (b->command.path[0] != '\0' &&
				 strlen(b->command.path) < WITNESS_PATH_MAX));
	law(n >= 3 && n <= IPC_FDS_MAX);
}

static void again(struct arena *a, const struct witness_begin *b)
{
	AUTO(buf) struct buf text = BUF_NULL;
	struct witness_begin c;

	buf_init(&text, ROOM);
	witness_begin_format(&text, b);
	law(!text.failed);
	law(witness_begin_parse(a, buf_str(&text), &c) == 0);
	law(c.audit == b->audit && c.cache == b->cache);
	law(same(c.command.cwd, b->command.cwd) &&
	    same(c.command.argv, b->command.argv) &&
	    same(c.command.path, b->command.path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct witness_begin was = { .audit = PLAN_AUDIT_ALL,
						  .cache = true };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str body = { .ptr = (const char *)data, .len = size };
	struct witness_begin b = was;
	int r;

	if (size > IPC_INLINE_MAX)
		return 0;
	arena_init(&a, ROOM);
	r = witness_begin_parse(&a, body, &b);
	if (r != 0) {
		law(r == -EPROTO || r == -ENOMEM);
		law(b.audit == was.audit && b.cache == was.cache);
		law(!b.command.cwd && !b.command.argv && !b.command.path);
		return 0;
	}
	look(&b);
	again(&a, &b);
	return 0;
}
