/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "base/test.h"
#include "relay/names.h"
#include "relay/table.h"

static struct net_rule rules[] = {
	{ .host = STR("a.example"), .ports = { 80 }, .n_ports = 1 },
	{ .host = STR("b.example"), .ports = { 80, 443 }, .n_ports = 2 },
	{ .host = STR("w.example"),
	  .subdomains = true,
	  .ports = { 22 },
	  .n_ports = 1 },
};

static const struct net_policy policy = { .allow = rules,
					  .n_allow = N_ELEMS(rules) };

static void test_assign(void)
{
	AUTO(names) struct names *n = NULL;
	struct in6_addr a4, a6, b4, b6, again4, again6;

	CHECK_EQ(names_new(&n, &policy), 0);
	if (!n)
		return;
	CHECK_EQ(names_assign(n, STR("a.example"), &a4, &a6), 0);
	CHECK_EQ(names_assign(n, STR("b.example"), &b4, &b6), 0);
	CHECK_EQ(names_assign(n, STR("a.example"), &again4, &again6), 0);
	CHECK_EQ(memcmp(&a4, &again4, 16), 0);
	CHECK_EQ(memcmp(&a6, &again6, 16), 0);
	CHECK_EQ(memcmp(&a4, &b4, 16) != 0, true);
	CHECK_EQ(str_eq(names_find(n, &a4), STR("a.example")), true);
	CHECK_EQ(str_eq(names_find(n, &a6), STR("a.example")), true);
	CHECK_EQ(str_eq(names_find(n, &b6), STR("b.example")), true);
	CHECK_EQ(names_assign(n, STR("c.example"), &a4, &a6), 1);
	CHECK_EQ(names_assign(n, STR("w.example"), &a4, &a6), 1);
}

static void test_addresses(void)
{
	static const struct {
		const char *addr;
		bool covers;
	} rows[] = {
		{ "::ffff:198.18.0.0", true },
		{ "::ffff:198.18.0.9", true },
		{ "::ffff:198.17.255.255", false },
		{ "::ffff:198.20.0.0", false },
		{ "fd18::9", true },
		{ "fd18:0:1::1", false },
		{ "fd17::1", false },
		{ "::", false },
		{ "198:1200::", false },
	};
	AUTO(names) struct names *n = NULL;
	struct in6_addr a, v4, v6;

	CHECK_EQ(names_new(&n, &policy), 0);
	if (!n)
		return;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CHECK_EQ(inet_pton(AF_INET6, rows[i].addr, &a), 1);
		CHECK_EQ(names_covers(n, &a), rows[i].covers);
		CHECK_EQ(names_find(n, &a).len, 0);
	}
	CHECK_EQ(names_assign(n, STR("a.example"), &v4, &v6), 0);
	/* In the same slice, but nothing that was given out. */
	v6.s6_addr[11] = 1;
	CHECK_EQ(names_covers(n, &v6), true);
	CHECK_EQ(names_find(n, &v6).len, 0);
}

static void test_full(void)
{
	AUTO(names) struct names *n = NULL;
	struct in6_addr a, b;
	unsigned i = 0;
	int r = 0;

	CHECK_EQ(names_new(&n, &policy), 0);
	while (n && r == 0 && i < NAMES_MAX + 2) {
		char name[32];

		(void)snprintf(name, sizeof(name), "n%u.w.example", i++);
		r = names_assign(n, str_of(name), &a, &b);
	}
	CHECK_EQ(r, 2);
	/* three classes: a quarter of a /15 each, less first and last */
	CHECK_EQ(i, 32768 - 2 + 1);
	/* What was given out stays, and other classes have room. */
	CHECK_EQ(names_assign(n, STR("n7.w.example"), &a, &b), 0);
	CHECK_EQ(str_eq(names_find(n, &a), STR("n7.w.example")), true);
	CHECK_EQ(names_assign(n, STR("a.example"), &a, &b), 0);
}

struct item {
	struct table_node node;
	unsigned v;
};

static void test_table(void)
{
	static struct item items[5000];
	struct table t;

	CHECK_EQ(table_init(&t), 0);
	/* Equal hashes are told apart by the caller. */
	for (unsigned i = 0; i < N_ELEMS(items); i++) {
		items[i].v = i;
		CHECK_EQ(table_add(&t, &items[i].node, i / 2), 0);
	}
	for (unsigned i = 0; i < N_ELEMS(items); i += 2) {
		struct table_node *x = table_first(&t, i / 2);

		CHECK_EQ(x && table_next(x) && !table_next(table_next(x)),
			 true);
	}
	for (unsigned i = 0; i < N_ELEMS(items); i += 3)
		table_remove(&t, &items[i].node);
	for (unsigned i = 0; i < N_ELEMS(items); i++) {
		struct table_node *x = table_first(&t, i / 2);

		while (x && x != &items[i].node)
			x = table_next(x);
		CHECK_EQ(x != NULL, i % 3 != 0);
	}
	table_done(&t);
}

/* Every byte and the key count. */
static void test_hash(void)
{
	struct table t = { 0 };
	uint8_t bytes[16];
	uint64_t seen = 0;

	for (uint8_t i = 0; i < 16; i++) {
		bytes[i] = i;
		((uint8_t *)t.key)[i] = i;
	}
	for (size_t len = 0; len < 16; len++) {
		uint64_t h = table_hash(&t, bytes, len);

		CHECK_EQ(h != seen, true);
		CHECK_EQ(h, table_hash(&t, bytes, len));
		seen = h;
	}
	t.key[0]++;
	CHECK_EQ(table_hash(&t, bytes, 15) != seen, true);
}

int main(void)
{
	static const struct test tests[] = {
		{ "a name has two addresses", test_assign },
		{ "addresses that stand for names", test_addresses },
		{ "a class is full", test_full },
		{ "tables", test_table },
		{ "hashes", test_hash },
	};

	return test_main(tests, N_ELEMS(tests));
}
