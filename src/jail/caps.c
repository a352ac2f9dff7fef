/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/caps.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Root inside, where there is one, is a user like any other. */
#define BITS                                                             \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |       \
	 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

typedef struct __user_cap_data_struct cap_sets[2];

static int get(cap_sets ret)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capget, &h, ret) == -1 ? neg_errno() : 0;
}

/* The kernel's last number and those above it are EINVAL. */
static int drop_bounding(void)
{
	for (unsigned long cap = 0;; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap) == 0)
			continue;
		if (errno == EINVAL && cap > CAP_SYS_ADMIN)
			return 0;
		return neg_errno();
	}
}

static bool is_bounded(void)
{
	unsigned long cap = 0;
	int r;

	while ((r = prctl(PR_CAPBSET_READ, cap)) == 0)
		cap++;
	return r == -1 && cap > CAP_SYS_ADMIN;
}

int caps_drop(bool *ret_bounded)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	cap_sets own, none = { { 0 } };
	int r = get(own);

	if (r == 0 &&
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1)
		r = neg_errno();
	if (r == 0 && own[0].effective & (1u << CAP_SETPCAP)) {
		if (prctl(PR_SET_SECUREBITS, BITS) == -1)
			r = neg_errno();
		if (r == 0)
			r = drop_bounding();
	}
	if (r == 0 && syscall(SYS_capset, &h, none) == -1)
		r = neg_errno();
	*ret_bounded = r == 0 && is_bounded();
	return r == 0 && !caps_are_gone(*ret_bounded) ? -EPERM : r;
}

bool caps_are_gone(bool bounded)
{
	cap_sets own;

	if (get(own) != 0)
		return false;
	for (size_t i = 0; i < N_ELEMS(own); i++) {
		if (own[i].effective | own[i].permitted | own[i].inheritable)
			return false;
	}
	return !bounded || is_bounded();
}
