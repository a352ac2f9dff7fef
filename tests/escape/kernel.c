/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own affairs, and parts of it that no program of a user needs. */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/personality.h>

#include "escape.h"

#define SESSION_KEYRING -3
#define MEMFD_SECRET    447
/* Newer than the headers: 457 to 461 are statmount, listmount, lsm_*. */
#define CACHESTAT        451
#define STATMOUNT        457
#define LSM_LIST_MODULES 461

static void features(void)
{
	char params[256] = { 0 };
	struct open_how how = { .flags = O_CREAT | O_WRONLY, .mode = 04755 };

	REFUSED(ENOSYS, syscall(SYS_io_uring_setup, 8, params));
	REFUSED(ENOSYS, syscall(SYS_io_uring_enter, -1, 0, 0, 0, 0, 0));
	REFUSED(ENOSYS, syscall(SYS_io_uring_register, -1, 0, 0, 0));
	REFUSED(ENOSYS,
		syscall(SYS_openat2, AT_FDCWD, "planted", &how, sizeof(how)));
	REFUSED(EPERM, syscall(SYS_bpf, 0, params, sizeof(params)));
	REFUSED(EPERM, syscall(SYS_perf_event_open, params, 0, -1, -1, 0));
	REFUSED(EPERM, syscall(SYS_userfaultfd, O_CLOEXEC));
	REFUSED(EPERM,
		syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, SESSION_KEYRING, 1));
	REFUSED(EPERM,
		syscall(SYS_add_key, "user", "a", "b", 1, SESSION_KEYRING));
	REFUSED(EPERM, syscall(SYS_request_key, "user", "a", 0, 0));
	REFUSED(EPERM, syscall(SYS_name_to_handle_at, AT_FDCWD, "/", params,
			       params + 128, 0));
	REFUSED(EPERM, syscall(SYS_open_by_handle_at, AT_FDCWD, params, 0));
	REFUSED(EPERM, syscall(SYS_pidfd_getfd, -1, 0, 0));
	for (long nr = STATMOUNT; nr <= LSM_LIST_MODULES; nr++)
		REFUSED(ENOSYS, syscall(nr, -1, 0, 0, 0));
	REFUSED(ENOSYS, syscall(CACHESTAT, 0, 0, 0, 0));
}

static void machine(void)
{
	REFUSED(EPERM, syscall(SYS_init_module, "", 0, ""));
	REFUSED(EPERM, syscall(SYS_finit_module, -1, "", 0));
	REFUSED(EPERM, syscall(SYS_delete_module, "nf_tables", 0));
	REFUSED(EPERM, syscall(SYS_kexec_load, 0, 0, 0, 0));
	REFUSED(EPERM, syscall(SYS_reboot, 0, 0, 0, 0));
	REFUSED(EPERM, syscall(SYS_swapon, "/tmp/a", 0));
	REFUSED(EPERM, syscall(SYS_swapoff, "/tmp/a"));
	REFUSED(EPERM, syscall(SYS_acct, 0));
	REFUSED(EPERM, syscall(SYS_quotactl, 0, "/", 0, 0));
	REFUSED(EPERM, syscall(SYS_settimeofday, -1, -1));
	REFUSED(EPERM, syscall(SYS_clock_settime, 0, -1));
	REFUSED(EPERM, syscall(SYS_sethostname, "a", 1));
	REFUSED(EPERM, syscall(SYS_setdomainname, "a", 1));
	REFUSED(EPERM, syscall(SYS_syslog, 3, 0, 0));
	REFUSED(EPERM, syscall(SYS_vhangup));
#ifdef __x86_64__
	REFUSED(EPERM, syscall(SYS_iopl, 3));
	REFUSED(EPERM, syscall(SYS_ioperm, 0, 1, 1));
#endif
}

int main(void)
{
	features();
	machine();
	REFUSED(EBUSY, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			       SECCOMP_FILTER_FLAG_NEW_LISTENER, 0));
	REFUSED(EPERM, personality(READ_IMPLIES_EXEC));
	REFUSED(EPERM, personality(PER_LINUX32));
	WORKS(personality(ADDR_NO_RANDOMIZE));
	WORKS(personality(0xffffffff));
	HOLDS(access("planted", F_OK) == -1);
	return verdict();
}
