/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opener: opens files in the place of the jail's processes, so that what is
 * recorded is what was opened (audit.files: exact).
 *
 * A process of its own, in the jail's user and mount namespaces, under its
 * Landlock rules and as its user, without a capability; outside of its pid
 * namespace, so that nothing in the jail can name it.  It hears the witness alone:
 *
 *   witness -> opener   MSG_WITNESS, struct opener_ask and the path's bytes;
 *                       with has_dir a descriptor: what the path is relative to
 *   opener -> witness   MSG_WITNESS, struct opener_said and a path's bytes
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

struct opener_ask {
	uint64_t id; /* of the call that waits */
	uint64_t flags;
	uint32_t mode, umask;
	uint32_t has_dir;
};

enum opener_result {
	OPENER_OPENED = 1, /* and the caller has it; the path is what it is */
	OPENER_REFUSED,    /* the caller was told `error` */
	OPENER_LEFT,       /* not touched: it depends on who opens, or waits */
	OPENER_GONE,       /* the caller is */
};

struct opener_said {
	uint64_t id;
	int32_t result, error;
};

struct opener_config {
	int user_ns, mnt_ns, ruleset, listener, sock; /* borrowed */
	uint32_t uid, gid;                            /* inside */
};

/* Never returns.  In a new process of the supervisor's, which it dies with. */
noreturn_fn void opener_main(const struct opener_config *c);
