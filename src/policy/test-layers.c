/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The law of layers, over made-up policies and requests: what the joined policy
 * allows, every layer allows.  And, where it can be said exactly, the converse:
 * what every layer allows is not refused by the joining.
 *
 * Texts are generated, parsed and joined as those of a session are.  What one
 * layer says alone is asked of the engine for a single layer, which has tables
 * of its own in test-net.c and test-policy.c.
 */
#include <arpa/inet.h>

#include "base/path.h"
#include "base/test.h"
#include "policy/files-join.h"
#include "policy/policy-asks.h"
#include "policy/policy-doc.h"

#define STACKS   2000u
#define REQUESTS 50u /* of each kind, on each stack */

/* ---- chance ---- */

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t chance(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 33) % n);
}

#define PICK(table) ((table)[chance(N_ELEMS(table))])

/* ---- what policies and requests are made of ---- */

static const char *const hosts[] = {
	"x.test",     "a.x.test", "b.a.x.test",  "c.b.a.x.test",
	"y.test",     "a.y.test", "z.test",      "*.x.test",
	"*.a.x.test", "*.y.test", "*.b.a.x.test"
};
static const char *const names[] = { "x.test",       "a.x.test",   "b.a.x.test",
				     "c.b.a.x.test", "q.x.test",   "y.test",
				     "a.y.test",     "b.a.y.test", "z.test",
				     "other.test" };
static const char *const cidrs[] = { "0.0.0.0/0",          "10.0.0.0/8",
				     "10.1.0.0/16",        "10.1.2.3/32",
				     "8.0.0.0/6",          "8.8.0.0/16",
				     "8.8.8.8/32",         "169.254.0.0/16",
				     "169.254.169.254/32", "::/0",
				     "2001:4860::/32",     "64:ff9b::/96",
				     "64:ff9b::a00:0/104", "fd00::/8",
				     "fd00:ec2::254/128",  "2000::/3",
				     "169.254.169.0/24",   "0.0.0.0/1" };
static const char *const addrs[] = { "10.1.2.3",         "10.9.9.9",
				     "8.8.8.8",          "8.8.4.4",
				     "1.2.3.4",          "169.254.1.1",
				     "169.254.169.254",  "2001:4860::1",
				     "64:ff9b::a01:203", "64:ff9b::808:808",
				     "fd00::1",          "fd00:ec2::254" };
static const uint16_t ports[] = { 22, 80, 443, 8443 };
static const char *const paths[] = { "/usr",        "/usr/lib",      "/etc",
				     "/home/u/p",   "/home/u/p/src", "/home/u",
				     "/srv/a",      "/srv/a/b",      "/srv",
				     "/home/u/.ssh" };
static const char *const asked_paths[] = {
	"/usr/lib/x",      "/usr",      "/etc/passwd", "/home/u/p/src/a.c",
	"/home/u/p/b",     "/home/u/q", "/srv/a/b/c",  "/srv/a/d",
	"/home/u/.ssh/id", "/var",      "/home/u/p",   "/srv"
};
static const char *const patterns[] = { "LANG", "LC_*", "CI",    "A*",
					"AB*",  "T*",   "TOKEN", "TZ" };
static const char *const audits[] = { "off", "writes", "all", "exact" };
static const char *const variables[] = { "LANG", "LC_ALL", "CI", "AX",
					 "ABX",  "TOKEN",  "TZ", "Z" };

/* ---- texts ---- */

static void put_rule(struct buf *b, bool deny)
{
	if (chance(3) > 0)
		buf_printf(b, "    - {host: \"%s\"", PICK(hosts));
	else
		buf_printf(b, "    - {cidr: \"%s\"", PICK(cidrs));
	if (!deny || chance(2)) {
		uint32_t first = chance(N_ELEMS(ports));

		buf_printf(b, ", ports: [%u", ports[first]);
		for (uint32_t i = first + 1; i < N_ELEMS(ports); i++) {
			if (chance(2))
				buf_printf(b, ", %u", ports[i]);
		}
		buf_addc(b, ']');
	}
	buf_printf(b, "}\n");
}

static void put_rules(struct buf *b, const char *key, bool deny)
{
	uint32_t n = chance(deny ? 3 : 7);

	buf_printf(b, "  %s:%s\n", key, n == 0 ? " []" : "");
	for (uint32_t i = 0; i < n; i++)
		put_rule(b, deny);
}

