/* SPDX-License-Identifier: Apache-2.0 */
/*
 * election: which bawnd serves a user, and where it is found.
 *
 * The one that holds the lock on STATE/lock.  What the file says is only a
 * hint to clients: {"socket":PATH,"pid":N,"build":ID}.
 */
#pragma once

#include "base/base.h"

#define ELECTION_SOCKET_MAX 108u
#define ELECTION_LOG_MAX    ((int64_t)1024 * 1024) /* bytes of one log file */

struct election {
	int lock_fd, listen_fd;
	char socket_path[ELECTION_SOCKET_MAX];
};

#define ELECTION_NULL                          \
	{                                      \
		.lock_fd = -1, .listen_fd = -1 \
	}

enum election_result {
	ELECTION_LOST = 1, /* somebody else serves */
};

/*
 * Take the lock and listen; clears away what a daemon that was killed left.
 * Waits some seconds for one that is about to end.  0, < 0, ELECTION_LOST.
 */
must_check int election_win(struct election *e, const char *state_dir,
			    const char *runtime_dir);
/* From now on clients find us. */
must_check int election_announce(struct election *e);
/* Take the socket away; the lock goes with the process. */
void election_retire(struct election *e);

/* STATE/bawnd.log for appending; one that is too long becomes bawnd.log.1. */
must_check int election_open_log(const char *state_dir);
/*
 * The same for one that all our processes have open: copied to bawnd.log.1,
 * then cut.  What is written in between is lost; it is a log.
 */
void election_trim_log(const char *state_dir, int log_fd);
