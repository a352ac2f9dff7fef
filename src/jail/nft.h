/* SPDX-License-Identifier: Apache-2.0 */
/* nft: the nf_tables batches of a jail's network. */
#pragma once

#include "jail/nl.h"
#include "jail/plan.h"

/*
 * Everything but what a plan allows.  @log_limit: with a rate limit on the
 * copies for NFLOG (nft_limit must be there).
 */
void nft_base(struct nl *n, bool log_limit);
/* What @p adds.  False: nothing, and nothing is written. */
bool nft_plan(struct nl *n, const struct plan *p);
