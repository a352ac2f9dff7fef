/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "policy/net-text.h"
#include "policy/net.h"

#define MAX_RULES 80u

/* A small policy under construction. */
struct world {
	struct net_rule allow[MAX_RULES], deny[MAX_RULES];
	struct net_policy p;
};

static void world_init(struct world *w)
{
	*w = (struct world){ 0 };
	w->p.allow = w->allow;
	w->p.deny = w->deny;
	w->p.fallback = (struct origin){ STR("builtin"), STR("builtin"), 30 };
}

/* @target: "host", "*.host" or a CIDR; @ports end with 0. */
static struct net_rule rule_of(const char *target, const uint16_t *ports)
{
	struct str s = str_of(target);
	struct net_rule r = { .origin = { STR("user"), STR("f"), 7 } };

	if (net_cidr_parse(s, &r.addr, &r.bits) != 0) {
		r.subdomains = str_starts(s, STR("*."));
		r.host = r.subdomains ? str_skip(s, 2) : s;
	}
	for (; ports && *ports; ports++)
		r.ports[r.n_ports++] = *ports;
	return r;
}

#define PORTS(...) ((const uint16_t[]){ __VA_ARGS__, 0 })
#define ALLOW(w, target, ...) \
	((w)->allow[(w)->p.n_allow++] = rule_of(target, PORTS(__VA_ARGS__)))
#define DENY(w, target, ports) \
	((w)->deny[(w)->p.n_deny++] = rule_of(target, ports))

static struct in6_addr addr_of(const char *text)
{
	struct in6_addr a = { 0 };

	if (!net_addr_parse(str_of(text), &a)) {
		printf("# not an address: %s\n", text);
		test_failures++;
	}
	return a;
}

static void test_names(void)
{
	static char label63[64], label64[65], name253[254], name254[255];
	const struct {
		struct str in;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ STR("a.example"), "a.example" },
		{ STR("A.EXAMPLE"), "a.example" },
		{ STR("a.example."), "a.example" },
		{ STR("localhost"), "localhost" },
		{ STR("x"), "x" },
		{ STR("1.2.3.example"), "1.2.3.example" },
		{ STR("3com.example"), "3com.example" },
		{ STR("r3---sn-x.example"), "r3---sn-x.example" },
		{ STR("xn--bcher-kva.example"), "xn--bcher-kva.example" },
		{ STR("0x7g.x0"), "0x7g.x0" },
		{ { label63, 63 }, label63 },
		{ { name253, 253 }, name253 },
		{ STR(""), NULL },
		{ STR("."), NULL },
		{ STR(".."), NULL },
		{ STR("a.."), NULL },
		{ STR(".a"), NULL },
		{ STR("a..b"), NULL },
		{ STR("a_b.example"), NULL },
		{ STR("-a.example"), NULL },
		{ STR("a-.example"), NULL },
		{ STR("a b"), NULL },
		{ STR("a\0b"), NULL },
		{ STR("a\nb"), NULL },
		{ STR("a/b"), NULL },
		{ STR("*.example"), NULL },
		{ STR("b\xc3\xbc"
		      "cher.example"),
		  NULL },
		{ STR("a\x80"), NULL },
		{ { label64, 64 }, NULL },
		{ { name254, 254 }, NULL },
		/* addresses in any spelling */
		{ STR("127.0.0.1"), NULL },
		{ STR("127.0.0.1."), NULL },
		{ STR("127.1"), NULL },
		{ STR("2130706433"), NULL },
		{ STR("0x7f000001"), NULL },
		{ STR("0x7f.1"), NULL },
		{ STR("0X7F.0x1"), NULL },
		{ STR("0177.0.0.01"), NULL },
		{ STR("127.0.0.0x"), NULL },
		{ STR("a.1"), NULL },
		{ STR("1.2.3.4.5"), NULL },
		{ STR("[::1]"), NULL },
		{ STR("::1"), NULL },
		{ STR("a:80"), NULL },
	};

	memset(label63, 'a', 63);
	memset(label64, 'a', 64);
	for (size_t i = 0; i < 254; i++)
		name254[i] = i % 50 == 49 ? '.' : 'b';
	memcpy(name253, name254, 253);

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		char out[NET_NAME_MAX + 1] = "";
		bool ok = net_name_parse(cases[i].in, out);

		if (ok != (cases[i].want != NULL) ||
		    (ok && strcmp(out, cases[i].want) != 0)) {
			printf("# row %zu: %.*s -> %s\n", i,
			       STR_ARG(cases[i].in), ok ? out : "refused");
			test_failures++;
		}
	}
}

