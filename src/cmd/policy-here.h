/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy-here: the policy of a session that would begin now, in this directory
 * and environment, read as the keeper reads it; for the verbs of `bawn policy`.
 */
#pragma once

#include "cmd/bawn-policy.h"
#include "keeper/plan-build.h"

struct policy_here {
	struct arena arena;
	struct host host;
	int root_fd;
	struct rules rules;
	struct rules_entry *entry;
	struct open_request request;
	struct preset preset;
	struct loop *loop;
	const char *state_dir, *runtime_dir;
	char *libexec_dir;
	char *cwd, *project;
	/* after policy_here_plan() */
	struct plan plan;
	struct plan_notices notices;
	struct plan_trace trace;
};

/* An exit code; what is wrong was said on stderr.  *ret is set in any case. */
must_check int policy_here_new(struct policy_here **ret,
			       const struct policy_opts *o);
void policy_here_free(struct policy_here *h);
DEFINE_AUTO(policy_here, struct policy_here, policy_here_free);

/* With presets: h->entry->net.  An exit code. */
must_check int policy_here_compile(struct policy_here *h);
/* h->plan; nothing is written.  An exit code. */
must_check int policy_here_plan(struct policy_here *h);
