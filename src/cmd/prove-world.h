/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove-world: what `bawn doctor --prove` tries a session against, on this
 * side of the wall: a home with a key, a project with a hidden file, a directory
 * that must stay as it is, listeners that nobody may find, and a state of its
 * own, so that neither the user's files nor the user's ledger are touched.
 *
 * All of it lies below one directory, which prove_world_done() removes.
 */
#pragma once

#include "base/base.h"

#define PROVE_PATH_MAX 256u

struct prove_world {
	bool landlock; /* the session's backend; set before it is made */
	char top[PROVE_PATH_MAX - 64]; /* "" when there is none */
	char marker[33];
	int tcp_fd, udp_fd, path_fd, abstract_fd; /* -1: none */
	unsigned tcp_port, udp_port;
};

#define PROVE_WORLD_NULL                                                     \
	{                                                                    \
		.tcp_fd = -1, .udp_fd = -1, .path_fd = -1, .abstract_fd = -1 \
	}

/* With a copy of the program @probe in the project.  0 or -errno. */
must_check int prove_world_make(struct prove_world *w, const char *probe);
/* "TOP/NAME" in a buffer of PROVE_PATH_MAX; returns it. */
const char *prove_world_path(const struct prove_world *w, const char *name,
			     char *buf);
/* In a child, before exec: the project, and the environment. */
must_check int prove_world_enter(const struct prove_world *w);
/* What the host shows of a session that got out; NULL: nothing. */
const char *prove_world_harm(const struct prove_world *w);
/* Ends the daemon, removes everything. */
void prove_world_done(struct prove_world *w);
static inline void auto_prove_world(struct prove_world *w)
{
	prove_world_done(w);
}
