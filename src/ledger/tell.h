/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tell: a record as one line for people.
 *
 *   20:21:22 refused  evil.example:443  (no rule allows it; would: ...)
 *
 * Nothing of a record reaches the terminal but through str_sanitise().  Local
 * time, by the C library's time zone; pure otherwise.
 */
#pragma once

#include "base/buf.h"
#include "ledger/record.h"

struct tell {
	uint64_t now_ns;   /* UTC; days other than this one are written out */
	bool show_session; /* the first letters of the id in a column */
};

#define TELL_LINE_MAX ((size_t)32 * 1024) /* bytes, LF included */

/* One line with LF, at most TELL_LINE_MAX.  Failure is b->failed. */
void tell_record(const struct tell *t, const struct record *r, struct buf *b);
