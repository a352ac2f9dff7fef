/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * In the zygote, once, since an empty root needs to be no relay's own, and to
 * make and remove one costs half a millisecond:
 *   1. maps: without them a mount in the new user namespace is refused; /proc
 *      must still be there, and the process dumpable, or its files are root's;
 *   2. an empty tmpfs becomes the root, the old one is detached.
 * In each relay, which is born into a user namespace of its own (no privilege
 * over what the zygote made, processes counted apart) and a pid namespace:
 *   3. Landlock with no rule: the same wall again, by other means, and the only
 *      one where namespaces are refused; where the kernel knows how, also no
 *      TCP bind (6.7), and no signals or abstract sockets beyond the domain
 *      (6.12);
 *   4. limits; capabilities; not dumpable: nobody of the same uid may look
 *      inside;
 *   5. seccomp, which would refuse all of the above.
 *
 * Not the network's namespace: reaching it is the purpose.  What remains is
 * sockets to the host's network, which policy checks before they are opened,
 * and seccomp keeps to TCP and UDP.
 *
 * Root drops to CONFINE_UID in the zygote already: nothing here needs it.
 */
#include "relay/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/wall.h"
#include "jail/landlock.h"

#define PROCESSES_MAX 32 /* a relay and its helpers */

/* One for all relays, and one for each. */
#define ZYGOTE_NAMESPACES                                            \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP)
#define RELAY_NAMESPACES (CLONE_NEWUSER | CLONE_NEWPID)

static struct confine_layers
	shared; /* as far as it goes before a relay's own */

static int write_file(const char *path, const char *text)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return neg_errno();
	return fd_write_full(fd, text, strlen(text));
}

/*
 * Step 1: our own ids, and no others, under the same numbers.  @uid and @gid
 * were asked for before the namespace was new: without a map they cannot be.
 */
static int write_maps(uid_t uid, gid_t gid)
{
	char text[32];
	int r;

	r = write_file("/proc/self/setgroups", "deny");
	if (r != 0)
		return r;
	(void)snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	r = write_file("/proc/self/uid_map", text);
	if (r != 0)
		return r;
	(void)snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	return write_file("/proc/self/gid_map", text);
}

/* Step 2.  /proc is there for sure, and no longer needed. */
static int empty_root(void)
{
	static const char place[] = "/proc";

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,nr_inodes=2,mode=0555") == -1 ||
	    chdir(place) == -1 || syscall(SYS_pivot_root, ".", ".") == -1 ||
	    umount2(".", MNT_DETACH) == -1 || chdir("/") == -1 ||
	    mount(NULL, "/", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV |
			  MS_NOEXEC,
		  NULL) == -1)
		return neg_errno();
	return 0;
}

/* What was begun in a namespace and cannot be finished there is no wall. */
static int enter_namespaces(bool *ret_root)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	*ret_root = false;
	if (unshare(ZYGOTE_NAMESPACES) == -1)
		return 0; /* Landlock alone, then */
	r = write_maps(uid, gid);
	if (r == 0 && WALL(RELAY_ROOT))
		r = empty_root();
	*ret_root = r == 0;
	return r;
}

/* Root of a container may lack them, and then is a user like any other. */
static bool may_change_ids(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct own[2] = { 0 };
	const uint32_t needs = 1u << CAP_SETUID | 1u << CAP_SETGID;

	return geteuid() == 0 && syscall(SYS_capget, &h, own) == 0 &&
	       (own[0].effective & needs) == needs;
}

static int drop_ids(void)
{
	if (!may_change_ids() || !WALL(RELAY_UID))
		return 0;
	if (setgroups(0, NULL) == -1 ||
	    setresgid(CONFINE_UID, CONFINE_UID, CONFINE_UID) == -1 ||
	    setresuid(CONFINE_UID, CONFINE_UID, CONFINE_UID) == -1)
		return neg_errno();
	return 0;
}

int confine_zygote(void)
{
	int r = drop_ids();

	environ = NULL; /* the libraries' knobs among it */
	shared.uid = geteuid();
	if (r == 0)
		r = confine_prepare();
	if (r != 0)
		return r;
	/* Changing the uid made us not dumpable, and the maps unreachable. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	r = enter_namespaces(&shared.root);
	(void)prctl(PR_SET_DUMPABLE, WALL(RELAY_DUMPABLE) ? 0 : 1);
	return r;
}

int confine_fork(void)
{
	struct clone_args args = {
		.flags = WALL(RELAY_NAMESPACES) ? RELAY_NAMESPACES : 0,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	shared.namespaces = pid != -1;
	if (pid == -1)
		pid = fork();
	return pid == -1 ? neg_errno() : (int)pid;
}

/* Step 3. */
int confine_landlock(void)
{
	int abi = landlock_abi();
	AUTO(fd) int ruleset = -1;
	int r;

	if (abi == 0 || !WALL(RELAY_LANDLOCK))
		return 0;
	r = landlock_new_unbound(abi);
	if (r < 0)
		return 0;
	ruleset = r;
	return landlock_enter(ruleset) == 0 ? abi : 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { 0 };

	/* Fails at the first number the kernel does not know, or without
	 * privilege, when there is nothing to drop. */
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap) == -1)
			break;
	}
	if (syscall(SYS_capset, &h, none) == -1)
		return neg_errno();
	return 0;
}

static int set_limits(bool own_count)
{
	struct rlimit procs = { 0 }, none = { 0 };
	int r = fd_raise_limit();

	if (r != 0)
		return r;
	/* Never above what we were given: that needs a privilege. */
	if (getrlimit(RLIMIT_NPROC, &procs) == -1)
		return neg_errno();
	if (procs.rlim_max > PROCESSES_MAX)
		procs.rlim_max = PROCESSES_MAX;
	procs.rlim_cur = procs.rlim_max;
	/* Counted for each user namespace; elsewhere for all of a uid. */
	if (own_count && WALL(RELAY_PROCESSES) &&
	    setrlimit(RLIMIT_NPROC, &procs) == -1)
		return neg_errno();

	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    (WALL(RELAY_DUMPABLE) && prctl(PR_SET_DUMPABLE, 0) == -1))
		return neg_errno();
	return 0;
}

int confine_enter(struct confine_layers *ret, const char **ret_step)
{
	int r;

	*ret = shared;
	*ret_step = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return neg_errno();
	ret->landlock = confine_landlock();
	*ret_step = "file system";
	if (!ret->root && ret->landlock == 0)
		return -ENOSYS;
	*ret_step = "limits";
	r = set_limits(shared.namespaces);
	if (r != 0)
		return r;
	*ret_step = "capabilities";
	r = WALL(RELAY_CAPS) ? drop_capabilities() : 0;
	if (r != 0)
		return r;
	*ret_step = "seccomp";
	r = WALL(RELAY_SECCOMP) ? confine_seccomp() : 0;
	ret->seccomp = r == 0;
	return r;
}

void confine_format(const struct confine_layers *l, struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_kbool(&w, "namespaces", l->namespaces);
	json_kbool(&w, "root", l->root);
	json_kint(&w, "landlock", l->landlock);
	json_kbool(&w, "seccomp", l->seccomp);
	json_kuint(&w, "uid", l->uid);
	json_close(&w, '}');
}
