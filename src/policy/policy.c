/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * An effective policy is computed from a list of documents that stay as they
 * are.  Today the list is the built-in default and perhaps the user's layer,
 * and a section comes whole from one of them.  Further layers will be a
 * conjunction: each narrows what the list before it yields.
 *
 * Whatever comes out keeps the origin it had, so every verdict can name a
 * line.
 */
#include "policy/policy.h"

#include "base/path.h"
#include "policy/net-text.h"
#include "policy/policy-doc.h"
#include "policy/scalar-parse.h"

#define POLICY_E_REFUSED 1
#define MAX_CIDRS        256u /* what a jail's plan holds */
#define MAX_PRESET_HOSTS 64u

static int append(struct arena *a, const struct policy_value *first,
		  const struct policy_value *second, struct policy_value *ret)
{
	size_t n = first->n + second->n; /* cannot overflow: bounded by rows */
	struct policy_item *items = arena_array(a, n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		items[i] = i < first->n ? first->items[i]
					: second->items[i - first->n];
	ret->items = items;
	ret->n = n;
	ret->set = true;
	return 0;
}

/* The value of @key where its section is @from's.  @builtin: the default. */
static int take_value(struct arena *a, const struct policy_doc *builtin,
		      const struct policy_doc *from, unsigned key,
		      struct policy_value *ret)
{
	const struct schema_row *row = &policy_schema[key];
	int r = 0;

	*ret = from->value[key];
	if (!ret->set)
		ret->origin = from->section[row->section].origin;
	/* A choice has a value always: 0, which is the strictest. */
	if (row->type == SCHEMA_CHOICE || row->type == SCHEMA_BOOL)
		ret->set = true;
	if (row->beside && from != builtin)
		r = append(a, &builtin->value[key], &from->value[key], ret);
	return r;
}

int policy_effective(struct arena *a, const struct policy_doc *const *docs,
		     size_t n, struct policy *ret, struct diag *reterr)
{
	const struct policy_doc *user = n > 1 ? docs[1] : NULL;
	struct policy p = { 0 };

	(void)reterr; /* two layers always fit together */
	ASSERT(n >= 1 && n <= 2);
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		enum schema_section s = policy_schema[i].section;
		bool from_user = user && user->section[s].present;
		int r = take_value(a, docs[0], from_user ? user : docs[0], i,
				   &p.value[i]);

		if (r != 0)
			return r;
	}
	*ret = p;
	return 0;
}

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

static int fill_allow(struct arena *a, const struct policy_value *v,
		      policy_preset_fn preset, void *ctx,
		      struct net_policy *net, struct diag *err)
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
	net->allow = b.rules;
	net->n_allow = b.n;
	return 0;
}

static int fill_deny(struct arena *a, const struct policy_value *v,
		     struct net_policy *net)
{
	net->deny = arena_array(a, v->n + 1, sizeof(net->deny[0]));
	if (!net->deny)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++)
		net->deny[i] = *v->items[i].rule;
	net->n_deny = v->n;
	return 0;
}

int policy_net(struct arena *a, const struct policy *p, policy_preset_fn preset,
	       void *ctx, struct net_policy *ret, struct diag *reterr)
{
	const struct policy_value *dns = &p->value[POLICY_NETWORK_DNS];
	struct net_policy net = {
		.fallback = p->value[POLICY_NETWORK_DEFAULT].origin,
	};
	int r;

	r = fill_allow(a, &p->value[POLICY_NETWORK_ALLOW], preset, ctx, &net,
		       reterr);
	if (r == 0)
		r = fill_deny(a, &p->value[POLICY_NETWORK_DENY], &net);
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

/* @s with every character quoted that means something in a glob. */
static struct str quote_glob(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, 2 * s.len + 1);
	size_t n = 0;

	if (!out)
		return (struct str){ 0 };
	for (size_t i = 0; i < s.len; i++) {
		if (strchr("*?[\\", s.ptr[i]))
			out[n++] = '\\';
		out[n++] = s.ptr[i];
	}
	return (struct str){ .ptr = out, .len = n };
}

static int refuse_item(const struct policy_item *item, const char *why,
		       struct diag *err)
{
	char shown[64];

	str_sanitise(item->text, shown, sizeof(shown));
	diag_set(err, item->origin.line, 0, "%s: %s", shown, why);
	return POLICY_E_REFUSED;
}

/* @ret_base: what @ret_rest is relative to. */
static bool split_base(struct str text, const struct policy_vars *vars,
		       struct str *ret_base, struct str *ret_rest)
{
	struct str name;

	*ret_rest = text;
	*ret_base = vars->project;
	if (text.ptr[0] == '/') {
		*ret_base = STR("/");
	} else if (text.ptr[0] == '~') {
		*ret_base = vars->home;
		*ret_rest = str_skip(text, 1);
	} else if (scalar_path_variable(text, &name, ret_rest)) {
		*ret_base = str_eq(name, STR("HOME")) ? vars->home
			    : vars->env ? vars->env(vars->ctx, name)
					: (struct str){ 0 };
		if (ret_base->len == 0 || ret_base->ptr[0] != '/')
			return false;
	}
	/* "~/x", "$V/x": the rest is below the base, not below "/". */
	while (ret_rest->len > 0 && ret_rest->ptr[0] == '/')
		*ret_rest = str_skip(*ret_rest, 1);
	return true;
}

int policy_expand(struct arena *a, enum policy_key key,
		  const struct policy_item *item,
		  const struct policy_vars *vars, struct str *ret,
		  struct diag *reterr)
{
	bool glob = policy_schema[key].type == SCHEMA_GLOBS;
	struct str base, rest, out;

	if (!split_base(item->text, vars, &base, &rest))
		return refuse_item(item,
				   "the variable is not set to an "
				   "absolute path",
				   reterr);
	base = path_normalise(a, base, STR("."));
	if (glob && base.ptr)
		base = quote_glob(a, base);
	if (base.ptr)
		out = path_normalise(a, base, rest);
	else
		out = (struct str){ 0 };
	if (a->failed)
		return -ENOMEM;
	if (!out.ptr)
		return refuse_item(item, "too long", reterr);
	*ret = out;
	return 0;
}
