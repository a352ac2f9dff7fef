/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a digest; apart from hash.c, which needs OpenSSL. */
#include "ledger/hash.h"

void digest_hex(const struct digest *d, char ret[LEDGER_HASH_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		ret[2 * i] = hex[d->b[i] >> 4];
		ret[2 * i + 1] = hex[d->b[i] & 15];
	}
	ret[LEDGER_HASH_LEN] = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_from_hex(struct str hex, struct digest *ret)
{
	if (hex.len != LEDGER_HASH_LEN)
		return false;
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int hi = digit(hex.ptr[2 * i]), lo = digit(hex.ptr[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		ret->b[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}
