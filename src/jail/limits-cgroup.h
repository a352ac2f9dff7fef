/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits-cgroup: a control group for one session, v2 where it is delegated, v1
 * where we are root; each controller on its own.
 *
 * Moving a process that runs costs a grace period of RCU, 10 ms and more.  So
 * with v1 the supervisor, alone in its process, moves its own thread in before
 * it clones init and out again after, which costs some microseconds; with v2
 * init is cloned into the group.
 */
#pragma once

#include "base/base.h"

#define CGROUP_PATH 512u

enum cgroup_controller {
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_CPU,
	CGROUP_N,
};

enum cgroup_kind {
	CGROUP_NONE = 1,
	CGROUP_V1,
	CGROUP_V2,
};

struct cgroup {
	enum cgroup_kind kind;
	bool on[CGROUP_N];
	char dir[CGROUP_N][CGROUP_PATH]; /* of the session; v2: all the same */
	char own[CGROUP_N][CGROUP_PATH]; /* where the supervisor lives */
	char mount[CGROUP_N][CGROUP_PATH]; /* v1: of the controller; "": none */
	char name[64];                     /* of the session's group */
	int lock[CGROUP_N]; /* flock(2) of dir[]; v2: the first; -1: none */
	bool inside;        /* v1: the supervisor is in dir[] */
};

/*
 * Where controller @name lives by the text of /proc/self/cgroup.  "" is the
 * unified one.  False: it does not say.  Pure.
 */
bool cgroup_parse_self(struct str text, struct str name, struct str *ret);

/* Nothing is made yet. */
void cgroup_init(struct cgroup *g);

/*
 * Make the groups below @sys ("/sys/fs/cgroup"), given the text of
 * /proc/self/cgroup.  Whatever cannot be made is not on; never fails.
 */
void cgroup_make(struct cgroup *g, const char *sys, struct str self);

/*
 * v1: controllers are trees of their own, and one that few sessions limit (cpu)
 * is not worth a directory at each start.  Make its group for the process @pid,
 * before that has children.  Errors leave it off.
 */
void cgroup_join_late(struct cgroup *g, enum cgroup_controller c, pid_t pid);

/* v1: what is cloned from here on is born inside.  Errors turn it off. */
void cgroup_enter(struct cgroup *g);
/* 0, or -errno: we are stuck inside, so the session must not start. */
must_check int cgroup_leave(struct cgroup *g);
/* v2: for CLONE_INTO_CGROUP; the caller closes it.  -1: none. */
int cgroup_open_dir(const struct cgroup *g);

/* Put @value into @file of controller @c. */
must_check int cgroup_write(const struct cgroup *g, enum cgroup_controller c,
			    const char *file, const char *value);
/* For polling and reading; -errno. */
must_check int cgroup_open(const struct cgroup *g, enum cgroup_controller c,
			   const char *file);
/* The number behind "@key " in the flat-keyed file open at @fd; 0: none. */
uint64_t cgroup_read_key(int fd, const char *key);

/* v2: end every process in it.  False: not possible here. */
bool cgroup_kill(const struct cgroup *g);
/* After its last process: remove it.  Waits up to some ms for the kernel. */
void cgroup_remove(struct cgroup *g);
/*
 * Remove the groups of supervisors that are gone: those below own[] that nobody
 * has locked, as far as no process is in them.
 */
void cgroup_sweep(const struct cgroup *g);
