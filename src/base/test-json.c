/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/test.h"

#define ROOM ((size_t)1 << 20)

/* The canonical spelling of @text, or why not; into @b. */
static int rewrite(struct str text, struct buf *b, struct diag *d)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json_out w = JSON_OUT(b);
	struct json *j = NULL;
	int r;

	arena_init(&a, ROOM);
	r = json_parse(&a, text, &j, d);
	if (r != 0)
		return r;
	json_value(&w, j);
	return b->failed ? -ENOMEM : 0;
}

static void test_accepts(void)
{
	static const struct {
		struct str text, want;
	} rows[] = {
		{ STR("null"), STR("null") },
		{ STR(" \t\r\ntrue\n"), STR("true") },
		{ STR("false"), STR("false") },
		{ STR("0"), STR("0") },
		{ STR("-0"), STR("0") },
		{ STR("-17"), STR("-17") },
		{ STR("9223372036854775807"), STR("9223372036854775807") },
		{ STR("-9223372036854775808"), STR("-9223372036854775808") },
		/* numbers that are only text */
		{ STR("9223372036854775808"), STR("9223372036854775808") },
		{ STR("18446744073709551615"), STR("18446744073709551615") },
		{ STR("-9223372036854775809"), STR("-9223372036854775809") },
		{ STR("1.50"), STR("1.50") },
		{ STR("0.0"), STR("0.0") },
		{ STR("1e9"), STR("1e9") },
		{ STR("-1.5E+10"), STR("-1.5E+10") },
		{ STR("1E-7"), STR("1E-7") },
		{ STR("\"\""), STR("\"\"") },
		{ STR("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
		  STR("\"a\\\"\\\\/\\b\\f\\n\\r\\t\"") },
		{ STR("\"\\u0041\\u00e9\\u20AC\""),
		  STR("\"A\xc3\xa9\xe2\x82\xac\"") },
		{ STR("\"\\ud83d\\ude00\""), STR("\"\xf0\x9f\x98\x80\"") },
		{ STR("\"\\u0000\\u001F\\u007f\""),
		  STR("\"\\u0000\\u001f\\u007f\"") },
		/* bytes that are not UTF-8 */
		{ STR("\"\\udc80\\udcff\""), STR("\"\\udc80\\udcff\"") },
		{ STR("\"\\udcc3\\udca9\""), STR("\"\xc3\xa9\"") },
		/* terminal tricks come out escaped */
		{ STR("\"\xc2\x9b\xe2\x80\xae\""), STR("\"\\u009b\\u202e\"") },
		{ STR("\"\xf3\xa0\x80\x81\""), STR("\"\\udb40\\udc01\"") },
		{ STR("[]"), STR("[]") },
		{ STR("[ ]"), STR("[]") },
		{ STR("{ }"), STR("{}") },
		{ STR("[1 , [ 2 ],{\"a\" : 3} ]"), STR("[1,[2],{\"a\":3}]") },
		{ STR("{\"b\":1,\"a\":{\"b\":2},\"\":[]}"),
		  STR("{\"b\":1,\"a\":{\"b\":2},\"\":[]}") },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL, again = BUF_NULL;

		buf_init(&b, ROOM);
		buf_init(&again, ROOM);
		CHECK_EQ(rewrite(rows[i].text, &b, NULL), 0);
		CHECK_STR(buf_str(&b), rows[i].want);
		CHECK_EQ(rewrite(buf_str(&b), &again, NULL), 0);
		CHECK_STR(buf_str(&again), buf_str(&b));
	}
}

static void test_refuses(void)
{
	static const struct {
		struct str text;
		unsigned line, column;
	} rows[] = {
		{ STR(""), 1, 1 },
		{ STR(" "), 1, 2 },
		{ STR("nul"), 1, 1 },
		{ STR("nulll"), 1, 5 },
		{ STR("True"), 1, 1 },
		{ STR("1 2"), 1, 3 },
		{ STR("null\0"), 1, 5 },
		{ STR("\xef\xbb\xbfnull"), 1, 1 }, /* byte order mark */
		{ STR("'a'"), 1, 1 },
		{ STR("/**/1"), 1, 1 },
		{ STR("NaN"), 1, 1 },
		/* numbers */
		{ STR("01"), 1, 2 },
		{ STR("-01"), 1, 3 },
		{ STR("00"), 1, 2 },
		{ STR("+1"), 1, 1 },
		{ STR("-"), 1, 2 },
		{ STR("--1"), 1, 2 },
		{ STR(".5"), 1, 1 },
		{ STR("1."), 1, 3 },
		{ STR("1.e5"), 1, 3 },
		{ STR("1e"), 1, 3 },
		{ STR("1e+"), 1, 4 },
		{ STR("1e+-5"), 1, 4 },
		{ STR("0x10"), 1, 2 },
		{ STR("1e5.5"), 1, 4 },
		/* strings */
		{ STR("\""), 1, 2 },
		{ STR("\"a"), 1, 2 },
		{ STR("\"a\\\""), 1, 2 },
		{ STR("\"\\"), 1, 2 },
		{ STR("\"\n\""), 1, 2 },
		{ STR("\"\0\""), 1, 2 },
		{ STR("\"\x1f\""), 1, 2 },
		{ STR("\"\\x41\""), 1, 3 },
		{ STR("\"\\\0\""), 1, 3 },
		{ STR("\"\\u12\""), 1, 6 },
		{ STR("\"\\u12g4\""), 1, 6 },
		{ STR("\"\\U0041\""), 1, 3 },
		{ STR("\"\x80\""), 1, 2 },
		{ STR("\"\xc0\x80\""), 1, 2 },
		{ STR("\"\xed\xa0\x80\""), 1, 2 }, /* raw surrogate */
		{ STR("\"\xc3\""), 1, 2 },
		/* surrogates */
		{ STR("\"\\ud800\""), 1, 8 },
		{ STR("\"\\ud800x\""), 1, 8 },
		{ STR("\"\\ud800\\n\""), 1, 9 },
		{ STR("\"\\ud800\\u0041\""), 1, 14 },
		{ STR("\"\\ud800\\ud800\""), 1, 14 },
		{ STR("\"\\ud800\\ue000\""), 1, 14 },
		{ STR("\"\\udc00\""), 1, 8 },
		{ STR("\"\\udc7f\""), 1, 8 },
		{ STR("\"\\udd00\""), 1, 8 },
		{ STR("\"\\udfff\""), 1, 8 },
		/* containers */
		{ STR("["), 1, 2 },
		{ STR("[1"), 1, 3 },
		{ STR("[1,"), 1, 4 },
		{ STR("[1,]"), 1, 4 },
		{ STR("[,1]"), 1, 2 },
		{ STR("[1 2]"), 1, 4 },
		{ STR("[1}"), 1, 3 },
		{ STR("]"), 1, 1 },
		{ STR("{"), 1, 2 },
		{ STR("{1:2}"), 1, 2 },
		{ STR("{a:2}"), 1, 2 },
		{ STR("{\"a\"}"), 1, 5 },
		{ STR("{\"a\" 1}"), 1, 6 },
		{ STR("{\"a\":}"), 1, 6 },
		{ STR("{\"a\":1,}"), 1, 8 },
		{ STR("{\"a\":1\n,2}"), 2, 2 },
		/* the same name twice, however it is spelt */
		{ STR("{\"a\":1,\"a\":1}"), 1, 14 },
		{ STR("{\"a\":1,\"b\":2,\"\\u0061\":1}"), 1, 25 },
		{ STR("[{\"\":1,\"x\":[],\"\":2}]"), 1, 20 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		struct diag d = { 0 };

		buf_init(&b, ROOM);
		if (rewrite(rows[i].text, &b, &d) != 1 ||
		    d.line != rows[i].line || d.column != rows[i].column)
			printf("# row %zu: %s\n", i, d.text);
		CHECK_EQ(rewrite(rows[i].text, &b, &d), 1);
		CHECK_EQ(d.line, rows[i].line);
		CHECK_EQ(d.column, rows[i].column);
		CHECK(d.text[0] != '\0');
	}
}

/* @n levels of "[", or of {"a": when @object. */
static int parse_levels(size_t n, bool object)
{
	AUTO(buf) struct buf text = BUF_NULL, b = BUF_NULL;

	buf_init(&text, ROOM);
	buf_init(&b, ROOM);
	for (size_t i = 0; i < n; i++)
		(void)buf_add(&text, object ? STR("{\"a\":") : STR("["));
	(void)buf_addc(&text, '1');
	for (size_t i = 0; i < n; i++)
		(void)buf_addc(&text, object ? '}' : ']');
	return rewrite(buf_str(&text), &b, NULL);
}

static void test_depth(void)
{
	CHECK_EQ(parse_levels(JSON_MAX_DEPTH, false), 0);
	CHECK_EQ(parse_levels(JSON_MAX_DEPTH, true), 0);
	CHECK_EQ(parse_levels(JSON_MAX_DEPTH + 1, false), 1);
	CHECK_EQ(parse_levels(JSON_MAX_DEPTH + 1, true), 1);
	CHECK_EQ(parse_levels(100000, false), 1);
}

static void test_writer_depth(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, ROOM);
	for (unsigned i = 0; i < JSON_MAX_DEPTH; i++)
		json_open(&w, '[');
	CHECK(!b.failed);
	json_open(&w, '['); /* could not be read back */
	CHECK(b.failed);
	for (unsigned i = 0; i <= JSON_MAX_DEPTH; i++)
		json_close(&w, ']');
}

static void test_limits(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	arena_init(&a, 256);
	CHECK_EQ(json_parse(&a, STR("[1,2,3,4,5,6,7,8,9]"), &j, NULL), -ENOMEM);
	CHECK(j == NULL);
	CHECK(a.failed);
	arena_done(&a);
	arena_init(&a, 0);
	CHECK_EQ(json_parse(&a, STR("1"), &j, NULL), -ENOMEM);
}

/* {"k0":0, ... ,LAST:0} with @n members before the last. */
static int parse_members(int n, const char *last)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	struct json *j = NULL;
	struct diag d = { 0 };
	int r;

	buf_init(&text, 4 * ROOM);
	(void)buf_addc(&text, '{');
	for (int i = 0; i < n; i++)
		(void)buf_printf(&text, "\"k%d\":%d,", i, i);
	(void)buf_printf(&text, "\"%s\":0}", last);
	CHECK(!text.failed);
	arena_init(&a, 32 * ROOM);
	r = json_parse(&a, buf_str(&text), &j, &d);
	if (r == 0)
		CHECK_EQ(j->kids.n, n + 1);
	else
		CHECK_EQ(d.column, text.len + 1); /* not a syntax error */
	return r;
}

