/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Each layer that speaks of the network has a list of what it allows; presets
 * become rules first.  What is in force is what the lists have in common
 * (net_intersect()), so all that asks later, the classes of ports, the jail's
 * kernel rules and the relay, sees one list and need not know of layers.  The
 * lists themselves are kept beside it for one purpose: to say which layer
 * refused.
 *
 * network.default without network.allow says as much as an empty list.
 */
#include "policy/policy-doc.h"

#include "base/wall.h"

#define POLICY_E_REFUSED 1
#define MAX_CIDRS        256u /* what a jail's plan holds */
#define MAX_PRESET_HOSTS 64u

static int refuse(struct diag *err, const struct origin *o, const char *why)
{
	diag_set(err, o->line, 0, "%s", why);
	return POLICY_E_REFUSED;
}

struct net_builder {
	struct net_rule *rules;
	size_t n, max;
};

static int add_preset(const struct policy_item *item, policy_preset_fn preset,
		      void *ctx, struct arena *a, struct net_builder *b,
		      struct diag *err)
{
	struct policy_preset_host hosts[MAX_PRESET_HOSTS];
	size_t n = 0;

	if (!preset)
		return 0;
	if (!preset(ctx, item->text, hosts, N_ELEMS(hosts), &n))
		return refuse(err, &item->origin,
			      "network.allow: the preset cannot be had here");
	ASSERT(n <= N_ELEMS(hosts));
	for (size_t i = 0; i < n; i++) {
		char name[NET_NAME_MAX + 1];

		if (hosts[i].port == 0 || !net_name_parse(hosts[i].host, name))
			continue;
		if (b->n == b->max)
			return refuse(err, &item->origin,
				      "network.allow: too many rules");
		b->rules[b->n++] = (struct net_rule){
			.host = arena_str(a, str_of(name)),
			.ports = { hosts[i].port },
			.n_ports = 1,
			.preset = true,
			.origin = item->origin,
		};
	}
	return 0;
}

static int count_cidrs(const struct net_policy *p, struct diag *err)
{
	const struct net_rule *last = NULL;
	size_t n = 0;

	for (size_t i = 0; i < p->n_allow + p->n_deny; i++) {
		const struct net_rule *r = i < p->n_allow
						   ? &p->allow[i]
						   : &p->deny[i - p->n_allow];

		if (r->host.len > 0)
			continue;
		last = r;
		n++;
	}
	if (n > MAX_CIDRS)
		return refuse(err, &last->origin,
			      "network: more than 256 cidr rules");
	return 0;
}

static int check_classes(struct arena *a, const struct policy *p,
			 const struct net_policy *net, struct diag *err)
{
	struct net_class *classes =
		arena_array(a, NET_MAX_CLASSES, sizeof(*classes));
	size_t n = 0;

	if (!classes)
		return -ENOMEM;
	if (net_classes(net, classes, &n) != 0)
		return refuse(err, &p->value[POLICY_NETWORK_ALLOW].origin,
			      "network.allow: a name has more than 64 ports");
	return 0;
}

/* @v's rules, with presets as rules, to *ret. */
static int fill_allow(struct arena *a, const struct policy_value *v,
		      policy_preset_fn preset, void *ctx, struct net_rule **ret,
		      size_t *ret_n, struct diag *err)
{
	struct net_builder b = { .max = 0 };

	for (size_t i = 0; i < v->n; i++)
		b.max += v->items[i].rule ? 1 : MAX_PRESET_HOSTS;
	if (b.max > NET_MAX_RULES)
		b.max = NET_MAX_RULES;
	b.rules = arena_array(a, b.max + 1, sizeof(*b.rules));
	if (!b.rules)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++) {
		int r;

		if (!v->items[i].rule) {
			r = add_preset(&v->items[i], preset, ctx, a, &b, err);
			if (r != 0)
				return r;
			continue;
		}
		if (b.n == b.max)
			return refuse(err, &v->items[i].origin,
				      "network.allow: too many rules");
		b.rules[b.n++] = *v->items[i].rule;
	}
	*ret = b.rules;
	*ret_n = b.n;
	return 0;
}

