/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-begin-parse: what a supervisor tells its witness with the listener,
 * the body of MSG_WITNESS:
 *
 *   {"audit":"writes","cwd":"/..","argv":"quoted words","path":"/..","cache":true}
 *
 * The command is told since its first execve(2) is made by a process that nobody
 * may look into.  "path" only where it is not searched for; "cache" when a
 * descriptor of the known hashes comes along.  The descriptors, in this order:
 * listener, the channel to the scribe, the socket to the hasher, the cache if it
 * is said, and with exact OPENERS sockets.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "jail/plan.h"
#include "jail/witness-call.h"

#define WITNESS_WORDS_MAX ((size_t)4096) /* bytes of argv, terminated */
#define WITNESS_PATH_MAX  ((size_t)4096) /* bytes of a path, terminated */

struct witness_begin {
	enum plan_audit audit;
	bool cache;
	struct call_command command; /* in the arena that was given */
};

/* How many descriptors belong to it. */
size_t witness_begin_fds(const struct witness_begin *b);
/* 0; -ENOMEM; -EPROTO = not a body, and nothing was left in @ret. */
must_check int witness_begin_parse(struct arena *a, struct str body,
				   struct witness_begin *ret);
/* b->failed when there was no room. */
void witness_begin_format(struct buf *b, const struct witness_begin *begin);
