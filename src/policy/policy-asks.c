/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-asks.h"

#include "base/path.h"
#include "policy/policy-doc.h"

struct asks {
	struct arena *arena;
	const struct policy_vars *vars;
	const struct policy *base; /* as if the project's text were not there */
	struct policy_ask *list;
	size_t n;
};

static void add(struct asks *k, enum policy_key key,
		const struct policy_item *item, const struct policy_value *v)
{
	if (k->n == POLICY_MAX_ASKS)
		return;
	k->list[k->n++] = (struct policy_ask){
		.key = key,
		.item = item,
		.number = v->number,
		.origin = item ? item->origin : v->origin,
	};
}

/* A path that cannot be expanded here is nothing that could be given. */
static bool expand(struct asks *k, enum policy_key key,
		   const struct policy_item *item, struct str *ret)
{
	struct diag d = { 0 };

	return policy_expand(k->arena, key, item, k->vars, ret, &d) == 0;
}

static bool path_given(struct asks *k, enum policy_key key,
		       const struct policy_item *item)
{
	static const enum policy_key lists[] = { POLICY_FILES_READ,
						 POLICY_FILES_WRITE };
	struct str want, have;

	if (!expand(k, key, item, &want))
		return true;
	for (size_t l = 0; l < N_ELEMS(lists); l++) {
		const struct policy_value *v = &k->base->value[lists[l]];

		if (key == POLICY_FILES_WRITE && lists[l] == POLICY_FILES_READ)
			continue;
		for (size_t i = 0; i < v->n; i++) {
			if (expand(k, lists[l], &v->items[i], &have) &&
			    path_is_below(want, have))
				return true;
		}
	}
	return false;
}

static bool socket_given(struct asks *k, const struct policy_item *item)
{
	const struct policy_value *v = &k->base->value[POLICY_NETWORK_SOCKETS];
	struct str want, have;

	if (!expand(k, POLICY_NETWORK_SOCKETS, item, &want))
		return true;
	for (size_t i = 0; i < v->n; i++) {
		if (expand(k, POLICY_NETWORK_SOCKETS, &v->items[i], &have) &&
		    str_eq(want, have))
			return true;
	}
	return false;
}

/* Every port of @want is in some rule that covers it. */
static bool rule_given(struct asks *k, const struct policy_item *item)
{
	const struct policy_value *v = &k->base->value[POLICY_NETWORK_ALLOW];
	const struct net_rule *want = item->rule;

	for (size_t i = 0; i < v->n && !want; i++) {
		if (!v->items[i].rule && str_eq(v->items[i].text, item->text))
			return true;
	}
	for (size_t p = 0; want && p < want->n_ports; p++) {
		bool given = false;

		for (size_t i = 0; i < v->n && !given; i++)
			given = v->items[i].rule &&
				net_rule_covers(v->items[i].rule, want) &&
				net_rule_has_port(v->items[i].rule,
						  want->ports[p]);
		if (!given)
			return false;
	}
	return want != NULL;
}

static bool pass_given(struct asks *k, const struct policy_item *item)
{
	const struct policy_value *v = &k->base->value[POLICY_ENV_PASS];

	/* As text a pattern fits every pattern that is at least as wide. */
	for (size_t i = 0; i < v->n; i++) {
		if (glob_match(v->items[i].text, item->text))
			return true;
	}
	return false;
}

static bool set_given(struct asks *k, const struct policy_item *item)
{
	const struct policy_value *v = &k->base->value[POLICY_ENV_SET];

	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(v->items[i].text, item->text))
			return true; /* the user's value holds in any case */
	}
	return false;
}

static bool item_given(struct asks *k, enum policy_key key,
		       const struct policy_item *item)
{
	switch (policy_schema[key].type) {
	case SCHEMA_PATHS:
		return path_given(k, key, item);
	case SCHEMA_SOCKETS:
		return socket_given(k, item);
	case SCHEMA_ALLOW:
		return rule_given(k, item);
	case SCHEMA_NAMES:
		return pass_given(k, item);
	case SCHEMA_ASSIGN:
		return set_given(k, item);
	case SCHEMA_VERSION:
	case SCHEMA_BOOL:
	case SCHEMA_CHOICE:
	case SCHEMA_WORDS:
	case SCHEMA_GLOBS:
	case SCHEMA_DENY:
	case SCHEMA_RESOLVERS:
	case SCHEMA_SIZE:
	case SCHEMA_CPU:
	case SCHEMA_COUNT:
	case SCHEMA_TIME:
	case SCHEMA_TYPE_MAX_:
		break;
	}
	return true; /* takes away, or is not heard from a project */
}

static void look_at(struct asks *k, enum policy_key key,
		    const struct policy_value *v)
{
	const struct schema_row *row = &policy_schema[key];
	const struct policy_value *base = &k->base->value[key];

	if (!v->set || row->trusted)
		return;
	if (row->join == JOIN_SMALLEST && base->set && v->number > base->number)
		add(k, key, NULL, v);
	if (row->join != JOIN_AGREE && row->join != JOIN_PROVIDE)
		return;
	for (size_t i = 0; i < v->n; i++) {
		if (!item_given(k, key, &v->items[i]))
			add(k, key, &v->items[i], v);
	}
}

int policy_asks(struct arena *a, const struct policy_stack *in,
		const struct policy_vars *vars, struct policy_ask **ret,
		size_t *ret_n)
{
	const struct policy_doc *project = in->layer[POLICY_PROJECT];
	struct policy_stack without = *in;
	struct policy base;
	struct asks k = { .arena = a, .vars = vars, .base = &base };
	int r;

	*ret = NULL;
	*ret_n = 0;
	if (!project)
		return 0;
	without.layer[POLICY_PROJECT] = NULL;
	without.accepted = false;
	r = policy_effective(a, &without, &base, NULL, NULL, NULL);
	k.list = arena_array(a, POLICY_MAX_ASKS, sizeof(*k.list));
	if (r != 0 || !k.list)
		return -ENOMEM;
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++)
		look_at(&k, (enum policy_key)i, &project->value[i]);
	*ret = k.list;
	*ret_n = k.n;
	return a->failed ? -ENOMEM : 0;
}

void policy_ask_text(struct buf *b, const struct policy_ask *ask)
{
	char name[64];

	schema_key_name(ask->key, name, sizeof(name));
	buf_printf(b, "%s: ", name);
	policy_show_entry(b, ask->key, ask->item, ask->number);
}
