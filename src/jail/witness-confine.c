/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list is all that a witness does: it reads what processes point at, answers
 * their calls, and tells the scribe.  It makes no file, process or connection.
 *
 * As root it keeps what reading another user's processes needs, and no other
 * capability.  As an ordinary user it has none: the jail's user namespace is that
 * user's own.
 */
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/wall.h"
#include "jail/witness.h"

#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* The most frequent first; the formatter would make a staircase of it. */
/* clang-format off */
#define CALLS(X) \
	X(ioctl) X(process_vm_readv) X(readlinkat) X(openat) X(read) X(pread64) \
	X(close) X(sendmsg) X(setitimer) X(clock_gettime) \
	X(rt_sigreturn) X(poll_) X(ppoll) X(sendto) X(recvmsg) \
	X(pidfd_open) X(pidfd_getfd) X(getsockname) X(openat2) \
	X(fstat) X(newfstatat) X(statx) X(fstatfs) X(fcntl) \
	X(brk) X(mmap) X(munmap) X(mremap) X(madvise) X(mprotect) \
	X(futex) X(getcpu) X(getpid) X(gettid) X(rt_sigprocmask) \
	X(restart_syscall) X(exit) X(exit_group)
/* clang-format on */

#ifdef SYS_poll
#define SYS_poll_ SYS_poll
#else
#define SYS_poll_ SYS_ppoll
#endif

#define ALLOW(name)                                                      \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)SYS_##name, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),

static const struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	CALLS(ALLOW)
#ifdef SYS_readlink
		ALLOW(readlink)
#endif
#ifdef SYS_open
			ALLOW(open)
#endif
				BPF_STMT(BPF_RET | BPF_K,
					 SECCOMP_RET_KILL_PROCESS),
};

static int keep_capabilities(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct own[2] = { 0 };
	const uint32_t needs = 1u << CAP_SYS_PTRACE | 1u << CAP_DAC_READ_SEARCH;

	if (syscall(SYS_capget, &h, own) == -1)
		return neg_errno();
	own[0].permitted &= needs;
	own[0].effective = own[0].permitted;
	own[0].inheritable = 0;
	own[1] = (struct __user_cap_data_struct){ 0 };
	return syscall(SYS_capset, &h, own) == -1 ? neg_errno() : 0;
}

int witness_confine(void)
{
	const struct rlimit none = { 0, 0 };
	const struct sock_fprog program = {
		.len = (unsigned short)N_ELEMS(filter),
		.filter = (struct sock_filter *)(uintptr_t)filter,
	};
	int r = keep_capabilities();

	if (r != 0)
		return r;
	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return neg_errno();
	if (SANITIZED || !WALL(WITNESS_SECCOMP))
		return 0;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == -1
		       ? neg_errno()
		       : 0;
}