static const struct {
	const char *in;
	int want;
	const char *back;
} cidrs[] = {
	{ "10.0.0.0/8", 0, "10.0.0.0/8" },
	{ "0.0.0.0/0", 0, "0.0.0.0/0" },
	{ "1.2.3.4/32", 0, "1.2.3.4/32" },
	{ "fd00::/8", 0, "fd00::/8" },
	{ "::/0", 0, "::/0" },
	{ "::1/128", 0, "::1/128" },
	{ "10.0.0.1/8", NET_TEXT_E_HOST_BITS, NULL },
	{ "fd00::1/64", NET_TEXT_E_HOST_BITS, NULL },
	{ "10.0.0.0", NET_TEXT_E_SYNTAX, NULL },
	{ "10.0.0.0/", NET_TEXT_E_SYNTAX, NULL },
	{ "10.0.0.0/33", NET_TEXT_E_SYNTAX, NULL },
	{ "10.0.0.0/08", NET_TEXT_E_SYNTAX, NULL },
	{ "10.0.0.0/8/8", NET_TEXT_E_SYNTAX, NULL },
	{ "10.0.0/8", NET_TEXT_E_SYNTAX, NULL },
	{ "010.0.0.0/8", NET_TEXT_E_SYNTAX, NULL },
	{ "::/129", NET_TEXT_E_SYNTAX, NULL },
	{ "::ffff:10.0.0.0/104", NET_TEXT_E_SYNTAX, NULL },
	{ "fe80::%1/64", NET_TEXT_E_SYNTAX, NULL },
	{ "", NET_TEXT_E_SYNTAX, NULL },
};

static void test_text(void)
{
	static const struct {
		const char *in;
		uint16_t absent;
		const char *back; /* NULL: refused */
	} ends[] = {
		{ "1.2.3.4:53", 0, "1.2.3.4:53" },
		{ "[::1]:65535", 0, "[::1]:65535" },
		{ "1.2.3.4", 53, "1.2.3.4:53" },
		{ "fd00::1", 53, "[fd00::1]:53" },
		{ "1.2.3.4", 0, NULL },
		{ "::1:53", 0, NULL },
		{ "[1.2.3.4]:53", 0, NULL },
		{ "1.2.3.4:0", 0, NULL },
		{ "1.2.3.4:65536", 0, NULL },
		{ "1.2.3.4:", 0, NULL },
		{ "1.2.3.4: 5", 0, NULL },
		{ "[]:5", 0, NULL },
		{ "host:5", 0, NULL },
		{ "", 53, NULL },
	};

	for (size_t i = 0; i < N_ELEMS(cidrs); i++) {
		char text[NET_ADDR_TEXT] = "";
		struct in6_addr a;
		uint8_t bits;
		int r = net_cidr_parse(str_of(cidrs[i].in), &a, &bits);

		CHECK_EQ(r, cidrs[i].want);
		if (r != 0)
			continue;
		net_cidr_format(&a, bits, text);
		CHECK_EQ(strcmp(text, cidrs[i].back), 0);
	}
	for (size_t i = 0; i < N_ELEMS(ends); i++) {
		char text[NET_ADDR_TEXT] = "";
		struct in6_addr a;
		uint16_t port;
		bool ok = net_endpoint_parse(str_of(ends[i].in), ends[i].absent,
					     &a, &port);

		CHECK_EQ(ok, ends[i].back != NULL);
		if (!ok)
			continue;
		net_endpoint_format(&a, port, text);
		CHECK_EQ(strcmp(text, ends[i].back), 0);
	}
}

static void test_empty_denies(void)
{
	static const char *const names[] = { "a.example", "localhost" };
	static const char *const addrs[] = { "1.1.1.1", "127.0.0.1", "::1",
					     "2600::1" };
	static struct world w;

	world_init(&w);
	for (unsigned port = 0; port < 65536; port += 257) {
		for (size_t i = 0; i < N_ELEMS(names); i++) {
			struct net_verdict v = net_decide_name(
				&w.p, str_of(names[i]), (uint16_t)port);

			CHECK_EQ(v.verdict, VERDICT_DENY);
			CHECK_EQ(v.origin.line, 30);
			CHECK_EQ(v.rule == NULL, 1);
		}
		for (size_t i = 0; i < N_ELEMS(addrs); i++) {
			struct in6_addr a = addr_of(addrs[i]);

			CHECK_EQ(net_decide_addr(&w.p, &a, (uint16_t)port)
					 .verdict,
				 VERDICT_DENY);
		}
	}
}

