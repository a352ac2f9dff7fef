/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming more than one is. */
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "escape.h"

static bool no_capabilities(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct c[2];

	if (syscall(SYS_capget, &h, c) == -1)
		return false;
	return !(c[0].effective | c[0].permitted | c[0].inheritable |
		 c[1].effective | c[1].permitted | c[1].inheritable);
}

int main(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct all[2] = { { ~0u, ~0u, ~0u },
						 { ~0u, ~0u, ~0u } };
	struct rlimit more = { RLIM_INFINITY, RLIM_INFINITY };
	gid_t gid = 0;

	HOLDS(no_capabilities());
	/* Root's project alone: the one who can write it. */
	HOLDS(alone || (getuid() != 0 && geteuid() != 0));
	REFUSED(EPERM, syscall(SYS_capset, &h, all));
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++) {
		HOLDS((alone && getuid() != 0) ||
		      prctl(PR_CAPBSET_READ, cap) == 0);
		REFUSED(EPERM,
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
	}
	if (getuid() != 0) {
		REFUSED2(EPERM, EINVAL, setuid(0));
		REFUSED2(EPERM, EINVAL, setresuid(0, 0, 0));
		REFUSED2(EPERM, EINVAL, setgid(0));
	} else {
		REFUSED2(EPERM, EINVAL, setuid(1));
		REFUSED2(EPERM, EINVAL, setgid(1));
	}
	REFUSED(EPERM, setgroups(1, &gid));
	REFUSED(EPERM, setrlimit(RLIMIT_CORE, &more));
	REFUSED(EPERM, nice(-5));
	HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	REFUSED(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	HOLDS(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
	REFUSED(EPERM, prctl(PR_SET_SECUREBITS, 0));
	return verdict();
}
