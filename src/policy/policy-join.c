/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The law: what the joined policy allows, every layer allows.  It holds by
 * construction, since there are four kinds of key and each can only narrow:
 *
 *   adds up    files.hide, network.deny: everybody's entries count
 *   smallest   limits, and words, whose rows stand strictest first
 *   most       what is recorded: a project's accepted text lowers it neither
 *   agreed     lists that give something: the user's entries, and each other
 *              layer's list is kept beside them as a condition (narrow)
 *
 * What is left (env.set, network.ca, network.dns) gives no reach; it is
 * provided by whoever may, the higher layer last, so that it wins.
 *
 * A project's text comes from the repository.  Not accepted, it is a condition
 * like any other; accepted, its lists are also the user's wish, and so given
 * where the layers above agree.
 *
 * Whatever comes out keeps the origin it had, so every verdict can name a
 * line.
 */
#include "policy/policy-doc.h"

static const char *const layer_names[POLICY_LAYER_MAX_] = {
	[POLICY_ORG] = "organisation",
	[POLICY_TEAM] = "team",
	[POLICY_USER] = "user",
	[POLICY_PROJECT] = "project",
};

const char *policy_layer_name(enum policy_layer layer)
{
	ASSERT((unsigned)layer < POLICY_LAYER_MAX_);
	return layer_names[layer];
}

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

struct join {
	struct arena *arena;
	const struct policy_stack *in;
	struct policy *p;
	/* each layer's values, without what it may not say */
	struct policy_value *heard[POLICY_LAYER_MAX_];
	struct policy_unheard *unheard;
	size_t n_unheard;
};

static bool is_trusted(enum policy_layer layer)
{
	return layer == POLICY_ORG || layer == POLICY_USER;
}

static void note_unheard(struct join *j, enum policy_key key,
			 const struct origin *o)
{
	if (j->unheard && j->n_unheard < POLICY_MAX_UNHEARD)
		j->unheard[j->n_unheard++] = (struct policy_unheard){ key, *o };
}