static const struct {
	const char *name;
	uint16_t port;
	enum verdict want;
	int rule; /* index in allow; -1 - i: in deny; 99: fallback */
} name_cases[] = {
	{ "api.example", 443, VERDICT_ALLOW, 0 },
	{ "api.example", 80, VERDICT_ALLOW, 0 },
	{ "api.example", 22, VERDICT_DENY, 99 },
	{ "api.example", 0, VERDICT_ALLOW, 0 },
	{ "x.api.example", 443, VERDICT_DENY, 99 },
	{ "apiexample", 443, VERDICT_DENY, 99 },
	{ "a.corp.example", 8443, VERDICT_ALLOW, 1 },
	{ "a.b.corp.example", 8443, VERDICT_ALLOW, 1 },
	{ "corp.example", 8443, VERDICT_DENY, 99 },
	{ "acorp.example", 8443, VERDICT_DENY, 99 },
	{ ".corp.example", 8443, VERDICT_DENY, 99 },
	/* the exact rule is more specific than the wildcards */
	{ "git.corp.example", 8443, VERDICT_ALLOW, 3 },
	{ "git.corp.example", 22, VERDICT_ALLOW, 3 },
	{ "x.dev.corp.example", 8443, VERDICT_ALLOW, 2 },
	{ "x.dev.corp.example", 443, VERDICT_ALLOW, 1 },
	/* deny wins */
	{ "bad.corp.example", 8443, VERDICT_DENY, -1 },
	{ "bad.corp.example", 0, VERDICT_DENY, -1 },
	{ "x.secret.corp.example", 443, VERDICT_DENY, -2 },
	{ "secret.corp.example", 443, VERDICT_ALLOW, 1 },
	{ "half.corp.example", 443, VERDICT_DENY, -3 },
	{ "half.corp.example", 8443, VERDICT_ALLOW, 1 },
	{ "half.corp.example", 0, VERDICT_ALLOW, 1 },
	{ "tele.example", 443, VERDICT_DENY, -4 },
	{ "tele.example", 0, VERDICT_DENY, 99 },
};

static void test_decide_name(void)
{
	static struct world w;

	world_init(&w);
	ALLOW(&w, "api.example", 80, 443);
	ALLOW(&w, "*.corp.example", 443, 8443);
	ALLOW(&w, "*.dev.corp.example", 8443);
	ALLOW(&w, "git.corp.example", 22, 8443);
	DENY(&w, "bad.corp.example", NULL);
	DENY(&w, "*.secret.corp.example", NULL);
	DENY(&w, "half.corp.example", PORTS(443));
	DENY(&w, "tele.example", PORTS(443));

	for (size_t i = 0; i < N_ELEMS(name_cases); i++) {
		const struct net_rule *want =
			name_cases[i].rule == 99 ? NULL
			: name_cases[i].rule >= 0
				? &w.allow[name_cases[i].rule]
				: &w.deny[-1 - name_cases[i].rule];
		struct net_verdict v = net_decide_name(
			&w.p, str_of(name_cases[i].name), name_cases[i].port);

		if (v.verdict != name_cases[i].want || v.rule != want) {
			printf("# row %zu: %s:%u\n", i, name_cases[i].name,
			       name_cases[i].port);
			test_failures++;
		}
	}
}

