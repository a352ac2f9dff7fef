/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: file systems, idmapped mounts, Landlock, seccomp. */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cmd/doctor.h"
#include "jail/caps.h"
#include "jail/fence.h"
#include "jail/hinder.h"
#include "jail/landlock.h"
#include "jail/missing.h"
#include "jail/plan.h"
#include "jail/seccomp.h"
#include "policy/lack.h"

#define LANDLOCK_GOOD 6 /* with scopes for abstract sockets and signals */

/* ---- file systems by the new mount API ---- */

/* A mount of @type, not attached anywhere; -1. */
static int new_mount(const char *type, const char *key, const char *value)
{
	AUTO(fd) int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);

	if (fs == -1)
		return -1;
	if (key && syscall(SYS_fsconfig, fs,
			   value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
			   value, 0) == -1)
		return -1;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
		return -1;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
}

static void try_tmpfs(struct probe_result *r)
{
	int fd = new_mount("tmpfs", "size", "1048576");

	probe_set(r, fd != -1 && syscall(SYS_move_mount, fd, "", AT_FDCWD,
					 "/tmp", MOVE_MOUNT_F_EMPTY_PATH) == 0);
}

static void try_bind(struct probe_result *r)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, "/usr",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				      AT_RECURSIVE);

	probe_set(r, fd != -1 && syscall(SYS_mount_setattr, fd, "",
					 AT_EMPTY_PATH | AT_RECURSIVE, &ro,
					 sizeof(ro)) == 0);
}

static void try_devpts(struct probe_result *r)
{
	probe_set(r, new_mount("devpts", "newinstance", NULL) != -1);
}

/* The first child of a pid namespace is what its /proc would show. */
static void try_proc(struct probe_result *r)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(new_mount("proc", "hidepid", "invisible") != -1
			      ? 0
			      : errno & 0xff);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return;
	errno = WEXITSTATUS(status);
	probe_set(r, errno == 0);
	if (errno == EPERM) {
		struct hindrance h;

		hinder_proc(&h);
		probe_hinder(r, &h);
	}
}

/* ---- as root ---- */

/* What the supervisor does for a jail whose user is another. */
static void try_root_bind(struct probe_result *r)
{
	struct hindrance h;
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, ".",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	probe_set(r, fd != -1);
	if (r->ok || errno != EPERM)
		return;
	hinder_root(&h);
	probe_hinder(r, &h);
}

static int mapping_userns(unsigned inside, unsigned outside);

static void try_root_ids(struct probe_result *r)
{
	struct hindrance h;

	r->ok = mapping_userns(PLAN_INSIDE_UID, PLAN_ROOT_UID) != -1;
	if (r->ok)
		return;
	hinder_ids(PLAN_ROOT_UID, &h);
	probe_hinder(r, &h);
}

/* ---- idmapped mounts ---- */

static bool write_text(const char *path, const char *text)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd != -1 && write(fd, text, strlen(text)) > 0;
}

/* A user namespace that maps that uid and gid. */
static int mapping_userns(unsigned inside, unsigned outside)
{
	char path[64], map[40];
	int to[2], from[2];
	char c = 0;
	pid_t pid;
	int fd = -1;

	if (pipe2(to, O_CLOEXEC) == -1 || pipe2(from, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) == -1)
			_exit(1);
		(void)!write(from[1], &c, 1);
		(void)close(to[1]);
		(void)!read(to[0], &c, 1);
		_exit(0);
	}
	(void)close(from[1]);
	if (pid > 0 && read(from[0], &c, 1) == 1) {
		(void)snprintf(path, sizeof(path), "/proc/%d/uid_map",
			       (int)pid);
		(void)snprintf(map, sizeof(map), "%u %u 1", inside, outside);
		if (write_text(path, map)) {
			(void)snprintf(path, sizeof(path), "/proc/%d/gid_map",
				       (int)pid);
			(void)!write_text(path, map);
			(void)snprintf(path, sizeof(path), "/proc/%d/ns/user",
				       (int)pid);
			fd = open(path, O_RDONLY | O_CLOEXEC);
		}
	}
	(void)close(to[1]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return fd;
}

