/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of /proc and /sys by which the whole machine is read or steered.  They
 * are opened, never written; what is read is thrown away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

static void try_write(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	int fd = open(a->arg, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	(void)r;
	if (fd == -1)
		say_refused(out, errno, "%s", "");
	else
		say_reachable(out, "opened for writing");
}

static void try_read(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	char buf[4096];
	ssize_t n = read_file(a->arg, buf, sizeof(buf));

	(void)r;
	if (n == -1)
		say_refused(out, errno, "%s", "");
	else if (n == 0)
		say_refused(out, 0, "it is empty");
	else
		say_reachable(out, "%s", "");
}

/* Addresses that are all zero tell nothing. */
static void try_addresses(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	char buf[4096];
	ssize_t n = read_file(a->arg, buf, sizeof(buf));

	(void)r;
	if (n <= 0)
		say_refused(out, errno, "%s", "");
	else if (strspn(buf, "0") >= 8)
		say_refused(out, 0, "all addresses are 0");
	else
		say_reachable(out, "%s", "");
}

/* Any control group's file that runs a program of its own choice. */
static void try_release_agent(const struct attempt *a, const struct run *r,
			      struct result *out)
{
	static const char *const paths[] = {
		"/sys/fs/cgroup/release_agent",
		"/sys/fs/cgroup/memory/release_agent",
		"/sys/fs/cgroup/cpu/release_agent",
		"/sys/fs/cgroup/pids/release_agent",
		"/sys/fs/cgroup/rdma/release_agent",
		"/sys/fs/cgroup/devices/release_agent",
	};
	int e = ENOENT;

	(void)a;
	(void)r;
	for (size_t i = 0; i < N_ELEMS(paths); i++) {
		if (open(paths[i], O_WRONLY | O_CLOEXEC) != -1) {
			say_reachable(out, "%s", paths[i]);
			return;
		}
		if (errno != ENOENT)
			e = errno;
	}
	say_refused(out, e, "%s", "");
}

/* One's own control group: its limits, its members. */
static void try_own_cgroup(const struct attempt *a, const struct run *r,
			   struct result *out)
{
	char text[4096], path[4400];
	const char *p;
	int fd;

	(void)r;
	if (read_file("/proc/self/cgroup", text, sizeof(text)) <= 0) {
		say_refused(out, errno, "%s", "");
		return;
	}
	p = strstr(text, "0::/");
	p = p ? p + 3 : "/";
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s/%s",
		       (int)strcspn(p, "\n"), p, (const char *)a->arg);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		say_refused(out, errno, "%s", path);
	else
		say_reachable(out, "%s", path);
}

#define KNOB(id, what, ref, path)   ROW("proc." id, what, ref, try_write, path)
#define SECRET(id, what, ref, path) ROW("proc." id, what, ref, try_read, path)
#define SYSCTL(id, what, path) \
	KNOB("sysctl-" id, what, "root outside is root here", "/proc/sys/" path)

