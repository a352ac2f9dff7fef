/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "keeper/grant.h"
#include "keeper/open-parse.h"

#define WHOLE                                                           \
	"\"build\":\"b\",\"cwd\":\"/p/../q\",\"argv\":[\"a\",\"b c\"]," \
	"\"argc\":2,\"env\":{\"HOME\":\"/h\",\"PATH\":\"/bin\"}"

static int parse(struct arena *a, const char *text, struct open_request *q)
{
	struct json *j = NULL;

	CHECK_EQ(json_parse(a, str_of(text), &j, NULL), 0);
	return open_parse(a, j, q, NULL);
}

static void rows(void)
{
	static const struct {
		const char *text;
		int want;
	} table[] = {
		{ "{" WHOLE "}", 0 },
		{ "{" WHOLE ",\"profile\":\"ci\",\"task\":\"T\","
		  "\"policy\":\"/x\",\"tty\":true,\"plan_only\":false,"
		  "\"json\":true,\"set\":[\"K=V=W\",\"E=\"]}",
		  0 },
		{ "[]", 1 },
		{ "{}", 1 },
		{ "{" WHOLE ",\"more\":1}", 1 },
		{ "{" WHOLE ",\"tty\":1}", 1 },
		{ "{" WHOLE ",\"policy\":\"relative\"}", 1 },
		{ "{" WHOLE ",\"profile\":\"\"}", 1 },
		{ "{" WHOLE ",\"task\":\"a\\u0000b\"}", 1 },
		{ "{" WHOLE ",\"set\":[\"novalue\"]}", 1 },
		{ "{" WHOLE ",\"set\":[\"=x\"]}", 1 },
		{ "{" WHOLE ",\"set\":{}}", 1 },
		{ "{\"cwd\":\"/\",\"argv\":[\"a\"],\"argc\":1,\"env\":{}}", 1 },
		{ "{\"build\":\"b\",\"cwd\":\"p\",\"argv\":[\"a\"],"
		  "\"argc\":1,\"env\":{}}",
		  1 },
		{ "{\"build\":\"b\",\"cwd\":\"/\",\"argv\":[],"
		  "\"argc\":1,\"env\":{}}",
		  1 },
		{ "{\"build\":\"b\",\"cwd\":\"/\",\"argv\":[1],"
		  "\"argc\":1,\"env\":{}}",
		  1 },
		{ "{\"build\":\"b\",\"cwd\":\"/\",\"argv\":[\"a\",\"b\"],"
		  "\"argc\":1,\"env\":{}}",
		  1 },
		{ "{\"build\":\"b\",\"cwd\":\"/\",\"argv\":[\"a\"],"
		  "\"argc\":0,\"env\":{}}",
		  1 },
		{ "{\"build\":\"b\",\"cwd\":\"/\",\"argv\":[\"a\"],"
		  "\"argc\":1,\"env\":{\"AWS_SECRET\":\"x\"}}",
		  1 },
		{ "{\"build\":\"b\",\"cwd\":\"/\",\"argv\":[\"a\"],"
		  "\"argc\":1,\"env\":{\"HOME\":1}}",
		  1 },
	};

	for (size_t i = 0; i < N_ELEMS(table); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct open_request q;

		arena_init(&a, 1 << 20);
		if (parse(&a, table[i].text, &q) != table[i].want)
			test_note(__FILE__, __LINE__, table[i].text, 0,
				  (int64_t)i);
	}
}

static void content(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct open_request q;

	arena_init(&a, 1 << 20);
	CHECK_EQ(parse(&a, "{" WHOLE ",\"set\":[\"K=V=W\"]}", &q), 0);
	CHECK_EQ(str_eq(q.cwd, STR("/q")), 1);
	CHECK_EQ(q.n_argv, 2);
	CHECK_EQ(str_eq(q.env[OPEN_HOME], STR("/h")), 1);
	CHECK_EQ(q.env[OPEN_TERM].ptr == NULL, 1);
	/* The value of -e never arrives in the keeper's request. */
	CHECK_EQ(str_eq(q.set[0], STR("K")), 1);
}

static void quoting(void)
{
	static const struct {
		const char *word, *want;
	} table[] = {
		{ "ls", "ls" },
		{ "-la", "-la" },
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "$(x)", "'$(x)'" },
	};

	for (size_t i = 0; i < N_ELEMS(table); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct open_request q = { .n_argv = 1, .argc = 1 };
		struct str got;

		arena_init(&a, 1 << 20);
		q.argv[0] = str_of(table[i].word);
		CHECK_EQ(grant_quote_argv(&a, &q, &got), 0);
		CHECK_EQ(str_eq(got, str_of(table[i].want)), 1);
		q.argc = 70;
		CHECK_EQ(grant_quote_argv(&a, &q, &got), 0);
		CHECK_EQ(str_ends(got, STR(" ...")), 1);
	}
}

static void long_argv(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct open_request q = { .n_argv = 2, .argc = 2 };
	static char word[4096];
	struct str got;

	arena_init(&a, 1 << 20);
	memset(word, 'x', sizeof(word));
	q.argv[0] = q.argv[1] = (struct str){ word, sizeof(word) };
	CHECK_EQ(grant_quote_argv(&a, &q, &got), 0);
	CHECK_EQ(got.len, GRANT_ARGV_MAX);
	CHECK_EQ(str_ends(got, STR(" ...")), 1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what is a request and what is not", rows },
		{ "its content", content },
		{ "the command in one line", quoting },
		{ "a long command is cut", long_argv },
	};

	return test_main(tests, N_ELEMS(tests));
}
