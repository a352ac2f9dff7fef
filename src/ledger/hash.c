/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA256_Update(3) and not EVP_DigestUpdate(3): OpenSSL 3.0 allocates a new context
 * at each EVP_DigestInit_ex2(3), so that a record could not be hashed when memory is
 * short.  The older functions are deprecated for not going through providers, and
 * nothing else; they work on what the caller has.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "ledger/hash.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

struct hash {
	SHA256_CTX ctx;
};

int hash_new(struct hash **ret)
{
	AUTO(hash) struct hash *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	/* No OPENSSL_CONF: the environment does not choose what signs. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -EIO;
	*ret = TAKE(h);
	return 0;
}

void hash_free(struct hash *h)
{
	free(h);
}

/* Nothing here allocates, so it can only fail by a mistake of ours. */
void hash_three(struct hash *h, struct str a, struct str b, struct str c,
		struct digest *ret)
{
	ASSERT(SHA256_Init(&h->ctx) == 1 &&
	       SHA256_Update(&h->ctx, a.ptr, a.len) == 1 &&
	       SHA256_Update(&h->ctx, b.ptr, b.len) == 1 &&
	       SHA256_Update(&h->ctx, c.ptr, c.len) == 1 &&
	       SHA256_Final(ret->b, &h->ctx) == 1);
}

void hash_raw(struct hash *h, struct str s, struct digest *ret)
{
	hash_three(h, s, STR(""), STR(""), ret);
}

void hash_leaf(struct hash *h, struct str leaf, struct digest *ret)
{
	hash_three(h, (struct str){ "\0", 1 }, leaf, STR(""), ret);
}

void hash_node(struct hash *h, const struct digest *left,
	       const struct digest *right, struct digest *ret)
{
	/* @ret may be one of them: both are read before it is written. */
	hash_three(h, STR("\1"), digest_str(left), digest_str(right), ret);
}

int hash_hex(struct hash *h, struct str s, char ret[LEDGER_HASH_LEN + 1])
{
	struct digest d;

	hash_raw(h, s, &d);
	digest_hex(&d, ret);
	return 0;
}
