/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells, and what of it can be written. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "escape.h"

#define N_SECRET  7 /* of init's files: no other backend shows them either */
#define N_CAPABLE 2 /* of the kernel's: they ask for capabilities */
#define MANY_PIDS 8 /* a jail that runs this program has fewer */

static int count_pids(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
	if (d)
		(void)closedir(d);
	return n;
}

static void init_is_hidden(void)
{
	static const char *const files[] = { "environ", "mem",     "maps",
					     "root",    "cwd",     "exe",
					     "fd/3",    "cmdline", "status",
					     "fd" };
	char path[64];

	for (size_t i = 0; i < N_ELEMS(files); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/%s",
			       alone ? getppid() : 1, files[i]);
		if (i < N_SECRET || has("processes"))
			REFUSED(BEYOND, open(path, O_RDONLY));
	}
}

static void knobs_are_fixed(void)
{
	static const char *const files[] = {
		"sys/kernel/core_pattern",
		"sys/kernel/modprobe",
		"sys/kernel/hostname",
		"sys/net/ipv4/ip_forward",
		"sys/net/ipv4/ip_unprivileged_port_start",
		"sys/net/ipv4/ping_group_range",
		"sys/user/max_net_namespaces",
		"sys/vm/overcommit_memory",
		"sysrq-trigger",
	};
	char path[96];

	for (size_t i = 0; i < N_ELEMS(files); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%s", files[i]);
		/* Missing in some kernels. */
		if (access(path, F_OK) == 0)
			REFUSED2(EROFS, EACCES, open(path, O_WRONLY));
	}
}

static void secrets_are_masked(void)
{
	static const char *const files[] = { "kcore", "kmsg", "keys",
					     "timer_list", "kpagemap" };
	char path[64];

	for (size_t i = 0; i < N_ELEMS(files); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%s", files[i]);
		if (access(path, F_OK) == 0 &&
		    (i < N_CAPABLE || has("processes")))
			REFUSED2(EACCES, EPERM, open(path, O_RDONLY));
	}
	REFUSED2(BEYOND, ENOENT, open("/sys/kernel/notes", O_RDONLY));
	REFUSED2(BEYOND, ENOENT, open("/sys/fs/cgroup", O_RDONLY));
	if (has("metadata"))
		HOLDS(access("/sys/kernel", F_OK) == -1 &&
		      access("/sys/fs/cgroup", F_OK) == -1);
}

/* argv[1]: a process of the host. */
int main(int argc, char **argv)
{
	char path[64];
	struct stat st, root;

	HOLDS(argc == 2 && count_pids() > 0);
	if (argc == 2 && has("processes"))
		HOLDS(count_pids() < MANY_PIDS);
	if (argc == 2 && number(argv[1]) > MANY_PIDS) {
		(void)snprintf(path, sizeof(path), "/proc/%s/stat", argv[1]);
		if (has("processes"))
			REFUSED(ENOENT, open(path, O_RDONLY));
		REFUSED(alone ? EPERM : ESRCH, kill(number(argv[1]), 0));
	}
	init_is_hidden();
	knobs_are_fixed();
	secrets_are_masked();
	/* The magic link leads to the jail's root and no further. */
	HOLDS(stat("/proc/self/root/..", &st) == 0 && stat("/", &root) == 0 &&
	      st.st_ino == root.st_ino && st.st_dev == root.st_dev);
	if (alone)
		REFUSED(EACCES, open("/proc/self/comm", O_WRONLY));
	else
		WORKS(open("/proc/self/comm", O_WRONLY));
	WORKS(open("/proc/meminfo", O_RDONLY));
	WORKS(open("/proc/sys/kernel/osrelease", O_RDONLY));
	return verdict();
}