static void put_list(struct buf *b, const char *key, const char *const *from,
		     uint32_t n_from, uint32_t most)
{
	uint32_t n = chance(most + 1);

	buf_printf(b, "  %s: [", key);
	for (uint32_t i = 0; i < n; i++)
		buf_printf(b, "%s\"%s\"", i > 0 ? ", " : "",
			   from[chance(n_from)]);
	buf_printf(b, "]\n");
}

static void put_policy(struct buf *b)
{
	buf_printf(b, "version: 1\n");
	if (chance(3) == 0)
		buf_printf(b, "nested: %s\n", chance(2) ? "true" : "false");
	if (chance(3) == 0)
		buf_printf(b, "audit: {files: %s, output: %s}\n", PICK(audits),
			   chance(2) ? "true" : "false");
	if (chance(3) > 0) {
		buf_printf(b, "files:\n  hide: [\"/h%u\"]\n", chance(9));
		if (chance(3) > 0)
			put_list(b, "read", paths, N_ELEMS(paths), 4);
		if (chance(3) > 0)
			put_list(b, "write", paths, N_ELEMS(paths), 3);
	}
	if (chance(3) > 0) {
		buf_printf(b, "env:\n  set: {S%u: v}\n", chance(4));
		if (chance(2))
			put_list(b, "pass", patterns, N_ELEMS(patterns), 4);
	}
	if (chance(5) > 0) {
		buf_printf(b, "network:\n");
		if (chance(3) == 0)
			buf_printf(b, "  default: deny\n");
		if (chance(2))
			put_rules(b, "deny", true);
		if (chance(4) > 0)
			put_rules(b, "allow", false);
		buf_printf(b, "  sockets: []\n");
	}
	if (chance(2))
		buf_printf(b, "limits: {memory: %uM, time: %us}\n",
			   16 + chance(64), 1 + chance(100));
}

struct stack {
	struct arena arena;
	struct policy_stack in;
	char *text[POLICY_LAYER_MAX_];
	struct policy policy;
	struct net_policy net;
};

static void show_stack(const struct stack *s)
{
	for (unsigned i = 0; i < POLICY_LAYER_MAX_; i++) {
		struct str rest = str_of(s->text[i]), line;

		if (!s->text[i])
			continue;
		printf("# ---- %s%s\n", policy_layer_name((enum policy_layer)i),
		       i == POLICY_PROJECT && s->in.accepted ? ", accepted"
							     : "");
		while (str_cut(&rest, '\n', &line))
			printf("# %.*s\n", STR_ARG(line));
	}
}

static void broken(const struct stack *s, const char *law, const char *about)
{
	if (test_failures++ > 3)
		return;
	printf("# %s: %s\n", law, about);
	show_stack(s);
}

/* False: the layers exceed a limit together, which is no case. */
static bool stack_make(struct stack *s)
{
	struct diag d = { 0 };
	int r;

	*s = (struct stack){ .in = { .accepted = chance(3) == 0 } };
	arena_init(&s->arena, 4 * POLICY_ARENA_MAX);
	r = policy_builtin(&s->arena, &s->in.builtin);
	for (unsigned i = 0; i < POLICY_LAYER_MAX_ && r == 0; i++) {
		AUTO(buf) struct buf b = BUF_NULL;

		if (chance(4) == 0)
			continue;
		buf_init(&b, POLICY_MAX_BYTES);
		put_policy(&b);
		s->text[i] = arena_cstr(&s->arena, buf_str(&b));
		r = policy_parse(
			&s->arena, str_of(s->text[i]),
			str_of(policy_layer_name((enum policy_layer)i)),
			STR("f.yaml"), &s->in.layer[i], &d);
	}
	if (r == 0)
		r = policy_effective(&s->arena, &s->in, &s->policy, NULL, NULL,
				     &d);
	if (r != 0) {
		broken(s, "a generated policy is refused", d.text);
		return false;
	}
	return policy_net(&s->arena, &s->policy, NULL, NULL, &s->net, &d) == 0;
}

/* ---- one layer alone ---- */

/* A layer's network; *ret_speaks: it lists what it allows. */
static void net_of(struct arena *a, const struct policy_value *v,
		   struct net_policy *ret, bool *ret_speaks)
{
	const struct policy_value *allow = &v[POLICY_NETWORK_ALLOW];
	const struct policy_value *deny = &v[POLICY_NETWORK_DENY];

