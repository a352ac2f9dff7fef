/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine: what the scribe gives up before it reads the first foreign byte.
 *
 * Missing Landlock is tolerated, since the scribe parses little, but reported;
 * everything else must work.
 */
#pragma once

#include "base/base.h"

struct confine_report {
	int landlock_abi; /* in force; 0: the kernel has none */
	bool seccomp;     /* false only in builds with a sanitizer */
};

/* For good, for this process.  @dirfd is the ledger's directory. */
must_check int confine_scribe(int dirfd, struct confine_report *ret);