static void test_decide_addr(void)
{
	static const struct {
		const char *addr;
		uint16_t port;
		enum verdict want;
	} cases[] = {
		{ "8.8.8.8", 443, VERDICT_ALLOW },
		{ "8.8.8.8", 0, VERDICT_ALLOW },
		{ "8.8.8.8", 53, VERDICT_DENY },
		{ "8.8.4.4", 443, VERDICT_DENY },
		{ "10.20.1.1", 5432, VERDICT_ALLOW },
		{ "10.21.1.1", 5432, VERDICT_DENY },
		{ "10.20.9.9", 5432, VERDICT_DENY },
		/* 0.0.0.0/0 on 9000 names no special range */
		{ "8.8.4.4", 9000, VERDICT_ALLOW },
		{ "10.20.1.1", 9000, VERDICT_DENY },
		{ "127.0.0.1", 9000, VERDICT_DENY },
		{ "169.254.169.254", 9000, VERDICT_DENY },
		/* and no v6 */
		{ "2600::1", 9000, VERDICT_DENY },
		/* nor does ::/0 cover v4 */
		{ "2600::1", 9001, VERDICT_ALLOW },
		{ "8.8.8.8", 9001, VERDICT_DENY },
		{ "fd00::1", 9001, VERDICT_DENY },
		{ "::1", 9001, VERDICT_DENY },
		/* what NAT64 leads to */
		{ "64:ff9b::808:808", 443, VERDICT_ALLOW },
		{ "64:ff9b::a14:101", 5432, VERDICT_ALLOW },
		{ "64:ff9b::a14:909", 5432, VERDICT_DENY },
		{ "64:ff9b::7f00:1", 9001, VERDICT_DENY },
		/* a whole special range names it, but not metadata in it */
		{ "169.254.1.1", 9002, VERDICT_ALLOW },
		{ "169.254.169.254", 9002, VERDICT_DENY },
	};
	static struct world w;

	world_init(&w);
	ALLOW(&w, "8.8.8.8/32", 80, 443);
	ALLOW(&w, "10.20.0.0/16", 5432);
	ALLOW(&w, "0.0.0.0/0", 9000);
	ALLOW(&w, "::/0", 9001);
	ALLOW(&w, "169.254.0.0/16", 9002);
	DENY(&w, "10.20.9.0/24", NULL);

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct in6_addr a = addr_of(cases[i].addr);
		struct net_verdict v = net_decide_addr(&w.p, &a, cases[i].port);

		if (v.verdict != cases[i].want ||
		    (v.verdict == VERDICT_ALLOW && !v.rule)) {
			printf("# row %zu: %s port %u\n", i, cases[i].addr,
			       cases[i].port);
			test_failures++;
		}
	}
}

static const struct {
	const char *addr, *want; /* NULL: ordinary */
} special[] = {
	{ "1.1.1.1", NULL },
	{ "8.8.8.8", NULL },
	{ "0.0.0.0", "this network" },
	{ "0.1.2.3", "this network" },
	{ "9.255.255.255", NULL },
	{ "10.0.0.0", "private" },
	{ "10.255.255.255", "private" },
	{ "11.0.0.0", NULL },
	{ "100.63.255.255", NULL },
	{ "100.64.0.0", "carrier-grade NAT" },
	{ "100.127.255.255", "carrier-grade NAT" },
	{ "100.128.0.0", NULL },
	{ "100.100.100.200", "metadata" },
	{ "127.0.0.1", "loopback" },
	{ "127.255.255.255", "loopback" },
	{ "128.0.0.0", NULL },
	{ "168.63.129.16", "metadata" },
	{ "169.254.0.1", "link-local" },
	{ "169.254.169.254", "metadata" },
	{ "169.254.170.2", "metadata" },
	{ "172.15.255.255", NULL },
	{ "172.16.0.0", "private" },
	{ "172.31.255.255", "private" },
	{ "172.32.0.0", NULL },
	{ "192.0.0.1", "protocol assignments" },
	{ "192.0.0.192", "metadata" },
	{ "192.0.2.1", "documentation" },
	{ "192.88.99.1", "6to4 relay" },
	{ "192.168.1.1", "private" },
	{ "192.169.0.0", NULL },
	{ "198.17.255.255", NULL },
	{ "198.18.0.1", "benchmarking" },
	{ "198.19.255.255", "benchmarking" },
	{ "198.20.0.0", NULL },
	{ "198.51.100.1", "documentation" },
	{ "203.0.113.1", "documentation" },
	{ "223.255.255.255", NULL },
	{ "224.0.0.1", "multicast" },
	{ "239.255.255.255", "multicast" },
	{ "240.0.0.1", "reserved" },
	{ "255.255.255.255", "broadcast" },
	{ "::", "unspecified" },
	{ "::1", "loopback" },
	{ "::7f00:1", "IPv4-compatible" },
	{ "::8.8.8.8", "IPv4-compatible" },
	{ "::ffff:8.8.8.8", NULL },
	{ "::ffff:127.0.0.1", "loopback" },
	{ "::ffff:0:8.8.8.8", "unallocated" },
	{ "64:ff9b::808:808", NULL },
	{ "64:ff9b::7f00:1", "loopback" },
	{ "64:ff9b::a9fe:a9fe", "metadata" },
	{ "64:ff9b::a00:1", "private" },
	{ "64:ff9b:1::1", "local NAT64" },
	{ "100::1", "discard" },
	{ "2001::1", "Teredo" },
	{ "2001:2::1", "protocol assignments" },
	{ "2001:1ff::1", "protocol assignments" },
	{ "2001:200::1", NULL },
	{ "2001:db8::1", "documentation" },
	{ "2002:7f00:1::", "6to4" },
	{ "2002:808:808::", "6to4" },
	{ "2600::1", NULL },
	{ "3fff::1", "documentation" },
	{ "3fff:1000::1", NULL },
	{ "4000::1", "unallocated" },
	{ "5f00::1", "unallocated" },
	{ "fc00::1", "private" },
	{ "fd00::1", "private" },
	{ "fd00:ec2::254", "metadata" },
	{ "fd20:ce::254", "metadata" },
	{ "fe80::1", "link-local" },
	{ "fec0::1", "site-local" },
	{ "ff02::1", "multicast" },
};

