/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: the jail's system call filters, made when bawn is built
 * (tools/gen-seccomp.c has the table and the reasons).
 */
#pragma once

#include "base/base.h"

/* A call that is rare and forbidden: the supervisor records and refuses it. */
struct seccomp_rare {
	int nr;
	int error; /* errno, positive */
	const char *name;
};

/* NULL: not one of them.  Sorted by nr. */
const struct seccomp_rare *seccomp_rare_find(int nr);

/*
 * Which filter: the second lets sandboxes be made inside, the third needs a
 * warden (behalf.h) that answers its listener.
 */
enum seccomp_kind {
	SECCOMP_JAIL,
	SECCOMP_NESTED,
	SECCOMP_LANDLOCK,
};

/*
 * Enter a filter; needs no_new_privs.  With @want_listener the result is the
 * notification descriptor (seccomp_unotify(2)), else 0.  Without a listener the
 * rare calls fail with ENOSYS.  -errno.
 */
must_check int seccomp_enter(enum seccomp_kind kind, bool want_listener);