static int fill_deny(struct arena *a, const struct policy_value *v,
		     struct net_policy *net, struct diag *err)
{
	if (v->n > NET_MAX_RULES)
		return refuse(err, &v->items[v->n - 1].origin,
			      "network.deny: too many rules");
	net->deny = arena_array(a, v->n + 1, sizeof(net->deny[0]));
	if (!net->deny)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++)
		net->deny[i] = *v->items[i].rule;
	net->n_deny = v->n;
	return 0;
}

/* ---- layers ---- */

struct layering {
	struct arena *arena;
	policy_preset_fn preset;
	void *ctx;
	struct net_policy *net;
	struct diag *err;
};

/* Where a layer says what it allows; NULL: nowhere, so it agrees to all. */
static const struct policy_value *layer_list(const struct policy_value *v)
{
	if (v[POLICY_NETWORK_ALLOW].set)
		return &v[POLICY_NETWORK_ALLOW];
	return v[POLICY_NETWORK_DEFAULT].set ? &v[POLICY_NETWORK_DEFAULT]
					     : NULL;
}

static int add_layer(struct layering *l, const struct policy_value *list,
		     const struct origin *origin)
{
	struct net_layer *to = &l->net->layers[l->net->n_layers];
	int r = fill_allow(l->arena, list, l->preset, l->ctx, &to->allow,
			   &to->n_allow, l->err);

	to->origin = *origin;
	l->net->n_layers++;
	return r;
}

static int refuse_many(const struct policy *p, struct diag *err)
{
	return refuse(err, &p->value[POLICY_NETWORK_ALLOW].origin,
		      "network.allow: the layers together make too many "
		      "rules");
}

/* What all of them agree on; the user's list gives order and origins. */
static int join_layers(struct layering *l, const struct policy *p)
{
	struct net_policy *net = l->net;
	int r;

	r = fill_allow(l->arena, &p->value[POLICY_NETWORK_ALLOW], l->preset,
		       l->ctx, &net->allow, &net->n_allow, l->err);
	for (size_t i = 0; WALL(LAYERS_NET) && i < net->n_layers && r == 0;
	     i++) {
		const struct net_layer *y = &net->layers[i];

		r = net_intersect(l->arena, net->allow, net->n_allow, y->allow,
				  y->n_allow, &net->allow, &net->n_allow);
		if (r > 0)
			return refuse_many(p, l->err);
	}
	return r;
}

static int fill_layers(struct layering *l, const struct policy *p)
{
	const struct policy_value *own = &p->value[POLICY_NETWORK_ALLOW];
	bool placed = false;
	int r = 0;

	l->net->layers = arena_array(l->arena, POLICY_LAYER_MAX_ + 1,
				     sizeof(l->net->layers[0]));
	if (!l->net->layers)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_narrow && r == 0; i++) {
		const struct policy_narrow *n = &p->narrow[i];
		const struct policy_value *list = layer_list(n->value);

		if (!list)
			continue;
		if (n->layer > POLICY_USER && !placed) {
			placed = true;
			r = add_layer(l, own, &l->net->fallback);
		}
		if (r == 0)
			r = add_layer(l, list, &list->origin);
	}
	if (r == 0 && l->net->n_layers > 0 && !placed)
		r = add_layer(l, own, &l->net->fallback);
	return r;
}
_Static_assert(POLICY_LAYER_MAX_ <= NET_MAX_LAYERS, "they fit");

int policy_net(struct arena *a, const struct policy *p, policy_preset_fn preset,
	       void *ctx, struct net_policy *ret, struct diag *reterr)
{
	const struct policy_value *dns = &p->value[POLICY_NETWORK_DNS];
	struct net_policy net = {
		.fallback = p->value[POLICY_NETWORK_DEFAULT].origin,
	};
	struct layering l = { a, preset, ctx, &net, reterr };
	int r = fill_layers(&l, p);

	if (r == 0)
		r = join_layers(&l, p);
	if (r == 0)
		r = fill_deny(a, &p->value[POLICY_NETWORK_DENY], &net, reterr);
	if (r == 0)
		r = count_cidrs(&net, reterr);
	if (r == 0)
		r = check_classes(a, p, &net, reterr);
	if (r != 0)
		return r;

	ASSERT(dns->n <= N_ELEMS(net.dns)); /* the schema's limit */
	for (size_t i = 0; i < dns->n; i++)
		net.dns[net.n_dns++] = dns->items[i].resolver;
	if (a->failed)
		return -ENOMEM;
	*ret = net;
	return 0;
}
