/* SPDX-License-Identifier: Apache-2.0 */
/* policy-why: the answer to one question, and who finds it. */
#pragma once

#include "cmd/policy-here.h"

/* All text lives in the arena of the policy_here. */
struct why {
	bool allow;
	const char *subject; /* as it was understood */
	const char *reason;
	struct origin origin; /* of the line that decides; or no layer */
	const char *change;   /* the narrowest that would flip it; NULL: none */
};

/* An exit code; what cannot be a question is said on stderr. */
must_check int why_file(struct policy_here *h, const char *path, bool write,
			struct why *ret);
must_check int why_net(struct policy_here *h, const char *target,
		       struct why *ret);
must_check int why_env(struct policy_here *h, const char *name,
		       struct why *ret);
/* @value NULL: what the limit is. */
must_check int why_limit(struct policy_here *h, const char *name,
			 const char *value, struct why *ret);

/*
 * "KEY: - TEXT in FILE", or that the layer of @o decides and not the user.
 * @o: what refuses now.
 */
const char *why_change(struct policy_here *h, const struct origin *o,
		       const char *key, const char *text);
/* The user's file, also when it does not exist. */
const char *why_user_file(struct policy_here *h);
