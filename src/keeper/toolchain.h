/* SPDX-License-Identifier: Apache-2.0 */
/* toolchain: where tools are installed, beside what plan-parts.h asks of it. */
#pragma once

#include "keeper/open-parse.h"

/*
 * Does @path (absolute, without links) lie where the system or an installer
 * for one user puts tools?  No session can write there; a project's own
 * directories of programs (.venv/bin, node_modules/.bin) are elsewhere.
 */
bool toolchain_holds(struct arena *a, const struct open_request *q,
		     const char *path);
