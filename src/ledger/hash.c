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

int hash_hex(struct hash *h, struct str s, char ret[LEDGER_HASH_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char raw[LEDGER_HASH_LEN / 2];
	unsigned len = 0;

	if (EVP_DigestInit_ex2(h->ctx, h->md, NULL) != 1 ||
	    EVP_DigestUpdate(h->ctx, s.ptr, s.len) != 1 ||
	    EVP_DigestFinal_ex(h->ctx, raw, &len) != 1 || len != sizeof(raw))
		return -EIO;
	for (size_t i = 0; i < sizeof(raw); i++) {
		ret[2 * i] = hex[raw[i] >> 4];
		ret[2 * i + 1] = hex[raw[i] & 15];
	}
	ret[LEDGER_HASH_LEN] = '\0';
	return 0;
}
