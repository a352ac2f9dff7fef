/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor: how far a sink is, on disk.
 *
 * NAME.cursor is durable: every record up to seq is delivered, or was not
 * wanted.  NAME.status is for people, and may be lost.
 */
#pragma once

#include "base/base.h"

struct cursor {
	uint64_t seq; /* 0: nothing yet */
	uint64_t at;  /* when that record was written, UTC in ns */
};

/* 0; 1: there is none; 2: it makes no sense; -errno. */
must_check int cursor_load(int dirfd, const char *name, struct cursor *ret);
/* Durable when it returns 0. */
must_check int cursor_save(int dirfd, const char *name, const struct cursor *c);

struct sink_status {
	uint64_t sent, rejected; /* records, since the process began */
	uint64_t at;             /* of this status, UTC in ns */
	const char *state;       /* a word */
	const char *why;         /* "" when all is well */
};

must_check int sink_status_save(int dirfd, const char *name,
				const struct sink_status *s);
