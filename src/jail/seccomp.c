/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "jail/missing.h"

#include "jail/jail-filter.h" /* generated: *_filter[], jail_rare[] */

const struct seccomp_rare *seccomp_rare_find(int nr)
{
	for (size_t i = 0; i < N_ELEMS(jail_rare); i++) {
		if (jail_rare[i].nr == nr)
			return &jail_rare[i];
	}
	return NULL;
}

static bool holds(const struct seccomp_rare *r, const uint64_t args[6])
{
	for (size_t i = 0; i < SECCOMP_CONDS; i++) {
		uint32_t v = (uint32_t)args[r->conds[i].arg];
		uint32_t want = r->conds[i].value;

		if ((r->conds[i].op == SECCOMP_EQ && v != want) ||
		    (r->conds[i].op == SECCOMP_ANY && (v & want) == 0) ||
		    (r->conds[i].op == SECCOMP_GE && v < want))
			return false;
	}
	return true;
}

const struct seccomp_rare *seccomp_rare_match(int nr, const uint64_t args[6])
{
	for (size_t i = 0; i < N_ELEMS(jail_rare); i++) {
		if (jail_rare[i].nr == nr && holds(&jail_rare[i], args))
			return &jail_rare[i];
	}
	return NULL;
}

/* The kernel copies; the casts drop const for the C type. */
#define PROGRAM(name)                                              \
	{                                                          \
		.len = (unsigned short)N_ELEMS(name),              \
		.filter = (struct sock_filter *)(uintptr_t)(name), \
	}

int seccomp_enter(enum seccomp_kind kind, enum seccomp_sees sees,
		  bool want_listener)
{
	struct sock_fprog programs[][3] = {
		[SECCOMP_JAIL] = { PROGRAM(jail_filter),
				   PROGRAM(jail_filter_writes),
				   PROGRAM(jail_filter_all) },
		[SECCOMP_NESTED] = { PROGRAM(nested_filter),
				     PROGRAM(nested_filter_writes),
				     PROGRAM(nested_filter_all) },
		/* What it may, the warden sees. */
		[SECCOMP_LANDLOCK] = { PROGRAM(landlock_filter),
				       PROGRAM(landlock_filter),
				       PROGRAM(landlock_filter) },
	};
	struct sock_fprog *program = &programs[kind][sees];
	unsigned long flags =
		want_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER |
					SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
			      : 0;
	long r;

	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
	if (r == -1 && errno == EINVAL && want_listener) {
		/* Before 5.19: a signal may interrupt a call that waits. */
		flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
			    program);
	}
	return r == -1 ? neg_errno() : (int)r;
}
