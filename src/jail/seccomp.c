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

/* The kernel copies; the casts drop const for the C type. */
#define PROGRAM(name)                                              \
	{                                                          \
		.len = (unsigned short)N_ELEMS(name),              \
		.filter = (struct sock_filter *)(uintptr_t)(name), \
	}

int seccomp_enter(enum seccomp_kind kind, bool want_listener)
{
	struct sock_fprog programs[] = {
		[SECCOMP_JAIL] = PROGRAM(jail_filter),
		[SECCOMP_NESTED] = PROGRAM(nested_filter),
		[SECCOMP_LANDLOCK] = PROGRAM(landlock_filter),
	};
	unsigned long flags =
		want_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER |
					SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
			      : 0;
	long r;

	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
		    &programs[kind]);
	if (r == -1 && errno == EINVAL && want_listener) {
		/* Before 5.19: a signal may interrupt a call that waits. */
		flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
			    &programs[kind]);
	}
	return r == -1 ? neg_errno() : (int)r;
}
