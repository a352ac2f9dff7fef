/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ledger/ends.h"
#include "ledger/test-dir.h"

static void add(struct store *s, const char *session, const char *kind)
{
	char envelope[128], body[256];

	(void)snprintf(envelope, sizeof(envelope),
		       "\"session\":\"%s\",\"user\":\"u\",\"task\":\"\"",
		       session);
	/* The text of one kind in a string of another. */
	(void)snprintf(body, sizeof(body),
		       "{\"kind\":\"%s\",\"verdict\":\"none\","
		       "\"trust\":\"kernel\",\"count\":1,"
		       "\"argv\":\",\\\"kind\\\":\\\"session.close\\\",\"}",
		       kind);
	CHECK_EQ(store_add(s,
			   &(struct store_record){ .at = 1000,
						   .envelope = str_of(envelope),
						   .body = str_of(body) },
			   NULL),
		 0);
}

static void test_ends(void)
{
	struct ledger_end v[] = { { .session = STR("0aaa") },
				  { .session = STR("0bbb") },
				  { .session = STR("0ccc") },
				  { .session = STR("0aa") } };
	struct store_options o = { 0 };
	struct store_repair repair;
	struct store *s = NULL;
	struct test_dir d;
	uint64_t seq;

	test_dir_init(&d);
	CHECK_EQ(store_open(&s, d.path, &o, &repair), 0);
	add(s, "0aaa", "session.open");
	add(s, "0bbb", "session.open");
	add(s, "0bbb", "net.grant");
	add(s, "0bbb", "session.close");
	add(s, "0aaa", "session.start");
	CHECK_EQ(store_commit(s, &seq), 0);
	store_free(s);

	/* Only the last one: none of the four ended or began there. */
	CHECK_EQ(ledger_ends(d.path, 1, v, N_ELEMS(v)), 0);
	CHECK(!v[0].opened && !v[0].closed && !v[1].closed);
	CHECK_EQ(ledger_ends(d.path, 1000, v, N_ELEMS(v)), 0);
	CHECK(v[0].opened && !v[0].closed);
	CHECK(v[1].opened && v[1].closed);
	CHECK(!v[2].opened && !v[2].closed);
	CHECK(!v[3].opened && !v[3].closed);
	test_dir_done(&d);
	CHECK_EQ(ledger_ends("/nonexistent/ledger", 1, v, N_ELEMS(v)), -ENOENT);
}

int main(void)
{
	static const struct test tests[] = {
		{ "opened and closed", test_ends },
	};

	return test_main(tests, N_ELEMS(tests));
}
