/* SPDX-License-Identifier: Apache-2.0 */
/* hash: SHA-256 in hexadecimal, by OpenSSL.  Pure but for OpenSSL's memory. */
#pragma once

#include "ledger/head.h"

struct hash;

must_check int hash_new(struct hash **ret);
void hash_free(struct hash *h);
DEFINE_AUTO(hash, struct hash, hash_free);

/* -EIO: OpenSSL failed. */
must_check int hash_hex(struct hash *h, struct str s,
			char ret[LEDGER_HASH_LEN + 1]);
