/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A rule is a subtree, and of two subtrees one holds the other or they are
 * apart.  So what a rule and a layer have in common is the rule itself, where
 * the layer covers it, and else those of the layer's subtrees that lie below
 * it.  Reading and writing are two such sets; a rule that gives both yields
 * pieces of both.
 */
#include "policy/files-join.h"

#include "base/path.h"

struct builder {
	struct arena *arena;
	struct files_rule *rules;
	size_t n, size;
};

static int add(struct builder *b, const struct files_rule *rule)
{
	struct files_rule *more;

	for (size_t i = 0; i < b->n; i++) {
		if (b->rules[i].write == rule->write &&
		    str_eq(b->rules[i].path, rule->path))
			return 0;
	}
	if (b->n == FILES_MAX_RULES)
		return 1;
	if (b->n == b->size) {
		more = arena_array(b->arena, 2 * b->size, sizeof(*more));
		if (!more)
			return -ENOMEM;
		memcpy(more, b->rules, b->n * sizeof(*more));
		b->rules = more;
		b->size *= 2;
	}
	b->rules[b->n++] = *rule;
	return 0;
}

/* Is @r one of those that say what may be read (or written)? */
static bool counts(const struct files_layer *l, const struct files_rule *r,
		   bool write)
{
	return !write || r->write || !l->has_write;
}

/* The layer says something about it. */
static bool speaks(const struct files_layer *l, bool write)
{
	return l->has_read || (write && l->has_write);
}

static const struct files_rule *covering(const struct files_layer *l,
					 struct str path, bool write)
{
	for (size_t i = 0; i < l->n; i++) {
		if (counts(l, &l->rules[i], write) &&
		    path_is_below(path, l->rules[i].path))
			return &l->rules[i];
	}
	return NULL;
}

bool files_layer_allows(const struct files_layer *l, struct str path,
			bool write, struct origin *ret_origin)
{
	const struct files_rule *r;
	struct origin origin = { 0 };

	if (!speaks(l, write)) {
		if (ret_origin)
			*ret_origin = origin;
		return true;
	}
	r = covering(l, path, write);
	if (r)
		origin = r->origin;
	else
		origin = write && l->has_write ? l->write : l->read;
	if (ret_origin)
		*ret_origin = origin;
	return r != NULL;
}

/* What of @rule the layer allows to read, or to write. */
static int add_common(struct builder *b, const struct files_rule *rule,
		      const struct files_layer *l, bool write)
{
	struct files_rule piece = *rule;
	int r = 0;

	piece.write = write;
	if (!speaks(l, write) || covering(l, rule->path, write))
		return add(b, &piece);
	for (size_t i = 0; i < l->n && r == 0; i++) {
		if (!counts(l, &l->rules[i], write) ||
		    !path_is_below(l->rules[i].path, rule->path))
			continue;
		piece.path = l->rules[i].path;
		r = add(b, &piece);
	}
	return r;
}

static int narrow(struct builder *b, const struct files_rule *rules, size_t n,
		  const struct files_layer *l)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		/* Whole, as most are: one rule, not two. */
		if (rules[i].write && covering(l, rules[i].path, true) &&
		    speaks(l, true)) {
			r = add(b, &rules[i]);
			continue;
		}
		if (rules[i].write)
			r = add_common(b, &rules[i], l, true);
		if (r == 0 && (!rules[i].write || speaks(l, true)))
			r = add_common(b, &rules[i], l, false);
	}
	return r;
}

int files_join(struct arena *a, const struct files_rule *rules, size_t n_rules,
	       const struct files_layer *layers, size_t n_layers,
	       struct files_rule **ret, size_t *ret_n)
{
	struct builder b = { .arena = a, .size = n_rules + 1 };
	int r = 0;

	b.rules = arena_array(a, b.size, sizeof(*b.rules));
	if (!b.rules)
		return -ENOMEM;
	for (size_t i = 0; i < n_rules; i++)
		b.rules[b.n++] = rules[i];
	for (size_t i = 0; i < n_layers && r == 0; i++) {
		struct builder next = { .arena = a, .size = b.n + 1 };

		next.rules = arena_array(a, next.size, sizeof(*next.rules));
		if (!next.rules)
			return -ENOMEM;
		r = narrow(&next, b.rules, b.n, &layers[i]);
		b = next;
	}
	*ret = b.rules;
	*ret_n = b.n;
	return r;
}
