/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "jail/gitconfig-parse.h"
#include "keeper/worktree-parse.h"

static void values(void)
{
	static const struct {
		const char *text, *want; /* of s.k; NULL: refused */
	} rows[] = {
		{ "[s]k=v", "v" },
		{ "[s]\n\tk = v w \n", "v w" },
		{ "[S]\nK = v\n", "v" },
		{ "[s]\nk = \"a  b \" # c\n", "a  b " },
		{ "[s]\nk = a;b\n", "a" },
		{ "[s]\nk = \"a#b\"\n", "a#b" },
		{ "[s]\nk = a\\nb\\t\\\"\\\\\n", "a\nb\t\"\\" },
		{ "[s]\nk = a\\\nb\n", "ab" },
		{ "[s]\nk\n", "true" },
		{ "[s]\nk =\n", "" },
		{ "\xef\xbb\xbf[s]\r\nk = v\r\n", "v" },
		{ "[s]\nk = 1\n[s]\nk = 2\n", "2" },
		{ "[s] k = v\n", "v" },
		{ "[t]\nk = v\n[s]\nk = \xff\n", "\xff" },
		{ "k = v\n", NULL },
		{ "[s]\nk v\n", NULL },
		{ "[s]\n1k = v\n", NULL },
		{ "[s]\nk_ = v\n", NULL },
		{ "[]\nk = v\n", NULL },
		{ "[.s]\nk = v\n", NULL },
		{ "[s\nk = v\n", NULL },
		{ "[s \"x]\nk = v\n", NULL },
		{ "[s \"x\" y]\nk = v\n", NULL },
		{ "[s]\nk = \"v\n", NULL },
		{ "[s]\nk = a\\xb\n", NULL },
		{ "[s]\nk = a\\", NULL },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct gitconfig c;
		struct str got = { 0 };
		struct diag d = { 0 };
		int r;

		arena_init(&a, (size_t)4 * 1024 * 1024);
		r = gitconfig_parse(&a, str_of(rows[i].text), &c, &d);
		if (r == 0)
			got = gitconfig_find(&c, "s", "k");
		if (r != (rows[i].want ? 0 : 1) ||
		    (rows[i].want && !str_eq(got, str_of(rows[i].want))))
			test_note(__FILE__, __LINE__, rows[i].text, r,
				  (int64_t)i);
	}
}

static void refuses_nul(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct gitconfig c;

	arena_init(&a, (size_t)4 * 1024 * 1024);
	CHECK_EQ(gitconfig_parse(&a, STR("[s]\nk = a\0b\n"), &c, NULL), 1);
}

static void subsections(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct gitconfig c;

	arena_init(&a, (size_t)4 * 1024 * 1024);
	CHECK_EQ(gitconfig_parse(&a,
				 STR("[a \"B\\\"c\"]k=1\n[a.Bc]k=2\n[a]k=3\n"),
				 &c, NULL),
		 0);
	CHECK_EQ(c.n, 3);
	CHECK_EQ(str_eq(c.entries[0].subsection, STR("B\"c")), 1);
	CHECK_EQ(str_eq(c.entries[1].subsection, STR("bc")), 1);
	CHECK_EQ(c.entries[2].subsection.ptr == NULL, 1);
	CHECK_EQ(str_eq(gitconfig_find(&c, "a", "k"), STR("3")), 1);
}

static void filter(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct gitconfig c;

	arena_init(&a, (size_t)4 * 1024 * 1024);
	buf_init(&b, 65536);
	CHECK_EQ(gitconfig_parse(
			 &a,
			 STR("[user]\nname = A \"B\"\nemail = a@b.test\n"
			     "signingkey = X\n[credential]\nhelper = store\n"
			     "[include]\npath = ~/x\n[core]\nautocrlf\n"
			     "pager = less\nfsmonitor = /tmp/x\n"
			     "sshcommand = ssh -i k\nhookspath = /h\n"
			     "[alias]\nst = status\nx = !rm -rf /\n"
			     "[url \"https://tok@h.test/\"]\ninsteadof = h:\n"
			     "[http]\nproxy = p\nextraheader = secret\n"
			     "[user \"x\"]\nname = no\n"
			     "[init]\ndefaultBranch = main\n"),
			 &c, NULL),
		 0);
	gitconfig_format(&c, gitconfig_may_enter, &b);
	CHECK_EQ(str_eq(buf_str(&b),
			STR("[user]\n\tname = \"A B\"\n"
			    "[user]\n\temail = \"a@b.test\"\n"
			    "[core]\n\tautocrlf\n"
			    "[alias]\n\tst = \"status\"\n"
			    "[init]\n\tdefaultbranch = \"main\"\n")),
		 1);
}

static void worktree_files(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "gitdir: /a/b\n", "/a/b" },   { "gitdir: ../x", "../x" },
		{ "gitdir: /a b\n", "/a b" },   { "gitdir:/a\n", NULL },
		{ "gitdir:  /a\n", NULL },      { "gitdir: /a\n\n", NULL },
		{ "gitdir: /a \n", NULL },      { "gitdir: /a\r\n", NULL },
		{ "gitdir: /a\nmore\n", NULL }, { "gitdir: \n", NULL },
		{ " gitdir: /a\n", NULL },      { "", NULL },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct str got = { 0 };
		bool ok = worktree_parse_gitfile(str_of(rows[i].text), &got);

		CHECK_EQ(ok, rows[i].want != NULL);
		if (ok && rows[i].want)
			CHECK_EQ(str_eq(got, str_of(rows[i].want)), 1);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "values", values },
		{ "a NUL is refused", refuses_nul },
		{ "subsections", subsections },
		{ "only what is harmless enters", filter },
		{ ".git files", worktree_files },
	};

	return test_main(tests, N_ELEMS(tests));
}
