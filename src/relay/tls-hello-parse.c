/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   flight    = 1*record                                    RFC 8446 5.1
 *   record    = %x16 %x03 OCTET length:u16 *OCTET           1 to 2^14 bytes
 *   handshake = %x01 length:u24 hello                       RFC 8446 4.1.2
 *   hello     = u16 32OCTET session ciphers methods [extensions]
 *   session   = length:u8 *OCTET
 *   ciphers   = length:u16 *OCTET
 *   methods   = length:u8 *OCTET
 *   extensions= length:u16 *(type:u16 length:u16 *OCTET)
 *   sni       = length:u16 %x00 length:u16 1*OCTET          RFC 6066 3
 *
 * Two machines: records are unwrapped, and what is inside goes to the machine
 * of fields.  A field is a number of 1 to 3 bytes, which decides what follows,
 * or a run to pass over.  After each number step() knows how many bytes are
 * left in every enclosing length, so nothing can reach beyond its frame.
 *
 * Stricter than the RFCs: exactly one host_name in a server_name extension, no
 * second server_name extension, no bytes after the hello inside its record, and
 * TLS_HELLO_MAX bytes in all.  A server would have to answer such a hello by
 * guessing, and we must not guess otherwise than it.
 */
#include "relay/tls-hello-parse.h"

#define RECORD_HANDSHAKE 0x16
#define RECORD_MAJOR     0x03
#define RECORD_MAX       16384u /* bytes of plaintext */
#define CLIENT_HELLO     1u
#define EXT_SERVER_NAME  0u
#define NAME_TYPE_HOST   0u

enum state {
	S_TYPE,
	S_LENGTH,
	S_FIXED, /* version and random */
	S_SESSION,
	S_CIPHERS,
	S_METHODS,
	S_EXTENSIONS,
	S_EXT_TYPE,
	S_EXT_LENGTH,
	S_SNI_LIST,
	S_SNI_TYPE,
	S_SNI_LENGTH,
	S_END,
};

void tls_hello_init(struct tls_hello *h)
{
	*h = (struct tls_hello){ .outcome = TLS_HELLO_MORE,
				 .state = S_TYPE,
				 .need = 1 };
}

/* Next: a number of @need bytes that is for @s, after @skip bytes. */
static void expect(struct tls_hello *h, enum state s, uint8_t need,
		   uint32_t skip)
{
	h->state = (uint8_t)s;
	h->need = need;
	h->skip = skip;
	h->number = 0;
}

/* Bytes of the message pass.  False: beyond its end. */
static bool charge(struct tls_hello *h, uint32_t n)
{
	if (n > h->msg_left)
		return false;
	h->msg_left -= n;
	return true;
}

/* At a place where an extension may begin, or the hello end. */
static bool next_extension(struct tls_hello *h, uint32_t skip)
{
	if (h->exts_left > 0) {
		expect(h, S_EXT_TYPE, 2, skip);
		return h->exts_left >= 4;
	}
	expect(h, S_END, 0, skip);
	return h->msg_left == skip;
}

static bool step_extension(struct tls_hello *h, uint32_t v)
{
	/* The type was kept in ext_left until its length is known. */
	uint16_t type = h->ext_left;

	h->exts_left = (uint16_t)(h->exts_left - 4);
	if (v > h->exts_left)
		return false;
	h->exts_left = (uint16_t)(h->exts_left - v);
	h->ext_left = (uint16_t)v;
	if (type != EXT_SERVER_NAME)
		return next_extension(h, v);
	if (h->has_sni || v < 5)
		return false;
	h->has_sni = true;
	expect(h, S_SNI_LIST, 2, 0);
	return true;
}

static bool step_sni_length(struct tls_hello *h, uint32_t v)
{
	if (v == 0 || v > TLS_HELLO_NAME_MAX || v != h->ext_left - 5u)
		return false;
	h->taking = true;
	return next_extension(h, v);
}

