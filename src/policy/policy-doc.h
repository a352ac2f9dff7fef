/* SPDX-License-Identifier: Apache-2.0 */
/* policy-doc: one layer as it was written; for the files of this folder. */
#pragma once

#include "policy/schema.h"

struct policy_doc {
	struct str layer, file;
	struct policy_value value[POLICY_KEY_MAX_];
	struct {
		bool present;
		struct origin origin;
	} section[SECTION_MAX_];
};

/* One entry of a list, or with @item NULL the number, as the language has it. */
void policy_show_entry(struct buf *b, enum policy_key key,
		       const struct policy_item *item, uint64_t number);