static void test_special_ranges(void)
{
	static struct world w;

	world_init(&w);
	ALLOW(&w, "api.example", 443);
	for (size_t i = 0; i < N_ELEMS(special); i++) {
		struct in6_addr a = addr_of(special[i].addr);
		const char *got = net_special(&a);

		if ((got != NULL) != (special[i].want != NULL) ||
		    (got && strcmp(got, special[i].want) != 0)) {
			printf("# %s: %s\n", special[i].addr,
			       got ? got : "ordinary");
			test_failures++;
		}
		CHECK_EQ(net_may_dial(&w.p, &w.allow[0], &a, 443),
			 special[i].want == NULL);
	}
}

static void test_may_dial(void)
{
	struct in6_addr ten = addr_of("10.1.1.1"), pub = addr_of("8.8.8.8");
	struct in6_addr mirror = addr_of("203.0.113.9");
	struct in6_addr lo = addr_of("127.0.0.1"), v6 = addr_of("fd00::5");
	struct in6_addr nat64 = addr_of("64:ff9b::a01:101");
	struct in6_addr meta = addr_of("169.254.169.254");
	struct net_rule *host, *pin, *preset;
	static struct world w;

	world_init(&w);
	ALLOW(&w, "a.example", 443);
	ALLOW(&w, "pin.example", 443);
	ALLOW(&w, "preset.example", 443);
	host = &w.allow[0];
	pin = &w.allow[1];
	preset = &w.allow[2];
	pin->connect_addr = lo;
	pin->connect_port = 8123;
	preset->preset = true;

	CHECK_EQ(net_may_dial(&w.p, host, &pub, 443), 1);
	CHECK_EQ(net_may_dial(&w.p, host, &pub, 0), 0);
	CHECK_EQ(net_may_dial(&w.p, NULL, &pub, 443), 1);
	CHECK_EQ(net_may_dial(&w.p, NULL, &ten, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &ten, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &nat64, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &mirror, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, preset, &mirror, 443), 1);
	CHECK_EQ(net_may_dial(&w.p, preset, &ten, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, pin, &lo, 8123), 1);
	CHECK_EQ(net_may_dial(&w.p, pin, &lo, 8124), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &lo, 8123), 0);

	ALLOW(&w, "10.0.0.0/8", 443);
	ALLOW(&w, "fd00::/16", 443);
	ALLOW(&w, "0.0.0.0/0", 443);
	CHECK_EQ(net_may_dial(&w.p, host, &ten, 443), 1);
	CHECK_EQ(net_may_dial(&w.p, host, &nat64, 443), 1);
	CHECK_EQ(net_may_dial(&w.p, host, &ten, 80), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &v6, 443), 1);
	CHECK_EQ(net_may_dial(&w.p, host, &lo, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &meta, 443), 0);
	ALLOW(&w, "169.254.169.254/32", 443);
	CHECK_EQ(net_may_dial(&w.p, host, &meta, 443), 1);

	DENY(&w, "10.1.0.0/16", NULL);
	DENY(&w, "8.8.8.0/24", PORTS(443));
	DENY(&w, "127.0.0.0/8", NULL);
	DENY(&w, "203.0.113.0/24", NULL);
	CHECK_EQ(net_may_dial(&w.p, host, &ten, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &nat64, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &pub, 443), 0);
	CHECK_EQ(net_may_dial(&w.p, host, &pub, 80), 1);
	CHECK_EQ(net_may_dial(&w.p, pin, &lo, 8123), 0);
	CHECK_EQ(net_may_dial(&w.p, preset, &mirror, 443), 0);
}

