/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In this order: what a later step needs is still allowed.
 *
 *   1. no core dump, not traceable by others of the user, no new privileges
 *   2. Landlock: only files in the ledger's directory; no network, and no
 *      signals and abstract sockets outside where the kernel can
 *   3. seccomp: the system calls below, the rest kills
 */
#include "ledger/confine.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/ruleset.h"
#include "base/wall.h"

/* REMOVE_FILE: rename(2) over the old `checkpoint`, old journals. */
#define OWN_FILES                                                       \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |   \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |  \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_TRUNCATE)

static int fence(int dirfd, int abi)
{
	const struct ruleset all = {
		.fs = ruleset_files(abi),
		.net = LANDLOCK_ACCESS_NET_BIND_TCP |
		       LANDLOCK_ACCESS_NET_CONNECT_TCP,
		.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET |
			  LANDLOCK_SCOPE_SIGNAL,
	};
	AUTO(fd) int fd = -1;
	int r = ruleset_new(abi, &all);

	if (r < 0)
		return r;
	fd = r;
	r = ruleset_allow(fd, dirfd, OWN_FILES & all.fs);
	return r == 0 ? landlock_enter(fd) : r;
}

/* #syscalls scribe: recvmsg sendmsg epoll_wait epoll_pwait epoll_ctl close */
/* #syscalls scribe: pwrite64 fdatasync fsync ftruncate openat fchmod fcntl */
/* #syscalls scribe: fstat newfstatat rename renameat renameat2 unlinkat */
/* #syscalls scribe: write clock_gettime clock_nanosleep getpid gettid tgkill */
/* #syscalls scribe: brk munmap mremap madvise futex restart_syscall */
/* #syscalls scribe: rt_sigreturn rt_sigprocmask exit exit_group */
/* #syscalls scribe: read pread64 mkdirat getdents64 getrandom syncfs */
/* And mmap, mprotect where nothing becomes executable. */
static const int allowed[] = {
	SCMP_SYS(recvmsg),         SCMP_SYS(sendmsg),
	SCMP_SYS(epoll_wait),      SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),       SCMP_SYS(close),
	SCMP_SYS(pwrite64),        SCMP_SYS(fdatasync),
	SCMP_SYS(fsync),           SCMP_SYS(ftruncate),
	SCMP_SYS(openat),          SCMP_SYS(fchmod),
	SCMP_SYS(fcntl),           SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),      SCMP_SYS(rename),
	SCMP_SYS(renameat),        SCMP_SYS(renameat2),
	SCMP_SYS(unlinkat),        SCMP_SYS(write),
	SCMP_SYS(clock_gettime),   SCMP_SYS(clock_nanosleep),
	SCMP_SYS(getpid),          SCMP_SYS(gettid),
	SCMP_SYS(tgkill),          SCMP_SYS(brk),
	SCMP_SYS(munmap),          SCMP_SYS(mremap),
	SCMP_SYS(madvise),         SCMP_SYS(futex),
	SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),  SCMP_SYS(exit),
	SCMP_SYS(exit_group),      SCMP_SYS(read),
	SCMP_SYS(pread64),         SCMP_SYS(mkdirat),
	SCMP_SYS(getdents64),      SCMP_SYS(getrandom),
	SCMP_SYS(syncfs),
};

static int add_rules(scmp_filter_ctx c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < N_ELEMS(allowed); i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

static int seccomp_enter(void)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!c)
		return -ENOMEM;
	r = add_rules(c);
	if (r == 0)
		r = seccomp_load(c);
	seccomp_release(c);
	return r;
}

int confine_scribe(int dirfd, struct confine_report *ret)
{
	const struct rlimit none = { 0, 0 };
	int abi, r;

	*ret = (struct confine_report){ .landlock_abi = 0 };
	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return neg_errno();

	abi = landlock_abi();
	if (abi >= 1 && WALL(SCRIBE_LANDLOCK)) {
		r = fence(dirfd, abi);
		if (r != 0)
			return r;
		ret->landlock_abi = abi;
	}
	if (SANITIZED)
		return 0;
	r = WALL(SCRIBE_SECCOMP) ? seccomp_enter() : 0;
	ret->seccomp = r == 0;
	return r;
}
