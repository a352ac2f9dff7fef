/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "base/test.h"
#include "relay/dns-parse.h"

#define HEAD(flags, counts) "\x12\x34" flags counts
#define ONE                 "\0\x01\0\0\0\0\0\0"
#define EDNS                "\0\x01\0\0\0\0\0\x01"
#define Q_A     \
	"\x01"  \
	"a\x07" \
	"example\0\0\x01\0\x01"
#define OPT "\0\0\x29\x04\xd0\0\0\0\0\0\0"

static const struct {
	const char *what;
	struct str wire;
	int want;
	enum dns_rcode rcode;
	const char *name;
} rows[] = {
	{ "A", STR(HEAD("\x01\0", ONE) Q_A), 0, 0, "a.example" },
	{ "EDNS", STR(HEAD("\x01\0", EDNS) Q_A OPT), 0, 0, "a.example" },
	{ "EDNS with options",
	  STR(HEAD("\x01\0", EDNS) Q_A
	      "\0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x0a\0\0"),
	  0, 0, "a.example" },
	{ "case stays",
	  STR(HEAD("\0\0", ONE) "\x01"
				"A\x07"
				"eXaMple\0\0\x01\0\x01"),
	  0, 0, "A.eXaMple" },
	{ "the root", STR(HEAD("\0\0", ONE) "\0\0\x02\0\x01"), 0, 0, "" },
	{ "odd bytes", STR(HEAD("\0\0", ONE) "\x05_a.\0\xff\0\0\x01\0\x01"), 0,
	  0, "_a\\046\\000\\255" },
	{ "too short", STR("\x12\x34\0\0\0\x01\0\0\0\0\0"), 1, 0, NULL },
	{ "empty", STR(""), 1, 0, NULL },
	{ "an answer", STR(HEAD("\x81\x80", ONE) Q_A), 1, 0, NULL },
	{ "status", STR(HEAD("\x10\0", ONE) Q_A), 2, DNS_NOTIMP, NULL },
	{ "update", STR(HEAD("\x28\0", ONE) Q_A), 2, DNS_NOTIMP, NULL },
	{ "no question", STR(HEAD("\0\0", "\0\0\0\0\0\0\0\0")), 2, DNS_FORMERR,
	  NULL },
	{ "two questions", STR(HEAD("\0\0", "\0\x02\0\0\0\0\0\0") Q_A Q_A), 2,
	  DNS_FORMERR, NULL },
	{ "with an answer", STR(HEAD("\0\0", "\0\x01\0\x01\0\0\0\0") Q_A), 2,
	  DNS_FORMERR, NULL },
	{ "with authority", STR(HEAD("\0\0", "\0\x01\0\0\0\x01\0\0") Q_A), 2,
	  DNS_FORMERR, NULL },
	{ "two extra", STR(HEAD("\0\0", "\0\x01\0\0\0\0\0\x02") Q_A OPT OPT), 2,
	  DNS_FORMERR, NULL },
	{ "trailing byte", STR(HEAD("\0\0", ONE) Q_A "x"), 2, DNS_FORMERR,
	  NULL },
	{ "behind OPT", STR(HEAD("\0\0", EDNS) Q_A OPT "x"), 2, DNS_FORMERR,
	  NULL },
	{ "OPT cut", STR(HEAD("\0\0", EDNS) Q_A "\0\0\x29\x04\xd0\0\0\0\0\0"),
	  2, DNS_FORMERR, NULL },
	{ "extra is not OPT",
	  STR(HEAD("\0\0", EDNS) Q_A "\0\0\x01\0\x01\0\0\0\0\0\0"), 2,
	  DNS_FORMERR, NULL },
	{ "OPT with a name",
	  STR(HEAD("\0\0", EDNS) Q_A "\x01"
				     "a\0\0\x29\x04\xd0\0\0\0\0\0\0"),
	  2, DNS_FORMERR, NULL },
	{ "EDNS 1",
	  STR(HEAD("\0\0", EDNS) Q_A "\0\0\x29\x04\xd0\0\x01\0\0\0\0"), 2,
	  DNS_BADVERS, "a.example" },
	{ "class CH",
	  STR(HEAD("\0\0", ONE) "\x01"
				"a\0\0\x10\0\x03"),
	  2, DNS_REFUSED, "a" },
	{ "compression", STR(HEAD("\0\0", ONE) "\xc0\x0c\0\x01\0\x01"), 2,
	  DNS_FORMERR, NULL },
	{ "label too long",
	  STR(HEAD("\0\0", ONE) "\x40"
				"aaaa"),
	  2, DNS_FORMERR, NULL },
	{ "label beyond the end",
	  STR(HEAD("\0\0", ONE) "\x05"
				"aaaa"),
	  2, DNS_FORMERR, NULL },
	{ "no end of name",
	  STR(HEAD("\0\0", ONE) "\x01"
				"a"),
	  2, DNS_FORMERR, NULL },
	{ "no type",
	  STR(HEAD("\0\0", ONE) "\x01"
				"a\0"),
	  2, DNS_FORMERR, NULL },
	{ "no class",
	  STR(HEAD("\0\0", ONE) "\x01"
				"a\0\0\x01\0"),
	  2, DNS_FORMERR, NULL },
};