/* The law of classes: a name's ports are exactly those of its class. */
static void check_classes(const struct world *w, const char *const *names,
			  size_t n_names, size_t want_n)
{
	static struct net_class classes[NET_MAX_CLASSES];
	size_t n = 0;

	CHECK_EQ(net_classes(&w->p, classes, &n), 0);
	CHECK_EQ(n, want_n);
	for (size_t i = 0; i < n_names; i++) {
		struct str name = str_of(names[i]);
		size_t c = 0, k = 0;
		bool any = net_class_of(&w->p, classes, n, name, &c);

		CHECK_EQ(any, net_decide_name(&w->p, name, 0).verdict);
		for (unsigned port = 1; port < 65536; port++) {
			bool allowed =
				net_decide_name(&w->p, name, (uint16_t)port)
					.verdict == VERDICT_ALLOW;
			bool in = any && k < classes[c].n_ports &&
				  classes[c].ports[k] == port;

			k += in;
			if (allowed != in) {
				printf("# %s:%u\n", names[i], port);
				test_failures++;
				return;
			}
		}
	}
}

static void test_classes(void)
{
	static const char *const names[] = {
		"api.example",          "x.api.example",
		"a.corp.example",       "corp.example",
		"git.corp.example",     "a.dev.corp.example",
		"dev.corp.example",     "bad.corp.example",
		"other.example",        "half.corp.example",
		"x.tele.corp.example",  "tele.corp.example",
		"x.y.dev.corp.example", "none.corp.example",
	};
	static struct world w;

	world_init(&w);
	check_classes(&w, names, N_ELEMS(names), 0);
	ALLOW(&w, "api.example", 80, 443);
	check_classes(&w, names, N_ELEMS(names), 1);
	ALLOW(&w, "*.corp.example", 443, 8443);
	ALLOW(&w, "*.dev.corp.example", 9000);
	ALLOW(&w, "git.corp.example", 22);
	ALLOW(&w, "git.corp.example", 80, 443);
	ALLOW(&w, "10.0.0.0/8", 1, 2, 3);
	DENY(&w, "bad.corp.example", NULL);
	DENY(&w, "half.corp.example", PORTS(443));
	DENY(&w, "*.tele.corp.example", PORTS(8443));
	DENY(&w, "none.corp.example", PORTS(443, 8443));
	/* 80+443; 443+8443; those+9000; git: 22+80+443+8443; 8443; 443 */
	check_classes(&w, names, N_ELEMS(names), 6);
}

static void test_class_ranges(void)
{
	static struct net_class c[NET_MAX_CLASSES];
	static struct world w;
	char hosts[MAX_RULES][16];
	size_t n = 0, k = 0;

	world_init(&w);
	for (uint16_t i = 0; i < MAX_RULES; i++) {
		(void)snprintf(hosts[i], sizeof(hosts[i]), "h%u.example", i);
		ALLOW(&w, hosts[i], (uint16_t)(i / 2 + 1), 1000);
	}
	/* 40 sets: 64 equal parts, none overlaps */
	CHECK_EQ(net_classes(&w.p, c, &n), 0);
	CHECK_EQ(n, 40);
	for (size_t i = 0; i < n; i++) {
		CHECK_EQ(c[i].v4_bits, 21);
		CHECK_EQ(c[i].v6_bits, 54);
		CHECK_EQ(ntohl(c[i].v4.s_addr), 0xc6120000 + i * 2048);
		CHECK_EQ(c[i].v6.s6_addr[0], 0xfd);
		CHECK_EQ(c[i].v6.s6_addr[1], 0x18);
		CHECK_EQ(c[i].v6.s6_addr[6] << 8 | c[i].v6.s6_addr[7],
			 i * 1024);
	}

	/* 80 sets: the last class takes the rest, and the relay decides. */
	for (uint16_t i = 0; i < MAX_RULES; i++)
		w.allow[i].ports[0] = (uint16_t)(i + 1);
	for (uint16_t i = 0; i < MAX_RULES; i++) {
		w.allow[i].ports[1] = 1000;
		w.allow[i].n_ports = 2;
	}
	CHECK_EQ(net_classes(&w.p, c, &n), 0);
	CHECK_EQ(n, NET_MAX_CLASSES);
	CHECK_EQ(c[n - 1].n_ports, 18);
	CHECK_EQ(net_class_of(&w.p, c, n, STR("h79.example"), &k), 1);
	CHECK_EQ(k, n - 1);
	CHECK_EQ(net_class_of(&w.p, c, n, STR("h3.example"), &k), 1);
	CHECK_EQ(k, 3);

	/* One class for all when there is one. */
	w.p.n_allow = 1;
	CHECK_EQ(net_classes(&w.p, c, &n), 0);
	CHECK_EQ(n, 1);
	CHECK_EQ(c[0].v4_bits, 15);
	CHECK_EQ(c[0].v6_bits, 48);

	/* Too many ports for one name. */
	for (uint16_t i = 0; i < 3; i++) {
		w.allow[i] = (struct net_rule){ .host = STR("a.example") };
		for (uint16_t p = 0; p < 22; p++)
			w.allow[i].ports[w.allow[i].n_ports++] =
				(uint16_t)(i * 22 + p + 1);
	}
	w.p.n_allow = 3;
	CHECK_EQ(net_classes(&w.p, c, &n), 1);
}

