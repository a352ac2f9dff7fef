/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The kernel refuses a port at connect() only if the synthetic address tells
 * which ports its name has, so each set of ports gets address ranges of its
 * own.  Which sets occur?  A name matches the exact rules with its own host
 * and the wildcards above it, and these form a chain.  So every name matches
 * the same rules as one of finitely many representatives: the host of an exact
 * rule, or some name just below a wildcard which no other rule knows ("?.x":
 * no name holds "?").  The sets of the representatives are all sets there are.
 *
 * O(rules^2), done once per session.
 */
#include "policy/net.h"

/* A set of ports, sorted. */
struct ports {
	uint16_t p[NET_CLASS_PORTS];
	size_t n;
};

/* False: full. */
static bool ports_add(struct ports *s, uint16_t port)
{
	size_t i = s->n;

	while (i > 0 && s->p[i - 1] > port)
		i--;
	if (i > 0 && s->p[i - 1] == port)
		return true;
	if (s->n == NET_CLASS_PORTS)
		return false;
	memmove(s->p + i + 1, s->p + i, (s->n - i) * sizeof(s->p[0]));
	s->p[i] = port;
	s->n++;
	return true;
}

static bool ports_eq(const struct net_class *c, const struct ports *s)
{
	return c->n_ports == s->n &&
	       memcmp(c->ports, s->p, s->n * sizeof(s->p[0])) == 0;
}

static bool ports_within(const struct ports *s, const struct net_class *c)
{
	size_t j = 0;

	for (size_t i = 0; i < s->n; i++) {
		while (j < c->n_ports && c->ports[j] < s->p[i])
			j++;
		if (j == c->n_ports || c->ports[j] != s->p[i])
			return false;
	}
	return true;
}

static bool is_denied(const struct net_policy *p, struct str name,
		      uint16_t port)
{
	for (size_t i = 0; i < p->n_deny; i++) {
		const struct net_rule *r = &p->deny[i];

		if (!net_rule_matches(r, name))
			continue;
		if (r->n_ports == 0 || net_rule_has_port(r, port))
			return true;
	}
	return false;
}

/* False: more than NET_CLASS_PORTS. */
static bool ports_of(const struct net_policy *p, struct str name,
		     struct ports *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < p->n_allow; i++) {
		const struct net_rule *r = &p->allow[i];

		if (!net_rule_matches(r, name))
			continue;
		for (size_t k = 0; k < r->n_ports; k++) {
			if (!is_denied(p, name, r->ports[k]) &&
			    !ports_add(ret, r->ports[k]))
				return false;
		}
	}
	return true;
}

static bool class_add(struct net_class *classes, size_t *n,
		      const struct ports *s)
{
	struct ports all = { 0 };
	struct net_class *last = &classes[NET_MAX_CLASSES - 1];

	for (size_t i = 0; i < *n; i++) {
		if (ports_eq(&classes[i], s))
			return true;
	}
	if (*n < NET_MAX_CLASSES) {
		classes[*n] = (struct net_class){ .n_ports = s->n };
		memcpy(classes[*n].ports, s->p, s->n * sizeof(s->p[0]));
		(*n)++;
		return true;
	}

	memcpy(all.p, last->ports, sizeof(all.p));
	all.n = last->n_ports;
	for (size_t i = 0; i < s->n; i++) {
		if (!ports_add(&all, s->p[i]))
			return false;
	}
	memcpy(last->ports, all.p, sizeof(all.p));
	last->n_ports = all.n;
	return true;
}

static bool add_representatives(const struct net_policy *p,
				const struct net_rule *rules, size_t n_rules,
				struct net_class *classes, size_t *n)
{
	for (size_t i = 0; i < n_rules; i++) {
		char name[NET_NAME_MAX + 3] = "?.";
		struct str host = rules[i].host;
		struct ports s;

		if (host.len == 0 || host.len > NET_NAME_MAX)
			continue;
		memcpy(name + 2, host.ptr, host.len);
		host = (struct str){ .ptr = name, .len = host.len + 2 };
		if (!rules[i].subdomains)
			host = str_skip(host, 2);
		if (!ports_of(p, host, &s))
			return false;
		if (s.n > 0 && !class_add(classes, n, &s))
			return false;
	}
	return true;
}

/* 198.18.0.0/15 and fd18::/48 in 2^k equal parts, k the least that does. */
static void assign_ranges(struct net_class *classes, size_t n)
{
	unsigned k = 0;

	while ((1u << k) < n)
		k++;
	for (size_t i = 0; i < n; i++) {
		struct net_class *c = &classes[i];
		/* cannot overflow: i < 2^k <= 64 */
		uint32_t v4 = (198u << 24 | 18u << 16) | (uint32_t)i
								 << (17u - k);
		uint32_t part = (uint32_t)i << (16u - k);

		c->v4.s_addr = htonl(v4);
		c->v4_bits = (uint8_t)(15u + k);
		c->v6.s6_addr[0] = 0xfd;
		c->v6.s6_addr[1] = 0x18;
		c->v6.s6_addr[6] = (uint8_t)(part >> 8);
		c->v6.s6_addr[7] = (uint8_t)(part & 0xff);
		c->v6_bits = (uint8_t)(48u + k);
	}
}

int net_classes(const struct net_policy *p,
		struct net_class ret[NET_MAX_CLASSES], size_t *ret_n)
{
	size_t n = 0;

	if (!add_representatives(p, p->allow, p->n_allow, ret, &n) ||
	    !add_representatives(p, p->deny, p->n_deny, ret, &n))
		return 1;
	assign_ranges(ret, n);
	*ret_n = n;
	return 0;
}

bool net_class_of(const struct net_policy *p, const struct net_class *classes,
		  size_t n, struct str name, size_t *ret)
{
	struct ports s;

	if (n == 0 || !ports_of(p, name, &s) || s.n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (ports_eq(&classes[i], &s)) {
			*ret = i;
			return true;
		}
	}
	if (!ports_within(&s, &classes[n - 1]))
		return false;
	*ret = n - 1;
	return true;
}
