/* SPDX-License-Identifier: Apache-2.0 */
/* nft: the nf_tables batch of a jail's network. */
#pragma once

#include "jail/nl.h"
#include "jail/plan.h"

/*
 * Writes the whole batch.  @log_limit: with a rate limit on the copies for
 * NFLOG (nft_limit must be there).
 */
void nft_batch(struct nl *n, const struct plan *p, bool log_limit);
