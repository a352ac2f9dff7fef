/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note: signed text (c2sp.org/signed-note) and the keys that sign it, Ed25519.
 * A log signs the text; a cosigner the text and a time
 * (c2sp.org/tlog-cosignature), with a type of key of its own.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "ledger/hash.h"

#define NOTE_MAX_BYTES      ((size_t)64 * 1024)
#define NOTE_SIGNATURES_MAX 32u
#define NOTE_NAME_MAX       200u
#define NOTE_KEY_BYTES      32u
#define NOTE_SIG_BYTES      64u
#define NOTE_VKEY_SIZE      (NOTE_NAME_MAX + 64)
/* First line of the note by which a key names the one after it. */
#define KEY_NOTE_FIRST "bawn ledger key"

enum note_type {
	NOTE_ED25519 = 1,
	NOTE_COSIGNATURE = 4,
};

/* ---- parsing, pure (note-parse.c) ---- */

struct note_sig {
	struct str name;
	uint32_t id;
	struct str sig; /* still base64, the id before it */
};

struct note {
	struct str text; /* with its last LF */
	struct note_sig sigs[NOTE_SIGNATURES_MAX];
	size_t n;
};

/* False: no signed note, or beyond the limits.  All of it is in @all. */
must_check bool note_parse(struct str all, struct note *ret);
/* A name that may stand before a key. */
must_check bool note_is_name(struct str s);

struct note_key {
	char name[NOTE_NAME_MAX + 1];
	enum note_type type;
	uint32_t id;
	uint8_t public[NOTE_KEY_BYTES];
};

uint32_t note_key_id(struct hash *h, struct str name, enum note_type type,
		     const uint8_t public[NOTE_KEY_BYTES]);
/* NAME+HEXID+BASE64.  False: not that, or not of @type. */
must_check bool note_vkey_parse(struct hash *h, struct str text,
				enum note_type type, struct note_key *ret);
void note_vkey_add(struct buf *b, const struct note_key *k);
static inline bool note_key_eq(const struct note_key *a,
			       const struct note_key *b)
{
	return a->id == b->id && strcmp(a->name, b->name) == 0 &&
	       memcmp(a->public, b->public, NOTE_KEY_BYTES) == 0;
}

/* ---- keys and signatures, by OpenSSL (note.c) ---- */

struct note_signer;

/* A new key for @name. */
must_check int note_signer_new(struct hash *h, struct str name,
			       enum note_type type, struct note_signer **ret);
/* PRIVATE+KEY+NAME+HEXID+BASE64, one line.  1: not that. */
must_check int note_signer_read(struct hash *h, struct str text,
				enum note_type type, struct note_signer **ret);
/* @b holds a secret then. */
void note_signer_write(const struct note_signer *s, struct buf *b);
void note_signer_free(struct note_signer *s);
DEFINE_AUTO(note_signer, struct note_signer, note_signer_free);
const struct note_key *note_signer_key(const struct note_signer *s);

/* @text, an empty line and the signature line of each.  -EIO, b->failed. */
must_check int note_sign(struct str text, struct note_signer *const *v,
			 size_t n, struct buf *b);

enum note_verdict {
	NOTE_UNKNOWN = 1, /* none of its signatures is by @k */
	NOTE_FORGED,      /* one says it is, and is not */
};

/* 0: signed by @k; an enum note_verdict; -errno. */
must_check int note_verify(const struct note *n, const struct note_key *k);

/*
 * The one line of a cosigner, for a checkpoint's text @text at @time_s since
 * 1970.  -EIO; failure is b->failed, too.
 */
must_check int note_cosign(struct str text, const struct note_signer *s,
			   uint64_t time_s, struct buf *b);
/* As note_verify(), for a key of type NOTE_COSIGNATURE. */
must_check int note_verify_cosignature(const struct note *n,
				       const struct note_key *k,
				       uint64_t *ret_time_s);
