/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a policy's text.  Laws:
 *   1. a refusal names a line that exists and says why;
 *   2. what is accepted, shown and read again has the same canonical form;
 *   3. with everything denied in front nothing is allowed;
 *   4. the relay's form of the network part reads back to the same.
 * With a byte 0xff in it the input is two texts, an organisation's and a
 * user's; then
 *   5. each rule that is in force lies within one of each layer's.
 */
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX ((size_t)8 * 1024 * 1024)

static void law(bool holds)
{
	if (!holds)
		abort();
}

static size_t count_lines(struct str s)
{
	size_t n = 1;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\n';
	return n;
}

/* 0, 1 = refused. */
static int load(struct arena *a, struct str text, struct policy *ret,
		struct diag *d)
{
	struct policy_stack in = { 0 };
	int r;

	law(policy_builtin(a, &in.builtin) == 0);
	r = policy_parse(a, text, STR("user"), STR("f"), &in.layer[POLICY_USER],
			 d);
	law(r == 0 || r == 1);
	if (r == 0)
		law(policy_effective(a, &in, ret, NULL, NULL, d) == 0);
	return r;
}

/* Above this size a shown policy may exceed what a text may be. */
#define SHOWN_AGAIN ((size_t)4 * 1024)

static void check_show(struct arena *a, const struct policy *p)
{
	AUTO(buf) struct buf shown = BUF_NULL, one = BUF_NULL, two = BUF_NULL;
	AUTO(arena) struct arena other = ARENA_NULL;
	struct policy back;
	struct diag d = { 0 };

	arena_init(&other, 2 * POLICY_ARENA_MAX);
	buf_init(&shown, TEXT_MAX);
	buf_init(&one, TEXT_MAX);
	buf_init(&two, TEXT_MAX);
	policy_show(p, &shown);
	law(!shown.failed);
	law(load(&other, buf_str(&shown), &back, &d) == 0);
	law(policy_canonical(a, p, &one) == 0);
	law(policy_canonical(&other, &back, &two) == 0);
	law(str_eq(buf_str(&one), buf_str(&two)));
}

static void check_denied(struct net_policy *net)
{
	struct net_rule all[2] = { 0 }, *deny = net->deny;
	size_t n_deny = net->n_deny;
	struct in6_addr v4 = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
				   0xff } } };

	all[0].bits = 0; /* ::/0 */
	all[1].bits = 96;
	all[1].addr = v4;
	net->deny = all;
	net->n_deny = 2;
	for (size_t i = 0; i < net->n_allow; i++) {
		const struct net_rule *r = &net->allow[i];

		if (r->host.len > 0)
			continue;
		law(net_decide_addr(net, &r->addr, 0).verdict == VERDICT_DENY);
		law(!net_may_dial(net, r, &r->addr, r->ports[0]));
	}
	for (size_t i = 0; i < net->n_allow && i < 64; i++) {
		struct net_rule one = { .host = net->allow[i].host };

		if (one.host.len == 0 || net->allow[i].subdomains)
			continue;
		net->deny = &one;
		net->n_deny = 1;
		law(net_decide_name(net, one.host, 0).verdict == VERDICT_DENY);
	}
	net->deny = deny;
	net->n_deny = n_deny;
}

static void check_net(struct arena *a, const struct policy *p)
{
	AUTO(buf) struct buf one = BUF_NULL, two = BUF_NULL;
	struct net_policy net, back;
	struct diag d = { 0 };
	int r = policy_net(a, p, NULL, NULL, &net, &d);

	law(r == 0 || (r == 1 && d.text[0]));
	if (r != 0)
		return;
	check_denied(&net);
	buf_init(&one, TEXT_MAX);
	buf_init(&two, TEXT_MAX);
	net_format(&net, &one);
	law(!one.failed && net_parse(a, buf_str(&one), &back, &d) == 0);
	net_format(&back, &two);
	law(str_eq(buf_str(&one), buf_str(&two)));
}

/* Both texts are in the language, or nothing is looked at. */
static void check_layers(struct str org, struct str user)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct policy_stack in = { 0 };
	struct net_policy net;
	struct policy p;
	struct diag d = { 0 };

	arena_init(&a, 4 * POLICY_ARENA_MAX);
	law(policy_builtin(&a, &in.builtin) == 0);
	if (policy_parse(&a, org, STR("organisation"), STR("o"),
			 &in.layer[POLICY_ORG], &d) != 0 ||
	    policy_parse(&a, user, STR("user"), STR("u"),
			 &in.layer[POLICY_USER], &d) != 0)
		return;
	law(policy_effective(&a, &in, &p, NULL, NULL, &d) == 0);
	if (policy_net(&a, &p, NULL, NULL, &net, &d) != 0)
		return;
	for (size_t i = 0; i < net.n_allow; i++) {
		for (size_t l = 0; l < net.n_layers; l++) {
			const struct net_layer *y = &net.layers[l];
			bool within = false;

			for (size_t k = 0; k < y->n_allow && !within; k++)
				within = net_rule_covers(&y->allow[k],
							 &net.allow[i]);
			law(within);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size > 0 ? memchr(data, 0xff, size) : NULL;
	struct str text = { .ptr = (const char *)data, .len = size };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct policy p = { 0 };
	struct diag d = { 0 };

	if (cut) {
		text.len = (size_t)(cut - data);
		check_layers(text, (struct str){ (const char *)cut + 1,
						 size - text.len - 1 });
		return 0;
	}
	arena_init(&a, 2 * POLICY_ARENA_MAX);
	if (load(&a, text, &p, &d) != 0) {
		law(d.line >= 1 && d.line <= count_lines(text) && d.text[0]);
		return 0;
	}
	if (size <= SHOWN_AGAIN)
		check_show(&a, &p);
	check_net(&a, &p);
	return 0;
}
