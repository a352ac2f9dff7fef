/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls-hello-parse: the server name in what a TLS client says first.
 *
 * Pure and incremental: fed byte by byte or whole, the result is the same.
 * Keeps no copy of the bytes; the caller forwards them once it has the answer.
 */
#pragma once

#include "base/base.h"

#define TLS_HELLO_MAX      65536u /* bytes on the wire, record headers included */
#define TLS_HELLO_NAME_MAX 255u   /* bytes of a server name */

/* Outcomes > 0 of tls_hello_feed(). */
enum tls_hello_outcome {
	TLS_HELLO_MORE = 1, /* not yet complete */
	TLS_HELLO_NOT_TLS, /* the first bytes are no TLS record of a handshake */
	TLS_HELLO_BAD,     /* TLS, but no ClientHello we accept */
};

struct tls_hello {
	/* When complete: empty = the hello names no server. */
	char name[TLS_HELLO_NAME_MAX];
	uint8_t name_len;

	/* private */
	int outcome;
	uint32_t total;     /* bytes fed */
	uint8_t head_len;   /* bytes seen of the record header */
	uint16_t rec_left;  /* bytes of the record to come */
	uint32_t msg_left;  /* bytes of the handshake message to come */
	uint16_t exts_left; /* bytes of the extension block to come */
	uint16_t ext_left;  /* bytes of the extension to come */
	uint32_t skip;      /* bytes to pass over, or to take into name */
	uint32_t number;    /* being read, big endian */
	uint8_t need;       /* its bytes to come */
	uint8_t state;
	bool taking, has_sni, done;
};

void tls_hello_init(struct tls_hello *h);

/*
 * 0 = a complete ClientHello has passed; else an enum tls_hello_outcome.  What
 * follows the record in which it ends is not looked at.  Final outcomes stay.
 */
must_check int tls_hello_feed(struct tls_hello *h, struct str bytes);