/* Rules with a pin lose it. */
static int unpin(struct join *j, struct policy_value *v)
{
	struct policy_item *items =
		arena_array(j->arena, v->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++) {
		struct net_rule *copy;

		items[i] = v->items[i];
		if (!items[i].rule || items[i].rule->connect_port == 0)
			continue;
		copy = arena_array(j->arena, 1, sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		*copy = *items[i].rule;
		copy->connect_port = 0;
		copy->connect_addr = (struct in6_addr){ 0 };
		items[i].rule = copy;
		note_unheard(j, POLICY_NETWORK_ALLOW, &items[i].origin);
	}
	v->items = items;
	return 0;
}

static int hear(struct join *j, enum policy_layer layer)
{
	const struct policy_doc *doc = j->in->layer[layer];
	struct policy_value *v;

	if (!doc)
		return 0;
	v = arena_array(j->arena, POLICY_KEY_MAX_, sizeof(*v));
	if (!v)
		return -ENOMEM;
	memcpy(v, doc->value, sizeof(doc->value));
	j->heard[layer] = v;
	if (is_trusted(layer))
		return 0;
	for (unsigned k = 0; k < POLICY_KEY_MAX_; k++) {
		if (!policy_schema[k].trusted || !v[k].set)
			continue;
		note_unheard(j, (enum policy_key)k, &v[k].origin);
		v[k] = (struct policy_value){ 0 };
	}
	return unpin(j, &v[POLICY_NETWORK_ALLOW]);
}

/* What the user says, or the built-in default in the place of a section. */
static int take_user(struct join *j, unsigned key)
{
	const struct schema_row *row = &policy_schema[key];
	const struct policy_doc *user = j->in->layer[POLICY_USER];
	const struct policy_doc *builtin = j->in->builtin;
	const struct policy_doc *from =
		user && user->section[row->section].present ? user : builtin;
	struct policy_value *ret = &j->p->value[key];

	*ret = from->value[key];
	if (!ret->set)
		ret->origin = from->section[row->section].origin;
	/* A choice has a value always: unsaid, else the strictest. */
	if (row->type == SCHEMA_CHOICE || row->type == SCHEMA_BOOL) {
		if (!ret->set)
			ret->number = row->unsaid;
		ret->set = true;
	}
	if (row->beside && from != builtin)
		return append(j->arena, &builtin->value[key], &from->value[key],
			      ret);
	return 0;
}

/* As if the user had written it. */
static int take_accepted(struct join *j, unsigned key)
{
	const struct policy_value *v = j->heard[POLICY_PROJECT];
	struct policy_value *ret = &j->p->value[key];

	if (!v || !j->in->accepted || !v[key].set ||
	    policy_schema[key].join == JOIN_SUM ||
	    policy_schema[key].join == JOIN_MOST)
		return 0;
	/* Of two values for a name the last holds, of two rules the first. */
	if (policy_schema[key].join == JOIN_PROVIDE)
		return append(j->arena, &v[key], ret, ret);
	if (schema_is_list(policy_schema[key].type))
		return append(j->arena, ret, &v[key], ret);
	if (ret->set && v[key].number > ret->number)
		*ret = v[key];
	return 0;
}

static int take_smallest(struct join *j, unsigned key,
			 const struct policy_value *v)
{
	struct policy_value *ret = &j->p->value[key];

	if (v->set && (!ret->set || v->number < ret->number))
		*ret = *v;
	return 0;
}

static int take_most(struct join *j, unsigned key, const struct policy_value *v)
{
	struct policy_value *ret = &j->p->value[key];
	bool more = policy_schema[key].type == SCHEMA_BOOL
			    ? v->number > ret->number
			    : v->number < ret->number;

	if (v->set && (!ret->set || more))
		*ret = *v;
	return 0;
}

/* The others' part of @key, organisation last. */
static int take_others(struct join *j, unsigned key)
{
	static const enum policy_layer order[] = { POLICY_PROJECT, POLICY_TEAM,
						   POLICY_ORG };
	struct policy_value *ret = &j->p->value[key];

	for (size_t i = 0; i < N_ELEMS(order); i++) {
		const struct policy_value *heard = j->heard[order[i]];
		const struct policy_value *v = heard ? &heard[key] : NULL;
		int r = 0;

		if (!v || !v->set)
			continue;
		switch (policy_schema[key].join) {
		case JOIN_SUM:
			r = append(j->arena, ret, v, ret);
			break;
		case JOIN_SMALLEST:
			r = take_smallest(j, key, v);
			break;
		case JOIN_MOST:
			r = take_most(j, key, v);
			break;
		case JOIN_PROVIDE: /* a project's only when accepted */
			if (order[i] != POLICY_PROJECT)
				r = append(j->arena, ret, v, ret);
			break;
		case JOIN_HIGHEST:
			if (order[i] != POLICY_PROJECT)
				*ret = *v;
			break;
		case JOIN_AGREE: /* a condition, in p->narrow */
			break;
		}
		if (r != 0)
			return r;
	}
	return 0;
}

static void set_narrow(struct join *j)
{
	for (unsigned i = 0; i < POLICY_LAYER_MAX_; i++) {
		if (i == POLICY_USER || !j->heard[i])
			continue;
		j->p->narrow[j->p->n_narrow++] = (struct policy_narrow){
			.layer = (enum policy_layer)i,
			.value = j->heard[i],
		};
	}
}

int policy_effective(struct arena *a, const struct policy_stack *in,
		     struct policy *ret, struct policy_unheard *ret_unheard,
		     size_t *ret_n_unheard, struct diag *reterr)
{
	struct policy p = { 0 };
	struct join j = {
		.arena = a, .in = in, .p = &p, .unheard = ret_unheard
	};
	int r = 0;

	(void)reterr; /* each list is bounded by its row, four times over */
	for (unsigned i = 0; i < POLICY_LAYER_MAX_ && r == 0; i++)
		r = hear(&j, (enum policy_layer)i);
	for (unsigned i = 0; i < POLICY_KEY_MAX_ && r == 0; i++) {
		r = take_user(&j, i);
		if (r == 0)
			r = take_accepted(&j, i);
		if (r == 0)
			r = take_others(&j, i);
	}
	if (r != 0)
		return r;
	set_narrow(&j);
	*ret = p;
	if (ret_n_unheard)
		*ret_n_unheard = j.n_unheard;
	return 0;
}

static bool lists(const struct policy_value *v, struct str word)
{
	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(v->items[i].text, word))
			return true;
	}
	return false;
}

bool policy_accepts(const struct policy *p, struct str what)
{
	for (size_t i = 0; i < p->n_narrow; i++) {
		const struct policy_value *v =
			&p->narrow[i].value[POLICY_BACKEND_ACCEPT];

		if (v->set && !lists(v, what))
			return false;
	}
	return lists(&p->value[POLICY_BACKEND_ACCEPT], what);
}
