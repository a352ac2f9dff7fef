/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: namespaces and the system calls that bawn cannot do without. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "cmd/doctor.h"
#include "ipc/ipc.h"
#include "jail/hinder.h"

#define FILES_GOOD 20000u /* descriptors: 10,000 connections in one session */

static void try_kernel(struct probe_result *r)
{
	struct utsname u;

	probe_set(r, uname(&u) == 0);
	if (r->ok)
		probe_say(r, "%.60s %.60s", u.sysname, u.release);
}

/* Which of the known locks is it? */
static void try_userns(struct probe_result *r)
{
	probe_set(r, true); /* being here is the proof */
}

static void try_mount(struct probe_result *r)
{
	bool ok = mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		  mount("none", "/tmp", "tmpfs", 0, NULL) == 0;
	struct hindrance h;

	r->ok = ok;
	if (ok)
		return;
	hinder_mounts(neg_errno(), &h);
	probe_hinder(r, &h);
}

static void try_there(struct probe_result *r)
{
	probe_set(r, true);
}

static void try_pidns(struct probe_result *r)
{
	int status = 1;
	pid_t pid = fork(); /* the first one is pid 1 */

	if (pid == 0)
		_exit(getpid() == 1 ? 0 : 1);
	probe_set(r, pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void try_pidfd(struct probe_result *r)
{
	pid_t pid = fork();
	struct pollfd p = { .events = POLLIN };

	if (pid == 0)
		_exit(0);
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	probe_set(r, p.fd != -1 && poll(&p, 1, 2000) == 1);
}

static void try_clone3(struct probe_result *r)
{
	/* A size it cannot know: EINVAL or E2BIG from one that is there. */
	probe_set(r, syscall(SYS_clone3, NULL, 1) == -1 && errno != ENOSYS &&
			     errno != EPERM);
}

static void try_openat2(struct probe_result *r)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT |
					   RESOLVE_NO_MAGICLINKS };

	probe_set(r,
		  syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)) != -1);
}

static void try_memfd(struct probe_result *r)
{
	int fd = memfd_create("doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	probe_set(r, fd != -1 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
}

static void try_sockets(struct probe_result *r)
{
	int fds[2];
	int e = ipc_pair(fds);

	r->ok = e == 0;
	if (e < 0)
		probe_say(r, "%s", strerror(-e));
}

static void try_files(struct probe_result *r)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1)
		return;
	r->ok = l.rlim_max >= FILES_GOOD;
	probe_say(r, "%llu", (unsigned long long)l.rlim_max);
}

#define NS_MEND                                                            \
	"sysctl -w user.max_user_namespaces=65536; on Debian also "        \
	"kernel.unprivileged_userns_clone=1, on Ubuntu "                   \
	"kernel.apparmor_restrict_unprivileged_userns=0; in a container: " \
	"run it with --security-opt seccomp=unconfined"
#define NO_JAIL "no session can start"

const struct probe kernel_probes[] = {
	{ "kernel", "which kernel", PROBE_PARENT, 0, false, false, try_kernel,
	  "", "" },
	{ "userns", "a user namespace of one's own", PROBE_USERNS, 0, true,
	  false, try_userns, NO_JAIL, NS_MEND },
	{ "mountns", "mounting in a namespace", PROBE_USERNS, CLONE_NEWNS, true,
	  false, try_mount, NO_JAIL, NS_MEND },
	{ "pidns", "a pid namespace", PROBE_USERNS, CLONE_NEWPID, true, false,
	  try_pidns, NO_JAIL, "sysctl -w user.max_pid_namespaces=65536" },
	{ "netns", "a network namespace", PROBE_USERNS, CLONE_NEWNET, true,
	  false, try_there, NO_JAIL,
	  "sysctl -w user.max_net_namespaces=65536" },
	{ "ipcns", "an ipc namespace", PROBE_USERNS, CLONE_NEWIPC, true, false,
	  try_there, NO_JAIL, "sysctl -w user.max_ipc_namespaces=65536" },
	{ "utsns", "a host name of one's own", PROBE_USERNS, CLONE_NEWUTS, true,
	  false, try_there, NO_JAIL,
	  "sysctl -w user.max_uts_namespaces=65536" },
	{ "cgroupns", "a cgroup namespace", PROBE_USERNS, CLONE_NEWCGROUP, true,
	  false, try_there, NO_JAIL,
	  "sysctl -w user.max_cgroup_namespaces=65536" },
	{ "clone3", "clone3(2)", PROBE_PLAIN, 0, false, false, try_clone3,
	  "cgroup v2 is entered more slowly",
	  "a container runtime that lets clone3 through" },
	{ "pidfd", "process descriptors", PROBE_PLAIN, 0, true, false,
	  try_pidfd, NO_JAIL, "a kernel from 5.3 on" },
	{ "openat2", "paths resolved without leaving a tree", PROBE_PLAIN, 0,
	  true, false, try_openat2, NO_JAIL, "a kernel from 5.6 on" },
	{ "memfd", "sealed memory files", PROBE_PLAIN, 0, true, false,
	  try_memfd, NO_JAIL, "a kernel with CONFIG_MEMFD_CREATE" },
	{ "seqpacket", "sockets between our own processes", PROBE_PLAIN, 0,
	  true, false, try_sockets, NO_JAIL, "a kernel with CONFIG_UNIX" },
	{ "nofile", "descriptors of a process", PROBE_PLAIN, 0, false, false,
	  try_files, "fewer connections at once in a session",
	  "raise the hard limit: LimitNOFILE=, or limits.conf" },
};
const size_t n_kernel_probes = N_ELEMS(kernel_probes);
