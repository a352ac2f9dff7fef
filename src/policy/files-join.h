/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files-join: which paths all layers agree on.  Pure.
 *
 * Paths are absolute and normalised; whoever knows the machine has replaced
 * symbolic links before, so that two names of one directory compare equal.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "policy/net.h" /* struct origin */

#define FILES_MAX_RULES 4096u

/* This path and what is below it. */
struct files_rule {
	struct str path;
	bool write; /* and read, always */
	struct origin origin;
};

/*
 * What one layer says.  A list that is not written says nothing; but what may
 * be written has to be readable, so a layer that writes only `read` allows
 * writing there and nowhere else.
 */
struct files_layer {
	bool has_read, has_write; /* written */
	struct files_rule *rules; /* of both lists */
	size_t n;
	struct origin read, write; /* of the keys */
};

/*
 * Does the layer allow it?  *ret_origin (may be NULL): the rule that does, or
 * the list that lacks one; an empty layer when nothing is written.
 */
bool files_layer_allows(const struct files_layer *l, struct str path,
			bool write, struct origin *ret_origin);

/*
 * What @rules (given) keep where each of @layers agrees: rules as they are, or
 * narrower ones below them, which keep the given rule's origin.  *ret is in @a.
 * 0, -ENOMEM, 1 = more than FILES_MAX_RULES.
 */
must_check int files_join(struct arena *a, const struct files_rule *rules,
			  size_t n_rules, const struct files_layer *layers,
			  size_t n_layers, struct files_rule **ret,
			  size_t *ret_n);
