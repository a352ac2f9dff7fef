/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

struct hash {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
};

int hash_new(struct hash **ret)
{
	AUTO(hash) struct hash *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	/* No OPENSSL_CONF: the environment does not choose our SHA-256. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -EIO;
	h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->ctx = EVP_MD_CTX_new();
	if (!h->md || !h->ctx)
		return -ENOMEM;
	*ret = TAKE(h);
	return 0;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->md);
	free(h);
}

/* Nothing here allocates, so it can only fail by a mistake of ours. */
void hash_three(struct hash *h, struct str a, struct str b, struct str c,
		struct digest *ret)
{
	unsigned len = 0;

	ASSERT(EVP_DigestInit_ex2(h->ctx, h->md, NULL) == 1 &&
	       EVP_DigestUpdate(h->ctx, a.ptr, a.len) == 1 &&
	       EVP_DigestUpdate(h->ctx, b.ptr, b.len) == 1 &&
	       EVP_DigestUpdate(h->ctx, c.ptr, c.len) == 1 &&
	       EVP_DigestFinal_ex(h->ctx, ret->b, &len) == 1 &&
	       len == DIGEST_BYTES);
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