	*ret = (struct net_policy){ .n_allow = allow->n, .n_deny = deny->n };
	ret->allow = arena_array(a, allow->n + 1, sizeof(*ret->allow));
	ret->deny = arena_array(a, deny->n + 1, sizeof(*ret->deny));
	for (size_t i = 0; i < allow->n; i++)
		ret->allow[i] = *allow->items[i].rule;
	for (size_t i = 0; i < deny->n; i++)
		ret->deny[i] = *deny->items[i].rule;
	*ret_speaks = allow->set || v[POLICY_NETWORK_DEFAULT].set;
}

struct question {
	struct str name; /* empty: about addr */
	struct in6_addr addr;
	uint16_t port;
	char text[128];
};

static bool engine(const struct net_policy *net, const struct question *q)
{
	struct net_verdict v =
		q->name.len > 0 ? net_decide_name(net, q->name, q->port)
				: net_decide_addr(net, &q->addr, q->port);

	return v.verdict == VERDICT_ALLOW;
}

/* Nothing that the layer denies is asked of its deny list alone. */
static bool denies(const struct net_policy *one, const struct question *q)
{
	struct net_rule whole = { .ports = { q->port }, .n_ports = 1 };
	struct net_policy open = { .allow = &whole,
				   .n_allow = 1,
				   .deny = one->deny,
				   .n_deny = one->n_deny };

	whole.host = q->name;
	whole.addr = q->addr;
	whole.bits = 128;
	return !engine(&open, q);
}

/* What is the user's: his section, or the built-in one. */
static const struct policy_value *user_network(const struct stack *s)
{
	const struct policy_doc *user = s->in.layer[POLICY_USER];

	return user && user->section[SECTION_NETWORK].present
		       ? user->value
		       : s->in.builtin->value;
}

static bool layer_allows_net(struct stack *s, unsigned layer,
			     const struct question *q)
{
	const struct policy_doc *doc = s->in.layer[layer];
	const struct policy_value *v = doc ? doc->value : NULL;
	struct net_policy one;
	bool speaks;

	if (layer == POLICY_USER)
		v = user_network(s);
	if (!v)
		return true;
	net_of(&s->arena, v, &one, &speaks);
	if (layer == POLICY_USER) {
		struct question asked = *q;
		struct net_policy other;
		bool other_speaks, given = engine(&one, &asked);

		if (!given && s->in.accepted && s->in.layer[POLICY_PROJECT]) {
			net_of(&s->arena, s->in.layer[POLICY_PROJECT]->value,
			       &other, &other_speaks);
			other.n_deny = 0;
			given = engine(&other, q) && !denies(&one, q);
		}
		return given;
	}
	return speaks ? engine(&one, q) : !denies(&one, q);
}

static void make_question(struct question *q)
{
	const char *what;
	uint16_t port = PICK(ports);

	*q = (struct question){ .port = port };
	if (chance(2)) {
		what = PICK(names);
		q->name = str_of(what);
	} else {
		char v6[64];

		what = PICK(addrs);
		(void)snprintf(v6, sizeof(v6), "%s%s",
			       strchr(what, ':') ? "" : "::ffff:", what);
		CHECK_EQ(inet_pton(AF_INET6, v6, &q->addr), 1);
	}
	(void)snprintf(q->text, sizeof(q->text), "%s port %u", what, port);
}

/* For these the sets are exact; see net-narrow.c for the others. */
static bool is_plain(const struct question *q)
{
	static const char *const plain[] = { "8.8.8.8", "8.8.4.4", "1.2.3.4" };

	for (size_t i = 0; i < N_ELEMS(plain); i++) {
		if (str_starts(str_of(q->text), str_of(plain[i])))
			return true;
	}
	return q->name.len > 0;
}

static void ask_net(struct stack *s)
{
	struct question q;
	bool given, all = true;

	make_question(&q);
	given = engine(&s->net, &q);
	for (unsigned i = 0; i < POLICY_LAYER_MAX_; i++) {
		if (layer_allows_net(s, i, &q))
			continue;
		all = false;
		if (given)
			broken(s, policy_layer_name((enum policy_layer)i),
			       q.text);
	}
	if (all && !given && is_plain(&q))
		broken(s, "all agree and it is refused", q.text);
}

