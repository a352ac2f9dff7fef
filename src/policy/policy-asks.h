/* SPDX-License-Identifier: Apache-2.0 */
/* policy-asks: what a project's text wants beyond the user's policy.  Pure. */
#pragma once

#include "policy/policy.h"

#define POLICY_MAX_ASKS 256u

struct policy_ask {
	enum policy_key key;
	const struct policy_item *item; /* NULL: the number */
	uint64_t number;
	struct origin origin;
};

/*
 * The entries of @in's project that the policy without acceptance does not
 * give already.  An entry is taken for given when one of the user's covers it
 * whole; what two of them cover together is asked for.  Whether organisation
 * and team would agree is not looked at.
 *
 * *ret is in @a, at most POLICY_MAX_ASKS.  0 or -ENOMEM.
 */
must_check int policy_asks(struct arena *a, const struct policy_stack *in,
			   const struct policy_vars *vars,
			   struct policy_ask **ret, size_t *ret_n);

/* "network.allow: {host: x.example, ports: [443]}", on one line. */
void policy_ask_text(struct buf *b, const struct policy_ask *ask);