/* The number of h->state is complete.  False: not a hello. */
static bool step(struct tls_hello *h)
{
	uint32_t v = h->number;

	switch ((enum state)h->state) {
	case S_TYPE:
		expect(h, S_LENGTH, 3, 0);
		return v == CLIENT_HELLO;
	case S_LENGTH:
		h->msg_left = v;
		expect(h, S_FIXED, 2, 0);
		return v <= TLS_HELLO_MAX;
	case S_FIXED:
		expect(h, S_SESSION, 1, 32);
		return v >> 8 == RECORD_MAJOR;
	case S_SESSION:
		expect(h, S_CIPHERS, 2, v);
		return v <= 32;
	case S_CIPHERS:
		expect(h, S_METHODS, 1, v);
		return v >= 2 && v % 2 == 0;
	case S_METHODS:
		if (v == 0)
			return false;
		if (h->msg_left == v)
			return next_extension(h, v);
		expect(h, S_EXTENSIONS, 2, v);
		return true;
	case S_EXTENSIONS:
		h->exts_left = (uint16_t)v;
		return v == h->msg_left && next_extension(h, 0);
	case S_EXT_TYPE:
		h->ext_left = (uint16_t)v;
		expect(h, S_EXT_LENGTH, 2, 0);
		return true;
	case S_EXT_LENGTH:
		return step_extension(h, v);
	case S_SNI_LIST:
		expect(h, S_SNI_TYPE, 1, 0);
		return v == h->ext_left - 2u;
	case S_SNI_TYPE:
		expect(h, S_SNI_LENGTH, 2, 0);
		return v == NAME_TYPE_HOST;
	case S_SNI_LENGTH:
		return step_sni_length(h, v);
	case S_END:
		break;
	}
	return false;
}

/* Consume from a run of h->skip bytes; how many. */
static size_t pass_run(struct tls_hello *h, struct str in)
{
	size_t n = in.len < h->skip ? in.len : h->skip;

	if (h->taking) {
		/* cannot overflow: the run was checked in step_sni() */
		memcpy(h->name + h->name_len, in.ptr, n);
		h->name_len = (uint8_t)(h->name_len + n);
	}
	h->skip -= (uint32_t)n;
	if (h->skip == 0)
		h->taking = false;
	return n;
}

/* Bytes of the handshake.  False: not a hello. */
static bool feed_message(struct tls_hello *h, struct str in)
{
	while (in.len > 0) {
		if (h->done)
			return false; /* something follows the hello */
		if (h->skip > 0) {
			size_t n = pass_run(h, in);

			if (!charge(h, (uint32_t)n))
				return false;
			in = str_skip(in, n);
		} else {
			h->number = h->number << 8 | (uint8_t)in.ptr[0];
			in = str_skip(in, 1);
			h->need--;
			if (h->state > S_LENGTH && !charge(h, 1))
				return false;
			if (h->need == 0 && !step(h))
				return false;
			if (h->skip > h->msg_left)
				return false;
		}
		h->done = h->state == S_END && h->skip == 0;
	}
	return true;
}

/* One byte of a record header, whose place is h->head_len. */
static int feed_header(struct tls_hello *h, uint8_t c)
{
	switch (h->head_len++) {
	case 0:
		if (c == RECORD_HANDSHAKE)
			return TLS_HELLO_MORE;
		return h->total == 1 ? TLS_HELLO_NOT_TLS : TLS_HELLO_BAD;
	case 1:
		if (c == RECORD_MAJOR)
			return TLS_HELLO_MORE;
		return h->total == 2 ? TLS_HELLO_NOT_TLS : TLS_HELLO_BAD;
	case 2:
		return TLS_HELLO_MORE;
	case 3:
		h->rec_left = (uint16_t)(c << 8);
		return TLS_HELLO_MORE;
	default:
		h->rec_left |= c;
		return h->rec_left == 0 || h->rec_left > RECORD_MAX
			       ? TLS_HELLO_BAD
			       : TLS_HELLO_MORE;
	}
}

/* Some of @in, at most to the end of the record; *ret_n says how much. */
static int feed_some(struct tls_hello *h, struct str in, size_t *ret_n)
{
	size_t n = in.len < h->rec_left ? in.len : h->rec_left;

	if (h->total >= TLS_HELLO_MAX)
		return TLS_HELLO_BAD;
	if (h->head_len < 5) {
		*ret_n = 1;
		h->total++;
		return feed_header(h, (uint8_t)in.ptr[0]);
	}
	if (n > TLS_HELLO_MAX - h->total)
		n = TLS_HELLO_MAX - h->total;
	*ret_n = n;
	h->total += (uint32_t)n;
	h->rec_left = (uint16_t)(h->rec_left - n);
	if (!feed_message(h, (struct str){ .ptr = in.ptr, .len = n }))
		return TLS_HELLO_BAD;
	if (h->rec_left > 0)
		return TLS_HELLO_MORE;
	h->head_len = 0;
	return h->done ? 0 : TLS_HELLO_MORE;
}

int tls_hello_feed(struct tls_hello *h, struct str bytes)
{
	while (h->outcome == TLS_HELLO_MORE && bytes.len > 0) {
		size_t n = 0;

		h->outcome = feed_some(h, bytes, &n);
		bytes = str_skip(bytes, n);
	}
	return h->outcome;
}
