/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "keeper/hosts-parse.h"
#include "policy/net-text.h"

static bool addr_is(const struct in6_addr *a, const char *want)
{
	char text[NET_ADDR_TEXT];

	net_addr_format(a, text);
	return strcmp(text, want) == 0;
}

static void servers(void)
{
	static const struct {
		const char *text;
		size_t n;
		const char *first;
	} rows[] = {
		{ "nameserver 9.9.9.9\n", 1, "9.9.9.9" },
		{ "nameserver\t2620:fe::fe\n", 1, "2620:fe::fe" },
		{ "nameserver 1.1.1.1 # why\nnameserver 2.2.2.2", 2,
		  "1.1.1.1" },
		{ "  nameserver 1.1.1.1\r\n", 1, "1.1.1.1" },
		/* nothing that can be used: libc's own default */
		{ "", 1, "127.0.0.1" },
		{ "nameserver\n", 1, "127.0.0.1" },
		{ "nameserver 1.1.1\n", 1, "127.0.0.1" },
		{ "nameserver 0x7f.0.0.1\n", 1, "127.0.0.1" },
		{ "nameserver fe80::1%eth0\n", 1, "127.0.0.1" },
		{ "nameserver 1.1.1.1:53\n", 1, "127.0.0.1" },
		{ "nameservers 1.1.1.1\n", 1, "127.0.0.1" },
		{ "# nameserver 1.1.1.1\n; nameserver 1.1.1.1\n", 1,
		  "127.0.0.1" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct hosts_resolv r;

		hosts_parse_resolv(str_of(rows[i].text), &r);
		CHECK_EQ(r.n_servers, rows[i].n);
		CHECK_EQ(addr_is(&r.servers[0], rows[i].first), 1);
	}
}

static void options(void)
{
	struct hosts_resolv r;

	hosts_parse_resolv(
		STR("domain old.test\n"
		    "search A.test b.test. bad_name 10.0.0.1\n"
		    "options timeout:2 ndots:99 attempts:3 rotate\n"),
		&r);
	CHECK_EQ(r.n_search, 2);
	CHECK_EQ(strcmp(r.search[0], "a.test"), 0);
	CHECK_EQ(strcmp(r.search[1], "b.test"), 0);
	CHECK_EQ(r.timeout_ms, 2000);
	CHECK_EQ(r.attempts, 3);
	CHECK_EQ(r.ndots, 1);
	hosts_parse_resolv(STR("options timeout:0 attempts:0\n"), &r);
	CHECK_EQ(r.timeout_ms, 1000);
	CHECK_EQ(r.attempts, 1);
	CHECK_EQ(r.n_search, 0);
}

static void limits(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct hosts_resolv r;

	buf_init(&b, 65536);
	for (unsigned i = 0; i < 100; i++)
		(void)buf_printf(&b, "nameserver 10.0.0.%u\n", i);
	(void)buf_printf(&b, "search");
	for (unsigned i = 0; i < 100; i++)
		(void)buf_printf(&b, " d%u.test", i);
	hosts_parse_resolv(buf_str(&b), &r);
	CHECK_EQ(r.n_servers, HOSTS_MAX_SERVERS);
	CHECK_EQ(r.n_search, HOSTS_MAX_SEARCH);
}

static void hosts(void)
{
	struct hosts_file f;

	CHECK_EQ(hosts_parse(STR("127.0.0.1 localhost Box.TEST\n"
				 "::1\tip6-localhost # comment name\n"
				 "#1.2.3.4 no\n"
				 "1.2.3 no\n"
				 "fe80::1%lo no\n"
				 "10.0.0.5 bad_name good.test 1.2.3.4\n"
				 "10.0.0.6"),
			     &f),
		 0);
	CHECK_EQ(f.n, 4);
	CHECK_EQ(str_eq(f.entries[1].name, STR("box.test")), 1);
	CHECK_EQ(addr_is(&f.entries[1].addr, "127.0.0.1"), 1);
	CHECK_EQ(addr_is(&f.entries[2].addr, "::1"), 1);
	CHECK_EQ(str_eq(f.entries[3].name, STR("good.test")), 1);
	hosts_file_done(&f);
	CHECK_EQ(hosts_parse(STR(""), &f), 0);
	CHECK_EQ(f.n, 0);
	hosts_file_done(&f);
}

static void many_hosts(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct hosts_file f;

	buf_init(&b, HOSTS_MAX_BYTES);
	for (unsigned i = 0; i < HOSTS_MAX_NAMES + 100; i++)
		(void)buf_printf(&b, "10.0.0.1 h%u.test\n", i);
	CHECK_EQ(b.failed, 0);
	CHECK_EQ(hosts_parse(buf_str(&b), &f), 0);
	CHECK_EQ(f.n, HOSTS_MAX_NAMES);
	hosts_file_done(&f);
}

int main(void)
{
	static const struct test tests[] = {
		{ "nameservers", servers },
		{ "search and options", options },
		{ "limits of resolv.conf", limits },
		{ "hosts", hosts },
		{ "a hosts file that is too long", many_hosts },
	};

	return test_main(tests, N_ELEMS(tests));
}