const struct attempt knob_rows[] = {
	SYSCTL("core-pattern", "the program that core files are piped to",
	       "kernel/core_pattern"),
	SYSCTL("modprobe", "the program that loads modules", "kernel/modprobe"),
	SYSCTL("hotplug", "the program for new devices", "kernel/hotplug"),
	SYSCTL("poweroff-cmd", "the program that ends the machine",
	       "kernel/poweroff_cmd"),
	SYSCTL("usermodehelper", "what the kernel's helpers may",
	       "kernel/usermodehelper/bset"),
	SYSCTL("sysrq", "the keys of the emergency", "kernel/sysrq"),
	SYSCTL("kptr-restrict", "whether addresses are shown",
	       "kernel/kptr_restrict"),
	SYSCTL("dmesg-restrict", "whether the log is shown",
	       "kernel/dmesg_restrict"),
	SYSCTL("randomize", "where programs are loaded",
	       "kernel/randomize_va_space"),
	SYSCTL("panic", "when the machine starts again", "kernel/panic"),
	SYSCTL("hostname", "the machine's name", "kernel/hostname"),
	SYSCTL("ns-last-pid", "the next process's number",
	       "kernel/ns_last_pid"),
	SYSCTL("perf", "who may measure", "kernel/perf_event_paranoid"),
	SYSCTL("bpf", "who may load programs",
	       "kernel/unprivileged_bpf_disabled"),
	SYSCTL("ptrace-scope", "who may trace", "kernel/yama/ptrace_scope"),
	SYSCTL("io-uring", "who may make rings", "kernel/io_uring_disabled"),
	SYSCTL("userns", "how many user namespaces",
	       "user/max_user_namespaces"),
	SYSCTL("overcommit", "memory that is promised", "vm/overcommit_memory"),
	SYSCTL("drop-caches", "the machine's caches", "vm/drop_caches"),
	SYSCTL("mmap-min-addr", "the lowest address", "vm/mmap_min_addr"),
	SYSCTL("file-max", "the machine's open files", "fs/file-max"),
	SYSCTL("suid-dumpable", "core files of privileged programs",
	       "fs/suid_dumpable"),
	SYSCTL("protected-links", "guards of shared directories",
	       "fs/protected_symlinks"),
	SYSCTL("ip-forward", "forwarding packets", "net/ipv4/ip_forward"),
	SYSCTL("unprivileged-ports", "ports of root",
	       "net/ipv4/ip_unprivileged_port_start"),
	SYSCTL("ping-group", "who may send echo requests",
	       "net/ipv4/ping_group_range"),
	KNOB("sysrq-trigger", "crash, reboot, dump", "proc(5)",
	     "/proc/sysrq-trigger"),
	KNOB("binfmt-register", "a program for a kind of file",
	     "binfmt_misc takes root's credentials",
	     "/proc/sys/fs/binfmt_misc/register"),
	KNOB("mtrr", "memory types", "proc(5)", "/proc/mtrr"),
	KNOB("irq-affinity", "who answers interrupts", "proc(5)",
	     "/proc/irq/default_smp_affinity"),
	KNOB("acpi-wakeup", "what wakes the machine", "proc(5)",
	     "/proc/acpi/wakeup"),
	KNOB("uevent-helper", "the program for new devices",
	     "uevent_helper escape", "/sys/kernel/uevent_helper"),
	KNOB("power-state", "put the machine to sleep", "sysfs(5)",
	     "/sys/power/state"),
	KNOB("hugepages", "the machine's memory", "sysfs(5)",
	     "/sys/kernel/mm/transparent_hugepage/enabled"),
	KNOB("efivars", "the firmware's variables", "a bricked machine",
	     "/sys/firmware/efi/efivars"),
	ROW("proc.release-agent", "the program for empty control groups",
	    "CVE-2022-0492", try_release_agent, NULL),
	ROW("proc.cgroup-procs", "members of the own control group",
	    "cgroups(7)", try_own_cgroup, "cgroup.procs"),
	ROW("proc.cgroup-memory", "memory limit of the own control group",
	    "cgroups(7)", try_own_cgroup, "memory.max"),
	ROW("proc.cgroup-pids", "process limit of the own control group",
	    "cgroups(7)", try_own_cgroup, "pids.max"),
	SECRET("kcore", "the kernel's memory", "proc_kcore(5)", "/proc/kcore"),
	SECRET("kpagecount", "who shares memory", "proc(5)",
	       "/proc/kpagecount"),
	SECRET("kmsg", "the kernel's log", "proc_kmsg(5)", "/proc/kmsg"),
	ROW("proc.kallsyms", "addresses of the kernel", "kptr_restrict",
	    try_addresses, "/proc/kallsyms"),
	SECRET("keys", "keys of all users", "proc_keys(5)", "/proc/keys"),
	SECRET("timer-list", "timers of all processes", "masked by runc",
	       "/proc/timer_list"),
	SECRET("sched-debug", "all processes", "masked by runc",
	       "/proc/sched_debug"),
	SECRET("latency-stats", "what processes wait for", "masked by runc",
	       "/proc/latency_stats"),
	SECRET("config", "how the kernel was built", "proc(5)",
	       "/proc/config.gz"),
	SECRET("vmallocinfo", "the kernel's memory", "proc(5)",
	       "/proc/vmallocinfo"),
	SECRET("slabinfo", "the kernel's objects", "proc(5)", "/proc/slabinfo"),
	SECRET("interrupts", "key strokes, by their times", "proc(5)",
	       "/proc/interrupts"),
	SECRET("modules", "what the kernel has loaded", "proc_modules(5)",
	       "/proc/modules"),
	SECRET("debugfs", "insides of all drivers", "debugfs",
	       "/sys/kernel/debug/sched/features"),
	SECRET("tracefs", "tracing of all", "tracefs",
	       "/sys/kernel/tracing/available_events"),
	SECRET("powercap", "CPU's energy, which tells of keys", "CVE-2020-8694",
	       "/sys/class/powercap/intel-rapl:0/energy_uj"),
	SECRET("dmi", "the machine's serial number", "masked by runc",
	       "/sys/class/dmi/id/product_serial"),
};
END_ROWS(knob);