/* Who refuses is one that refuses. */
static void ask_who(struct stack *s)
{
	struct question q;
	struct net_verdict v;

	make_question(&q);
	v = q.name.len > 0 ? net_decide_name(&s->net, q.name, q.port)
			   : net_decide_addr(&s->net, &q.addr, q.port);
	/* A range of IPv4 and one of NAT64 agree without a rule in common. */
	if (v.verdict == VERDICT_ALLOW ||
	    str_starts(str_of(q.text), STR("64:")))
		return;
	for (unsigned i = 0; i < POLICY_LAYER_MAX_; i++) {
		bool named =
			str_eq(v.origin.layer,
			       str_of(policy_layer_name((enum policy_layer)i)));

		if (named && layer_allows_net(s, i, &q))
			broken(s, "named though it allows", q.text);
	}
}

/* ---- files ---- */

static void add_files(struct stack *s, const struct policy_value *v,
		      struct files_layer *l)
{
	static const enum policy_key keys[] = { POLICY_FILES_READ,
						POLICY_FILES_WRITE };

	l->has_read |= v[POLICY_FILES_READ].set;
	l->has_write |= v[POLICY_FILES_WRITE].set;
	if (!l->rules)
		l->rules = arena_array(&s->arena, 64, sizeof(*l->rules));
	for (size_t k = 0; k < N_ELEMS(keys); k++) {
		for (size_t i = 0; i < v[keys[k]].n; i++)
			l->rules[l->n++] = (struct files_rule){
				.path = v[keys[k]].items[i].text,
				.write = keys[k] == POLICY_FILES_WRITE,
			};
	}
}

struct files_case {
	struct files_layer given; /* a whole section: both lists count */
	struct files_layer layers[POLICY_LAYER_MAX_];
	size_t n;
	struct files_rule *left;
	size_t n_left;
};

static void make_files(struct stack *s, struct files_case *c)
{
	*c = (struct files_case){ 0 };
	add_files(s, s->policy.value, &c->given);
	c->given.has_read = c->given.has_write = true;
	for (size_t i = 0; i < s->policy.n_narrow; i++)
		add_files(s, s->policy.narrow[i].value, &c->layers[c->n++]);
	CHECK_EQ(files_join(&s->arena, c->given.rules, c->given.n, c->layers,
			    c->n, &c->left, &c->n_left),
		 0);
}

static void ask_files(struct stack *s, const struct files_case *c)
{
	struct str path = str_of(PICK(asked_paths));
	const struct files_layer joined = { .has_read = true,
					    .has_write = true,
					    .rules = c->left,
					    .n = c->n_left };
	bool write = chance(2), given, all;
	char text[64];

	given = files_layer_allows(&joined, path, write, NULL);
	all = files_layer_allows(&c->given, path, write, NULL);
	for (size_t i = 0; i < c->n; i++)
		all &= files_layer_allows(&c->layers[i], path, write, NULL);
	(void)snprintf(text, sizeof(text), "%s %.*s", write ? "write" : "read",
		       STR_ARG(path));
	if (given && !all)
		broken(s, "files: a layer refuses", text);
	if (all && !given)
		broken(s, "files: all agree and it is refused", text);
}

/* ---- the rest ---- */

static bool passes(const struct policy_value *v, struct str name)
{
	for (size_t i = 0; i < v[POLICY_ENV_PASS].n; i++) {
		if (glob_match(v[POLICY_ENV_PASS].items[i].text, name))
			return true;
	}
	for (size_t i = 0; i < v[POLICY_ENV_SET].n; i++) {
		if (str_eq(v[POLICY_ENV_SET].items[i].text, name))
			return true;
	}
	return false;
}

static void ask_env(struct stack *s)
{
	const char *name = PICK(variables);
	bool given =
		passes(s->policy.value, str_of(name)) &&
		policy_env_allows(&s->policy, STR("user"), str_of(name), NULL);

	for (unsigned i = 0; i < POLICY_LAYER_MAX_; i++) {
		const struct policy_doc *doc = s->in.layer[i];

		if (i == POLICY_USER || !doc ||
		    !doc->value[POLICY_ENV_PASS].set)
			continue;
		if (given && !passes(doc->value, str_of(name)))
			broken(s, "env", name);
	}
}

static bool has_item(const struct policy_value *v, struct str text)
{
	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(v->items[i].text, text))
			return true;
	}
	return false;
}

