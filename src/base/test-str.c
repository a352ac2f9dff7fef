/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "base/utf8.h"

static void test_parts(void)
{
	struct str abc = STR("abc");

	CHECK(str_starts(abc, STR("ab")));
	CHECK(str_starts(abc, (struct str){ 0 }));
	CHECK(!str_starts(abc, STR("abcd")));
	CHECK(str_ends(abc, STR("bc")));
	CHECK(str_ends(abc, STR("abc")));
	CHECK(str_ends(abc, (struct str){ 0 }));
	CHECK(!str_ends(abc, STR("xabc")));
	CHECK(!str_ends(abc, STR("b")));
	CHECK_STR(str_skip(abc, 1), STR("bc"));
	CHECK_STR(str_skip(abc, 4), STR(""));
	CHECK(str_of(NULL).len == 0);
	CHECK(str_eq((struct str){ 0 }, STR("")));
}

static void test_order(void)
{
	static const struct {
		struct str a, b;
		int want;
	} rows[] = {
		{ STR(""), STR(""), 0 },      { STR(""), STR("a"), -1 },
		{ STR("a"), STR(""), 1 },     { STR("a"), STR("b"), -1 },
		{ STR("ab"), STR("a"), 1 },   { STR("a"), STR("\xff"), -1 },
		{ STR("a\0b"), STR("a"), 1 }, { { 0 }, STR(""), 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		CHECK_EQ(str_cmp(rows[i].a, rows[i].b), rows[i].want);
}

static void test_cursors(void)
{
	struct str s = STR("a,,b"), part;

	CHECK(str_cut(&s, ',', &part));
	CHECK_STR(part, STR("a"));
	CHECK(str_cut(&s, ',', &part));
	CHECK_STR(part, STR(""));
	CHECK(str_cut(&s, ',', &part));
	CHECK_STR(part, STR("b"));
	CHECK(!str_cut(&s, ',', &part));

	s = STR(" \tone  two\rthree ");
	CHECK(str_word(&s, &part));
	CHECK_STR(part, STR("one"));
	CHECK(str_word(&s, &part));
	CHECK_STR(part, STR("two\rthree"));
	CHECK(!str_word(&s, &part));

	CHECK_STR(str_trim(STR(" \t\r x y\r")), STR("x y"));
	CHECK_STR(str_trim(STR(" ")), STR(""));
}

static void test_numbers(void)
{
	static const struct {
		struct str s;
		uint32_t min, max;
		bool ok;
		uint32_t want;
	} rows[] = {
		{ STR("0"), 0, 9, true, 0 },
		{ STR("10"), 10, 10, true, 10 },
		{ STR("4294967295"), 0, UINT32_MAX, true, UINT32_MAX },
		{ STR("4294967296"), 0, UINT32_MAX, false, 0 },
		{ STR("9"), 10, 11, false, 0 },
		{ STR("12"), 10, 11, false, 0 },
		{ STR(""), 0, 9, false, 0 },
		{ STR("00"), 0, 9, false, 0 },
		{ STR("01"), 0, 9, false, 0 },
		{ STR("+1"), 0, 9, false, 0 },
		{ STR("-1"), 0, 9, false, 0 },
		{ STR(" 1"), 0, 9, false, 0 },
		{ STR("1 "), 0, 9, false, 0 },
		{ STR("0x1"), 0, 9, false, 0 },
		{ STR("1\0"), 0, 9, false, 0 },
	};
	uint64_t big = 0;

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint32_t v = 0;

		CHECK_EQ(str_u32(rows[i].s, rows[i].min, rows[i].max, &v),
			 rows[i].ok);
		CHECK_EQ(v, rows[i].want);
	}
	CHECK(str_u64(STR("18446744073709551615"), 0, UINT64_MAX, &big));
	CHECK(big == UINT64_MAX);
	CHECK(!str_u64(STR("18446744073709551616"), 0, UINT64_MAX, &big));
	CHECK(!str_u64(STR("99999999999999999999"), 0, UINT64_MAX, &big));
}

static void test_sanitise(void)
{
	static const struct {
		struct str s;
		size_t size;
		const char *want;
	} rows[] = {
		{ STR(""), 8, "" },
		{ { 0 }, 8, "" },
		{ STR("abcdefg"), 8, "abcdefg" },
		{ STR("abcdefgh"), 8, "abcd..." },
		{ STR("a\nb"), 32, "a\\x0ab" },
		{ STR("\033[2J"), 32, "\\x1b[2J" },
		{ STR("a\0b"), 32, "a\\x00b" },
		{ STR("\x7f"), 32, "\\x7f" },
		{ STR("\xc3\xa9"), 32, "\xc3\xa9" },
		{ STR("\xc3"), 32, "\\xc3" },
		{ STR("\xff\xc3\xa9"), 32, "\\xff\xc3\xa9" },
		/* CSI as one C1 character; right-to-left override */
		{ STR("\xc2\x9b"), 32, "\\xc2\\x9b" },
		{ STR("\xe2\x80\xae"), 32, "\\xe2\\x80\\xae" },
		/* never half an escape, never half a character */
		{ STR("ab\033\033"), 8, "ab..." },
		{ STR("a\xf0\x9f\x98\x80\xf0\x9f\x98\x80"), 8, "a..." },
		{ STR("\xf0\x9f\x98\x80xyz"), 8, "\xf0\x9f\x98\x80xyz" },
		{ STR("\xf0\x9f\x98\x80xyz!"), 8, "\xf0\x9f\x98\x80..." },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char out[32];

		str_sanitise(rows[i].s, out, rows[i].size);
		CHECK_STR(str_of(out), str_of(rows[i].want));
	}
}

static void test_utf8(void)
{
	static const struct {
		struct str s;
		size_t len;
		uint32_t c;
	} rows[] = {
		{ STR("a"), 1, 'a' },
		{ STR("\0"), 1, 0 },
		{ STR("\xc2\x80"), 2, 0x80 },
		{ STR("\xdf\xbf"), 2, 0x7ff },
		{ STR("\xe0\xa0\x80"), 3, 0x800 },
		{ STR("\xef\xbf\xbf"), 3, 0xffff },
		{ STR("\xf0\x90\x80\x80"), 4, 0x10000 },
		{ STR("\xf4\x8f\xbf\xbf"), 4, 0x10ffff },
		{ STR(""), 0, 0 },
		{ STR("\x80"), 0, 0 },
		{ STR("\xc0\x80"), 0, 0 },         /* overlong */
		{ STR("\xc1\xbf"), 0, 0 },         /* overlong */
		{ STR("\xe0\x9f\xbf"), 0, 0 },     /* overlong */
		{ STR("\xf0\x8f\xbf\xbf"), 0, 0 }, /* overlong */
		{ STR("\xed\xa0\x80"), 0, 0 },     /* surrogate */
		{ STR("\xed\xbf\xbf"), 0, 0 },     /* surrogate */
		{ STR("\xf4\x90\x80\x80"), 0, 0 }, /* above U+10FFFF */
		{ STR("\xf8\x88\x80\x80\x80"), 0, 0 },
		{ STR("\xe2\x82"), 0, 0 },     /* cut short */
		{ STR("\xe2\x82\x28"), 0, 0 }, /* no continuation */
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char back[4];
		uint32_t c = 0;

		CHECK_EQ(utf8_decode(rows[i].s, &c), rows[i].len);
		CHECK_EQ(c, rows[i].c);
		if (rows[i].len > 0) {
			struct str b = { back, utf8_encode(c, back) };

			CHECK_STR(b, rows[i].s);
		}
	}
}

static void test_diag(void)
{
	struct diag d;
	char longer[400];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	diag_set(&d, 3, 4, "%s!", longer);
	CHECK_EQ(d.line, 3);
	CHECK_EQ(d.column, 4);
	CHECK_EQ(strlen(d.text), sizeof(d.text) - 1);
	diag_set(NULL, 1, 1, "nobody listens");
}

int main(void)
{
	static const struct test tests[] = {
		{ "parts of a slice", test_parts },
		{ "order of slices", test_order },
		{ "cursors", test_cursors },
		{ "numbers, and what is none", test_numbers },
		{ "foreign bytes cannot steer a terminal", test_sanitise },
		{ "UTF-8, strictly", test_utf8 },
		{ "a diagnosis is cut, not overrun", test_diag },
	};

	return test_main(tests, N_ELEMS(tests));
}
