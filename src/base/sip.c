/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sip.h"

static uint64_t rotate(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t sip_hash(const uint64_t key[2], const void *p, size_t len)
{
	uint64_t v[4] = {
		key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573),
	};
	const uint8_t *b = p;
	uint64_t m = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i == len)
			m |= (uint64_t)len << 56;
		else
			m |= (uint64_t)b[i] << (i % 8 * 8);
		if (i % 8 == 7 || i == len) {
			v[3] ^= m;
			sip_round(v);
			v[0] ^= m;
			m = 0;
		}
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
