/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amend: what the keeper asks the scribe to change in the ledger itself: that
 * payloads go (MSG_ERASE), that another key signs (MSG_ROTATE_KEY).  One at a
 * time, in pieces between which records are written as ever.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "ledger/store.h"

#define AMEND_MAX ((size_t)4096) /* bytes of a request */

struct amend {
	struct arena arena; /* of the request */
	uint32_t type, id;  /* what is asked; 0: nothing */
	struct store_erase what;
	bool begun; /* what is being erased is what was asked for */
};

enum amend_outcome {
	AMEND_IDLE = 1, /* nothing is left to do */
	AMEND_MORE,     /* to be called again soon */
	AMEND_LATER,    /* it failed; to be called again in a while */
};

void amend_init(struct amend *a);
void amend_done(struct amend *a);

/* Take a request.  0; AMEND_LATER: there is one already; -EPROTO; -ENOMEM. */
must_check int amend_take(struct amend *a, uint32_t type, uint32_t id,
			  struct str body);
/*
 * One piece of it, or of what a store before this one had begun to erase, while
 * nothing waits in @s.  @answer is not empty: it goes to who asked *ret_id.
 */
must_check enum amend_outcome amend_work(struct amend *a, struct store *s,
					 struct buf *answer, uint32_t *ret_id);
