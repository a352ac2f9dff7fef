/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a configuration file of a package client.  Laws:
 *   1. no value that is taken holds a control character or a space at an end;
 *   2. an address that is taken names no user and no password;
 *   3. what the filter leaves of cargo's configuration it leaves again.
 */
#include "keeper/clients-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_values(const struct clients_config *c)
{
	for (unsigned v = 0; v < CLIENTS_VAR_MAX_; v++) {
		struct str s = c->value[v];

		for (size_t i = 0; i < s.len; i++)
			law((unsigned char)s.ptr[i] >= ' ' && s.ptr[i] != 0x7f);
	}
}

/* "//" up to the next "/" is the place; it has no "@". */
static void check_url(struct str s)
{
	const char *place = memmem(s.ptr, s.len, "//", 2);
	struct str rest, authority;

	if (!place)
		return;
	rest = str_skip(s, (size_t)(place - s.ptr) + 2);
	if (str_cut(&rest, '/', &authority))
		law(!memchr(authority.ptr, '@', authority.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .ptr = (const char *)data, .len = size }, once,
		   twice;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct clients_config c = { 0 };

	if (size > CLIENTS_FILE_MAX)
		return 0;
	arena_init(&a, 64 * CLIENTS_FILE_MAX);
	clients_parse_npmrc(&a, text, &c);
	clients_parse_pip(&a, text, &c);
	clients_parse_go(&a, text, &c);
	check_values(&c);
	check_url(c.value[CLIENTS_NPM_REGISTRY]);
	check_url(c.value[CLIENTS_PIP_INDEX]);
	clients_filter_cargo(&a, text, &once);
	if (once.len == 0)
		return 0;
	clients_filter_cargo(&a, once, &twice);
	law(a.failed || str_eq(once, twice));
	return 0;
}
