/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits: the best mechanism this machine has for each limit of a plan.
 *
 *              v2 or v1 control group     without
 *   memory     the kernel ends a process  polled; the largest is ended
 *   processes  the kernel refuses fork    RLIMIT_NPROC, counted by user
 *                                         namespace: the kernel refuses too
 *   cpu        quota                      CPU affinity: advisory, whole CPUs
 *   disk       RLIMIT_FSIZE for a file; private directories are measured now
 *              and then, and the session is ended
 *   time       the session is ended
 *
 * Order: limits_prepare, clone init, limits_born, limits_apply once the plan
 * is known, limits_watch, and limits_done after the last process.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "base/loop.h"
#include "jail/plan.h"

enum limit {
	LIMIT_MEMORY,
	LIMIT_PROCESSES,
	LIMIT_CPU,
	LIMIT_DISK,
	LIMIT_TIME,
	LIMIT_N,
};

enum limit_way {
	LIMIT_WAY_OFF, /* not limited */
	LIMIT_WAY_CGROUP2,
	LIMIT_WAY_CGROUP1,
	LIMIT_WAY_RLIMIT,
	LIMIT_WAY_POLL,
	LIMIT_WAY_AFFINITY,
	LIMIT_WAY_TIMER,
	LIMIT_WAY_FAILED, /* wanted, and nothing works */
};

const char *limit_name(enum limit l);
const char *limit_way_name(enum limit_way w);

struct limit_hit {
	enum limit limit;
	uint64_t value;   /* what was allowed */
	uint64_t count;   /* how often since the last time */
	const char *what; /* "a process was killed" */
	bool end_session; /* the owner ends it */
};

struct limits;

struct limits_config {
	const char *sys;  /* NULL: "/sys/fs/cgroup" */
	const char *proc; /* NULL: "/proc" */
	/* May be called until limits_done(). */
	void (*hit)(void *owner, const struct limit_hit *h);
	void *owner;
};

must_check int limits_new(struct limits **ret, const struct limits_config *c);
void limits_free(struct limits *l);
DEFINE_AUTO(limits, struct limits, limits_free);

/*
 * Make the control group; what is cloned from here on is born in it.  Again,
 * after limits_born(): the same one.
 */
void limits_prepare(struct limits *l);
/* v2: give this to CLONE_INTO_CGROUP, then close it; else -1. */
int limits_clone_fd(const struct limits *l);
/* After cloning.  -errno: the session must not start. */
must_check int limits_born(struct limits *l);

/*
 * @private_dirs: whose size the disk limit bounds; borrowed.  0, -errno, or
 * 1: a limit cannot be kept by any means (@reterr says which).
 */
must_check int limits_apply(struct limits *l, const struct plan_limits *want,
			    pid_t init, char *const *private_dirs,
			    size_t n_dirs, struct diag *reterr);
/* The command starts now. */
must_check int limits_watch(struct limits *l, struct loop *loop);
enum limit_way limits_way(const struct limits *l, enum limit limit);
/* "v1", "v2" or "none", for the record of the layers in force. */
const char *limits_cgroup(const struct limits *l);
/* End all processes at once, where the kernel can.  False: it cannot. */
bool limits_kill(const struct limits *l);
/* All processes are gone: remove the group. */
void limits_done(struct limits *l);
/* Look for hits that nobody woke us for. */
void limits_check(struct limits *l);
