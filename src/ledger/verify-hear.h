/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify-hear: records of the ledger about itself: another key, payloads that
 * were erased, what a start had to mend.
 */
#pragma once

#include "ledger/verify-in.h"

/*
 * Those among @leaves, the first of which is number @index in the tree.  A
 * ledger.key that the key of now has signed hands over to the next one; a
 * ledger.torn with damage is one.  @file is named when something is wrong.
 */
must_check int verify_hear(struct verify *v, struct str leaves,
			   struct str payloads, uint64_t index,
			   const char *file);
