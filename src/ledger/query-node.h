/* SPDX-License-Identifier: Apache-2.0 */
/* query-node: what the parser of queries hands to their evaluation. */
#pragma once

#include "ledger/query.h"

enum query_op {
	QUERY_AND = 1,
	QUERY_OR,
	QUERY_NOT,
	/* tests: */
	QUERY_EQ,
	QUERY_NE,
	QUERY_LIKE,
	QUERY_LT,
	QUERY_GT,
};

struct query_node {
	enum query_op op;
	const struct query_node *a, *b; /* QUERY_NOT has only @a */
	const char *field;
	struct str value; /* of a test, unquoted */
	/*
	 * What the text of each record that satisfies QUERY_EQ holds,
	 * '"FIELD":"VALUE"'; empty: not known.
	 */
	struct str needle;
	int64_t number; /* @value as a number */
	bool is_number, is_glob;
	bool is_newest; /* session = @ */
};

struct query {
	struct arena arena;
	const struct query_node *root;
	bool needs_newest;
	struct str newest; /* an id, or empty: not known */
	struct str newest_needle;
};
