/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper: the role that holds policy and sessions.  It answers the clients,
 * has plans built, relays forked and records written; it parses no network
 * bytes, and nothing it does blocks.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

#define KEEPER_MAX_CLIENTS  2048u
#define KEEPER_MAX_SESSIONS 1024u
#define KEEPER_NAME_MAX     64u /* of the user, terminated */

/* All borrowed for the whole run. */
struct keeper_config {
	const char *state_dir, *runtime_dir; /* absolute, normalised */
	const char *libexec_dir;
	const char *user; /* for the records */
	uint64_t idle_ns; /* without clients and sessions; then it ends */
	const char *socket_path; /* of listen_fd; NULL: none (tests) */
	int listen_fd;           /* -1: none (tests) */
	int scribe_fd;
	int zygote_fd;
	int groundsman_fd; /* -1: none */
	int log_fd;        /* cut when it is long; -1: none */
	int root_fd;       /* O_PATH of "/"; of a fake tree in tests */
	uid_t uid;         /* of this daemon and of every client */
	gid_t gid;
};

enum keeper_end {
	KEEPER_IDLE = 0,
	KEEPER_DRAINED, /* another build takes over */
	KEEPER_STOPPED, /* SIGTERM, SIGINT */
	KEEPER_BROKEN,  /* scribe or zygote died */
};

/*
 * Until it ends, for the reason returned; < 0: it could not begin.  The
 * descriptors of @c stay the caller's.
 */
must_check int keeper_run(const struct keeper_config *c);
