/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include "base/clock.h"

static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

void id_session_new(char ret[ID_SESSION_LEN + 1], uint64_t utc_ns,
		    const uint8_t rnd[8])
{
	uint64_t ms = utc_ns / NS_PER_MS & ((UINT64_C(1) << 48) - 1);
	uint64_t random = 0;

	memcpy(&random, rnd, sizeof(random));
	random &= (UINT64_C(1) << 52) - 1;
	/* 100 bits: the upper 50 and the lower 50 make ten letters each. */
	uint64_t half[2] = { ms << 2 | random >> 50,
			     random & ((UINT64_C(1) << 50) - 1) };

	for (size_t i = 0; i < ID_SESSION_LEN; i++) {
		unsigned shift = (unsigned)(45 - 5 * (i % 10));

		ret[i] = letters[half[i / 10] >> shift & 31];
	}
	ret[ID_SESSION_LEN] = '\0';
}

bool id_session_is(struct str s)
{
	if (s.len != ID_SESSION_LEN)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\0' || !strchr(letters, s.ptr[i]))
			return false;
	}
	return true;
}
