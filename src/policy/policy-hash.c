/* SPDX-License-Identifier: Apache-2.0 */
/* The only file of this folder that needs a cryptographic library. */
#include <openssl/evp.h>

#include "policy/policy.h"

#define CANONICAL_MAX ((size_t)8 * 1024 * 1024)

int policy_hash(const struct policy *p, char ret[POLICY_HASH_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int r;

	arena_init(&a, POLICY_ARENA_MAX);
	buf_init(&b, CANONICAL_MAX);
	r = policy_canonical(&a, p, &b);
	if (r != 0)
		return r;
	if (EVP_Digest(buf_str(&b).ptr, b.len, md, &n, EVP_sha256(), NULL) != 1)
		return -EIO;
	ASSERT(2 * n + 1 == POLICY_HASH_TEXT);
	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = hex[md[i] >> 4];
		ret[2 * i + 1] = hex[md[i] & 15];
	}
	ret[POLICY_HASH_TEXT - 1] = 0;
	return 0;
}
