/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"
#include "base/test.h"

static void test_normalise(void)
{
	static const struct {
		struct str base, p, want;
	} rows[] = {
		{ STR("/a"), STR("b"), STR("/a/b") },
		{ STR("/a/"), STR("b/"), STR("/a/b") },
		{ STR("/a"), STR("/b"), STR("/b") },
		{ { 0 }, STR("/b"), STR("/b") },
		{ STR("/a"), STR(""), STR("/a") },
		{ STR("/a"), STR("."), STR("/a") },
		{ STR("/a/b"), STR(".."), STR("/a") },
		{ STR("/a"), STR("../.."), STR("/") },
		{ STR("/"), STR(".."), STR("/") },
		{ STR("/"), STR("a"), STR("/a") },
		{ STR("/a"), STR("//b///c//"), STR("/b/c") },
		{ STR("/a"), STR("./b/./c/../d"), STR("/a/b/d") },
		{ STR("/a"), STR("..."), STR("/a/...") },
		{ STR("/a"), STR(".b"), STR("/a/.b") },
		{ STR("/a"), STR("/b/../../c"), STR("/c") },
		{ STR("a"), STR("b"), { 0 } },
		{ { 0 }, STR("b"), { 0 } },
		{ STR("/a"), STR("b\0c"), { 0 } },
		{ STR("/a\0"), STR("b"), { 0 } },
	};
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, (size_t)1 << 16);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct str got = path_normalise(&a, rows[i].base, rows[i].p);

		CHECK_STR(got, rows[i].want);
		CHECK_EQ(got.ptr != NULL, rows[i].want.ptr != NULL);
	}
}

static void test_normalise_limit(void)
{
	static char p[PATH_LIMIT + 2];
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, (size_t)1 << 16);
	memset(p, 'x', sizeof(p));
	p[0] = '/';
	CHECK_EQ(
		path_normalise(&a, STR("/"), (struct str){ p, PATH_LIMIT }).len,
		PATH_LIMIT);
	CHECK(!path_normalise(&a, STR("/"), (struct str){ p, PATH_LIMIT + 1 })
		       .ptr);
	p[1000] = '/';
	CHECK_EQ(
		path_normalise(&a, STR("/"), (struct str){ p, PATH_LIMIT }).len,
		PATH_LIMIT);
	CHECK(!path_normalise(&a, STR("/"), (struct str){ p, PATH_LIMIT + 1 })
		       .ptr);
	CHECK(!path_normalise(&a, STR("/y"), (struct str){ p + 1, PATH_LIMIT })
		       .ptr);
}

static void test_parts(void)
{
	CHECK(path_is_below(STR("/a/b"), STR("/a")));
	CHECK(path_is_below(STR("/a"), STR("/a")));
	CHECK(path_is_below(STR("/a"), STR("/")));
	CHECK(path_is_below(STR("/"), STR("/")));
	CHECK(!path_is_below(STR("/ab"), STR("/a")));
	CHECK(!path_is_below(STR("/a"), STR("/a/b")));
	CHECK(!path_is_below(STR("/a"), (struct str){ 0 }));
	CHECK_STR(path_dirname(STR("/a/b")), STR("/a"));
	CHECK_STR(path_dirname(STR("/a")), STR("/"));
	CHECK_STR(path_dirname(STR("/")), STR("/"));
	CHECK_STR(path_dirname(STR("a")), STR("."));
	CHECK_STR(path_basename(STR("/a/b")), STR("b"));
	CHECK_STR(path_basename(STR("b")), STR("b"));
	CHECK_STR(path_basename(STR("/")), STR("/"));
}

