/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: the jail's system call filters, made when bawn is built
 * (tools/gen-seccomp.c has the table and the reasons).
 */
#pragma once

#include "base/base.h"

#define SECCOMP_CONDS 2u

/* A call that is rare and forbidden: the witness records and refuses it. */
struct seccomp_rare {
	int nr;
	int error; /* errno, positive */
	const char *name;
	struct {
		enum {
			SECCOMP_ALWAYS, /* no further condition */
			SECCOMP_EQ,
			SECCOMP_ANY, /* some of these bits */
			SECCOMP_GE,
		} op;
		unsigned arg;
		uint32_t value; /* against the low half */
	} conds[SECCOMP_CONDS];
};

/* By its number alone.  NULL: not one of them. */
const struct seccomp_rare *seccomp_rare_find(int nr);
/* Likewise, with these arguments. */
const struct seccomp_rare *seccomp_rare_match(int nr, const uint64_t args[6]);

/*
 * Which filter: the second lets sandboxes be made inside, the third needs a
 * warden (behalf.h) that answers its listener.
 */
enum seccomp_kind {
	SECCOMP_JAIL,
	SECCOMP_NESTED,
	SECCOMP_LANDLOCK,
};

/* How much of what is allowed the listener sees. */
enum seccomp_sees {
	SECCOMP_SEES_NOTHING,
	SECCOMP_SEES_WRITES, /* sendmsg(2), too: also the caller's own */
	SECCOMP_SEES_ALL,    /* opens that only read, too */
};

/*
 * A sendmsg(2) with these in its fourth and fifth register is not seen: so init
 * sends its listener, before which the witness answers nobody.  Random, and to be
 * forgotten when that is done.
 */
struct seccomp_pass {
	uint32_t words[2];
};

/*
 * Enter a filter; needs no_new_privs.  With @want_listener the result is the
 * notification descriptor (seccomp_unotify(2)), else 0.  Without a listener the
 * rare calls fail with ENOSYS.  @ret_pass may be NULL: then nobody has one.
 * -errno.
 */
must_check int seccomp_enter(enum seccomp_kind kind, enum seccomp_sees sees,
			     bool want_listener, struct seccomp_pass *ret_pass);

/*
 * Landlock is not to be had from here on, as where the kernel was built without it
 * (landlock(7): EOPNOTSUPP).  Needs no_new_privs.
 */
must_check int seccomp_without_landlock(void);
