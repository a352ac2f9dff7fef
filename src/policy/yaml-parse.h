/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml-parse: a strict subset of YAML 1.1, JSON included, into a tree.  Pure.
 *
 * One document of mappings, sequences and scalars.  Refused: anchors, aliases,
 * tags, directives, keys that are not scalars, duplicate keys, more documents,
 * bytes that are not UTF-8, byte order marks, NUL.  Scalars stay text: nothing
 * is guessed.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"

#define YAML_MAX_DEPTH  16u
#define YAML_MAX_NODES  32768u
#define YAML_MAX_SCALAR 8192u /* bytes */
#define YAML_MAX_KIDS   2048u /* of one mapping or sequence */

enum yaml_type {
	YAML_SCALAR = 1,
	YAML_LIST,
	YAML_MAP,
};

struct yaml {
	enum yaml_type type;
	uint32_t line, column; /* from 1; column in characters */
	struct str key;        /* when a member of a mapping */
	uint32_t key_line, key_column;
	struct str text; /* of a scalar */
	bool plain;      /* a scalar written without quotes */
	struct yaml *first, *next;
	size_t n; /* children */
};

/*
 * *ret is NULL for a text without a document.
 * 0; -ENOMEM; 1 = not in the language, @reterr says where (may be NULL).
 */
must_check int yaml_parse(struct arena *a, struct str text, struct yaml **ret,
			  struct diag *reterr);

/*
 * @c may stand in a policy's text as it is; others only as an escape within
 * double quotes.  True for line feed and tab.
 */
bool yaml_is_plain(uint32_t c);

#define YAML_EACH(it, container) \
	for (const struct yaml *it = (container)->first; it; it = it->next)
