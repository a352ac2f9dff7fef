/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/test.h"

static void test_arena_gives(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, (size_t)1 << 20);
	for (size_t n = 0; n < 3000; n += 7) {
		unsigned char *p = arena_alloc(&a, n);

		CHECK(p && (uintptr_t)p % _Alignof(max_align_t) == 0);
		for (size_t i = 0; p && i < n; i++)
			CHECK_EQ(p[i], 0);
		if (p)
			memset(p, 0xff, n);
	}
	CHECK(!a.failed);
	CHECK(arena_alloc(&a, 100000) != NULL);
}

static void test_arena_limit(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	size_t n = 0;

	CHECK(arena_alloc(&a, 1) == NULL); /* ARENA_NULL has no room */
	CHECK(a.failed);

	arena_init(&a, 4096);
	CHECK(arena_alloc(&a, 4097) == NULL);
	CHECK(a.failed);
	CHECK(arena_alloc(&a, 4096) != NULL); /* nothing was charged */
	CHECK(arena_alloc(&a, 1) == NULL);
	arena_done(&a);

	arena_init(&a, 10000);
	while (arena_alloc(&a, 1))
		n++;
	CHECK_EQ(n, 10000 / _Alignof(max_align_t));
	CHECK(arena_alloc(&a, SIZE_MAX) == NULL);
	CHECK(arena_array(&a, SIZE_MAX / 2, 4) == NULL);
}

static void test_arena_strings(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str s;
	char *p;

	arena_init(&a, 256);
	s = arena_str(&a, STR("a\0b"));
	CHECK_STR(s, STR("a\0b"));
	CHECK_EQ(s.ptr[s.len], 0);
	s = arena_str(&a, (struct str){ 0 });
	CHECK(s.len == 0 && s.ptr && *s.ptr == '\0');
	CHECK(arena_cstr(&a, STR("a\0b")) == NULL);
	CHECK(!a.failed); /* that was the text's fault */
	p = arena_cstr(&a, STR("abc"));
	CHECK_STR(str_of(p), STR("abc"));
	p = arena_printf(&a, "%d-%s", 42, "x");
	CHECK_STR(str_of(p), STR("42-x"));
	CHECK(arena_printf(&a, "%300d", 1) == NULL);
	CHECK(a.failed);
	s = arena_str(&a, (struct str){ .ptr = "", .len = SIZE_MAX });
	CHECK(s.ptr == NULL && s.len == 0);
}

static void test_buf_grows_to_max(void)
{
	AUTO(buf) struct buf b = BUF_NULL;

	CHECK_STR(buf_str(&b), STR(""));
	buf_init(&b, 1000);
	for (int i = 0; i < 1000; i++)
		CHECK(buf_addc(&b, (char)('a' + i % 26)));
	CHECK_EQ(b.len, 1000);
	CHECK(buf_cstr(&b) != NULL); /* the terminator is not counted */
	CHECK(!buf_addc(&b, 'x'));
	CHECK(b.failed && b.len == 1000);
	CHECK(buf_cstr(&b) == NULL);
	buf_clear(&b);
	CHECK(!b.failed && b.len == 0);
	CHECK(buf_printf(&b, "%s=%d", "n", 7));
	CHECK_STR(str_of(buf_cstr(&b)), STR("n=7"));
}

static void test_buf_has_no_holes(void)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 4);
	CHECK(buf_add(&b, STR("ab")));
	CHECK(!buf_add(&b, STR("cde")));
	CHECK(!buf_add(&b, STR("f"))); /* would fit, but not follow */
	CHECK_STR(buf_str(&b), STR("ab"));
	CHECK(buf_reserve(&b, SIZE_MAX) == NULL);
}

static void test_buf_is_a_queue(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	unsigned in = 0, out = 0;

	buf_init(&b, 300);
	for (int round = 0; round < 2000; round++) {
		size_t n = (size_t)(round * 7 % 90);

		for (size_t i = 0; i < n && b.len < b.max; i++)
			CHECK(buf_addc(&b, (char)(in++ & 0x7f)));
		n = (size_t)(round * 11 % 97);
		for (size_t i = 0; i < n && b.len > 0; i++) {
			CHECK_EQ(buf_str(&b).ptr[0], out++ & 0x7f);
			buf_consume(&b, 1);
		}
	}
	CHECK(b.size <= b.max + 1);
	CHECK_EQ(in - out, b.len);
}

int main(void)
{
	static const struct test tests[] = {
		{ "arena: zeroed and aligned", test_arena_gives },
		{ "arena: keeps its limit", test_arena_limit },
		{ "arena: strings", test_arena_strings },
		{ "buf: grows to its maximum", test_buf_grows_to_max },
		{ "buf: a failure leaves a prefix", test_buf_has_no_holes },
		{ "buf: a queue", test_buf_is_a_queue },
	};

	return test_main(tests, N_ELEMS(tests));
}