static void check_scalars(struct stack *s)
{
	for (unsigned i = 0; i < POLICY_LAYER_MAX_; i++) {
		const struct policy_doc *doc = s->in.layer[i];

		for (unsigned k = 0; doc && k < POLICY_KEY_MAX_; k++) {
			const struct policy_value *v = &doc->value[k];
			const struct policy_value *p = &s->policy.value[k];
			bool raised = i == POLICY_USER && s->in.accepted;

			if (policy_schema[k].join == JOIN_SMALLEST && v->set &&
			    !raised && (!p->set || p->number > v->number))
				broken(s, "a number is larger than a layer's",
				       policy_schema[k].help);
			if (policy_schema[k].join == JOIN_MOST && v->set &&
			    (policy_schema[k].type == SCHEMA_BOOL
				     ? p->number < v->number
				     : p->number > v->number))
				broken(s, "less is recorded than a layer wants",
				       policy_schema[k].help);
			for (size_t n = 0; n < v->n; n++) {
				if (policy_schema[k].join == JOIN_SUM &&
				    !has_item(p, v->items[n].text))
					broken(s, "an entry is lost",
					       policy_schema[k].help);
			}
		}
	}
}

static void test_law(void)
{
	unsigned done = 0;

	while (done < STACKS && test_failures == 0) {
		struct stack s;
		struct files_case files;

		if (stack_make(&s)) {
			make_files(&s, &files);
			check_scalars(&s);
			for (unsigned i = 0; i < REQUESTS; i++) {
				ask_net(&s);
				ask_who(&s);
				ask_files(&s, &files);
				ask_env(&s);
			}
			done++;
		}
		arena_done(&s.arena);
	}
	printf("# %u stacks, %u requests of each of 4 kinds\n", done,
	       done * REQUESTS);
}

/* A running session and a policy that changed: never more than before. */
static void test_narrowing(void)
{
	for (unsigned n = 0; n < STACKS && test_failures == 0; n++) {
		struct stack was, now;
		struct net_policy left;
		bool both = stack_make(&was);

		both &= stack_make(&now);
		if (both &&
		    net_narrow(&was.arena, &was.net, &now.net, &left) == 0) {
			for (unsigned i = 0; i < REQUESTS; i++) {
				struct question q;

				make_question(&q);
				if (!engine(&left, &q))
					continue;
				if (!engine(&was.net, &q))
					broken(&was, "more than before",
					       q.text);
				if (!engine(&now.net, &q))
					broken(&now, "more than now", q.text);
			}
		}
		arena_done(&was.arena);
		arena_done(&now.arena);
	}
}

/* ---- what the law does not say ---- */

static const char user_text[] =
	"version: 1\n"
	"env: {set: {CI: u, OWN: u}}\n"
	"network:\n"
	"  allow:\n"
	"    - {host: a.test, connect: \"127.0.0.1:81\"}\n"
	"    - {host: b.test}\n"
	"  dns: [\"127.0.0.1:1\"]\n"
	"limits: {memory: 1G}\n";

static bool stack_of(struct stack *s, const char *const text[], bool accepted)
{
	struct diag d = { 0 };
	int r;

	*s = (struct stack){ .in = { .accepted = accepted } };
	arena_init(&s->arena, 4 * POLICY_ARENA_MAX);
	r = policy_builtin(&s->arena, &s->in.builtin);
	for (unsigned i = 0; i < POLICY_LAYER_MAX_ && r == 0; i++) {
		if (text[i])
			r = policy_parse(
				&s->arena, str_of(text[i]),
				str_of(policy_layer_name((enum policy_layer)i)),
				STR("f.yaml"), &s->in.layer[i], &d);
	}
	CHECK_STR(str_of(d.text), STR(""));
	return r == 0;
}