static void test_round_trip(void)
{
	static struct net_layer layers[2] = {
		{ .origin = { STR("organisation"), STR("o.yaml"), 3 } },
		{ .origin = { STR("user"), STR("u.yaml"), 4 } },
	};
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf one = BUF_NULL, two = BUF_NULL;
	struct diag d = { 0 };
	struct net_policy back;
	static struct world w;

	arena_init(&a, 1 << 20);
	buf_init(&one, 1 << 16);
	buf_init(&two, 1 << 16);
	world_init(&w);
	ALLOW(&w, "a.example", 80, 443);
	ALLOW(&w, "*.b.example", 22);
	ALLOW(&w, "10.0.0.0/8", 5432);
	ALLOW(&w, "fd00::/8", 1);
	w.allow[0].connect_addr = addr_of("::1");
	w.allow[0].connect_port = 8080;
	w.allow[1].preset = true;
	DENY(&w, "*.c.example", NULL);
	DENY(&w, "::/0", PORTS(25));
	w.p.dns[w.p.n_dns++] =
		(struct net_resolver){ addr_of("127.0.0.1"), 5353 };
	w.p.layers = layers;
	w.p.n_layers = N_ELEMS(layers);
	layers[0].allow = w.p.allow;
	layers[0].n_allow = 2;

	net_format(&w.p, &one);
	CHECK_EQ(one.failed, 0);
	CHECK_EQ(net_parse(&a, buf_str(&one), &back, &d), 0);
	net_format(&back, &two);
	CHECK_EQ(str_eq(buf_str(&one), buf_str(&two)), 1);
	CHECK_EQ(back.n_allow, 4);
	CHECK_EQ(back.allow[1].subdomains, 1);
	CHECK_EQ(back.allow[1].preset, 1);
	CHECK_EQ(back.allow[2].bits, 104);
	CHECK_EQ(back.deny[0].n_ports, 0);
	CHECK_EQ(back.fallback.line, 30);
	CHECK_EQ(back.allow[0].origin.line, 7);
	CHECK_EQ(back.n_layers, 2);
	CHECK_EQ(back.layers[0].n_allow, 2);
	CHECK_EQ(back.layers[1].origin.line, 4);
}

#define REST ",\"deny\":[],\"dns\":[],\"fallback\":{},\"layers\":[]}"

