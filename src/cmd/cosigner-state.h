/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cosigner-state: what a cosigner keeps: its key, and for each log the last
 * checkpoint it signed, which is on disk before its signature leaves.
 *
 *     DIR/key        its private key, mode 0600
 *     DIR/HEX        the checkpoint with its cosignature; HEX is the SHA-256 of
 *                    the log's origin
 */
#pragma once

#include "ledger/cosign.h"

struct cosigner;

/*
 * @dir is made when absent, and its key too when @name is not NULL.  -EBUSY:
 * another one serves it.  1: @reterr says what is wrong with the arguments or
 * with what is there.
 */
must_check int cosigner_open(struct cosigner **ret, const char *dir,
			     const char *name, struct diag *reterr);
void cosigner_free(struct cosigner *c);
DEFINE_AUTO(cosigner, struct cosigner, cosigner_free);

/* A log it signs for.  1: @reterr says what is wrong. */
must_check int cosigner_add_log(struct cosigner *c, struct str vkey,
				struct diag *reterr);
/* Its own verifier key. */
void cosigner_vkey(const struct cosigner *c, struct buf *b);

struct cosigner_answer {
	unsigned status;  /* of HTTP */
	const char *type; /* of the body */
	struct buf body;  /* the caller's to end */
};

/* One add-checkpoint.  One at a time: what is compared is then replaced. */
void cosigner_answer(struct cosigner *c, struct str body, uint64_t now_s,
		     struct cosigner_answer *ret);