/* Who may say what: pins, resolvers and certificates of two layers alone. */
static void test_heard(void)
{
	const char *const texts[POLICY_LAYER_MAX_] = {
		[POLICY_TEAM] = "version: 1\nnetwork: {dns: [1.1.1.1]}\n",
		[POLICY_USER] = user_text,
		[POLICY_PROJECT] =
			"version: 1\n"
			"network:\n"
			"  allow:\n"
			"    - {host: a.test, connect: \"10.0.0.1:81\"}\n"
			"    - {host: b.test, connect: \"10.0.0.1:81\"}\n"
			"  ca: [/x]\n",
	};
	struct policy_unheard unheard[POLICY_MAX_UNHEARD];
	struct net_verdict v;
	struct stack s;
	size_t n = 0;

	if (!stack_of(&s, texts, true))
		return;
	CHECK_EQ(
		policy_effective(&s.arena, &s.in, &s.policy, unheard, &n, NULL),
		0);
	CHECK_EQ(n, 4);
	CHECK_EQ(unheard[0].key, POLICY_NETWORK_DNS);
	CHECK_EQ(policy_net(&s.arena, &s.policy, NULL, NULL, &s.net, NULL), 0);
	CHECK_EQ(s.net.n_dns, 1);
	CHECK_EQ(s.net.dns[0].port, 1);
	CHECK_EQ(s.policy.value[POLICY_NETWORK_CA].n, 0);
	v = net_decide_name(&s.net, STR("a.test"), 443);
	CHECK_EQ(v.verdict, VERDICT_ALLOW);
	CHECK_EQ(v.rule && v.rule->connect_port == 81 &&
			 v.rule->connect_addr.s6_addr[12] == 127,
		 1);
	v = net_decide_name(&s.net, STR("b.test"), 443);
	CHECK_EQ(v.rule && v.rule->connect_port == 0, 1);
	arena_done(&s.arena);
}

/* A project asks; without the user's word it can only take away. */
static void test_accepted(void)
{
	const char *const texts[POLICY_LAYER_MAX_] = {
		[POLICY_ORG] = "version: 1\n"
			       "env: {set: {CI: o}}\n"
			       "network: {deny: [{host: c.test}]}\n",
		[POLICY_USER] = user_text,
		[POLICY_PROJECT] = "version: 1\n"
				   "env: {set: {CI: p, OWN: p, NEW: p}}\n"
				   "network:\n"
				   "  allow: [{host: b.test}, {host: c.test},\n"
				   "          {host: d.test}]\n"
				   "limits: {memory: 2G}\n",
	};

	for (int accepted = 0; accepted < 2; accepted++) {
		const struct policy_value *set;
		struct stack s;

		if (!stack_of(&s, texts, accepted) ||
		    policy_effective(&s.arena, &s.in, &s.policy, NULL, NULL,
				     NULL) != 0 ||
		    policy_net(&s.arena, &s.policy, NULL, NULL, &s.net, NULL) !=
			    0) {
			test_failures++;
			return;
		}
		CHECK_EQ(net_decide_name(&s.net, STR("a.test"), 443).verdict,
			 VERDICT_DENY);
		CHECK_EQ(net_decide_name(&s.net, STR("b.test"), 443).verdict,
			 VERDICT_ALLOW);
		CHECK_EQ(net_decide_name(&s.net, STR("c.test"), 443).verdict,
			 VERDICT_DENY);
		CHECK_EQ(net_decide_name(&s.net, STR("d.test"), 443).verdict,
			 accepted ? VERDICT_ALLOW : VERDICT_DENY);
		CHECK_EQ(s.policy.value[POLICY_LIMITS_MEMORY].number >> 30,
			 accepted ? 2 : 1);
		/* The last one holds: the organisation's. */
		set = &s.policy.value[POLICY_ENV_SET];
		CHECK_EQ(set->n, accepted ? 6 : 3);
		CHECK_STR(set->items[set->n - 1].value, STR("o"));
		CHECK_EQ(has_item(set, STR("NEW")), accepted);
		arena_done(&s.arena);
	}
}

static struct str no_variable(void *ctx, struct str name)
{
	(void)ctx;
	(void)name;
	return (struct str){ 0 };
}

