/* SPDX-License-Identifier: Apache-2.0 */
/* hash: SHA-256, as it is and as RFC 6962 section 2.1 uses it. */
#pragma once

#include "base/base.h"
#include "ledger/head.h"

#define DIGEST_BYTES 32u

struct digest {
	uint8_t b[DIGEST_BYTES];
};

static inline bool digest_eq(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, DIGEST_BYTES) == 0;
}

static inline struct str digest_str(const struct digest *d)
{
	return (struct str){ .ptr = (const char *)d->b, .len = DIGEST_BYTES };
}

/* In lower case. */
void digest_hex(const struct digest *d, char ret[LEDGER_HASH_LEN + 1]);
/* False: not 64 lower case digits. */
must_check bool digest_from_hex(struct str hex, struct digest *ret);

struct hash;

must_check int hash_new(struct hash **ret);
void hash_free(struct hash *h);
DEFINE_AUTO(hash, struct hash, hash_free);

/* Lower-case hexadecimal SHA-256 of @s. */
must_check int hash_hex(struct hash *h, struct str s,
			char ret[LEDGER_HASH_LEN + 1]);
/* These cannot fail: they allocate nothing. */
void hash_raw(struct hash *h, struct str s, struct digest *ret);
void hash_three(struct hash *h, struct str a, struct str b, struct str c,
		struct digest *ret);
/* SHA-256(0x00 || leaf), SHA-256(0x01 || left || right) */
void hash_leaf(struct hash *h, struct str leaf, struct digest *ret);
void hash_node(struct hash *h, const struct digest *left,
	       const struct digest *right, struct digest *ret);
