/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accept: which texts of a project's policy the user has accepted.
 *
 * A repository's .bawn.yaml may ask for more than the user's policy gives.  It
 * gets it once the user has accepted that exact text, in that project: another
 * text, or the same one elsewhere, is another question.
 *
 * An acceptance is a file in STATE/accepted, named by the SHA-256 of project
 * and text, so that looking is one system call and two writers cannot harm
 * each other.
 */
#pragma once

#include "base/base.h"

#define ACCEPT_KEY_TEXT 65u /* SHA-256 in hex, terminated */

/* Of @text alone: what is shown and recorded.  0 or -EIO. */
must_check int accept_hash(struct str text, char ret[ACCEPT_KEY_TEXT]);

bool accept_has(const char *state_dir, struct str project,
		const char hash[ACCEPT_KEY_TEXT]);
/* Durable when it returns 0; else -errno. */
must_check int accept_add(const char *state_dir, struct str project,
			  const char hash[ACCEPT_KEY_TEXT]);
