/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   post   = check ( 1*31 bundle / 32 bits )
 *   check  = 4 bytes: of a hash over segment, term and what follows
 *   bundle = one byte, larger than the one before
 *   bits   = one byte: bundles N * 8 to N * 8 + 7, the lowest bit first
 */
#include "base/sip.h"
#include "ledger/index-own.h"

#define LIST_MAX 31u

_Static_assert(LIST_MAX < INDEX_SEGMENT / 8, "a list is shorter than bits");

static uint32_t check_of(uint64_t segment, uint64_t term, const uint8_t *p,
			 size_t n)
{
	const uint64_t key[2] = { segment, term };

	return (uint32_t)sip_hash(key, p, n);
}

size_t post_format(uint64_t segment, uint64_t term, const struct bundle_set *s,
		   uint8_t dst[POST_MAX])
{
	uint8_t *p = dst + 4;
	size_t n = 0;
	uint32_t check;

	for (unsigned i = 0; i < INDEX_SEGMENT && n <= LIST_MAX; i++) {
		if (bundle_has(s, i) && n++ < LIST_MAX)
			p[n - 1] = (uint8_t)i;
	}
	if (n > LIST_MAX) {
		n = INDEX_SEGMENT / 8;
		memset(p, 0, n);
		for (unsigned i = 0; i < INDEX_SEGMENT; i++) {
			if (bundle_has(s, i))
				p[i / 8] |= (uint8_t)(1u << i % 8);
		}
	}
	check = check_of(segment, term, p, n);
	memcpy(dst, &check, sizeof(check));
	return n + 4;
}

bool post_parse(uint64_t segment, uint64_t term, struct str bytes,
		struct bundle_set *ret)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr + 4;
	size_t n = bytes.len - 4;
	uint32_t check;

	*ret = (struct bundle_set){ 0 };
	if (bytes.len < 5 || bytes.len > POST_MAX)
		return false;
	memcpy(&check, bytes.ptr, sizeof(check));
	if (check != check_of(segment, term, p, n))
		return false;
	if (n <= LIST_MAX) {
		for (size_t i = 0; i < n; i++)
			bundle_add(ret, p[i]);
		return true;
	}
	for (unsigned i = 0; i < INDEX_SEGMENT; i++) {
		if ((p[i / 8] >> i % 8 & 1) != 0)
			bundle_add(ret, i);
	}
	return true;
}