static void test_queries(void)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		enum dns_rcode rcode = 0;
		struct dns_query q;
		int r = dns_parse(rows[i].wire, &q, &rcode);

		if (r != rows[i].want || rcode != rows[i].rcode)
			printf("# %s\n", rows[i].what);
		CHECK_EQ(r, rows[i].want);
		CHECK_EQ(rcode, rows[i].rcode);
		if (!rows[i].name)
			continue;

		struct str name = { .ptr = q.name, .len = q.name_len };

		CHECK_EQ(str_eq(name, str_of(rows[i].name)), true);
	}
}

static void test_name_of_255_bytes(void)
{
	char wire[400] = HEAD("\0\0", ONE);
	enum dns_rcode rcode = 0;
	struct dns_query q;
	size_t n = 12;

	for (int i = 0; i < 4; i++) {
		size_t len = i < 3 ? 63 : 61;

		wire[n++] = (char)len;
		memset(wire + n, 'a', len);
		n += len;
	}
	memcpy(wire + n, "\0\0\x01\0\x01", 5);
	CHECK_EQ(dns_parse((struct str){ .ptr = wire, .len = n + 5 }, &q,
			   &rcode),
		 0);
	CHECK_EQ(q.name_len, 253);
	/* one more */
	wire[12 + 3 * 64] = 62;
	wire[n++] = 'a';
	memcpy(wire + n, "\0\0\x01\0\x01", 5);
	CHECK_EQ(dns_parse((struct str){ .ptr = wire, .len = n + 5 }, &q,
			   &rcode),
		 2);
	CHECK_EQ(rcode, DNS_FORMERR);
}

static bool reply_is(struct str query, const struct dns_answer *a,
		     struct str want)
{
	uint8_t out[DNS_REPLY_MAX];
	enum dns_rcode rcode = 0;
	struct dns_query q;
	size_t n;

	if (dns_parse(query, &q, &rcode) == 1)
		return false;
	n = dns_format(&q, a, out);
	return str_eq((struct str){ .ptr = (char *)out, .len = n }, want);
}

static void test_replies(void)
{
	struct str plain = STR(HEAD("\x01\0", ONE) Q_A);
	struct str edns = STR(HEAD("\x01\0", EDNS) Q_A OPT);
	struct dns_answer a = { .rcode = DNS_NXDOMAIN, .ttl = 60 };
	struct in6_addr addr;

	CHECK_EQ(reply_is(plain, &a, STR(HEAD("\x81\x83", ONE) Q_A)), true);
	CHECK_EQ(reply_is(edns, &a, STR(HEAD("\x81\x83", EDNS) Q_A OPT)), true);
	a.rcode = DNS_BADVERS;
	CHECK_EQ(reply_is(edns, &a,
			  STR(HEAD("\x81\x80", EDNS) Q_A
			      "\0\0\x29\x04\xd0\x01\0\0\0\0\0")),
		 true);
	a.rcode = DNS_NOERROR;
	CHECK_EQ(inet_pton(AF_INET6, "::ffff:198.18.0.1", &addr), 1);
	a.addr = &addr;
	CHECK_EQ(reply_is(plain, &a,
			  STR(HEAD("\x81\x80", "\0\x01\0\x01\0\0\0\0") Q_A
			      "\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04"
			      "\xc6\x12\0\x01")),
		 true);
}

static void test_reverse_reply(void)
{
	struct str q = STR(HEAD("\0\0", ONE) "\x01"
					     "1\0\0\x0c\0\x01");
	struct dns_answer a = { .target = STR("a.example"), .ttl = 60 };

	CHECK_EQ(
		reply_is(q, &a,
			 STR(HEAD("\x80\x80",
				  "\0\x01\0\x01\0\0\0\0") "\x01"
							  "1\0\0\x0c\0\x01"
							  "\xc0\x0c\0\x0c\0\x01"
							  "\0\0\0\x3c\0\x0b"
							  "\x01"
							  "a\x07"
							  "example\0")),
		true);
}

static const struct {
	struct str name;
	const char *addr; /* NULL: none */
} reverses[] = {
	{ STR("1.0.18.198.in-addr.arpa"), "::ffff:198.18.0.1" },
	{ STR("1.0.18.198.IN-ADDR.ARPA"), "::ffff:198.18.0.1" },
	{ STR("0.18.198.in-addr.arpa"), NULL },
	{ STR("1.1.0.18.198.in-addr.arpa"), NULL },
	{ STR("256.0.18.198.in-addr.arpa"), NULL },
	{ STR("01.0.18.198.in-addr.arpa"), NULL },
	{ STR(".in-addr.arpa"), NULL },
	{ STR("in-addr.arpa"), NULL },
	{ STR("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.1."
	      "D.f.ip6.arpa"),
	  "fd18::1" },
	{ STR("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.1."
	      "d.ip6.arpa"),
	  NULL },
	{ STR("x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.1."
	      "d.f.ip6.arpa"),
	  NULL },
};

static void test_reverse_names(void)
{
	for (size_t i = 0; i < N_ELEMS(reverses); i++) {
		struct in6_addr got = { 0 }, want = { 0 };
		bool ok = dns_reverse_parse(reverses[i].name, &got);

		CHECK_EQ(ok, reverses[i].addr != NULL);
		if (!ok)
			continue;
		CHECK_EQ(inet_pton(AF_INET6, reverses[i].addr, &want), 1);
		CHECK_EQ(memcmp(&got, &want, sizeof(got)), 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "queries", test_queries },
		{ "a name of 255 bytes", test_name_of_255_bytes },
		{ "replies", test_replies },
		{ "reply to PTR", test_reverse_reply },
		{ "reverse names", test_reverse_names },
	};

	return test_main(tests, N_ELEMS(tests));
}
