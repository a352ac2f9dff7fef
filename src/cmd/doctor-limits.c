/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: which means there are for limits, for watching, and our own files. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "jail/limits-cgroup.h"

#define WATCHES_GOOD 65536

/* Makes a group as a session does, and removes it. */
static void try_controller(struct probe_result *r, enum cgroup_controller c)
{
	char text[8192];
	struct cgroup g;
	AUTO(fd) int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, sizeof(text)) : -1;

	if (n <= 0) {
		probe_set(r, false);
		return;
	}
	cgroup_make(&g, "/sys/fs/cgroup", (struct str){ text, (size_t)n });
	if (c == CGROUP_CPU)
		cgroup_join_late(&g, c, getpid());
	cgroup_enter(&g);
	if (cgroup_leave(&g) < 0)
		g.on[c] = false;
	r->ok = g.on[c];
	if (r->ok)
		probe_say(r, "%s", g.kind == CGROUP_V2 ? "v2" : "v1");
	else
		probe_say(r, "no group could be made below /sys/fs/cgroup");
	cgroup_remove(&g);
}

static void try_memory(struct probe_result *r)
{
	try_controller(r, CGROUP_MEMORY);
}

static void try_pids(struct probe_result *r)
{
	try_controller(r, CGROUP_PIDS);
}

static void try_cpu(struct probe_result *r)
{
	try_controller(r, CGROUP_CPU);
}

static void try_inotify(struct probe_result *r)
{
	int64_t n = probe_read_number("/proc/sys/fs/inotify/max_user_watches");
	AUTO(fd) int fd = inotify_init1(IN_CLOEXEC);

	if (fd == -1 || inotify_add_watch(fd, "/", IN_CREATE) == -1) {
		probe_set(r, false);
		return;
	}
	r->ok = n >= WATCHES_GOOD;
	probe_say(r, "%lld watches", (long long)n);
}

static void try_children(struct probe_result *r)
{
	probe_set(r, access("/proc/thread-self/children", R_OK) == 0);
}

/* By what is there of the way to it; nothing is made here. */
static bool can_be_made(const char *path)
{
	char part[4200];
	int n = snprintf(part, sizeof(part), "%s", path);
	char *slash;

	if (n < 0 || (size_t)n >= sizeof(part))
		return false;
	while ((slash = strrchr(part, '/')) != NULL && slash != part) {
		*slash = '\0';
		if (access(part, F_OK) == 0)
			return access(part, W_OK | X_OK) == 0;
	}
	return access("/", W_OK | X_OK) == 0;
}

static void try_state(struct probe_result *r)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	const char *dir;
	int e;

	arena_init(&a, 16384);
	dir = client_state_dir(&a);
	if (!dir) {
		probe_say(r, "neither HOME nor BAWN_STATE_DIR is set");
		return;
	}
	probe_say(r, "%.150s", dir);
	if (access(dir, F_OK) == -1) {
		r->ok = can_be_made(dir);
		if (!r->ok)
			(void)snprintf(r->mend, sizeof(r->mend),
				       "set HOME or BAWN_STATE_DIR to a "
				       "directory of yours");
		return;
	}
	e = dir_make_private(dir);
	r->ok = e == 0;
	(void)snprintf(r->mend, sizeof(r->mend), "chmod 700 %.150s", dir);
}

static void try_programs(struct probe_result *r)
{
	char path[4200];

	r->ok = cmd_libexec("bawnd", path, sizeof(path));
	probe_say(r, "%.150s", r->ok ? path : "no bawnd");
}

#define CGROUP_MEND                                                          \
	"log in by systemd with cgroup v2 (loginctl shows a user manager), " \
	"systemd-run --user --scope -p Delegate=yes bawn run ..., or as root"

const struct probe limit_probes[] = {
	{ "cgroup-memory", "a memory limit by control group", PROBE_PLAIN, 0,
	  false, false, try_memory,
	  "memory is polled and the largest process killed", CGROUP_MEND },
	{ "cgroup-pids", "a process limit by control group", PROBE_PLAIN, 0,
	  false, false, try_pids, "RLIMIT_NPROC does the same", CGROUP_MEND },
	{ "cgroup-cpu", "a CPU limit by control group", PROBE_PLAIN, 0, false,
	  false, try_cpu, "CPUs are chosen by affinity, which is advice",
	  CGROUP_MEND },
	{ "proc-children", "lists of child processes", PROBE_PLAIN, 0, false,
	  false, try_children, "memory cannot be polled",
	  "a kernel with CONFIG_PROC_CHILDREN" },
	{ "inotify", "watching for files that come to match 'hide'",
	  PROBE_PLAIN, 0, false, false, try_inotify,
	  "in large projects new hidden files are found late",
	  "sysctl -w fs.inotify.max_user_watches=524288" },
	{ "state", "a state directory of one's own", PROBE_PARENT, 0, true,
	  false, try_state, "no session can start",
	  "set HOME, or BAWN_STATE_DIR" },
	{ "programs", "bawnd", PROBE_PARENT, 0, true, false, try_programs,
	  "no session can start", "install bawn whole: make install" },
};
const size_t n_limit_probes = N_ELEMS(limit_probes);
