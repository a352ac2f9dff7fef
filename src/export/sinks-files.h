/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sinks-files: the two texts that say what the sinks are.
 *
 * Each stands for itself: what is wrong with the user's takes nothing away from
 * the organisation's, and the user's cannot name one of those.
 */
#pragma once

#include "export/sinks.h"

#define SINKS_ORG_FILE  "/etc/bawn/sinks.yaml"
#define SINKS_USER_FILE ".config/bawn/sinks.yaml" /* below the home */
#define SINKS_FILES     2u
#define SINKS_FULL_NAME (SINK_NAME_MAX + 16u)

struct sinks_file {
	const char *layer; /* "organisation", "user" */
	const char *path;
	bool there, bad; /* bad: @why, with line and column where it has them */
	struct diag why;
	struct sinks sinks; /* none when bad */
};

/* @home may be NULL.  All of @ret lives in @a.  0; -ENOMEM. */
must_check int sinks_load(struct arena *a, const char *home,
			  struct sinks_file ret[SINKS_FILES]);
/* One file by its path, as @layer's. */
must_check int sinks_load_one(struct arena *a, struct sinks_file *f);
/* "user-siem": its name among all, also of its cursor. */
void sink_full_name(const struct sinks_file *f, const struct sink *s,
		    char dst[SINKS_FULL_NAME]);
