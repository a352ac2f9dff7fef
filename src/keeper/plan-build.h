/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan-build: from an effective policy and the machine as it is to the plan of
 * a jail.
 *
 * Reads the host's files through @host, and writes nothing but the private
 * home and the generated files in the state directory.
 */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/base.h"
#include "jail/plan.h"
#include "keeper/host.h"
#include "keeper/open-parse.h"
#include "keeper/rules.h"

#define PLAN_INSIDE_NAME "agent" /* of PLAN_INSIDE_UID */

#define PLAN_MAX_NOTICES 8u

struct plan_notices {
	char *text[PLAN_MAX_NOTICES];
	size_t n;
};

struct plan_input {
	const struct rules_entry *rules; /* compiled */
	const struct open_request *request;
	const char *session;
	const char *state_dir, *runtime_dir;
	const struct host *host;
	uid_t uid;
	gid_t gid;
	bool plan_only; /* write nothing */
};

/*
 * *ret and the notices live in @a and borrow from the input.  0; < 0; 1 = no
 * such session is possible, @reterr is one line that says what to do.
 */
must_check int plan_build(struct arena *a, const struct plan_input *in,
			  struct plan *ret, struct plan_notices *notices,
			  struct diag *reterr);
