/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cosign: a second party puts its name to our checkpoints, so that we cannot
 * show two histories (c2sp.org/tlog-witness, c2sp.org/tlog-cosignature).
 *
 * The second party is called a cosigner here, since a witness is something else
 * in bawn.  All of this is pure but for OpenSSL's memory.
 */
#pragma once

#include "ledger/checkpoint.h"
#include "ledger/note.h"

/* 63 lines of a proof, a size and a checkpoint with its signatures. */
#define COSIGN_PROOF_MAX 63u
#define COSIGN_BODY_MAX  ((size_t)96 * 1024)
#define COSIGN_SIZE_TYPE "text/x.tlog.size"

struct cosign_request {
	uint64_t old; /* of the last checkpoint it cosigned; 0: none */
	struct merkle_proof proof;
	struct str note; /* the signed checkpoint; borrowed */
};

void cosign_request_add(struct buf *b, const struct cosign_request *r);
must_check bool cosign_request_parse(struct str body,
				     struct cosign_request *ret);

/* The answer to a size that is not the cosigner's: one line. */
void cosign_size_add(struct buf *b, uint64_t size);
must_check bool cosign_size_parse(struct str body, uint64_t *ret);

/* What a cosigner remembers of a log; size 0: it never cosigned it. */
struct cosign_known {
	uint64_t size;
	struct digest root;
};

enum cosign_verdict {
	COSIGN_SIGN = 200,
	COSIGN_BAD = 400,      /* old is more than the checkpoint's size */
	COSIGN_CONFLICT = 409, /* not what was cosigned; @known->size says it */
	COSIGN_SPLIT = 422,    /* the proof does not hold */
};

/* @now: the checkpoint of @r, whose signature has been verified. */
must_check enum cosign_verdict cosign_judge(struct hash *h,
					    const struct cosign_request *r,
					    const struct checkpoint *now,
					    const struct cosign_known *known);
