/* SPDX-License-Identifier: Apache-2.0 */
/* test-hello: ClientHellos, good ones and others, for tests and benches. */
#pragma once

#include "base/base.h"

#define HELLO_WIRE_MAX ((size_t)256 * 1024)

/* Zero is an ordinary hello without a server name. */
struct hello_form {
	const char *sni;         /* NULL: no extension for it */
	size_t before, after;    /* bytes in another extension */
	size_t record;           /* bytes per record; 0 = as they fit */
	size_t trailing;         /* bytes of handshake behind the hello */
	size_t session, ciphers; /* bytes; ciphers 0 = 2 */
	int list_off, name_off, ext_off, exts_off, msg_off; /* lies */
	uint8_t name_type, type; /* type 0 = ClientHello */
	bool no_extensions, no_methods, no_ciphers, second_name, twice;
};

struct hello_out {
	uint8_t *p;
	size_t len;
};

static inline void hello_put(struct hello_out *o, size_t n_bytes, size_t v)
{
	while (n_bytes-- > 0)
		o->p[o->len++] = (uint8_t)(v >> (8 * n_bytes) & 0xff);
}

static inline void hello_fill(struct hello_out *o, size_t n)
{
	while (n-- > 0)
		o->p[o->len++] = 0xaa;
}

static inline void hello_sni(struct hello_out *o, const struct hello_form *f)
{
	size_t n = strlen(f->sni), entry = 3 + n;
	size_t list = f->second_name ? 2 * entry : entry;

	hello_put(o, 2, 0);
	hello_put(o, 2, list + 2 + (size_t)f->ext_off);
	hello_put(o, 2, list + (size_t)f->list_off);
	for (int i = 0; i < (f->second_name ? 2 : 1); i++) {
		hello_put(o, 1, f->name_type);
		hello_put(o, 2, n + (size_t)f->name_off);
		memcpy(o->p + o->len, f->sni, n);
		o->len += n;
	}
}

static inline void hello_other(struct hello_out *o, size_t n)
{
	if (n == 0)
		return;
	hello_put(o, 2, 0x4242);
	hello_put(o, 2, n);
	hello_fill(o, n);
}

static inline void hello_body(struct hello_out *o, const struct hello_form *f)
{
	size_t ciphers = f->ciphers ? f->ciphers : 2, at, n;

	hello_put(o, 2, 0x0303);
	hello_fill(o, 32);
	hello_put(o, 1, f->session);
	hello_fill(o, f->session);
	hello_put(o, 2, f->no_ciphers ? 0 : ciphers);
	hello_fill(o, f->no_ciphers ? 0 : ciphers);
	hello_put(o, 1, f->no_methods ? 0 : 1);
	hello_put(o, f->no_methods ? 0 : 1, 0);
	if (f->no_extensions)
		return;
	at = o->len;
	hello_put(o, 2, 0);
	hello_other(o, f->before);
	if (f->sni)
		hello_sni(o, f);
	if (f->sni && f->twice)
		hello_sni(o, f);
	hello_other(o, f->after);
	n = o->len - at - 2 + (size_t)f->exts_off;
	o->p[at] = (uint8_t)(n >> 8 & 0xff);
	o->p[at + 1] = (uint8_t)(n & 0xff);
}

/* Returns the bytes written to @wire. */
static inline size_t hello_make(const struct hello_form *f,
				char wire[HELLO_WIRE_MAX])
{
	static uint8_t message[HELLO_WIRE_MAX / 4];
	struct hello_out m = { .p = message, .len = 4 };
	struct hello_out w = { .p = (uint8_t *)wire };
	struct hello_out head = { .p = message };
	size_t step = f->record ? f->record : 16384;

	hello_body(&m, f);
	hello_put(&head, 1, f->type ? f->type : 1);
	hello_put(&head, 3, m.len - 4 + (size_t)f->msg_off);
	hello_fill(&m, f->trailing);
	for (size_t at = 0; at < m.len;) {
		size_t n = m.len - at < step ? m.len - at : step;

		hello_put(&w, 3, 0x160301);
		hello_put(&w, 2, n);
		memcpy(w.p + w.len, message + at, n);
		w.len += n;
		at += n;
	}
	return w.len;
}
