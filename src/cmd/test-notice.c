/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "cmd/run-notice.h"

struct row {
	const char *json, *want; /* NULL: nothing to tell */
};

static const struct row rows[] = {
	{ "{\"what\":\"net\",\"host\":\"evil.example\",\"port\":443,"
	  "\"proto\":\"tcp\",\"reason\":\"the policy does not allow it\","
	  "\"hint\":\"network.allow: - {host: evil.example}\",\"count\":1}",
	  "refused evil.example:443 (the policy does not allow it); to allow: "
	  "network.allow: - {host: evil.example}" },
	{ "{\"addr\":\"1.2.3.4\",\"port\":53,\"proto\":\"udp\"}",
	  "refused UDP to 1.2.3.4:53 (no rule allows it)" },
	{ "{\"addr\":\"1.2.3.4\",\"proto\":\"icmp\"}",
	  "refused ICMP to 1.2.3.4 (no rule allows it)" },
	{ "{\"host\":\"a.example\",\"port\":80,\"failed\":true,"
	  "\"reason\":\"no address of it answers\"}",
	  "no connection to a.example:80 (no address of it answers)" },
	{ "{\"host\":\"a\\u001b[2Jb\",\"port\":99999}",
	  "refused a\\x1b[2Jb (no rule allows it)" },
	{ "{\"port\":443}", NULL },
	{ "{\"host\":7}", NULL },
	{ "[]", NULL },
};

static void test_format(void)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct json *j = NULL;
		char text[480] = "";
		bool ok;

		arena_init(&a, 65536);
		CHECK_EQ(json_parse(&a, str_of(rows[i].json), &j, NULL), 0);
		ok = notice_format_net(j, text, sizeof(text));
		CHECK_EQ(ok, rows[i].want != NULL);
		if (ok && strcmp(text, rows[i].want) != 0)
			printf("# %s\n", text);
		CHECK_EQ(!ok || strcmp(text, rows[i].want) == 0, 1);
	}
}

static void test_fold(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	static struct notices ns;

	buf_init(&b, 4096);
	CHECK_EQ(notices_add(&ns, "one", 1), 1);
	notices_told(&ns);
	CHECK_EQ(notices_add(&ns, "two", 0), 1);
	CHECK_EQ(notices_add(&ns, "one", 3), 0);
	notices_print(&ns, &b);
	CHECK_EQ(strcmp(buf_cstr(&b), "bawn: one [4 times]\nbawn: two\n"), 0);
	buf_clear(&b);
	notices_print(&ns, &b);
	CHECK_EQ(b.len, 0);
}

static void test_many(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	static struct notices ns;
	char text[32];
	size_t lines = 0;

	buf_init(&b, 65536);
	for (unsigned i = 0; i < NOTICE_MAX + 10; i++) {
		(void)snprintf(text, sizeof(text), "n%u", i);
		CHECK_EQ(notices_add(&ns, text, 2), i < NOTICE_MAX);
	}
	notices_print(&ns, &b);
	for (size_t i = 0; i < b.len; i++)
		lines += buf_str(&b).ptr[i] == '\n';
	CHECK_EQ(lines, NOTICE_MAX + 1);
	CHECK_EQ(strstr(buf_cstr(&b), "and 20 other refusals") != NULL, 1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "one line for each, and safe", test_format },
		{ "repeats are counted", test_fold },
		{ "beyond the limit only the number", test_many },
	};

	return test_main(tests, N_ELEMS(tests));
}
