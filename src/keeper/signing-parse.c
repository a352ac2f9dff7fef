/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   sshkey = type SP base64 [ SP comment ] [ LF ]
 *   type   = ( "ssh-" / "ecdsa-" / "sk-" ) 1*( %x61-7A / DIGIT / "-" / "." / "@" )
 *   base64 = 16*( ALPHA / DIGIT / "+" / "/" ) *2"="
 *
 *   keybox = header *blob
 *   header = blob of kind 1 with "KBXf" at byte 8
 *   blob   = length kind version *OCTET  ; length: 4 bytes, big-endian, of all
 *   kind   = 0 (deleted) / 1 (header) / 2 (OpenPGP) / 3 (X.509)
 *
 * A keybox holds public keys by definition; secret ones are files of the
 * agent's.  X.509 certificates and deleted blobs are left out: git's openpgp
 * signatures need neither.
 */
#include "keeper/signing-parse.h"

#include "base/buf.h"

#define TYPE_MAX   64u
#define BLOB_MIN   16u /* bytes */
#define MAGIC_AT   8u
#define KIND_AT    4u
#define BASE64_MIN 16u

enum blob_kind {
	BLOB_DELETED,
	BLOB_HEADER,
	BLOB_OPENPGP,
	BLOB_X509,
};

static bool is_alnum(char c, bool upper)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (upper && c >= 'A' && c <= 'Z');
}

static bool is_type(struct str s)
{
	static const char *const starts[] = { "ssh-", "ecdsa-", "sk-" };
	bool known = false;

	for (size_t i = 0; i < N_ELEMS(starts); i++)
		known |= str_starts(s, str_of(starts[i])) &&
			 s.len > strlen(starts[i]);
	for (size_t i = 0; i < s.len; i++)
		known &= is_alnum(s.ptr[i], false) ||
			 memchr("-.@", s.ptr[i], 3) != NULL;
	return known && s.len <= TYPE_MAX;
}

static bool is_base64(struct str s)
{
	for (unsigned i = 0; i < 2 && str_ends(s, STR("=")); i++)
		s.len--;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_alnum(s.ptr[i], true) && s.ptr[i] != '+' &&
		    s.ptr[i] != '/')
			return false;
	}
	return s.len >= BASE64_MIN;
}

bool signing_ssh_key(struct arena *a, struct str text, struct str *ret)
{
	struct str type, key;
	char *out;

	if (text.len > SIGNING_KEY_MAX)
		return false;
	if (str_ends(text, STR("\n")))
		text.len--;
	if (text.len == 0 || memchr(text.ptr, '\n', text.len) ||
	    !str_cut(&text, ' ', &type) || !str_cut(&text, ' ', &key) ||
	    !is_type(type) || !is_base64(key))
		return false;
	out = arena_printf(a, "%.*s %.*s", STR_ARG(type), STR_ARG(key));
	*ret = str_of(out);
	return out != NULL;
}

/* The first blob of *s, which is cut off.  False: there is none. */
static bool cut_blob(struct str *s, struct str *ret)
{
	const unsigned char *p = (const unsigned char *)s->ptr;
	size_t len;

	if (s->len < BLOB_MIN)
		return false;
	len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 |
	      p[3];
	if (len < BLOB_MIN || len > s->len)
		return false;
	*ret = (struct str){ s->ptr, len };
	*s = str_skip(*s, len);
	return true;
}

static bool is_header(struct str blob)
{
	return blob.ptr[KIND_AT] == BLOB_HEADER &&
	       memcmp(blob.ptr + MAGIC_AT, "KBXf", 4) == 0;
}

int signing_keybox(struct arena *a, struct str file, struct str *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str blob;

	if (file.len > SIGNING_KEYBOX_MAX || !cut_blob(&file, &blob) ||
	    !is_header(blob))
		return 1;
	buf_init(&b, SIGNING_KEYBOX_MAX);
	(void)buf_add(&b, blob);
	while (file.len > 0) {
		if (!cut_blob(&file, &blob) ||
		    blob.ptr[KIND_AT] == BLOB_HEADER ||
		    (unsigned char)blob.ptr[KIND_AT] > BLOB_X509)
			return 1;
		if (blob.ptr[KIND_AT] == BLOB_OPENPGP)
			(void)buf_add(&b, blob);
	}
	if (b.failed)
		return -ENOMEM;
	*ret = arena_str(a, buf_str(&b));
	return ret->ptr ? 0 : -ENOMEM;
}
