/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a line of an ssh public key, or a keybox.  The laws:
 *   1. what is taken of a key is a part of the text, is printable, has exactly
 *      one blank, and is taken from itself unchanged;
 *   2. a filtered keybox is no longer than what it was made of, begins with
 *      the same bytes, and is filtered to itself;
 *   3. no text is both.
 */
#include "keeper/signing-parse.h"

#define ROOM ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void key_laws(struct arena *a, struct str text, struct str key)
{
	struct str again;
	unsigned blanks = 0;

	law(key.len <= text.len &&
	    memmem(text.ptr, text.len, key.ptr, key.len));
	for (size_t i = 0; i < key.len; i++) {
		law(key.ptr[i] >= ' ' && key.ptr[i] <= '~');
		blanks += key.ptr[i] == ' ';
	}
	law(blanks == 1);
	law(signing_ssh_key(a, key, &again) && str_eq(key, again));
}

static void keybox_laws(struct arena *a, struct str file, struct str kept)
{
	struct str again;

	law(kept.len >= 16 && kept.len <= file.len);
	law(memcmp(kept.ptr, file.ptr, 16) == 0);
	law(signing_keybox(a, kept, &again) == 0 && str_eq(kept, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str text = { (const char *)data, size }, key, kept;
	bool is_key;
	int r;

	arena_init(&a, ROOM);
	is_key = signing_ssh_key(&a, text, &key);
	if (is_key)
		key_laws(&a, text, key);
	r = signing_keybox(&a, text, &kept);
	law(r >= 0);
	if (r == 0)
		keybox_laws(&a, text, kept);
	law(!is_key || r != 0);
	return 0;
}
