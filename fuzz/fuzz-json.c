/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a text that may be JSON.  The laws:
 *   1. a refusal names a place within the text, or just behind it;
 *   2. what was read, written and read again is equal, in values and order;
 *   3. the writer has one spelling: writing again gives the same bytes;
 *   4. the writer's text is harmless to a terminal;
 *   5. no proper prefix of an array or object is one.
 */
#include "base/json.h"

#define ROOM ((size_t)8 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool equal(const struct json *a, const struct json *b);

static bool equal_kids(const struct json *a, const struct json *b)
{
	const struct json *y = b->kids.first;

	if (a->kids.n != b->kids.n)
		return false;
	JSON_EACH (x, a) {
		if (!y || !str_eq(x->key, y->key) || !equal(x, y))
			return false;
		y = y->next;
	}
	return !y;
}

static bool equal(const struct json *a, const struct json *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->boolean == b->boolean;
	case JSON_INT:
		return a->integer == b->integer;
	case JSON_NUMBER:
	case JSON_STRING:
		return str_eq(a->string, b->string);
	case JSON_ARRAY:
	case JSON_OBJECT:
		return equal_kids(a, b);
	}
	return false;
}

static void write_to(struct buf *b, const struct json *j)
{
	struct json_out w = JSON_OUT(b);

	buf_init(b, ROOM);
	json_value(&w, j);
	law(!b->failed && w.depth == 0);
}

static void check_harmless(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		law(c >= 0x20 && c != 0x7f);
	}
}

static void check_prefix(struct str text, size_t n)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	arena_init(&a, ROOM);
	text.len = n;
	law(json_parse(&a, text, &j, NULL) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { .ptr = (const char *)data, .len = size };
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf first = BUF_NULL, second = BUF_NULL;
	struct json *j = NULL, *again = NULL;
	struct diag d = { 0 };
	int r;

	arena_init(&a, ROOM);
	r = json_parse(&a, in, &j, &d);
	if (r > 0)
		law(d.line >= 1 && d.line <= size + 1 && d.column >= 1 &&
		    d.column <= size + 1 && d.text[0]);
	if (r != 0)
		return 0;

	write_to(&first, j);
	check_harmless(buf_str(&first));
	r = json_parse(&a, buf_str(&first), &again, NULL);
	law(r == 0 || r == -ENOMEM);
	if (r != 0)
		return 0;
	law(equal(j, again));
	write_to(&second, again);
	law(str_eq(buf_str(&first), buf_str(&second)));
	if (j->type == JSON_ARRAY || j->type == JSON_OBJECT)
		check_prefix(buf_str(&first), size % first.len);
	return 0;
}
