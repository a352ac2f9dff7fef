/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A list of allow rules is a union of sets, so what two lists have in common is
 * the union of what each pair of rules has in common; and that is one rule or
 * none, since names under wildcards and addresses under prefixes are trees: of
 * two sets either one holds the other or they are apart.
 *
 * One thing is not a set.  A prefix that is wider than a special range (all of
 * IPv4, say) covers the range's addresses without naming them, see net.h, while
 * the narrower rule within it may name them.  What only one of the two names is
 * not common, so such a pair gives none.
 */
#include "policy/net-range.h"
#include "policy/net-text.h"
#include "policy/net.h"

struct builder {
	struct net_rule *rules;
	size_t n, max; /* max: of the array */
	struct arena *arena;
};

static bool same(const struct net_rule *x, const struct net_rule *y)
{
	return str_eq(x->host, y->host) && x->subdomains == y->subdomains &&
	       x->bits == y->bits && x->preset == y->preset &&
	       memcmp(&x->addr, &y->addr, sizeof(x->addr)) == 0 &&
	       x->n_ports == y->n_ports &&
	       memcmp(x->ports, y->ports, x->n_ports * sizeof(x->ports[0])) ==
		       0 &&
	       x->connect_port == y->connect_port &&
	       memcmp(&x->connect_addr, &y->connect_addr,
		      sizeof(x->connect_addr)) == 0;
}

static int add(struct builder *b, const struct net_rule *rule)
{
	struct net_rule *more;

	for (size_t i = 0; i < b->n; i++) {
		if (same(&b->rules[i], rule))
			return 0;
	}
	if (b->n == NET_MAX_RULES)
		return 1;
	if (b->n == b->max) {
		more = arena_array(b->arena, 2 * b->max, sizeof(*more));
		if (!more)
			return -ENOMEM;
		memcpy(more, b->rules, b->n * sizeof(*more));
		b->rules = more;
		b->max *= 2;
	}
	b->rules[b->n++] = *rule;
	return 0;
}

/* Every name of @in is one of @out too. */
static bool host_within(const struct net_rule *in, const struct net_rule *out)
{
	if (!in->subdomains || !out->subdomains)
		return in->subdomains == out->subdomains
			       ? str_eq(in->host, out->host)
			       : out->subdomains &&
					 net_rule_matches(out, in->host);
	/* "*.a.b" is within "*.b" and within itself. */
	return str_eq(in->host, out->host) || net_rule_matches(out, in->host);
}

/*
 * What @out, which covers @in, does not name and @in does: addresses of a
 * special range that holds all of @in and not all of @out.
 */
static bool names_more(const struct net_rule *in, const struct net_rule *out)
{
	const struct net_range *range = net_range_find(&in->addr);
	struct in6_addr inner;

	if (net_range_embedded(&in->addr, &inner) && in->bits >= 96)
		return !net_range_embedded(&out->addr, &inner) ||
		       out->bits < 96;
	/*
	 * The first address may be in a smaller range than the whole prefix;
	 * then the next larger one counts.  Ranges nest at most once, so the
	 * last address of the prefix tells.
	 */
	if (range && range->bits > in->bits) {
		struct in6_addr last = in->addr;

		for (unsigned bit = in->bits; bit < 128; bit++)
			last.s6_addr[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
		range = net_range_find(&last);
	}
	if (!range || range->bits > in->bits)
		return false;
	return out->bits < range->bits ||
	       !net_covers(&range->addr, range->bits, &out->addr);
}

static bool cidr_within(const struct net_rule *in, const struct net_rule *out)
{
	return in->bits >= out->bits &&
	       net_covers(&out->addr, out->bits, &in->addr) &&
	       !names_more(in, out);
}

bool net_rule_covers(const struct net_rule *out, const struct net_rule *in)
{
	if ((out->host.len > 0) != (in->host.len > 0))
		return false;
	return in->host.len > 0 ? host_within(in, out) : cidr_within(in, out);
}

static void common_ports(const struct net_rule *x, const struct net_rule *y,
			 struct net_rule *ret)
{
	ret->n_ports = 0;
	for (size_t i = 0; i < x->n_ports; i++) {
		if (net_rule_has_port(y, x->ports[i]))
			ret->ports[ret->n_ports++] = x->ports[i];
	}
}

/* False: they have nothing in common. */
static bool common(const struct net_rule *x, const struct net_rule *y,
		   struct net_rule *ret)
{
	bool x_in, y_in;

	x_in = net_rule_covers(y, x);
	y_in = net_rule_covers(x, y);
	if (!x_in && !y_in)
		return false;
	*ret = x_in ? *x : *y;
	ret->origin = x->origin;
	ret->preset = x->preset && y->preset;
	ret->connect_addr = y->connect_port ? y->connect_addr : x->connect_addr;
	ret->connect_port = y->connect_port ? y->connect_port : x->connect_port;
	common_ports(x, y, ret);
	return ret->n_ports > 0;
}

int net_intersect(struct arena *a, const struct net_rule *x, size_t n_x,
		  const struct net_rule *y, size_t n_y, struct net_rule **ret,
		  size_t *ret_n)
{
	struct builder b = { .arena = a, .max = n_x + 1 };

	b.rules = arena_array(a, b.max, sizeof(*b.rules));
	if (!b.rules)
		return -ENOMEM;
	for (size_t i = 0; i < n_x; i++) {
		for (size_t k = 0; k < n_y; k++) {
			struct net_rule rule;
			int r = 0;

			if (common(&x[i], &y[k], &rule))
				r = add(&b, &rule);
			if (r != 0)
				return r;
		}
	}
	*ret = b.rules;
	*ret_n = b.n;
	return 0;
}

static int join_deny(struct arena *a, const struct net_policy *was,
		     const struct net_policy *now, struct net_policy *ret)
{
	struct builder b = { .arena = a, .max = was->n_deny + 1 };
	int r = 0;

	b.rules = arena_array(a, b.max, sizeof(*b.rules));
	if (!b.rules)
		return -ENOMEM;
	for (size_t i = 0; i < now->n_deny && r == 0; i++)
		r = add(&b, &now->deny[i]);
	for (size_t i = 0; i < was->n_deny && r == 0; i++)
		r = add(&b, &was->deny[i]);
	ret->deny = b.rules;
	ret->n_deny = b.n;
	return r;
}

/* The lists that are asked who refused: those of now, then what was. */
static int join_layers(struct arena *a, const struct net_policy *was,
		       const struct net_policy *now, struct net_policy *ret)
{
	const struct net_layer whole[2] = {
		{ now->allow, now->n_allow, now->fallback },
		{ was->allow, was->n_allow, was->fallback },
	};
	size_t n = now->n_layers;

	ret->layers =
		arena_array(a, NET_MAX_LAYERS + 2, sizeof(ret->layers[0]));
	if (!ret->layers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		ret->layers[i] = now->layers[i];
	if (n == 0)
		ret->layers[n++] = whole[0];
	if (n < NET_MAX_LAYERS)
		ret->layers[n++] = whole[1];
	ret->n_layers = n;
	return 0;
}

int net_narrow(struct arena *a, const struct net_policy *was,
	       const struct net_policy *now, struct net_policy *ret)
{
	struct net_policy p = *was; /* its resolvers too */
	int r = net_intersect(a, was->allow, was->n_allow, now->allow,
			      now->n_allow, &p.allow, &p.n_allow);

	if (r == 0)
		r = join_deny(a, was, now, &p);
	if (r == 0)
		r = join_layers(a, was, now, &p);
	if (r == 0)
		*ret = p;
	return r;
}
