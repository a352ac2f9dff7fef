/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "probe/baseline.h"

static struct baseline base;

static unsigned parse(const char *text)
{
	return baseline_parse(text, strlen(text), &base);
}

static void test_accepts(void)
{
	CHECK_EQ(parse("{\"probe\":1,\"version\":\"0\",\"arch\":\"x\"}\n"
		       "{\"id\":\"fs.a\",\"outcome\":\"refused\","
		       "\"error\":\"ENOSYS\",\"detail\":\"a \\\"b\\\"\"}\n"
		       "{\"outcome\":\"reachable\",\"id\":\"fs.b\"}\n"
		       "{\"id\":\"fs.c\",\"outcome\":\"refused\","
		       "\"error\":\"EPERM\"}\n"),
		 0);
	CHECK_EQ(base.n, 3);
	CHECK_EQ(baseline_find(&base, "fs.a")->outcome, OUTCOME_REFUSED);
	CHECK(baseline_find(&base, "fs.a")->missing);
	CHECK_EQ(baseline_find(&base, "fs.b")->outcome, OUTCOME_REACHABLE);
	CHECK(!baseline_find(&base, "fs.c")->missing);
	CHECK(baseline_find(&base, "fs.d") == NULL);
	CHECK_EQ(parse(""), 0);
	CHECK_EQ(base.n, 0);
}

static const char *const refusals[] = {
	"{}\n",
	"{\"id\":\"a.b\",\"outcome\":\"refused\"}",
	"{\"id\":\"a.b\",\"outcome\":\"maybe\"}\n",
	"{\"id\":\"a.b\"}\n",
	"{\"id\":\"a.b\",\"outcome\":\"refused\"} \n",
	"{\"id\":\"a.b\" ,\"outcome\":\"refused\"}\n",
	"{\"id\":\"a.b\",\"outcome\":\"refused\",}\n",
	"{\"id\":\"a.b\",\"outcome\":[]}\n",
	"{\"id\":\"a.b\",\"outcome\":\"refused\"\n",
	"{\"id\":\"a.b,\n",
	"{\"id\":\"a\\\n",
	"{\"id\":\"a\tb\",\"outcome\":\"refused\"}\n",
	"{id:1}\n",
	"[]\n",
	"\n",
};

static void test_refuses(void)
{
	for (size_t i = 0; i < N_ELEMS(refusals); i++) {
		if (parse(refusals[i]) != 1)
			printf("# row %zu: %s\n", i, refusals[i]);
		CHECK_EQ(parse(refusals[i]), 1);
	}
	CHECK_EQ(parse("{\"probe\":1}\n{\"probe\":1}\n{\"probe\"}\n"), 3);
}

/* The longest id, and one letter more. */
static void test_long_id(void)
{
	char id[BASELINE_ID_MAX + 1] = "", text[2 * BASELINE_ID_MAX];

	(void)memset(id, 'a', BASELINE_ID_MAX - 1);
	for (unsigned want = 0; want < 2; want++) {
		(void)snprintf(text, sizeof(text),
			       "{\"id\":\"%s\",\"outcome\":\"absent\"}\n", id);
		CHECK_EQ(parse(text), want);
		id[BASELINE_ID_MAX - 1] = 'a';
	}
}

static void test_limit(void)
{
	static char text[BASELINE_ROWS_MAX * 64 + 64];
	size_t at = 0;

	for (unsigned i = 0; i <= BASELINE_ROWS_MAX; i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at,
			"{\"id\":\"a.%u\",\"outcome\":\"absent\"}\n", i);
	CHECK_EQ(baseline_parse(text, at, &base), BASELINE_ROWS_MAX + 1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what is accepted", test_accepts },
		{ "what is refused", test_refuses },
		{ "length of an id", test_long_id },
		{ "limit of rows", test_limit },
	};

	return test_main(tests, N_ELEMS(tests));
}