static void try_idmap(struct probe_result *r)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP };
	int ns = mapping_userns(1001, 1000);
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, ".",
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (ns == -1 || tree == -1) {
		probe_set(r, false);
		return;
	}
	a.userns_fd = (unsigned)ns;
	probe_set(r, syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &a,
			     sizeof(a)) == 0);
	probe_say(r, "%s%s", "the current directory",
		  r->ok ? "" : ": its file system cannot");
}

/* ---- Landlock ---- */

static void try_landlock(struct probe_result *r)
{
	int abi = landlock_abi();
	int set = abi > 0 ? landlock_new(abi) : -1;
	int fd;

	if (abi <= 0) {
		probe_set(r, false);
		return;
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (set < 0 || landlock_enter(set) < 0) {
		probe_say(r, "ABI %d, but it cannot be entered", abi);
		return;
	}
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	r->ok = fd == -1 && errno == EACCES;
	probe_say(r, "ABI %d%s", abi, r->ok ? "" : ", but it stops nothing");
}

#define ABI_DEVICES 5 /* files' rules in full: also truncation (3), devices */

static void try_landlock_files(struct probe_result *r)
{
	int abi = landlock_abi();

	r->ok = abi >= ABI_DEVICES;
	probe_say(r, "ABI %d", abi);
}

static void try_landlock_scope(struct probe_result *r)
{
	int abi = landlock_abi();

	r->ok = abi >= LANDLOCK_GOOD;
	probe_say(r, "ABI %d", abi);
}

/* ---- seccomp ---- */

/* A rare call in a child with the jail's own filter; we answer. */
static void try_seccomp(struct probe_result *r)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	int e = seccomp_enter(SECCOMP_JAIL, SECCOMP_SEES_NOTHING, false, NULL);

	if (e < 0) {
		errno = -e;
		probe_set(r, false);
		return;
	}
	/* Without a listener the rare calls fail with ENOSYS. */
	r->ok = unshare(CLONE_NEWUSER) == -1;
	probe_say(r, "%s", r->ok ? "" : "the filter stops nothing");
}

static void try_listener(struct probe_result *r)
{
	int fd;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = seccomp_enter(SECCOMP_JAIL, SECCOMP_SEES_NOTHING, true, NULL);
	if (fd < 0)
		errno = -fd;
	probe_set(r, fd >= 0);
}

static void try_sync_wake_up(struct probe_result *r)
{
	int fd;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = seccomp_enter(SECCOMP_JAIL, SECCOMP_SEES_NOTHING, true, NULL);
	probe_set(r, fd >= 0 && ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
				      SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0);
}

static void try_wait_killable(struct probe_result *r)
{
	/* A filter that is NULL: EFAULT when the flags are known. */
	long e = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			 SECCOMP_FILTER_FLAG_NEW_LISTENER |
				 SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			 NULL);

	probe_set(r, e == -1 && errno == EFAULT);
}

/* What a sandbox inside a session does first, with the filter it has then. */
static void try_nested(struct probe_result *r)
{
	int e;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	e = seccomp_enter(SECCOMP_NESTED, SECCOMP_SEES_NOTHING, false, NULL);
	if (e < 0)
		errno = -e;
	probe_set(r, e >= 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
			     mount("none", "/tmp", "tmpfs", 0, NULL) == 0);
	if (r->ok)
		probe_say(r, "for policies that say nested: true; it costs "
			     "Landlock's file rules");
}

/* The walls of that backend, around a process that needs nothing. */
static void try_landlock_backend(struct probe_result *r)
{
	const struct plan nothing = { .backend = PLAN_LANDLOCK };
	struct fence f = { .plan = &nothing,
			   .terminal = -1,
			   .warden = getppid() };
	struct diag why = { .text = "" };
	AUTO(buf) struct buf b = BUF_NULL;
	int listener = -1;

	r->ok = fence_check(&f.abi, &why) == 0 && caps_drop(&f.bounded) == 0 &&
		fence_enter(&f, &listener, &why) == 0;
	if (!r->ok) {
		probe_say(r, "%s", why.text);
		return;
	}
	buf_init(&b, sizeof(r->detail));
	for (size_t i = 0; i < LACK_MAX_; i++)
		(void)buf_printf(&b, "%s%s", i ? ", " : "", lack_words[i]);
	probe_say(r, "where namespaces are forbidden; without %.*s",
		  STR_ARG(buf_str(&b)));
}