static const struct {
	int want;
	const char *json;
} json_cases[] = {
	{ 0, "{\"allow\":[]" REST },
	{ 0, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[1]}]" REST },
	{ 0, "{\"allow\":[{\"cidr\":\"1.0.0.0/8\",\"ports\":[1]}]" REST },
	{ 1, "" },
	{ 1, "[]" },
	{ 1, "{}" },
	{ 1, "{\"allow\":[]}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":{}}" },
	{ 0, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":{},"
	     "\"layers\":[{\"allow\":[],\"layer\":\"user\"}]}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":{},"
	     "\"layers\":[{\"layer\":\"user\"}]}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":{},"
	     "\"layers\":[{\"allow\":[],\"x\":1}]}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":{},"
	     "\"layers\":[1]}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":{},"
	     "\"layers\":{}}" },
	{ 1, "{\"allow\":{},\"deny\":[],\"dns\":[],\"fallback\":{},"
	     "\"layers\":[]}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":[],"
	     "\"layers\":[]}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":{},"
	     "\"layers\":[],\"x\":1}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[],\"fallback\":{"
	     "\"x\":1},\"layers\":[]}" },
	{ 1, "{\"allow\":[],\"deny\":[],\"dns\":[\"a\"],"
	     "\"fallback\":{},"
	     "\"layers\":[]}" },
	{ 1, "{\"allow\":[1]" REST },
	{ 1, "{\"allow\":[{}]" REST },
	{ 1, "{\"allow\":[{\"ports\":[1]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\"}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"A.b\",\"ports\":[1]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b.\",\"ports\":[1]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"*\",\"ports\":[1]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"\",\"ports\":[1]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"1.2.3.4\",\"ports\":[1]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[0]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[65536]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[2,1]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[1,1]}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[1],"
	     "\"connect\":\"a:1\"}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[1],"
	     "\"preset\":false}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"cidr\":\"1.0.0.0/8\","
	     "\"ports\":[1]}]" REST },
	{ 1, "{\"allow\":[{\"cidr\":\"1.0.0.1/8\",\"ports\":[1]}]" REST },
	{ 1, "{\"allow\":[{\"cidr\":\"1.0.0.0/8\",\"ports\":[1],"
	     "\"connect\":\"1.1.1.1:1\"}]" REST },
	{ 1, "{\"allow\":[{\"host\":\"a.b\",\"ports\":[1],"
	     "\"line\":-1}]" REST },
	{ 1, "{\"allow\":[],\"deny\":[{\"host\":\"a.b\",\"ports\":[1],"
	     "\"connect\":\"1.1.1.1:1\"}],\"dns\":[],\"fallback\":{},"
	     "\"layers\":[]}" },
};

static void test_refuses_json(void)
{

	for (size_t i = 0; i < N_ELEMS(json_cases); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct net_policy p;
		int r;

		arena_init(&a, 1 << 20);
		r = net_parse(&a, str_of(json_cases[i].json), &p, NULL);
		if (r != json_cases[i].want) {
			printf("# row %zu gives %d: %s\n", i, r,
			       json_cases[i].json);
			test_failures++;
		}
	}
}

static void test_hint(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct in6_addr v4 = addr_of("10.0.0.5"), v6 = addr_of("fd00::5");
	struct net_verdict v;
	static struct world w;

	buf_init(&b, 4096);
	world_init(&w);
	DENY(&w, "bad.example", NULL);

	net_hint(&b, NULL, STR("api.example"), NULL, 8443);
	CHECK_EQ(str_eq(buf_str(&b), STR("network.allow: - {host: "
					 "api.example, ports: [8443]}")),
		 1);
	buf_clear(&b);
	net_hint(&b, NULL, (struct str){ 0 }, &v4, 22);
	CHECK_EQ(str_eq(buf_str(&b), STR("network.allow: - {cidr: "
					 "\"10.0.0.5/32\", ports: [22]}")),
		 1);
	buf_clear(&b);
	net_hint(&b, NULL, (struct str){ 0 }, &v6, 22);
	CHECK_EQ(str_eq(buf_str(&b), STR("network.allow: - {cidr: "
					 "\"fd00::5/128\", ports: [22]}")),
		 1);
	buf_clear(&b);
	v = net_decide_name(&w.p, STR("bad.example"), 443);
	net_hint(&b, &v, STR("bad.example"), NULL, 443);
	CHECK_EQ(
		str_eq(buf_str(&b), STR("remove the network.deny rule at f:7")),
		1);
}

int main(void)
{
	static const struct test tests[] = {
		{ "names", test_names },
		{ "addresses as text", test_text },
		{ "an empty policy denies everything", test_empty_denies },
		{ "names are decided", test_decide_name },
		{ "addresses are decided", test_decide_addr },
		{ "special ranges", test_special_ranges },
		{ "what may be dialled", test_may_dial },
		{ "a name's ports are its class's", test_classes },
		{ "ranges of classes", test_class_ranges },
		{ "JSON round trip", test_round_trip },
		{ "refuses other JSON", test_refuses_json },
		{ "hints", test_hint },
	};

	return test_main(tests, N_ELEMS(tests));
}
