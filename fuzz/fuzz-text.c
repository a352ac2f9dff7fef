/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte, which says how much room there is, and any text.  Laws:
 *   1. utf8_encode() gives back the bytes that utf8_decode() took;
 *   2. what str_sanitise() writes is terminated, printable UTF-8 that fits, and
 *      the whole text when it is printable and there is room;
 *   3. a number that is accepted is written as it was read, and keeps its
 *      limits.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/utf8.h"

#define ROOM_MAX 512u
#define ROOM_MIN 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

/* True: all of it is UTF-8 that may be shown. */
static bool check_characters(struct str s)
{
	bool shown = true;

	while (s.len > 0) {
		uint32_t c = 0;
		char again[4];
		size_t n = utf8_decode(s, &c);

		if (n > 0) {
			law(n <= s.len && utf8_encode(c, again) == n);
			law(memcmp(again, s.ptr, n) == 0);
		}
		shown = shown && n > 0 && utf8_is_printable(c);
		s = str_skip(s, n > 0 ? n : 1);
	}
	return shown;
}

static void check_number(struct str s)
{
	char again[24];
	uint64_t v = 0;
	uint32_t w = 0;

	if (str_u64(s, 3, UINT64_MAX - 1, &v)) {
		law(v >= 3 && v <= UINT64_MAX - 1);
		(void)snprintf(again, sizeof(again), "%" PRIu64, v);
		law(str_eq(s, str_of(again)));
		law(str_u32(s, 0, UINT32_MAX, &w) == (v <= UINT32_MAX));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { .ptr = (const char *)data, .len = size }, out;
	size_t room = ROOM_MAX;
	char dst[ROOM_MAX];
	bool shown;

	if (size > 0) {
		room = ROOM_MIN + data[0];
		s = str_skip(s, 1);
	}
	shown = check_characters(s);
	memset(dst, 'x', sizeof(dst));
	str_sanitise(s, dst, room);
	law(memchr(dst, '\0', room) != NULL);
	out = str_of(dst);
	law(check_characters(out));
	law(!shown || s.len >= room || str_eq(out, s));
	check_number(s);
	return 0;
}