/* Quadratic time would show; a pair at the far ends is seen. */
static void test_many_members(void)
{
	/* Few names are compared in another way than many. */
	for (int n = 1; n < 20; n++) {
		char last[8];

		(void)snprintf(last, sizeof(last), "k%d", n - 1);
		CHECK_EQ(parse_members(n, "last"), 0);
		CHECK_EQ(parse_members(n, "k0"), 1);
		CHECK_EQ(parse_members(n, last), 1);
	}
	CHECK_EQ(parse_members(100000, "last"), 0);
	CHECK_EQ(parse_members(100000, "k0"), 1);
	CHECK_EQ(parse_members(100000, "k99999"), 1);
}

static void test_find(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	size_t n = 0;

	arena_init(&a, ROOM);
	CHECK_EQ(json_parse(&a,
			    STR("{\"s\":\"x\",\"i\":-5,\"b\":true,\"n\":null,"
				"\"f\":1.5,\"a\":[1,2,3]}"),
			    &j, NULL),
		 0);
	CHECK_STR(json_find_str(j, "s"), STR("x"));
	CHECK_STR(json_find_str(j, "i"), STR(""));
	CHECK_STR(json_find_str(j, "f"), STR(""));
	CHECK(json_find_str(j, "none").ptr == NULL);
	CHECK_EQ(json_find_int(j, "i", 7), -5);
	CHECK_EQ(json_find_int(j, "f", 7), 7);
	CHECK_EQ(json_find_int(j, "none", 7), 7);
	CHECK_EQ(json_find_bool(j, "b", false), true);
	CHECK_EQ(json_find_bool(j, "i", true), true);
	CHECK(json_is(json_find(j, "n"), JSON_NULL));
	CHECK(json_find(NULL, "s") == NULL);
	CHECK(json_find(json_find(j, "a"), "s") == NULL);
	CHECK(!json_is(NULL, JSON_NULL));
	JSON_EACH (kid, json_find(j, "a"))
		CHECK_EQ(kid->integer, ++n);
	CHECK_EQ(n, 3);
	JSON_EACH (kid, (const struct json *)NULL)
		n += kid != NULL;
	for (const char *name = "sibn"; *name; name++) {
		const char key[] = { *name, '\0' };

		CHECK(json_find(j, key) != NULL);
		JSON_EACH (kid, json_find(j, key))
			n += kid != NULL;
	}
	CHECK_EQ(n, 3);
}

