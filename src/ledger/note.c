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

#define PREFIX     "PRIVATE+KEY+"
#define ID_BYTES   4u /* before each signature */
#define TIME_BYTES 8u /* before a cosigner's */

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
static int complete(struct hash *h, struct note_signer *s, struct str name,
		    enum note_type type)
{
	AUTO(buf) struct buf b = BUF_NULL;
	size_t len = NOTE_KEY_BYTES;
	struct note_key k = { .type = type };
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
	k.id = note_key_id(h, name, type, k.public);
	s->key = k;
	buf_init(&b, NOTE_VKEY_SIZE);
	note_vkey_add(&b, &k);
	hex = buf_cstr(&b);
	/* What the parser makes of it is the same. */
	return hex && note_vkey_parse(h, buf_str(&b), type, &k) ? 0 : -EIO;
}

int note_signer_new(struct hash *h, struct str name, enum note_type type,
		    struct note_signer **ret)
{
	AUTO(note_signer) struct note_signer *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (!s->pkey)
		return -EIO;
	r = complete(h, s, name, type);
	if (r == 0)
		*ret = TAKE(s);
	return r;
}

int note_signer_read(struct hash *h, struct str text, enum note_type type,
		     struct note_signer **ret)
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
	    len != sizeof(raw) || raw[0] != type)
		return 1;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw + 1,
					       NOTE_KEY_BYTES);
	explicit_bzero(raw, sizeof(raw));
	r = s->pkey ? complete(h, s, name, type) : -EIO;
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
	uint8_t raw[1 + NOTE_KEY_BYTES] = { (uint8_t)s->key.type };
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

static int sign(const struct note_signer *s, struct str text,
		uint8_t ret[NOTE_SIG_BYTES])
{
	size_t len = NOTE_SIG_BYTES;

	if (EVP_MD_CTX_reset(s->ctx) != 1 ||
	    EVP_DigestSignInit(s->ctx, NULL, NULL, NULL, s->pkey) != 1 ||
	    EVP_DigestSign(s->ctx, ret, &len, (const unsigned char *)text.ptr,
			   text.len) != 1 ||
	    len != NOTE_SIG_BYTES)
		return -EIO;
	return 0;
}

static void put_number(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static void add_line(const struct note_signer *s, struct str raw, struct buf *b)
{
	(void)buf_printf(b, "\xe2\x80\x94 %s ", s->key.name);
	base64_add(b, raw);
	(void)buf_addc(b, '\n');
}

static int add_signature(const struct note_signer *s, struct str text,
			 struct buf *b)
{
	uint8_t raw[ID_BYTES + NOTE_SIG_BYTES];
	int r = sign(s, text, raw + ID_BYTES);

	if (r != 0)
		return r;
	put_number(raw, s->key.id, ID_BYTES);
	add_line(s, (struct str){ (char *)raw, sizeof(raw) }, b);
	return 0;
}

/* What a cosigner signs: the text behind two lines of its own. */
static void cosigned_text(struct buf *b, uint64_t time_s, struct str text)
{
	(void)buf_printf(b, "cosignature/v1\ntime %llu\n",
			 (unsigned long long)time_s);
	(void)buf_add(b, text);
}

int note_cosign(struct str text, const struct note_signer *s, uint64_t time_s,
		struct buf *b)
{
	uint8_t raw[ID_BYTES + TIME_BYTES + NOTE_SIG_BYTES];
	AUTO(buf) struct buf all = BUF_NULL;
	int r;

	ASSERT(s->key.type == NOTE_COSIGNATURE);
	buf_init(&all, NOTE_MAX_BYTES + 64);
	cosigned_text(&all, time_s, text);
	if (all.failed)
		return -ENOMEM;
	r = sign(s, buf_str(&all), raw + ID_BYTES + TIME_BYTES);
	if (r != 0)
		return r;
	put_number(raw, s->key.id, ID_BYTES);
	put_number(raw + ID_BYTES, time_s, TIME_BYTES);
	add_line(s, (struct str){ (char *)raw, sizeof(raw) }, b);
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
static int is_signature(EVP_PKEY *pkey, struct str text,
			const uint8_t sig[NOTE_SIG_BYTES])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	if (!ctx)
		return -ENOMEM;
	ok = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	     EVP_DigestVerify(ctx, sig, NOTE_SIG_BYTES,
			      (const unsigned char *)text.ptr, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : 1;
}

static int is_plain(EVP_PKEY *pkey, struct str text, struct str sig)
{
	uint8_t raw[ID_BYTES + NOTE_SIG_BYTES];
	size_t len = 0;

	if (!base64_read(sig, raw, sizeof(raw), &len) || len != sizeof(raw))
		return 1;
	return is_signature(pkey, text, raw + ID_BYTES);
}

static int is_cosignature(EVP_PKEY *pkey, struct str text, struct str sig,
			  uint64_t *ret_time_s)
{
	uint8_t raw[ID_BYTES + TIME_BYTES + NOTE_SIG_BYTES];
	AUTO(buf) struct buf all = BUF_NULL;
	uint64_t time_s = 0;
	size_t len = 0;

	if (!base64_read(sig, raw, sizeof(raw), &len) || len != sizeof(raw))
		return 1;
	for (unsigned i = 0; i < TIME_BYTES; i++)
		time_s = time_s << 8 | raw[ID_BYTES + i];
	if (time_s > INT64_MAX)
		return 1;
	buf_init(&all, NOTE_MAX_BYTES + 64);
	cosigned_text(&all, time_s, text);
	if (all.failed)
		return -ENOMEM;
	*ret_time_s = time_s;
	return is_signature(pkey, buf_str(&all), raw + ID_BYTES + TIME_BYTES);
}

static int verify(const struct note *n, const struct note_key *k,
		  uint64_t *ret_time_s)
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
		r = k->type == NOTE_COSIGNATURE
			    ? is_cosignature(pkey, n->text, s->sig, ret_time_s)
			    : is_plain(pkey, n->text, s->sig);
		if (r == 1)
			r = NOTE_FORGED;
	}
	EVP_PKEY_free(pkey);
	return r;
}

int note_verify(const struct note *n, const struct note_key *k)
{
	uint64_t unused;

	return k->type == NOTE_ED25519 ? verify(n, k, &unused) : NOTE_UNKNOWN;
}

int note_verify_cosignature(const struct note *n, const struct note_key *k,
			    uint64_t *ret_time_s)
{
	*ret_time_s = 0;
	return k->type == NOTE_COSIGNATURE ? verify(n, k, ret_time_s)
					   : NOTE_UNKNOWN;
}
