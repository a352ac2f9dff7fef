/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One spelling: no spaces, the shortest escape, and \u for whatever could steer
 * a terminal, so that a ledger can be looked at with cat(1).
 */
#include <inttypes.h>

#include "base/json.h"
#include "base/utf8.h"

static void before_value(struct json_out *w)
{
	if (w->comma && !w->after_key)
		(void)buf_addc(w->b, ',');
	w->comma = true;
	w->after_key = false;
}

void json_open(struct json_out *w, char kind)
{
	ASSERT(kind == '{' || kind == '[');
	before_value(w);
	/* What json_parse() would refuse is not written.  Not an assertion:
	 * the value may be somebody else's, put inside one of ours. */
	if (w->depth == JSON_MAX_DEPTH)
		w->b->failed = true;
	w->depth++;
	w->comma = false;
	(void)buf_addc(w->b, kind);
}

void json_close(struct json_out *w, char kind)
{
	ASSERT(kind == '}' || kind == ']');
	ASSERT(w->depth > 0 && !w->after_key);
	w->depth--;
	w->comma = true;
	(void)buf_addc(w->b, kind);
}

/* The short escape for @c, or 0. */
static char short_escape(uint32_t c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

static void write_escaped(struct buf *b, uint32_t c)
{
	char e = short_escape(c);

	if (e) {
		(void)buf_addc(b, '\\');
		(void)buf_addc(b, e);
		return;
	}
	if (c > 0xffff) {
		c -= 0x10000;
		(void)buf_printf(b, "\\u%04" PRIx32, 0xd800 + (c >> 10));
		c = 0xdc00 + (c & 0x3ff);
	}
	(void)buf_printf(b, "\\u%04" PRIx32, c);
}

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Not 0: a byte of @v is 0. */
static uint64_t zero_in(uint64_t v)
{
	return (v - EACH(0x01)) & ~v & EACH(0x80);
}

/* is_plain() of eight bytes at once. */
static bool are_plain(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return (((v - EACH(0x20)) | v) & EACH(0x80)) == 0 &&
	       (zero_in(v ^ EACH('"')) | zero_in(v ^ EACH('\\')) |
		zero_in(v ^ EACH(0x7f))) == 0;
}

/* Most of most strings: bytes that stand for themselves. */
static size_t plain_prefix(struct str s)
{
	size_t n = 0;

	while (s.len - n >= sizeof(uint64_t) && are_plain(s.ptr + n))
		n += sizeof(uint64_t);
	while (n < s.len && is_plain(s.ptr[n]))
		n++;
	return n;
}

/* In one piece, with its quotes.  False: not all of it is plain. */
static bool write_plain(struct buf *b, struct str s)
{
	char *p;

	if (plain_prefix(s) < s.len)
		return false;
	p = buf_reserve(b, s.len + 2);
	if (!p)
		return true; /* b->failed says it */
	*p = '"';
	if (s.len > 0)
		memcpy(p + 1, s.ptr, s.len);
	p[s.len + 1] = '"';
	buf_added(b, s.len + 2);
	return true;
}

static void write_string(struct buf *b, struct str s)
{
	struct str plain = { .ptr = s.ptr, .len = 0 };

	if (write_plain(b, s))
		return;
	(void)buf_addc(b, '"');
	while (s.len > 0) {
		uint32_t c = 0;
		size_t n = plain_prefix(s);

		plain.len += n;
		s = str_skip(s, n);
		if (s.len == 0)
			break;
		n = utf8_decode(s, &c);
		if (n > 0 && !short_escape(c) && utf8_is_printable(c)) {
			plain.len += n;
			s = str_skip(s, n);
			continue;
		}
		if (n == 0) {
			c = 0xdc00 + (unsigned char)s.ptr[0];
			n = 1;
		}
		(void)buf_add(b, plain);
		write_escaped(b, c);
		s = str_skip(s, n);
		plain = (struct str){ .ptr = s.ptr, .len = 0 };
	}
	(void)buf_add(b, plain);
	(void)buf_addc(b, '"');
}

void json_key(struct json_out *w, const char *key)
{
	json_key_str(w, str_of(key));
}

void json_key_str(struct json_out *w, struct str key)
{
	ASSERT(w->depth > 0 && !w->after_key);
	before_value(w);
	write_string(w->b, key);
	(void)buf_addc(w->b, ':');
	w->after_key = true;
}

void json_str(struct json_out *w, struct str s)
{
	before_value(w);
	write_string(w->b, s);
}

static void write_digits(struct buf *b, uint64_t v)
{
	char text[20]; /* of UINT64_MAX */
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	(void)buf_add(b, (struct str){ text + at, sizeof(text) - at });
}

void json_int(struct json_out *w, int64_t v)
{
	before_value(w);
	if (v < 0)
		(void)buf_addc(w->b, '-');
	/* INT64_MIN has no opposite, but its bits are that of 2^63. */
	write_digits(w->b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void json_uint(struct json_out *w, uint64_t v)
{
	before_value(w);
	write_digits(w->b, v);
}

void json_bool(struct json_out *w, bool v)
{
	before_value(w);
	(void)buf_add(w->b, v ? STR("true") : STR("false"));
}

void json_null(struct json_out *w)
{
	before_value(w);
	(void)buf_add(w->b, STR("null"));
}

void json_raw(struct json_out *w, struct str json)
{
	before_value(w);
	(void)buf_add(w->b, json);
}

void json_kstr(struct json_out *w, const char *key, struct str s)
{
	json_key(w, key);
	json_str(w, s);
}

void json_kint(struct json_out *w, const char *key, int64_t v)
{
	json_key(w, key);
	json_int(w, v);
}

void json_kuint(struct json_out *w, const char *key, uint64_t v)
{
	json_key(w, key);
	json_uint(w, v);
}

void json_kbool(struct json_out *w, const char *key, bool v)
{
	json_key(w, key);
	json_bool(w, v);
}

static void write_container(struct json_out *w, const struct json *j)
{
	bool is_object = j->type == JSON_OBJECT;

	json_open(w, is_object ? '{' : '[');
	JSON_EACH (kid, j) {
		if (is_object)
			json_key_str(w, kid->key);
		json_value(w, kid);
	}
	json_close(w, is_object ? '}' : ']');
}

void json_value(struct json_out *w, const struct json *j)
{
	switch (j->type) {
	case JSON_NULL:
		json_null(w);
		return;
	case JSON_BOOL:
		json_bool(w, j->boolean);
		return;
	case JSON_INT:
		json_int(w, j->integer);
		return;
	case JSON_NUMBER:
		json_raw(w, j->string);
		return;
	case JSON_STRING:
		json_str(w, j->string);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		write_container(w, j);
		return;
	}
	ASSERT(false); /* no such type */
}