static void test_writer(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, ROOM);
	json_open(&w, '{');
	json_kstr(&w, "s", STR("a\xff"));
	json_kint(&w, "i", INT64_MIN);
	json_kuint(&w, "u", UINT64_MAX);
	json_kbool(&w, "b", false);
	json_key(&w, "l");
	json_open(&w, '[');
	json_null(&w);
	json_raw(&w, STR("{\"x\":1}"));
	json_open(&w, '{');
	json_close(&w, '}');
	json_int(&w, 1);
	json_int(&w, -10);
	json_uint(&w, 0);
	json_close(&w, ']');
	json_key_str(&w, STR("k\0"));
	json_bool(&w, true);
	json_close(&w, '}');
	CHECK_EQ(w.depth, 0);
	CHECK_STR(buf_str(&b),
		  STR("{\"s\":\"a\\udcff\",\"i\":-9223372036854775808,"
		      "\"u\":18446744073709551615,\"b\":false,"
		      "\"l\":[null,{\"x\":1},{},1,-10,0],\"k\\u0000\":true}"));
}

static void test_writer_full(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, 5);
	json_open(&w, '[');
	json_str(&w, STR("abcdef"));
	json_int(&w, 1);
	json_close(&w, ']');
	CHECK(b.failed);
}

/* Every pair of bytes survives writing and reading. */
static void test_all_bytes(void)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, ROOM);
	for (unsigned i = 0; i < 0x10000; i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		char pair[2] = { (char)(i >> 8), (char)(i & 0xff) };
		struct json_out w = JSON_OUT(&b);
		struct json *j = NULL;

		arena_init(&a, 4096);
		buf_clear(&b);
		json_str(&w, (struct str){ pair, 2 });
		CHECK_EQ(json_parse(&a, buf_str(&b), &j, NULL), 0);
		if (j)
			CHECK_STR(j->string, ((struct str){ pair, 2 }));
	}
}

