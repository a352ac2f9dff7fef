/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "policy/net-text.h"
#include "relay/relay-config-parse.h"

#define ROOM ((size_t)4 * 1024 * 1024)

static const struct {
	const char *text;
	int want;
} resolvers[] = {
	{ "{}", 0 },
	{ "{\"servers\":[]}", 0 },
	{ "{\"servers\":[\"127.0.0.53\",\"192.0.2.1#5353\"]}", 0 },
	{ "{\"servers\":[\"2001:db8::1#53\",\"::1\"]}", 0 },
	{ "{\"search\":[\"corp.example\",\".\"],\"timeout_ms\":2000}", 0 },
	{ "{\"hosts\":[[\"a.example\",\"192.0.2.1\"]]}", 0 },
	{ "{\"hosts\":[[\"ip6-all_nodes\",\"ff02::1\"]]}", 0 },
	{ "[]", 1 },
	{ "{", 1 },
	{ "{\"server\":[]}", 1 },
	{ "{\"servers\":\"127.0.0.1\"}", 1 },
	{ "{\"servers\":[1]}", 1 },
	{ "{\"servers\":[\"localhost\"]}", 1 },
	{ "{\"servers\":[\"127.0.0.1#\"]}", 1 },
	{ "{\"servers\":[\"127.0.0.1#0\"]}", 1 },
	{ "{\"servers\":[\"127.0.0.1#65536\"]}", 1 },
	{ "{\"servers\":[\"127.0.0.1:53\"]}", 1 },
	{ "{\"servers\":[\"\"]}", 1 },
	{ "{\"servers\":[\"::\",\"::\",\"::\",\"::\",\"::\",\"::\",\"::\","
	  "\"::\",\"::\"]}",
	  1 },
	{ "{\"search\":[1]}", 1 },
	{ "{\"hosts\":{}}", 1 },
	{ "{\"hosts\":[[\"a.example\"]]}", 1 },
	{ "{\"hosts\":[[\"a.example\",\"x\"]]}", 1 },
	{ "{\"hosts\":[[\"a.example\",\"::1\",\"::1\"]]}", 1 },
	{ "{\"hosts\":[[1,\"::1\"]]}", 1 },
	{ "{\"timeout_ms\":99}", 1 },
	{ "{\"timeout_ms\":30001}", 1 },
	{ "{\"timeout_ms\":\"2000\"}", 1 },
};

static void test_resolvers(void)
{
	for (size_t i = 0; i < N_ELEMS(resolvers); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct relay_resolvers r;
		int got;

		arena_init(&a, ROOM);
		got = relay_resolvers_parse(&a, str_of(resolvers[i].text), &r,
					    NULL);
		if (got != resolvers[i].want)
			printf("# %s\n", resolvers[i].text);
		CHECK_EQ(got, resolvers[i].want);
	}
}

static void test_values(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct relay_resolvers r;
	char text[NET_ADDR_TEXT];

	arena_init(&a, ROOM);
	CHECK_EQ(relay_resolvers_parse(
			 &a,
			 STR("{\"servers\":[\"192.0.2.1#54\",\"::1\"],"
			     "\"search\":[\"Corp.Example\"],\"hosts\":["
			     "[\"B.example\",\"192.0.2.7\"],[\"x_y\",\"::1\"]],"
			     "\"timeout_ms\":700}"),
			 &r, NULL),
		 0);
	CHECK_EQ(r.n_servers, 2);
	CHECK_EQ(r.servers[0].port, 54);
	CHECK_EQ(r.servers[1].port, 53);
	net_addr_format(&r.servers[0].addr, text);
	CHECK_EQ(strcmp(text, "192.0.2.1"), 0);
	CHECK_EQ(r.n_search, 1);
	CHECK_EQ(str_eq(r.search[0], STR("corp.example")), true);
	/* What is no host name cannot be asked for. */
	CHECK_EQ(r.n_hosts, 1);
	CHECK_EQ(str_eq(r.hosts[0].name, STR("b.example")), true);
	CHECK_EQ(r.timeout_ms, 700);
}

static const struct {
	const char *text;
	int want;
} configs[] = {
	{ "{\"session\":\"s\",\"net\":NET,\"resolvers\":{}}", 0 },
	{ "{\"session\":\"s\",\"net\":NET}", 1 },
	{ "{\"session\":\"s\",\"resolvers\":{}}", 1 },
	{ "{\"net\":NET,\"resolvers\":{}}", 1 },
	{ "{\"session\":1,\"net\":NET,\"resolvers\":{}}", 1 },
	{ "{\"session\":\"s\",\"net\":{},\"resolvers\":{}}", 1 },
	{ "{\"session\":\"s\",\"net\":NET,\"resolvers\":{},\"x\":1}", 1 },
	{ "{\"session\":\"0123456789012345678901234567890123456789"
	  "0123456789012345678901234\",\"net\":NET,\"resolvers\":{}}",
	  1 },
};

static void test_configs(void)
{
	struct net_policy p = { 0 };
	AUTO(buf) struct buf net = BUF_NULL;

	buf_init(&net, 65536);
	net_format(&p, &net);
	for (size_t i = 0; i < N_ELEMS(configs); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		AUTO(buf) struct buf b = BUF_NULL;
		const char *at = strstr(configs[i].text, "NET");
		struct relay_config c;
		int got;

		buf_init(&b, 65536);
		arena_init(&a, ROOM);
		if (at)
			(void)buf_printf(&b, "%.*s%.*s%s",
					 (int)(at - configs[i].text),
					 configs[i].text,
					 STR_ARG(buf_str(&net)), at + 3);
		else
			(void)buf_printf(&b, "%s", configs[i].text);
		got = relay_config_parse(&a, buf_str(&b), &c, NULL);
		if (got != configs[i].want)
			printf("# %s\n", configs[i].text);
		CHECK_EQ(got, configs[i].want);
	}
}

static void test_no_memory(void)
{
	static const struct str text = STR("{\"hosts\":[[\"a.example\",\"::1\"]"
					   ",[\"b.example\",\"::1\"]]}");
	int got = -ENOMEM;

	/* Whatever the room, it is done or it is not; never half. */
	for (size_t room = 0; room < 4096 && got == -ENOMEM; room += 16) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct relay_resolvers r;

		arena_init(&a, room);
		got = relay_resolvers_parse(&a, text, &r, NULL);
		if (got == 0)
			CHECK_EQ(r.n_hosts, 2);
	}
	CHECK_EQ(got, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "name servers", test_resolvers },
		{ "their values", test_values },
		{ "a relay's configuration", test_configs },
		{ "no memory", test_no_memory },
	};

	return test_main(tests, N_ELEMS(tests));
}
