/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation walks the tree.  It is as deep as the text is nested, but for
 * chains of and/or, which lean to the left: QUERY_MAX_TESTS bounds those.
 */
#include "ledger/query-node.h"

#include <inttypes.h>
#include <stdio.h>

void query_free(struct query *q)
{
	if (!q)
		return;
	arena_done(&q->arena);
	free(q);
}

bool query_needs_newest(const struct query *q)
{
	return q->needs_newest;
}

int query_set_newest(struct query *q, struct str id)
{
	char *text =
		arena_printf(&q->arena, "\"session\":\"%.*s\"", STR_ARG(id));

	q->newest = arena_str(&q->arena, id);
	q->newest_needle = str_of(text);
	return q->arena.failed ? -ENOMEM : 0;
}

/*
 * "*" is any run of bytes, "?" is one.  On a mismatch only the last "*" takes
 * one byte more, which suffices: O(|glob| * |s|).
 */
static bool glob(struct str g, struct str s)
{
	size_t i = 0, k = 0, star = SIZE_MAX, from = 0;

	while (k < s.len) {
		if (i < g.len && g.ptr[i] == '*') {
			star = i++;
			from = k;
		} else if (i < g.len &&
			   (g.ptr[i] == '?' || g.ptr[i] == s.ptr[k])) {
			i++;
			k++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			k = ++from;
		} else {
			return false;
		}
	}
	while (i < g.len && g.ptr[i] == '*')
		i++;
	return i == g.len;
}

static bool holds(struct str s, struct str what)
{
	return what.len == 0 ||
	       (s.len >= what.len &&
		memmem(s.ptr, s.len, what.ptr, what.len) != NULL);
}

#define TEXT_SIZE 24u /* of a number */

static struct str text_of(const struct json *v, char tmp[TEXT_SIZE])
{
	switch (v->type) {
	case JSON_STRING:
	case JSON_NUMBER:
		return v->string;
	case JSON_INT:
		(void)snprintf(tmp, TEXT_SIZE, "%" PRId64, v->integer);
		return str_of(tmp);
	case JSON_BOOL:
		return v->boolean ? STR("true") : STR("false");
	case JSON_NULL:
		return STR("null");
	case JSON_ARRAY:
	case JSON_OBJECT:
	default:
		return (struct str){ 0 };
	}
}

static bool is_equal(const struct query *q, const struct query_node *t,
		     const struct json *v)
{
	char tmp[TEXT_SIZE];

	if (t->is_newest)
		return q->newest.len > 0 && json_is(v, JSON_STRING) &&
		       str_eq(v->string, q->newest);
	if (t->is_number && v->type == JSON_INT)
		return v->integer == t->number;
	return str_eq(text_of(v, tmp), t->value);
}

static bool test_matches(const struct query *q, const struct query_node *t,
			 const struct json *record)
{
	const struct json *v = json_find(record, t->field);
	char tmp[TEXT_SIZE];

	if (!v)
		return t->op == QUERY_NE;
	switch (t->op) {
	case QUERY_EQ:
		return is_equal(q, t, v);
	case QUERY_NE:
		return !is_equal(q, t, v);
	case QUERY_LIKE:
		return t->is_glob ? glob(t->value, text_of(v, tmp))
				  : holds(text_of(v, tmp), t->value);
	case QUERY_LT:
		return v->type == JSON_INT && v->integer < t->number;
	case QUERY_GT:
		return v->type == JSON_INT && v->integer > t->number;
	case QUERY_AND:
	case QUERY_OR:
	case QUERY_NOT:
	default:
		return false;
	}
}

static bool node_matches(const struct query *q, const struct query_node *n,
			 const struct json *record)
{
	switch (n->op) {
	case QUERY_AND:
		return node_matches(q, n->a, record) &&
		       node_matches(q, n->b, record);
	case QUERY_OR:
		return node_matches(q, n->a, record) ||
		       node_matches(q, n->b, record);
	case QUERY_NOT:
		return !node_matches(q, n->a, record);
	case QUERY_EQ:
	case QUERY_NE:
	case QUERY_LIKE:
	case QUERY_LT:
	case QUERY_GT:
	default:
		return test_matches(q, n, record);
	}
}

bool query_matches(const struct query *q, const struct json *record)
{
	return node_matches(q, q->root, record);
}

static bool node_may_match(const struct query *q, const struct query_node *n,
			   struct str line)
{
	struct str needle = n->is_newest ? q->newest_needle : n->needle;

	switch (n->op) {
	case QUERY_AND:
		return node_may_match(q, n->a, line) &&
		       node_may_match(q, n->b, line);
	case QUERY_OR:
		return node_may_match(q, n->a, line) ||
		       node_may_match(q, n->b, line);
	case QUERY_EQ:
		return holds(line, needle);
	case QUERY_NOT:
	case QUERY_NE:
	case QUERY_LIKE:
	case QUERY_LT:
	case QUERY_GT:
	default:
		return true;
	}
}

bool query_may_match(const struct query *q, struct str line)
{
	return node_may_match(q, q->root, line);
}

static const char *op_text(enum query_op op)
{
	static const char *const texts[] = {
		[QUERY_AND] = " and ", [QUERY_OR] = " or ",  [QUERY_EQ] = " = ",
		[QUERY_NE] = " != ",   [QUERY_LIKE] = " ~ ", [QUERY_LT] = " < ",
		[QUERY_GT] = " > ",
	};

	return texts[op];
}

static void print_test(const struct query_node *t, struct buf *b)
{
	(void)buf_add(b, str_of(t->field));
	(void)buf_add(b, str_of(op_text(t->op)));
	if (t->is_newest) {
		(void)buf_addc(b, '@');
		return;
	}
	(void)buf_addc(b, '"');
	for (size_t i = 0; i < t->value.len; i++) {
		char c = t->value.ptr[i];

		if (c == '"' || c == '\\')
			(void)buf_addc(b, '\\');
		(void)buf_addc(b, c);
	}
	(void)buf_addc(b, '"');
}

/* Tighter operators have the higher rank. */
static unsigned rank(const struct query_node *n)
{
	return n->op == QUERY_OR ? 1 : n->op == QUERY_AND ? 2 : 3;
}

static void print_node(const struct query_node *n, unsigned outer,
		       struct buf *b)
{
	bool group = rank(n) < outer;

	if (group)
		(void)buf_addc(b, '(');
	if (n->op == QUERY_NOT) {
		(void)buf_add(b, STR("not "));
		print_node(n->a, 3, b);
	} else if (n->op == QUERY_AND || n->op == QUERY_OR) {
		/* Chains lean to the left: only the right side needs ( ). */
		print_node(n->a, rank(n), b);
		(void)buf_add(b, str_of(op_text(n->op)));
		print_node(n->b, rank(n) + 1, b);
	} else {
		print_test(n, b);
	}
	if (group)
		(void)buf_addc(b, ')');
}

void query_print(const struct query *q, struct buf *b)
{
	print_node(q->root, 1, b);
}