/* What a project's text wants beyond the user's policy, entry by entry. */
static void test_asks(void)
{
	static const struct {
		const char *project;
		const char *ask; /* NULL: nothing */
	} cases[] = {
		{ "limits: {memory: 512M}", NULL },
		{ "limits: {memory: 2G}", "limits.memory: 2G" },
		{ "limits: {time: 9h}", NULL },  /* the user has none */
		{ "audit: {files: off}", NULL }, /* nobody gives that */
		{ "audit: {files: exact, output: true}", NULL },
		{ "nested: false", NULL },
		{ "nested: true", "nested: true" },
		{ "files: {read: [/usr, src, .]}", NULL },
		{ "files: {read: [/srv]}", "files.read: /srv" },
		{ "files: {write: [src]}", NULL },
		{ "files: {write: [/usr/x]}", "files.write: /usr/x" },
		{ "files: {hide: [\"*\"]}", NULL },
		{ "env: {pass: [LC_ALL, LANG]}", NULL },
		{ "env: {pass: [\"L*\"]}", "env.pass: L*" },
		{ "env: {set: {CI: p}}", NULL }, /* the user's value holds */
		{ "env: {set: {N: \"1\"}}", "env.set: N: \"1\"" },
		{ "network: {deny: [{host: q.test}]}", NULL },
		{ "network: {allow: [{host: b.test}]}", NULL },
		{ "network: {allow: [{host: b.test, ports: [22]}]}",
		  "network.allow: {host: \"b.test\", ports: [22]}" },
		{ "network: {allow: [{host: \"*.b.test\"}]}",
		  "network.allow: {host: \"*.b.test\", ports: [80, 443]}" },
		{ "network: {allow: [{cidr: 10.0.0.0/8}]}",
		  "network.allow: {cidr: \"10.0.0.0/8\", ports: [80, 443]}" },
		{ "network: {allow: [{preset: git-hosts}]}",
		  "network.allow: {preset: git-hosts}" },
		{ "network: {sockets: [/run/x]}", "network.sockets: /run/x" },
		{ "network: {dns: [1.1.1.1], ca: [/x]}", NULL }, /* unheard */
	};
	struct policy_vars vars = { .home = STR("/home/u"),
				    .project = STR("/home/u/p"),
				    .env = no_variable };

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		char text[512];
		const char *texts[POLICY_LAYER_MAX_] = {
			[POLICY_USER] = user_text, [POLICY_PROJECT] = text
		};
		struct policy_ask *asks;
		struct stack s;
		size_t n = 0;

		(void)snprintf(text, sizeof(text), "version: 1\n%s\n",
			       cases[i].project);
		if (!stack_of(&s, texts, false))
			return;
		CHECK_EQ(policy_asks(&s.arena, &s.in, &vars, &asks, &n), 0);
		buf_init(&b, 1024);
		for (size_t k = 0; k < n; k++)
			policy_ask_text(&b, &asks[k]);
		CHECK_STR(buf_str(&b),
			  str_of(cases[i].ask ? cases[i].ask : ""));
		arena_done(&s.arena);
	}
}

/* A refusal names who could change it. */
static void test_hint(void)
{
	const char *const texts[POLICY_LAYER_MAX_] = {
		[POLICY_ORG] = "version: 1\n"
			       "network:\n"
			       "  allow: [{host: \"*.test\"}]\n",
		[POLICY_USER] = user_text,
	};
	static const struct {
		const char *name, *layer, *hint;
	} cases[] = {
		{ "a.other", "organisation",
		  "no change of yours: the organisation's layer decides "
		  "(f.yaml:3)" },
		{ "c.test", "user",
		  "network.allow: - {host: c.test, ports: [443]}" },
	};
	struct stack s;

	if (!stack_of(&s, texts, false) ||
	    policy_effective(&s.arena, &s.in, &s.policy, NULL, NULL, NULL) !=
		    0 ||
	    policy_net(&s.arena, &s.policy, NULL, NULL, &s.net, NULL) != 0) {
		test_failures++;
		return;
	}
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		struct str name = str_of(cases[i].name);
		struct net_verdict v = net_decide_name(&s.net, name, 443);

		buf_init(&b, 1024);
		net_hint(&b, &v, name, NULL, 443);
		CHECK_STR(v.origin.layer, str_of(cases[i].layer));
		CHECK_STR(buf_str(&b), str_of(cases[i].hint));
	}
	arena_done(&s.arena);
}

int main(void)
{
	static const struct test tests[] = {
		{ "100,000 requests: every layer agrees", test_law },
		{ "a running session is only narrowed", test_narrowing },
		{ "who is heard", test_heard },
		{ "a project's wishes", test_accepted },
		{ "what a project asks for", test_asks },
		{ "who could change it", test_hint },
	};
	const char *seed = getenv("BAWN_TEST_SEED");

	for (size_t i = 0; seed && seed[i]; i++)
		state = (state ^ (uint64_t)(unsigned char)seed[i]) *
			UINT64_C(0x2545f4914f6cdd1d);
	return test_main(tests, N_ELEMS(tests));
}
