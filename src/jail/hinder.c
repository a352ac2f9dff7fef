/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The kernel says EPERM for most of what can be in the way.  So the knobs that
 * distributions have are read first, then whether a filter is on us, as a
 * container's is; what is left is a security module that does not tell.
 *
 * hinder_find() does what init would, in a child: bawnd's own processes need
 * the same of a machine as a jail, so whoever fails first and says little is
 * not to be relied on.
 */
#include "jail/hinder.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "jail/idmap.h"
#include "jail/plan.h"
#include "jail/sys.h"

#define UNFILTERED                                                             \
	"start the container with --security-opt seccomp=unconfined (docker, " \
	"podman) or seccompProfile Unconfined (Kubernetes)"

#define AS_USER                                                         \
	"start bawn as an ordinary user (setpriv --reuid 1000 --regid " \
	"1000 --clear-groups bawn run ...)"

#define APPARMOR                                                       \
	"cp /usr/share/bawn/apparmor/bawn /etc/apparmor.d/bawn, then " \
	"apparmor_parser -r /etc/apparmor.d/bawn; or sysctl -w "       \
	"kernel.apparmor_restrict_unprivileged_userns=0"

static const char apparmor[] =
	"/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/* The number in a file of one; -1: not there. */
static int64_t read_number(const char *path)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd != -1 ? read(fd, text, sizeof(text)) : -1;
	struct str line, rest = { text, n > 0 ? (size_t)n : 0 };
	uint64_t v;

	if (!str_cut(&rest, '\n', &line) || !str_u64(line, 0, INT64_MAX, &v))
		return -1;
	return (int64_t)v;
}

/* A system call filter is on us; also where there is no /proc to read. */
static bool is_filtered(void)
{
	return prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
}

printf_like(2, 3) static void why(struct hindrance *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(h->why, sizeof(h->why), fmt, ap);
	va_end(ap);
}

printf_like(2, 3) static void mend(struct hindrance *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(h->mend, sizeof(h->mend), fmt, ap);
	va_end(ap);
}

static void turned_off(const char *kind, struct hindrance *h)
{
	why(h, "%s namespaces are turned off here (ENOSPC)", kind);
	mend(h, "sysctl -w user.max_%s_namespaces=65536", kind);
}

/* ENOSPC: which kind is at its limit? */
static void too_many(struct hindrance *h)
{
	static const char *const kinds[] = { "user", "mnt", "pid",   "net",
					     "ipc",  "uts", "cgroup" };
	char path[64];

	for (size_t i = 0; i < N_ELEMS(kinds); i++) {
		int64_t max;

		(void)snprintf(path, sizeof(path),
			       "/proc/sys/user/max_%s_namespaces", kinds[i]);
		max = read_number(path);
		if (max == -1)
			break; /* no /proc to read, as in a jail half built */
		if (max != 0)
			continue;
		turned_off(kinds[i], h);
		return;
	}
	why(h, "there are too many namespaces already (ENOSPC)");
	mend(h, "end some sessions, or raise the sysctl "
		"user.max_*_namespaces that is too small");
}

