/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/json.h"
#include "base/utf8.h"

static void before_value(struct json_out *w)
{
	if (w->comma && !w->after_key)
		(void)buf_addc(w->b, ',');
	w->after_key = false;
	w->comma = true;
}

void json_open(struct json_out *w, char kind)
{
	ASSERT(kind == '{' || kind == '[');
	before_value(w);
	(void)buf_addc(w->b, kind);
	w->depth++;
	w->comma = false;
}

void json_close(struct json_out *w, char kind)
{
	ASSERT(w->depth > 0 && !w->after_key && (kind == '}' || kind == ']'));
	(void)buf_addc(w->b, kind);
	w->depth--;
	w->comma = true;
}

/* The bytes of @s that need no escape, from its start. */
static size_t plain_run(struct str s)
{
	size_t n = 0;

	while (n < s.len) {
		unsigned char c = (unsigned char)s.ptr[n];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			break;
		n++;
	}
	return n;
}

static size_t add_special(struct buf *b, struct str s)
{
	unsigned char c = (unsigned char)s.ptr[0];
	uint32_t u = 0;
	size_t len;

	if (c == '"' || c == '\\') {
		(void)buf_addc(b, '\\');
		(void)buf_addc(b, (char)c);
		return 1;
	}
	if (c == '\n' || c == '\t' || c == '\r') {
		(void)buf_addc(b, '\\');
		(void)buf_addc(b, c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
		return 1;
	}
	len = utf8_decode(s, &u);
	if (len > 0 && u >= 0xa0) {
		(void)buf_add(b, (struct str){ .ptr = s.ptr, .len = len });
		return len;
	}
	if (len > 0) { /* C0, DEL, C1 */
		(void)buf_printf(b, "\\u%04x", u);
		return len;
	}
	(void)buf_printf(b, "\\udc%02x", c);
	return 1;
}

static void add_quoted(struct buf *b, struct str s)
{
	(void)buf_addc(b, '"');
	while (s.len > 0) {
		size_t n = plain_run(s);

		(void)buf_add(b, (struct str){ .ptr = s.ptr, .len = n });
		s = str_skip(s, n);
		if (s.len > 0)
			s = str_skip(s, add_special(b, s));
	}
	(void)buf_addc(b, '"');
}

static void add_key(struct json_out *w, struct str key)
{
	ASSERT(!w->after_key);
	if (w->comma)
		(void)buf_addc(w->b, ',');
	add_quoted(w->b, key);
	(void)buf_addc(w->b, ':');
	w->after_key = true;
}

void json_key(struct json_out *w, const char *key)
{
	add_key(w, str_of(key));
}

void json_str(struct json_out *w, struct str s)
{
	before_value(w);
	add_quoted(w->b, s);
}

void json_int(struct json_out *w, int64_t v)
{
	before_value(w);
	(void)buf_printf(w->b, "%" PRId64, v);
}

void json_uint(struct json_out *w, uint64_t v)
{
	before_value(w);
	(void)buf_printf(w->b, "%" PRIu64, v);
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

static void kids(struct json_out *w, const struct json *j)
{
	bool object = j->type == JSON_OBJECT;

	json_open(w, object ? '{' : '[');
	JSON_EACH(k, j)
	{
		if (object)
			add_key(w, k->key);
		json_value(w, k);
	}
	json_close(w, object ? '}' : ']');
}

void json_value(struct json_out *w, const struct json *j)
{
	switch (j->type) {
	case JSON_NULL:
		json_null(w);
		break;
	case JSON_BOOL:
		json_bool(w, j->boolean);
		break;
	case JSON_INT:
		json_int(w, j->integer);
		break;
	case JSON_NUMBER:
		json_raw(w, j->string);
		break;
	case JSON_STRING:
		json_str(w, j->string);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		kids(w, j);
		break;
	}
}
