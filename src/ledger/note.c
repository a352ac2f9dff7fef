/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a private key is that of Go's sumdb/note, so that a key can be
 * used there: PRIVATE+KEY+NAME+HEXID+BASE64 of the type byte and the seed.
 */
#include "ledger/note.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/base64.h"

#define PREFIX "PRIVATE+KEY+"

struct note_signer {
	EVP_PKEY *pkey;
	EVP_MD_CTX *ctx;
	struct note_key key;
};

void note_signer_free(struct note_signer *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	EVP_PKEY_free(s->pkey);
	free(s);
}

const struct note_key *note_signer_key(const struct note_signer *s)
{
	return &s->key;
}

/* The rest of @s from its private key: the public one, name and id. */
static int complete(struct hash *h, struct note_signer *s, struct str name)
{
	AUTO(buf) struct buf b = BUF_NULL;
	size_t len = NOTE_KEY_BYTES;
	struct note_key k = { .id = 0 };
	const char *hex;

	if (!note_is_name(name))
		return -EINVAL;
	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx)
		return -ENOMEM;
	if (EVP_PKEY_get_raw_public_key(s->pkey, k.public, &len) != 1 ||
	    len != NOTE_KEY_BYTES)
		return -EIO;
	memcpy(k.name, name.ptr, name.len);
	k.id = note_key_id(h, name, k.public);
	s->key = k;
	buf_init(&b, NOTE_VKEY_SIZE);
	note_vkey_add(&b, &k);
	hex = buf_cstr(&b);
	/* What the parser makes of it is the same. */
	return hex && note_vkey_parse(h, buf_str(&b), &k) ? 0 : -EIO;
}

int note_signer_new(struct hash *h, struct str name, struct note_signer **ret)
{
	AUTO(note_signer) struct note_signer *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!s->pkey)
		return -EIO;
	r = complete(h, s, name);
	if (r == 0)
		*ret = TAKE(s);
	return r;
}

int note_signer_read(struct hash *h, struct str text, struct note_signer **ret)
{
	AUTO(note_signer) struct note_signer *s = NULL;
	uint8_t raw[1 + NOTE_KEY_BYTES];
	struct str name, id;
	char hex[16];
	size_t len = 0;
	int r;

	if (!str_starts(text, STR(PREFIX)))
		return 1;
	text = str_skip(text, sizeof(PREFIX) - 1);
	if (!str_cut(&text, '+', &name) || !str_cut(&text, '+', &id) ||
	    !note_is_name(name) || !base64_read(text, raw, sizeof(raw), &len) ||
	    len != sizeof(raw) || raw[0] != NOTE_ED25519)
		return 1;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw + 1,
					       NOTE_KEY_BYTES);
	explicit_bzero(raw, sizeof(raw));
	r = s->pkey ? complete(h, s, name) : -EIO;
	if (r != 0)
		return r;
	(void)snprintf(hex, sizeof(hex), "%08x", s->key.id);
	if (!str_eq(id, str_of(hex)))
		return 1;
	*ret = TAKE(s);
	return 0;
}

void note_signer_write(const struct note_signer *s, struct buf *b)
{
	uint8_t raw[1 + NOTE_KEY_BYTES] = { NOTE_ED25519 };
	size_t len = NOTE_KEY_BYTES;

	if (EVP_PKEY_get_raw_private_key(s->pkey, raw + 1, &len) != 1 ||
	    len != NOTE_KEY_BYTES) {
		b->failed = true;
		return;
	}
	(void)buf_printf(b, PREFIX "%s+%08x+", s->key.name, s->key.id);
	base64_add(b, (struct str){ (char *)raw, sizeof(raw) });
	explicit_bzero(raw, sizeof(raw));
}

static int add_signature(const struct note_signer *s, struct str text,
			 struct buf *b)
{
	uint8_t raw[4 + NOTE_SIG_BYTES];
	size_t len = NOTE_SIG_BYTES;

	if (EVP_MD_CTX_reset(s->ctx) != 1 ||
	    EVP_DigestSignInit(s->ctx, NULL, NULL, NULL, s->pkey) != 1 ||
	    EVP_DigestSign(s->ctx, raw + 4, &len,
			   (const unsigned char *)text.ptr, text.len) != 1 ||
	    len != NOTE_SIG_BYTES)
		return -EIO;
	for (unsigned i = 0; i < 4; i++)
		raw[i] = (uint8_t)(s->key.id >> (24 - 8 * i));
	(void)buf_printf(b, "\xe2\x80\x94 %s ", s->key.name);
	base64_add(b, (struct str){ (char *)raw, sizeof(raw) });
	(void)buf_addc(b, '\n');
	return 0;
}

int note_sign(struct str text, struct note_signer *const *v, size_t n,
	      struct buf *b)
{
	int r = 0;

	(void)buf_add(b, text);
	(void)buf_addc(b, '\n');
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_signature(v[i], text, b);
	return r;
}

/* 1: it is not. */
static int is_signature(EVP_PKEY *pkey, struct str text, struct str sig)
{
	uint8_t raw[4 + NOTE_SIG_BYTES];
	EVP_MD_CTX *ctx;
	size_t len = 0;
	int ok;

	if (!base64_read(sig, raw, sizeof(raw), &len) || len != sizeof(raw))
		return 1;
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return -ENOMEM;
	ok = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	     EVP_DigestVerify(ctx, raw + 4, NOTE_SIG_BYTES,
			      (const unsigned char *)text.ptr, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : 1;
}

int note_verify(const struct note *n, const struct note_key *k)
{
	EVP_PKEY *pkey;
	int r = NOTE_UNKNOWN;

	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->public,
					   NOTE_KEY_BYTES);
	if (!pkey)
		return -ENOMEM;
	for (size_t i = 0; i < n->n && r == NOTE_UNKNOWN; i++) {
		const struct note_sig *s = &n->sigs[i];

		if (s->id != k->id || !str_eq(s->name, str_of(k->name)))
			continue;
		r = is_signature(pkey, n->text, s->sig);
		if (r == 1)
			r = NOTE_FORGED;
	}
	EVP_PKEY_free(pkey);
	return r;
}
