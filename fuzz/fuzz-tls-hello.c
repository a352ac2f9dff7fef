/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: what a client says first.  Beyond "does not crash":
 *   1. fed whole, by single bytes, and in pieces whose sizes the input itself
 *      chooses, the outcome and the name are the same;
 *   2. a second reader, which unwraps all records first and then walks the
 *      message with indices, accepts the same hellos and finds the same name;
 *   3. what follows a complete hello does not change the outcome.
 */
#include <stdlib.h>

#include "relay/tls-hello-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static int feed(struct tls_hello *h, const uint8_t *p, size_t n, size_t step)
{
	int r = TLS_HELLO_MORE;

	tls_hello_init(h);
	for (size_t at = 0; at < n;) {
		size_t take = step ? step : p[at] % 37u + 1u;

		if (take > n - at)
			take = n - at;
		r = tls_hello_feed(h, (struct str){ .ptr = (const char *)p + at,
						    .len = take });
		at += take;
	}
	return r;
}

static void law_same(const struct tls_hello *a, const struct tls_hello *b)
{
	law(a->outcome == b->outcome);
	if (a->outcome == 0)
		law(a->name_len == b->name_len &&
		    memcmp(a->name, b->name, a->name_len) == 0);
}

struct reader {
	const uint8_t *p;
	size_t n, at;
	bool bad;
};

static size_t number(struct reader *r, size_t bytes)
{
	size_t v = 0;

	if (r->n - r->at < bytes) {
		r->bad = true;
		return 0;
	}
	while (bytes-- > 0)
		v = v << 8 | r->p[r->at++];
	return v;
}

static struct reader sub(struct reader *r, size_t n)
{
	struct reader s = { .p = r->p + r->at, .n = n };

	if (r->bad || r->n - r->at < n) {
		r->bad = true;
		return (struct reader){ .bad = true };
	}
	r->at += n;
	return s;
}

/* True: @e is one host name. */
static bool read_sni(struct reader e, struct reader *ret)
{
	struct reader list = sub(&e, number(&e, 2));

	if (e.bad || list.bad || e.at != e.n || number(&list, 1) != 0)
		return false;
	*ret = sub(&list, number(&list, 2));
	return !list.bad && list.at == list.n && ret->n > 0 && ret->n <= 255;
}

static bool read_extensions(struct reader x, struct reader *ret)
{
	bool seen = false;

	while (x.at < x.n) {
		size_t type = number(&x, 2);
		struct reader e = sub(&x, number(&x, 2));

		if (x.bad)
			return false;
		if (type != 0)
			continue;
		if (seen || !read_sni(e, ret))
			return false;
		seen = true;
	}
	return true;
}

/* The body of a ClientHello. */
static bool read_hello(struct reader m, struct reader *ret)
{
	struct reader ciphers, methods, session, all;

	if (number(&m, 2) >> 8 != 3)
		return false;
	(void)sub(&m, 32);
	session = sub(&m, number(&m, 1));
	ciphers = sub(&m, number(&m, 2));
	methods = sub(&m, number(&m, 1));
	if (m.bad || session.n > 32 || ciphers.n < 2 || ciphers.n % 2 ||
	    methods.n < 1)
		return false;
	if (m.at == m.n)
		return true;
	all = sub(&m, number(&m, 2));
	return !m.bad && m.at == m.n && read_extensions(all, ret);
}

/* *ret_used: bytes of the records that were needed. */
static bool read_records(struct reader in, struct reader *ret, size_t *ret_used)
{
	static uint8_t message[TLS_HELLO_MAX];
	size_t len = 0, want = 4;

	while (len < want) {
		size_t type = number(&in, 1), major = number(&in, 1);
		size_t n;
		struct reader r;

		(void)number(&in, 1);
		n = number(&in, 2);
		r = sub(&in, n);
		if (in.bad || type != 0x16 || major != 3 || n == 0 ||
		    n > 16384 || in.at > TLS_HELLO_MAX)
			return false;
		memcpy(message + len, r.p, n);
		len += n;
		if (len >= 4)
			want = 4 + ((size_t)message[1] << 16 |
				    (size_t)message[2] << 8 | message[3]);
	}
	*ret_used = in.at;
	if (message[0] != 1 || len != want)
		return false;
	return read_hello((struct reader){ .p = message + 4, .n = len - 4 },
			  ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello whole, bytes, pieces;
	struct reader name = { 0 };
	size_t used = 0;
	bool accepted;

	(void)feed(&whole, data, size, SIZE_MAX);
	(void)feed(&bytes, data, size, 1);
	(void)feed(&pieces, data, size, 0);
	law_same(&whole, &bytes);
	law_same(&whole, &pieces);

	accepted = read_records((struct reader){ .p = data, .n = size }, &name,
				&used);
	law(accepted == (whole.outcome == 0 && size > 0));
	if (!accepted)
		return 0;
	law(name.n == whole.name_len &&
	    (name.n == 0 || memcmp(name.p, whole.name, name.n) == 0));
	(void)feed(&bytes, data, used, SIZE_MAX);
	law_same(&whole, &bytes);
	return 0;
}
