/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine: take from a relay everything that it does not need.
 *
 * It reads hostile bytes from both sides, so it keeps: its descriptors, memory,
 * and sockets to the network.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define CONFINE_UID 65534u /* when started as root */

/* What is in force. */
struct confine_layers {
	bool namespaces; /* user, pid; with the zygote: mount, ipc, uts, cgroup */
	bool root;       /* the file system is an empty, read-only one */
	int landlock;    /* ABI; 0 = not there */
	bool seccomp;
	uint32_t uid;
};

/*
 * Of the process that forks relays, once all that it and they need from files
 * is loaded: without privileges, environment, supplementary groups and files;
 * and what all relays share is made.  -errno.
 */
must_check int confine_zygote(void);

/*
 * fork(2) into new namespaces, or without where the kernel refuses them.
 * Returns the child's pid in the caller's namespace, 0 in the child, -errno.
 */
must_check int confine_fork(void);

/*
 * In the child.  Fills @ret; 0 only if
 * seccomp and at least one wall against the file system stand.  @ret_step names
 * what failed.
 */
must_check int confine_enter(struct confine_layers *ret, const char **ret_step);

/*
 * A step of it: no file, no TCP port of its own, no signals and abstract sockets
 * outside, as far as the kernel's Landlock goes.  Needs no_new_privs.  The ABI in
 * force; 0: none.
 */
int confine_landlock(void);

/* A JSON object for MSG_READY and the ledger. */
void confine_format(const struct confine_layers *l, struct buf *b);

/*
 * The last step: only what a relay calls; see confine-seccomp.c.  Prepared in
 * the zygote, once.
 */
must_check int confine_prepare(void);
must_check int confine_seccomp(void);

/* In a relay's child that parses: no more sockets, pipes and children. */
must_check int confine_receiver(void);
