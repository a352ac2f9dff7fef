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
#include "keeper/yard.h"

#define PLAN_INSIDE_NAME "agent" /* of PLAN_INSIDE_UID */

#define PLAN_MAX_NOTICES 8u

struct plan_notices {
	char *text[PLAN_MAX_NOTICES];
	size_t n;
};

/* For explanations: what a plan does not say about itself. */
struct plan_trace {
	const struct plan_reason *mounts; /* one for each of the plan's */
	const struct plan_reason *hide;   /* likewise */
	const struct files_layer *layers; /* paths without links */
	size_t n_layers;
};

struct plan_input {
	const struct rules_entry *rules; /* compiled */
	const char *project;             /* for which @rules were read */
	const struct open_request *request;
	const char *session;
	const char *state_dir, *runtime_dir;
	const struct host *host;
	uid_t uid;
	gid_t gid;
	bool plan_only;           /* write nothing */
	struct plan_trace *trace; /* filled; lives in the arena; or NULL */
};

/*
 * The project that a command in @cwd works on, and @cwd itself, both without
 * links; *ret_project lives in @a.  0; < 0; 1 = refused with @reterr.
 */
must_check int plan_locate(struct arena *a, const struct host *host,
			   struct str cwd, struct str home, char **ret_cwd,
			   char **ret_project, struct diag *reterr);

/*
 * *ret and the notices live in @a and borrow from the input.  0; < 0; 1 = no
 * such session is possible, @reterr is one line that says what to do.
 */
must_check int plan_build(struct arena *a, const struct plan_input *in,
			  struct plan *ret, struct plan_notices *notices,
			  struct diag *reterr);

/*
 * Is @rel, a path below the home directory, one of those files of the user's
 * that are copied into the private home, filtered, when they are there?
 */
bool plan_home_is_copy(struct str rel);