void hinder_namespaces(int error, const char *kind, struct hindrance *ret)
{
	if (error == -ENOSPC && kind) {
		turned_off(kind, ret);
		return;
	}
	if (error == -ENOSPC) {
		too_many(ret);
		return;
	}
	if (error != -EPERM) {
		why(ret, "namespaces cannot be made here (%s)",
		    strerror(-error));
		mend(ret, "a kernel with user namespaces (CONFIG_USER_NS)");
		return;
	}
	why(ret, "user namespaces are refused here (EPERM)");
	if (read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		mend(ret, "sysctl -w kernel.unprivileged_userns_clone=1");
	else if (is_filtered())
		mend(ret, UNFILTERED);
	else if (read_number(apparmor) == 1)
		mend(ret, APPARMOR);
	else
		mend(ret, "leave the chroot, or look for the security module "
			  "that does it (dmesg)");
}

void hinder_mounts(int error, struct hindrance *ret)
{
	why(ret, "mounting is refused in a user namespace here (%s)",
	    strerror(-error));
	/* With Ubuntu's restriction the namespace is there, its rights not. */
	if (read_number(apparmor) == 1)
		mend(ret, APPARMOR);
	else if (is_filtered())
		mend(ret, UNFILTERED);
	else
		mend(ret, "a kernel from 5.12 on, without a security module "
			  "that forbids it (dmesg)");
}

void hinder_proc(struct hindrance *ret)
{
	why(ret, "a part of /proc is masked here, as in containers, so there "
		 "can be no fresh one");
	mend(ret, "start it with --security-opt systempaths=unconfined "
		  "(docker), --security-opt unmask=ALL (podman) or procMount: "
		  "Unmasked (Kubernetes)");
}

void hinder_root(struct hindrance *ret)
{
	why(ret, "root has no CAP_SYS_ADMIN here, and so cannot hand files "
		 "to the jail's user");
	mend(ret, AS_USER ", or the container with --cap-add SYS_ADMIN");
}

void hinder_ids(uint32_t uid, struct hindrance *ret)
{
	why(ret, "root has no user %u here to run the jail as", uid);
	mend(ret, AS_USER ", or give the container 65536 ids");
}

/* ---- finding out ---- */

enum step {
	STEP_NONE, /* nothing is in the way */
	STEP_NAMESPACES,
	STEP_NET,
	STEP_MAP, /* no failure: now its ids may be mapped */
	STEP_MOUNTS,
	STEP_PROC,
};

struct found {
	enum step step;
	int error;
};

static int new_mount(const char *type)
{
	AUTO(fd) int fs = -1;
	int r = sys_fsopen(type);

	if (r < 0)
		return r;
	fs = r;
	r = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (r == 0)
		r = sys_fsmount(fs, 0);
	if (r < 0)
		return r;
	(void)close(r);
	return 0;
}

/* The first child of a pid namespace is what its /proc would show. */
static int new_proc(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(-new_mount("proc"));
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return neg_errno();
	return WIFEXITED(status) ? -WEXITSTATUS(status) : 0;
}

static noreturn_fn void say(int out, enum step step, int error)
{
	struct found f = { step, error };

	_exit(write(out, &f, sizeof(f)) == sizeof(f) ? 0 : 1);
}

/* What init does, as far as it needs no plan. */
static noreturn_fn void try_all(int in, int out)
{
	struct found map = { STEP_MAP, 0 };
	char c;
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
		    CLONE_NEWUTS | CLONE_NEWCGROUP) == -1)
		say(out, STEP_NAMESPACES, neg_errno());
	if (unshare(CLONE_NEWNET) == -1)
		say(out, STEP_NET, neg_errno());
	if (write(out, &map, sizeof(map)) != sizeof(map) ||
	    read(in, &c, 1) != 1)
		_exit(1);
	r = new_mount("tmpfs");
	if (r != 0)
		say(out, STEP_MOUNTS, r);
	r = new_proc();
	say(out, r == -EPERM ? STEP_PROC : STEP_NONE, r);
}

static bool told(const struct found *f, struct hindrance *ret)
{
	switch (f->step) {
	case STEP_NAMESPACES:
		hinder_namespaces(f->error, NULL, ret);
		return true;
	case STEP_NET:
		hinder_namespaces(f->error, "net", ret);
		return true;
	case STEP_MOUNTS:
		hinder_mounts(f->error, ret);
		return true;
	case STEP_PROC:
		hinder_proc(ret);
		return true;
	case STEP_MAP:
	case STEP_NONE:
	default:
		return false;
	}
}

/* The ids that a jail would have, for the process @pid. */
static bool map_jail(pid_t pid, struct hindrance *ret)
{
	bool root = geteuid() == 0;
	struct idmap m = {
		.inside_uid = root ? PLAN_INSIDE_UID : geteuid(),
		.outside_uid = root ? PLAN_ROOT_UID : geteuid(),
		.inside_gid = root ? PLAN_INSIDE_UID : getegid(),
		.outside_gid = root ? PLAN_ROOT_UID : getegid(),
	};

	if (idmap_write(pid, &m, !root) == 0 || !root)
		return true;
	hinder_ids(PLAN_ROOT_UID, ret);
	return false;
}

static bool listen_to(pid_t pid, int out, int in, struct hindrance *ret)
{
	struct found f = { STEP_NONE, 0 };

	while (read(in, &f, sizeof(f)) == sizeof(f)) {
		if (f.step != STEP_MAP)
			return told(&f, ret);
		if (!map_jail(pid, ret))
			return true;
		if (write(out, "", 1) != 1)
			return false;
	}
	return false;
}

static bool root_is_weak(struct hindrance *ret)
{
	AUTO(fd) int fd = -1;
	long r = syscall(SYS_open_tree, AT_FDCWD, ".",
			 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	fd = (int)r;
	if (fd != -1 || errno != EPERM)
		return false;
	hinder_root(ret);
	return true;
}

bool hinder_find(struct hindrance *ret)
{
	int to[2], from[2];
	bool found;
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) == -1)
		return false;
	if (pipe2(from, O_CLOEXEC) == -1) {
		(void)close(to[0]);
		(void)close(to[1]);
		return false;
	}
	pid = fork();
	if (pid == 0) {
		(void)close(to[1]);
		try_all(to[0], from[1]);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	found = pid > 0 && listen_to(pid, to[1], from[0], ret);
	(void)close(to[1]);
	(void)close(from[0]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return found || (geteuid() == 0 && root_is_weak(ret));
}
