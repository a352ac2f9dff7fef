/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: is the ledger whole and unchanged?  Reads only, takes no lock, and
 * may run while the scribe writes.
 */
#pragma once

#include "base/base.h"

struct verify_report {
	uint64_t records, bytes, last_seq;
	uint32_t files;
	uint64_t torn_bytes; /* after the last LF: never acknowledged */
	uint64_t repairs;    /* ledger.torn records without damage */
	/* The first thing wrong: */
	char file[32];
	uint64_t line; /* 0: about the whole file */
	char text[200];
};

enum verify_error {
	VERIFY_E_BROKEN = 1, /* @ret says where */
};

/* Called now and then with @arg; @all is the size when verify began. */
typedef void (*verify_progress)(void *arg, uint64_t done, uint64_t all);

/*
 * 0, VERIFY_E_BROKEN, -ENOENT when there is no ledger, or -errno.  @progress
 * may be NULL.
 */
must_check int verify_dir(const char *dir, verify_progress progress, void *arg,
			  struct verify_report *ret);
