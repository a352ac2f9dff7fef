/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ends: which of some sessions the ledger says were opened, and closed.
 */
#pragma once

#include "base/base.h"

struct ledger_end {
	struct str session;  /* its id; borrowed */
	bool opened, closed; /* set, never cleared */
};

/*
 * Looks at the last @lines lines of the ledger in @dir for the @n sessions of
 * @v.  0; -errno, then what was found so far is set.
 */
must_check int ledger_ends(const char *dir, uint64_t lines,
			   struct ledger_end *v, size_t n);
