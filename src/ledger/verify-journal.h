/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify-journal: what is in the newest journal, and that the files which were
 * written from it agree.
 */
#pragma once

#include "ledger/verify-in.h"

/* All of it into v->journal.  VERIFY_MISSING: it was replaced meanwhile. */
must_check int verify_read_journal(struct verify *v);
/*
 * Its frames: v->first, v->frames, and *ret_n entries as a bundle and a payload
 * file have them.  What is behind the last good frame is v->out->torn_bytes.
 */
must_check int verify_walk_journal(struct verify *v, struct buf *leaves,
				   struct buf *payloads, uint64_t *ret_n);
/* Those @n entries, after all bundles before them. */
must_check int verify_journal(struct verify *v, struct str leaves,
			      struct str payloads, uint64_t n);
