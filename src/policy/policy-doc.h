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
