/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jail-backend: what the walls of a jail can be made of.  jail.c is the same for
 * all; what differs is in one struct.
 */
#pragma once

#include "jail/cover.h"
#include "jail/jail.h"

struct jail_backend {
	/*
	 * Make j->pid, the process that speaks for the jail through @sock, with
	 * jail_clone().  0, -errno, or 1 = cannot be had here.
	 */
	int (*spawn)(struct jail *j, const struct jail_config *c, int sock,
		     struct diag *reterr);
	/* As jail_offer() and jail_configure(). */
	int (*offer)(struct jail *j, struct str plan_json);
	int (*configure)(struct jail *j, const struct plan *p,
			 struct str plan_json, struct jail_ids *ret_ids,
			 struct diag *reterr);
	/* *ret_missing of the paths are not there. */
	int (*cover)(struct jail *j, const struct cover_hide *hides, size_t n,
		     const struct cover_lock *locks, size_t n_locks, bool pin,
		     size_t *ret_missing);
	void (*heard)(struct jail *j); /* a message is about to be read */
	void (*kill)(struct jail *j);  /* everything, without waiting */
	void (*kill_for_good)(struct jail *j); /* so that it can be reaped */
	/* It is dead and reaped. */
	void (*done)(struct jail *j);
};

struct jail {
	const struct jail_backend *backend;
	pid_t pid;
	int pidfd, sock;
	bool reaped;
	bool offered; /* the plan was sent */
	/* namespaces */
	int user_ns, mnt_ns; /* -1: not yet, or none */
	uint32_t uid, gid;   /* as root: the jail's, on the host */
	pid_t holder;        /* of the map's namespace, dying; 0: none */
	bool nested;         /* the plan's */
};

/* 0 in the new process, above in ours, where j has it; or -errno. */
must_check int jail_clone(struct jail *j, uint64_t namespaces, int cgroup_fd);
/*
 * The same with the namespaces of @g, which are not among @namespaces.  A failure
 * leaves nothing behind.
 */
must_check int jail_clone_on(struct jail *j, const struct ground *g,
			     uint64_t namespaces, int cgroup_fd);

extern const struct jail_backend jail_namespaces, jail_landlock;