#define NO_JAIL "no session can start"

const struct probe jail_probes[] = {
	{ "tmpfs", "tmpfs by the new mount API", PROBE_USERNS, CLONE_NEWNS,
	  true, false, try_tmpfs, NO_JAIL, "a kernel from 5.12 on" },
	{ "bind", "read-only clones of directories", PROBE_USERNS, CLONE_NEWNS,
	  true, false, try_bind, NO_JAIL, "a kernel from 5.12 on" },
	{ "devpts", "terminals of one's own", PROBE_USERNS, CLONE_NEWNS, true,
	  false, try_devpts, NO_JAIL, "a kernel with CONFIG_UNIX98_PTYS" },
	{ "proc", "a fresh /proc", PROBE_USERNS, CLONE_NEWNS | CLONE_NEWPID,
	  true, false, try_proc, NO_JAIL,
	  "a kernel from 5.8 on (hidepid=invisible)" },
	{ "root-bind", "files handed to the jail's user", PROBE_PLAIN, 0, true,
	  true, try_root_bind, NO_JAIL, "a kernel from 5.2 on" },
	{ "root-ids", "a user to run the jail as", PROBE_PLAIN, 0, true, true,
	  try_root_ids, NO_JAIL, "" },
	{ "idmap", "idmapped mounts", PROBE_PLAIN, 0, false, true, try_idmap,
	  "as root, only projects whose owner is not root can be worked on",
	  "a kernel from 5.12 on, and a project on ext4, xfs, btrfs (6.3: "
	  "tmpfs), not on overlayfs" },
	{ "nested", "sandboxes inside a session", PROBE_USERNS, CLONE_NEWNS,
	  false, false, try_nested, "nested: true of a policy is of no use",
	  "user namespaces in user namespaces: sysctl -w "
	  "user.max_user_namespaces=65536" },
	{ "landlock", "Landlock", PROBE_PLAIN, 0, true, false, try_landlock,
	  NO_JAIL,
	  "add landlock to lsm= on the kernel's command line, and reboot" },
	{ "landlock-files", "Landlock's rules of truncating and of devices",
	  PROBE_PLAIN, 0, false, false, try_landlock_files,
	  "for these the mounts and the owner's rights stand alone",
	  "a kernel from 6.10 on" },
	{ "landlock-scope", "Landlock's scopes", PROBE_PLAIN, 0, false, false,
	  try_landlock_scope,
	  "namespaces alone keep abstract sockets and signals apart",
	  "a kernel from 6.12 on" },
	{ "landlock-backend", "a session without namespaces", PROBE_PLAIN, 0,
	  false, false, try_landlock_backend,
	  "backend: landlock of a policy is of no use",
	  "a kernel from 6.12 on, with landlock in lsm=" },
	{ "seccomp", "the jail's system call filter", PROBE_PLAIN, 0, true,
	  false, try_seccomp, NO_JAIL, "a kernel with CONFIG_SECCOMP_FILTER" },
	{ "seccomp-listener", "refused calls seen from outside", PROBE_PLAIN, 0,
	  true, false, try_listener, NO_JAIL,
	  "a kernel from 5.9 on; not inside a sandbox that listens already" },
	{ "seccomp-sync", "a listener woken on the caller's CPU", PROBE_PLAIN,
	  0, false, false, try_sync_wake_up,
	  "refused calls cost 30 microseconds more each",
	  "a kernel from 6.6 on" },
	{ "seccomp-killable", "a caller that signals do not disturb",
	  PROBE_PLAIN, 0, false, false, try_wait_killable,
	  "a refused call may be tried twice", "a kernel from 5.19 on" },
};
const size_t n_jail_probes = N_ELEMS(jail_probes);