/* Eight bytes are looked at together; a lone one is not. */
static void test_byte_among_others(void)
{
	AUTO(buf) struct buf all = BUF_NULL;
	AUTO(buf) struct buf one = BUF_NULL;

	buf_init(&all, ROOM);
	buf_init(&one, ROOM);
	for (unsigned c = 0; c < 256; c++) {
		struct json_out w = JSON_OUT(&one);
		char byte = (char)c;
		struct str inner;

		buf_clear(&one);
		json_str(&w, (struct str){ &byte, 1 });
		inner = str_skip(buf_str(&one), 1);
		inner.len--; /* what is between the quotes */
		for (size_t i = 0; i < 20; i++) {
			char text[20], want[64] = "\"";

			w = (struct json_out)JSON_OUT(&all);
			buf_clear(&all);
			memset(text, 'a', sizeof(text));
			text[i] = byte;
			json_str(&w, (struct str){ text, sizeof(text) });
			memset(want + 1, 'a', sizeof(want) - 1);
			memcpy(want + 1 + i, inner.ptr, inner.len);
			want[sizeof(text) + inner.len] = '"';
			CHECK_STR(
				buf_str(&all),
				((struct str){ want,
					       sizeof(text) + inner.len + 1 }));
		}
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "accepts, and writes the one spelling", test_accepts },
		{ "refuses, and says where", test_refuses },
		{ "levels", test_depth },
		{ "the writer knows the depth, too", test_writer_depth },
		{ "memory limit", test_limits },
		{ "many members", test_many_members },
		{ "find", test_find },
		{ "writer", test_writer },
		{ "writer without room", test_writer_full },
		{ "all pairs of bytes survive", test_all_bytes },
		{ "a byte among others", test_byte_among_others },
	};

	return test_main(tests, N_ELEMS(tests));
}
