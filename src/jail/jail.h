/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail: the walled yard, as its supervisor handles it.
 *
 *   jail_spawn      init exists, in all namespaces, its ids are mapped, and it
 *                   already makes what depends on no plan
 *   jail_configure  init carries out the plan
 *   MSG_INIT_NET    the network refuses what the plan does not allow
 *   MSG_INIT_READY  the walls stand; jail_cover() works from here on
 *   jail_go         the command starts, or will once the walls stand
 *   MSG_INIT_EXIT   it ended, and so did everything it left behind
 *   jail_free
 *
 * The bodies of init's messages (jail_recv):
 *
 *   MSG_INIT_NET      {}; descriptors: TPROXY listener, UDP 53, TCP 53, nflog,
 *                     and with telemetry the listener for it
 *   MSG_INIT_READY    {"layers":{..},"sockets":N}; descriptors: pty master
 *                     (only with tty), the seccomp listener, with exact the
 *                     Landlock ruleset, then a listener for each PLAN_SOCKET
 *   MSG_INIT_FAILED   {"text","errno"}, before MSG_INIT_STARTED; init exits
 *   MSG_INIT_STARTED  {"pid": as the jail counts}
 *   MSG_INIT_SIGNAL   {"stopped": signal}: the command itself was stopped
 *   MSG_INIT_EXIT     {"code","signal","exec_errno","utime_us","stime_us",
 *                     "maxrss_kb"}: exec_errno != 0: it was never started, and
 *                     code is 126 or 127
 *
 * With PLAN_LANDLOCK "init" is the jail's warden, which keeps the seccomp
 * listener, and there is one more:
 *
 *   MSG_INIT_NET      {}; descriptor: the warden's handovers (ipc/handover.h)
 *   MSG_INIT_REFUSED  {"syscall","error","pid","args"}: a call nobody may make
 *
 * Init dies with its supervisor, whatever kills that.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "ipc/ipc.h"
#include "jail/plan.h"

#define JAIL_NET_FDS 4u /* of MSG_INIT_NET */

struct ground;
struct jail;

/* Of jail_configure(): free this one, spawn another with these ids. */
#define JAIL_OTHER_IDS 2

struct jail_config {
	enum plan_backend backend;
	/* As root: the jail's user on the host; 0: PLAN_ROOT_UID. */
	uint32_t root_uid, root_gid;
	int cgroup_fd; /* v2 directory to be born in; -1 none; borrowed */
	/* For namespaces: entered, if it can be; borrowed.  NULL: none. */
	const struct ground *ground;
	bool tty;   /* make a pty */
	bool steps; /* MSG_INIT_READY tells what took how long, for benches */
};

/*
 * Clone init.  0, -errno, or 1 = namespaces are forbidden here; @reterr says
 * what mends it (both cases).
 */
must_check int jail_spawn(struct jail **ret, const struct jail_config *c,
			  struct diag *reterr);
/* Kills what is left and waits for it.  NULL is a no-op. */
void jail_free(struct jail *j);
DEFINE_AUTO(jail, struct jail, jail_free);

int jail_fd(const struct jail *j);    /* the socket to init, for a loop */
int jail_pidfd(const struct jail *j); /* readable when init is dead */
pid_t jail_pid(const struct jail *j); /* of init, as the host counts */

/*
 * Send the plan before it is read here.  jail_configure() has to follow.
 * 0 or -errno.
 */
must_check int jail_offer(struct jail *j, struct str plan_json);
/*
 * Send @plan_json, which is @p, unless it was offered.  Once.  0, -errno, or 1 = the plan cannot be
 * carried out here; @reterr says why (both cases).  JAIL_OTHER_IDS: as root,
 * where ids of mounts cannot be mapped; the owner's are in *ret_ids.
 */
struct jail_ids {
	uint32_t uid, gid;
};
must_check int jail_configure(struct jail *j, const struct plan *p,
			      struct str plan_json, struct jail_ids *ret_ids,
			      struct diag *reterr);

/* One message of init, as ipc_recv(). */
must_check int jail_recv(struct jail *j, struct ipc_msg *m);
/*
 * At the end, when nothing will be covered any more: the mount namespace.
 * Whoever closes it last takes the mounts apart, which the kernel needs
 * a fraction of a millisecond for.  The caller's, or -1.
 */
int jail_take_mounts(struct jail *j);

/* For a process that is to see what the jail sees; borrowed, -1: none. */
int jail_user_ns(const struct jail *j);
int jail_mnt_ns(const struct jail *j);

struct jail_go {
	const char *const *argv, *const *env;
	size_t n_argv, n_env;
	uint16_t cols, rows; /* of the pty; 0: leave it */
	/*
	 * Borrowed.  -1: that stream is the jail's pty, which is the
	 * controlling terminal too, whatever the streams are.
	 */
	int fds[3];
};

must_check int jail_go(struct jail *j, const struct jail_go *g);
/* To the command's process group. */
must_check int jail_signal(struct jail *j, int sig);
/* SIGKILL to init: everything in the jail ends. */
void jail_kill(struct jail *j);

/*
 * @fn(@arg) with every right over the files of the jail's user (power.h), once
 * the jail is configured.
 */
must_check int jail_empowered(struct jail *j, int (*fn)(void *arg), void *arg);
/*
 * Hide a path, absolute as the jail sees it, in the running jail: from now on
 * it is an empty file or directory that cannot be opened.  Symlinks are not
 * followed.  0; 1 = there is no such path in the jail; -errno.
 */
struct cover_hide;
must_check int jail_cover(struct jail *j, const struct cover_hide *hide);
/*
 * The same for many, before the command starts, and locks, which become
 * read-only; 0 when all that are visible were.  In a nested plan no directory
 * above them can be moved from then on.
 */
struct cover_lock;
must_check int jail_cover_all(struct jail *j, const struct cover_hide *hides,
			      size_t n, const struct cover_lock *locks,
			      size_t n_locks);
/* @path becomes read-only; one that is not there does not matter. */
must_check int jail_lock(struct jail *j, const char *path);