static void test_glob(void)
{
	static const struct {
		const char *glob, *s;
		bool want;
	} rows[] = {
		{ "/a/b", "/a/b", true },
		{ "/a/b", "/a/B", false },
		{ "/a/b", "/a/b/", false },
		{ "/a/b", "/a", false },
		{ "/a/*", "/a/b", true },
		{ "/a/*", "/a/", true }, /* an empty component */
		{ "/a/*", "/a/.b", true },
		{ "/a/*", "/a", false },
		{ "/a/*", "/a/b/c", false },
		{ "/*/c", "/a/b/c", false },
		{ "*.pem", "x.pem", true },
		{ "*.pem", ".pem", true },
		{ "*.pem", "x.pem.bak", false },
		{ "*.pem", "a/x.pem", false },
		{ "id_*", "id_rsa", true },
		{ "*a*b*c*", "xaxbxcx", true },
		{ "*a*b*c*", "xaxcxbx", false },
		{ "*ab", "aab", true },
		{ "*ab*ab", "ababab", true },
		{ "*", "", true },
		{ "*", "abc", true },
		{ "a*", "a", true },
		{ "a?", "a", false },
		{ "a?", "ab", true },
		{ "?", "/", false },
		{ "?", "\xc3\xa9", true },
		{ "??", "\xc3\xa9", false },
		{ "??", "\xc3\xff", true },
		{ "*??*a",
		  "\xe2\x82\xac"
		  "a",
		  false },
		{ "*??", "\xe2\x82\xac", false },
		/* any number of components */
		{ "/a/**", "/a", true },
		{ "/a/**", "/a/b", true },
		{ "/a/**", "/a/b/c", true },
		{ "/a/**", "/ab", false },
		{ "**/c", "/a/b/c", true },
		{ "**/c", "c", true },
		{ "**/c", "/a/xc", false },
		{ "/a/**/c", "/a/c", true },
		{ "/a/**/c", "/a/b/b/c", true },
		{ "/a/**/c", "/a/b/cc", false },
		{ "/**/b/**/b", "/a/b/c", false },
		{ "/**/b/**/b", "/a/b/c/b", true },
		{ "/**/b/*/**/d", "/b/b/c/d", true },
		{ "/**/b/*/**/d", "/b/d", false },
		{ "**", "", true },
		{ "**", "/a/b", true },
		{ "**/**", "/a", true },
		{ "**/.env", "/w/p/.env", true },
		{ "**/.env*", "/w/p/.env.local", true },
		{ "**/.env.*", "/w/p/.env", false },
		/* sets */
		{ "[abc]", "b", true },
		{ "[abc]", "d", false },
		{ "[a-c]x", "bx", true },
		{ "[a-c]", "-", false },
		{ "[a-]", "-", true },
		{ "[-a]", "-", true },
		{ "[!a-c]", "d", true },
		{ "[!a-c]", "b", false },
		{ "[!a]", "/", false },
		{ "[a\\]]", "]", true },
		{ "[\\!a]", "!", true },
		{ "[*?]", "*", true },
		{ "[*?]", "x", false },
		{ "[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true },
		{ "[!\xc3\xa9]", "\xc3\xa9", false },
		{ "*[0-9]", "a1b2", true },
		/* quoted */
		{ "\\*", "*", true },
		{ "\\*", "x", false },
		{ "\\?\\[\\\\", "?[\\", true },
		{ "\\a", "a", true },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct str g = str_of(rows[i].glob);
		bool got = glob_match(g, str_of(rows[i].s));

		CHECK(glob_is_valid(g));
		if (got != rows[i].want)
			printf("# row %zu: %s\n", i, rows[i].glob);
		CHECK_EQ(got, rows[i].want);
	}
}

static void test_glob_refusals(void)
{
	static const struct str rows[] = {
		STR(""),       STR("a**"),   STR("**a"),   STR("a/x**/b"),
		STR("***"),    STR("[a"),    STR("[]"),    STR("[!]"),
		STR("[]a]x["), STR("[^a]"),  STR("[b-a]"), STR("[a/b]"),
		STR("a\\"),    STR("a\\/b"), STR("[a\\"),  STR("[\\]"),
		STR("a\0b"),   STR("["),     STR("[a-\\"),
	};
	static char much[PATH_LIMIT + 1];

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (glob_is_valid(rows[i]))
			printf("# row %zu\n", i);
		CHECK(!glob_is_valid(rows[i]));
		(void)glob_match(rows[i], STR("/a/b"));
	}
	memset(much, 'x', sizeof(much));
	CHECK(glob_is_valid((struct str){ much, PATH_LIMIT }));
	CHECK(!glob_is_valid((struct str){ much, PATH_LIMIT + 1 }));
	CHECK(glob_is_pattern(STR("a*")));
	CHECK(glob_is_pattern(STR("?")));
	CHECK(glob_is_pattern(STR("[")));
	CHECK(!glob_is_pattern(STR("a\\]!-")));
}

/* Exponential matchers need years for this one. */
static void test_glob_is_linear(void)
{
	static char glob[PATH_LIMIT], s[PATH_LIMIT];
	size_t n = 0;

	for (; n + 10 < sizeof(glob); n += 5)
		memcpy(glob + n, "**/a/", 5);
	glob[n] = 'b';
	for (size_t i = 0; i < sizeof(s); i++)
		s[i] = i % 2 ? '/' : 'a';
	CHECK(!glob_match((struct str){ glob, n + 1 },
			  (struct str){ s, sizeof(s) }));
	for (size_t i = 0; i < sizeof(glob) - 1; i++)
		glob[i] = i % 2 ? 'a' : '*';
	glob[sizeof(glob) - 1] = 'b';
	memset(s, 'a', sizeof(s));
	CHECK(!glob_match((struct str){ glob, sizeof(glob) },
			  (struct str){ s, sizeof(s) }));
}

int main(void)
{
	static const struct test tests[] = {
		{ "normalise", test_normalise },
		{ "normalise keeps the limit", test_normalise_limit },
		{ "parts of a path", test_parts },
		{ "globs", test_glob },
		{ "globs that are none", test_glob_refusals },
		{ "globs take no exponential time", test_glob_is_linear },
	};

	return test_main(tests, N_ELEMS(tests));
}
