/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/cosign.h"

static void empty_root(struct hash *h, struct digest *ret)
{
	const struct merkle_edge none = { .size = 0 };

	merkle_root(&none, h, ret);
}

/* The same size again: it must be the same tree, and there is nothing to prove. */
static enum cosign_verdict judge_same(struct hash *h,
				      const struct cosign_request *r,
				      const struct checkpoint *now,
				      const struct cosign_known *known)
{
	struct digest root = known->root;

	if (known->size == 0)
		empty_root(h, &root);
	if (r->proof.n > 0)
		return COSIGN_SPLIT;
	return digest_eq(&now->root, &root) ? COSIGN_SIGN : COSIGN_CONFLICT;
}

enum cosign_verdict cosign_judge(struct hash *h, const struct cosign_request *r,
				 const struct checkpoint *now,
				 const struct cosign_known *known)
{
	if (r->old > now->size)
		return COSIGN_BAD;
	if (r->old != known->size)
		return COSIGN_CONFLICT;
	if (r->old == now->size)
		return judge_same(h, r, now, known);
	if (r->old == 0)
		return r->proof.n == 0 ? COSIGN_SIGN : COSIGN_SPLIT;
	return merkle_check_consistency(h, &r->proof, r->old, now->size,
					&known->root, &now->root)
		       ? COSIGN_SIGN
		       : COSIGN_SPLIT;
}
