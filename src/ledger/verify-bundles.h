/* SPDX-License-Identifier: Apache-2.0 */
/* verify-bundles: all bundles before the journal, with tiles and payloads. */
#pragma once

#include "ledger/verify-in.h"

/* @k is wrong, or could not be read: in chunk @n, or in the journal. */
must_check int verify_bad_chunk(struct verify *v, const struct chunk *k,
				uint64_t n, bool in_journal);
/* Those below v->first. */
must_check int verify_bundles(struct verify *v);
