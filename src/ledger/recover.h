/* SPDX-License-Identifier: Apache-2.0 */
/* recover: find where the ledger ends, and cut what never became durable. */
#pragma once

#include "ledger/hash.h"
#include "ledger/store.h"

enum head_state {
	HEAD_ABSENT = 1,
	HEAD_DAMAGED,
	HEAD_GOOD,
};

#define RECOVER_KEPT_SIZE 40u

struct recovered {
	struct ledger_head end; /* of the last good record; file, size: where
				   the next one is written */
	uint64_t next_seq;      /* end.seq + 1, more when records were lost */
	uint32_t files;         /* 0: there is none yet */
	enum head_state head;
	struct store_repair repair;
	/* Name of the file of torn bytes that no record mentions yet, or "". */
	char kept[RECOVER_KEPT_SIZE];
};

/*
 * Looks at the ledger in @dirfd, of which the caller is the only writer.
 * Moves a torn tail to a file of its own and cuts it, durably; else changes
 * nothing.  0 or -errno; when it failed it may be called again.
 */
must_check int recover_dir(int dirfd, struct hash *h, struct recovered *ret);
