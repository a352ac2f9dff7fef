/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   1. no core dump, not traceable, no new privileges, memory bounded
 *   2. Landlock: reads the system's configuration and libraries, the ledger and
 *      the certificates that are named; writes the cursors, and a file sink's
 *      directory; executes nothing; binds no port
 *   3. seccomp: no program, no tracing, no mount, no namespace, no kernel
 *      interface that a client of HTTP has no use for.  A list of what is
 *      forbidden, not of what is allowed: name services bring what they want
 */
#include "export/worker-confine.h"

#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/ruleset.h"
#include "base/wall.h"

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_FILE (LANDLOCK_ACCESS_FS_READ_FILE)
#define FS_WRITE                                                     \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE |                   \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_TRUNCATE | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* What is not there needs no rule. */
static int allow(int ruleset, const char *path, uint64_t access)
{
	AUTO(fd) int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd == -1)
		return errno == ENOENT || errno == EACCES ? 0 : neg_errno();
	return ruleset_allow(ruleset, fd, access);
}

static int allow_parent(int ruleset, const char *path, uint64_t access)
{
	char dir[4096];
	int n = snprintf(dir, sizeof(dir), "%s", path);

	while (n > 1 && dir[n - 1] != '/')
		n--;
	dir[n > 1 ? n - 1 : 1] = '\0';
	return allow(ruleset, dir, access);
}

static int allow_all(int ruleset, const struct worker *w, uint64_t all)
{
	static const char *const dirs[] = { "/etc",
					    "/usr",
					    "/lib",
					    "/lib64",
					    "/run/systemd",
					    "/run/nscd",
					    "/run/resolvconf",
					    "/run/NetworkManager" };
	const char *files[] = { w->sink->ca, w->sink->certificate, w->sink->key,
				"/dev/null", "/dev/urandom" };
	int r = ruleset_allow(ruleset, w->state_fd, FS_WRITE & all);

	for (size_t i = 0; r == 0 && i < N_ELEMS(dirs); i++)
		r = allow(ruleset, dirs[i], FS_READ);
	for (size_t i = 0; r == 0 && i < N_ELEMS(files); i++)
		r = files[i] ? allow(ruleset, files[i], FS_FILE) : 0;
	if (r == 0)
		/* It may not be there yet. */
		r = allow_parent(ruleset, w->ledger_dir, FS_READ);
	if (r == 0 && w->sink->path)
		r = allow_parent(ruleset, w->sink->path, FS_WRITE & all);
	return r;
}

static int fence(const struct worker *w, int abi)
{
	const struct ruleset all = {
		.fs = ruleset_files(abi),
		.net = LANDLOCK_ACCESS_NET_BIND_TCP,
		.scoped = LANDLOCK_SCOPE_SIGNAL,
	};
	AUTO(fd) int fd = -1;
	int r = ruleset_new(abi, &all);

	if (r < 0)
		return r;
	fd = r;
	r = allow_all(fd, w, all.fs);
	return r == 0 ? landlock_enter(fd) : r;
}

static const int forbidden[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(quotactl),
	SCMP_SYS(acct),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
};

static int seccomp_enter(void)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	int r = c ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < N_ELEMS(forbidden); i++)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
	/* unix, inet, inet6 and netlink, which resolvers ask for addresses */
	if (r == 0)
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket),
				     1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
	if (r == 0)
		r = seccomp_load(c);
	if (c)
		seccomp_release(c);
	return r;
}

int worker_confine(const struct worker *w)
{
	const struct rlimit none = { 0, 0 };
	const struct rlimit memory = { WORKER_MEMORY, WORKER_MEMORY };
	int abi;
	int r = 0;

	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return neg_errno();
	if (!SANITIZED && setrlimit(RLIMIT_AS, &memory) == -1)
		return neg_errno();
	abi = landlock_abi();
	if (abi >= 1 && WALL(SINK_LANDLOCK))
		r = fence(w, abi);
	return r == 0 && WALL(SINK_SECCOMP) ? seccomp_enter() : r;
}
