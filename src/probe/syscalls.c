/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Each call is made with arguments that no kernel accepts, chosen so that it
 * says so before it asks who is calling, where it can be: EINVAL or EFAULT mean
 * that the filter let the call through, EPERM, EACCES and ENOSYS that it did not
 * or that this kernel grants it to nobody like us.  A run outside (--baseline)
 * tells these apart.  No arguments here change anything, for root either: that
 * is an invariant of the table, and each row's second thought.
 *
 * A call that a filter refuses by its number in one ABI has other numbers in
 * the others: int $0x80 takes i386's from any process, and bit 30 marks x32's.
 * On arm64 those of 32-bit ARM take a program of it (program.h).
 */
#include "probe/syscalls.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/numbers-arm.h"
#include "probe/numbers.h"
#include "probe/program.h"

#define NONE    (-1)
#define ALL     0xffffffffL
#define NOWHERE 1L /* an address that is never mapped */
#define X32_BIT 0x40000000
#define N_ARGS  6

struct call {
	const char *name, *what, *ref;
	int native, i386, x32, arm; /* NONE: there is none */
	long args[N_ARGS];
};

/* x32 takes most numbers of x86-64; NR: but for those that it does not. */
#define NR(name)            SYS_##name, I386_##name, SYS_##name, ARM_##name
#define NR_X32(name, other) SYS_##name, I386_##name, (other), ARM_##name

static const struct call calls[] = {
	{ "mount", "mount a file system", "mount(2)", NR(mount) },
	{ "umount2", "take a mount off", "umount(2)", NR(umount2), { 0, ALL } },
	{ "pivot-root", "change the root mount", "pivot_root(2)",
	  NR(pivot_root) },
	{ "chroot", "change the root directory", "chroot(2)", NR(chroot) },
	{ "fsopen",
	  "new mount API: open a file system",
	  "CVE-2022-0185",
	  NR(fsopen),
	  { 0, ALL } },
	{ "fsconfig",
	  "new mount API: configure one",
	  "CVE-2022-0185",
	  NR(fsconfig),
	  { -1, ALL } },
	{ "fsmount",
	  "new mount API: make a mount",
	  "CVE-2021-41133",
	  NR(fsmount),
	  { -1, ALL } },
	{ "fspick",
	  "new mount API: pick a mount",
	  "CVE-2021-41133",
	  NR(fspick),
	  { -1, 0, ALL } },
	{ "move-mount",
	  "new mount API: move a mount",
	  "CVE-2021-41133",
	  NR(move_mount),
	  { -1, 0, -1, 0, ALL } },
	{ "open-tree",
	  "new mount API: copy mounts",
	  "CVE-2021-41133",
	  NR(open_tree),
	  { -1, 0, ALL } },
	{ "open-tree-attr",
	  "new mount API: copy with attributes",
	  "open_tree_attr(2)",
	  NR(open_tree_attr),
	  { -1, 0, ALL } },
	{ "mount-setattr",
	  "new mount API: idmap, read-write",
	  "mount_setattr(2)",
	  NR(mount_setattr),
	  { -1, 0, ALL } },
	{ "setns", "enter a namespace", "setns(2)", NR(setns), { -1 } },
	{ "unshare",
	  "leave for new namespaces",
	  "unshare(2)",
	  NR(unshare),
	  { ALL } },
	{ "clone-newuser",
	  "clone with a user namespace",
	  "CVE-2022-0185",
	  NR(clone),
	  { CLONE_NEWUSER | CLONE_FS } },
	{ "clone3", "clone with its flags in memory", "clone3(2)", NR(clone3) },
	{ "bpf",
	  "load programs into the kernel",
	  "CVE-2021-3490",
	  NR(bpf),
	  { 9999, 0, 1 << 20 } },
	{ "perf-event-open",
	  "performance counters",
	  "CVE-2023-2235",
	  NR(perf_event_open),
	  { 0, 0, -1, -1, -1 } },
	{ "userfaultfd",
	  "answer page faults",
	  "userfaultfd(2)",
	  NR(userfaultfd),
	  { 0x40000001 } },
	{ "init-module", "load a module", "init_module(2)", NR(init_module) },
	{ "finit-module",
	  "load a module from a file",
	  "init_module(2)",
	  NR(finit_module),
	  { -1, 0, ALL } },
	{ "delete-module", "unload a module", "delete_module(2)",
	  NR(delete_module) },
	{ "kexec-load",
	  "load another kernel",
	  "kexec_load(2)",
	  NR_X32(kexec_load, 528),
	  { 0, 17, 0, ALL } },
	{ "kexec-file-load",
	  "load another kernel from a file",
	  "kexec_file_load(2)",
	  NR(kexec_file_load),
	  { -1, -1, 0, 0, ALL } },
	{ "reboot", "stop the machine", "reboot(2)", NR(reboot) },
	{ "swapon", "swap to a file", "swapon(2)", NR(swapon), { 0, ALL } },
	{ "swapoff", "end swapping", "swapon(2)", NR(swapoff) },
	{ "acct", "process accounting", "acct(2)", NR(acct), { NOWHERE } },
	{ "quotactl", "quotas", "quotactl(2)", NR(quotactl), { ALL } },
	{ "quotactl-fd",
	  "quotas by descriptor",
	  "quotactl(2)",
	  NR(quotactl_fd),
	  { -1, ALL } },
	{ "settimeofday",
	  "set the clock",
	  "settimeofday(2)",
	  NR(settimeofday),
	  { NOWHERE, NOWHERE } },
	{ "clock-settime",
	  "set a clock",
	  "clock_settime(2)",
	  NR(clock_settime),
	  { 0, NOWHERE } },
	{ "adjtimex",
	  "tune the clock",
	  "adjtimex(2)",
	  NR(adjtimex),
	  { NOWHERE } },
	{ "clock-adjtime",
	  "tune a clock",
	  "clock_adjtime(2)",
	  NR(clock_adjtime),
	  { 0, NOWHERE } },
	{ "sethostname",
	  "name the machine",
	  "sethostname(2)",
	  NR(sethostname),
	  { 0, -1 } },
	{ "setdomainname",
	  "name its domain",
	  "setdomainname(2)",
	  NR(setdomainname),
	  { 0, -1 } },
	{ "syslog", "the kernel's log", "syslog(2)", NR(syslog), { 99 } },
	{ "vhangup", "hang up the terminal", "vhangup(2)", NR(vhangup) },
	{ "iopl", "input and output ports", "iopl(2)", NR(iopl), { 4 } },
	{ "ioperm",
	  "input and output ports",
	  "ioperm(2)",
	  NR(ioperm),
	  { 0x10000, 1, 1 } },
	{ "lookup-dcookie", "paths of the profiler", "lookup_dcookie(2)",
	  NR(lookup_dcookie) },
	{ "fanotify-init",
	  "watch whole file systems",
	  "fanotify(7)",
	  NR(fanotify_init),
	  { 0x40000200 } },
	{ "name-to-handle-at",
	  "a handle of a file",
	  "CVE-2014-3519",
	  NR(name_to_handle_at),
	  { -1, 0, 0, 0, ALL } },
	{ "open-by-handle-at",
	  "a file by its handle, past all paths",
	  "the shocker escape",
	  NR(open_by_handle_at),
	  { -1 } },
	{ "add-key",
	  "kernel keys",
	  "keyrings(7)",
	  NR(add_key),
	  { 0, 0, 0, 2 << 20 } },
	{ "request-key", "kernel keys, and programs run for them",
	  "request_key(2)", NR(request_key) },
	{ "keyctl",
	  "keyrings, which no namespace divides",
	  "CVE-2016-0728",
	  NR(keyctl),
	  { 9999 } },
	{ "pidfd-getfd",
	  "another process's descriptors",
	  "pidfd_getfd(2)",
	  NR(pidfd_getfd),
	  { -1, -1, ALL } },
	{ "kcmp",
	  "compare other processes' resources",
	  "kcmp(2)",
	  NR(kcmp),
	  { -1, -1, 99 } },
	{ "io-uring-setup", "system calls past the filter", "CVE-2022-29582",
	  NR(io_uring_setup) },
	{ "io-uring-enter",
	  "run the ring",
	  "CVE-2022-2602",
	  NR(io_uring_enter),
	  { -1, 0, 0, ALL } },
	{ "io-uring-register",
	  "the ring's files and buffers",
	  "CVE-2023-2598",
	  NR(io_uring_register),
	  { -1, ALL } },
	{ "openat2",
	  "open with its mode in memory",
	  "openat2(2)",
	  NR(openat2),
	  { -1 } },
	{ "memfd-secret",
	  "memory that nobody can look into",
	  "memfd_secret(2)",
	  NR(memfd_secret),
	  { ALL } },
	{ "statmount", "what a mount is", "statmount(2)", NR(statmount) },
	{ "listmount", "which mounts there are", "listmount(2)",
	  NR(listmount) },
	{ "listns", "which namespaces there are", "listns(2)", NR(listns) },
	{ "cachestat",
	  "which of a file is in memory",
	  "page cache attacks",
	  NR(cachestat),
	  { -1 } },
	{ "lsm-set-self-attr",
	  "another label of a security module",
	  "lsm_set_self_attr(2)",
	  NR(lsm_set_self_attr),
	  { 0, 0, 0, ALL } },
	{ "lsm-list-modules",
	  "which security modules there are",
	  "lsm_list_modules(2)",
	  NR(lsm_list_modules),
	  { 0, 0, ALL } },
	{ "uselib", "load a library, the old way", "uselib(2)", NR(uselib) },
	{ "ustat", "a device's numbers", "ustat(2)", NR(ustat) },
	{ "sysfs", "names of file systems", "sysfs(2)", NR(sysfs), { 99 } },
	{ "nfsservctl", "the NFS server", "nfsservctl(2)", NR(nfsservctl) },
	{ "vmsplice",
	  "map memory into a pipe",
	  "CVE-2008-0600",
	  NR_X32(vmsplice, 532),
	  { -1 } },
	{ "modify-ldt", "segments of one's own", "CVE-2015-5157",
	  NR(modify_ldt) },
	{ "remap-file-pages",
	  "rearrange a mapping",
	  "CVE-2014-3145",
	  NR(remap_file_pages),
	  { 0, 0, 1 } },
	{ "move-pages",
	  "move another's memory",
	  "move_pages(2)",
	  NR_X32(move_pages, 533),
	  { 0, 0, 0, 0, 0, ALL } },
	{ "migrate-pages",
	  "move another's memory",
	  "migrate_pages(2)",
	  NR(migrate_pages),
	  { -1 } },
	{ "personality",
	  "programs as other systems load them",
	  "personality(2)",
	  NR(personality),
	  { 0x0400000 } },
	{ "seccomp-listener",
	  "answer for one's own filter",
	  "seccomp_unotify(2)",
	  NR(seccomp),
	  { 1, 1 << 3 } },
};

/* What the foreign doors alone lead to, or the door itself. */
static const struct call foreign_calls[] = {
	{ "getpid", "any call at all", "seccomp(2)", NONE, 20, 39, 20 },
	{ "socketcall",
	  "sockets by the multiplexer",
	  "socketcall(2)",
	  NONE,
	  102,
	  NONE,
	  NONE,
	  { 99 } },
	{ "ipc",
	  "System V objects by the multiplexer",
	  "ipc(2)",
	  NONE,
	  117,
	  NONE,
	  NONE,
	  { 99 } },
	{ "socket-unix",
	  "a Unix socket",
	  "unix(7)",
	  NONE,
	  359,
	  41,
	  281,
	  { AF_UNIX, 99 } },
	{ "vm86",
	  "virtual 8086 mode",
	  "CVE-2009-3547",
	  NONE,
	  166,
	  NONE,
	  NONE,
	  { 99 } },
	{ "stime",
	  "set the clock, the old way",
	  "stime(2)",
	  NONE,
	  25,
	  NONE,
	  NONE,
	  { NOWHERE } },
	{ "ptrace",
	  "trace processes",
	  "ptrace(2)",
	  NONE,
	  26,
	  521,
	  26,
	  { 9999, -1 } },
};

enum abi_kind {
	ABI_NATIVE,
	ABI_I386,
	ABI_X32,
	ABI_ARM
};

const struct abi abis[] = {
	[ABI_NATIVE] = { "native", "", "" },
	[ABI_I386] = { "i386", "i386-", ", by int 0x80" },
	[ABI_X32] = { "x32", "x32-", ", by x32's number" },
	[ABI_ARM] = { "arm", "arm-", ", by a program of 32-bit ARM" },
};
const size_t n_abis = N_ELEMS(abis);

/* What an attempt of this file carries. */
struct made {
	const struct call *call;
	enum abi_kind kind;
};

static int number_of(const struct call *c, enum abi_kind kind)
{
	switch (kind) {
	case ABI_I386:
		return c->i386;
	case ABI_X32:
		return c->x32;
	case ABI_ARM:
		return c->arm;
	case ABI_NATIVE:
	default:
		return c->native;
	}
}

#ifdef __x86_64__
/* Five arguments; none here has a sixth that matters. */
static long call_i386(int nr, const long *args)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"((long)nr), "b"(args[0]), "c"(args[1]),
			   "d"(args[2]), "S"(args[3]), "D"(args[4])
			 : "memory", "r8", "r9", "r10", "r11");
	r = (int)r;
	if (r < 0 && r > -4096) {
		errno = (int)-r;
		return -1;
	}
	return r;
}
#else
static long call_i386(int nr, const long *args)
{
	(void)nr;
	(void)args;
	errno = ENOSYS;
	return -1;
}
#endif

static void judge(struct result *out, long got)
{
	/*
	 * All others a kernel says of its own accord after it let us in.  Busy
	 * is what a sandbox says that listens itself; none of these arguments
	 * could be told so by the kernel.
	 */
	if (got == -1 && errno != EPERM && errno != EACCES && errno != ENOSYS &&
	    errno != EBUSY) {
		int e = errno;

		say_reachable(out, "%s", "");
		out->error = e;
		return;
	}
	say_call(out, got);
}

static void run_call(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	const struct made *m = a->arg;
	const struct call *c = m->call;
	int nr = number_of(c, m->kind);
	const long *v = c->args;
	long got;

	(void)r;
	if (nr == NONE) {
		say_absent(out, 0, "not on this architecture");
		return;
	}
	if (m->kind == ABI_I386) {
		/* Stays when the kernel has no such door: SIGSEGV. */
		say_absent(out, 0, "no such ABI");
		judge(out, call_i386(nr, v));
		return;
	}
	if (m->kind == ABI_ARM) {
		if (program_call(nr, v, out, &got))
			judge(out, got);
		return;
	}
	if (m->kind == ABI_X32)
		nr |= X32_BIT;
	judge(out, syscall(nr, v[0], v[1], v[2], v[3], v[4], v[5]));
}

/* Whether processes of this architecture have that door at all. */
static bool has_door(enum abi_kind kind)
{
#if defined(__x86_64__)
	return kind == ABI_I386 || kind == ABI_X32;
#elif defined(__aarch64__)
	return kind == ABI_ARM;
#else
	(void)kind;
	return false;
#endif
}

static void make_row(const struct call *c, struct made *m, struct attempt *a,
		     char *id, size_t id_size, char *what, size_t what_size)
{
	const struct abi *abi = &abis[m->kind];

	m->call = c;
	(void)snprintf(id, id_size, "kernel.%s%s", abi->prefix, c->name);
	(void)snprintf(what, what_size, "%s%s", c->what, abi->via);
	*a = (struct attempt){
		.id = id, .what = what, .ref = c->ref, .run = run_call, .arg = m
	};
}

struct visitor {
	void (*fn)(const struct attempt *a, void *userdata);
	void *userdata;
};

static void each(const struct call *table, size_t n, enum abi_kind kind,
		 const struct visitor *v)
{
	struct made m = { .kind = kind };
	struct attempt a;
	char id[64], what[128];

	for (size_t i = 0; i < n; i++) {
		/* A native call that is missing is a row that says so. */
		if (kind != ABI_NATIVE && number_of(&table[i], kind) == NONE)
			continue;
		make_row(&table[i], &m, &a, id, sizeof(id), what, sizeof(what));
		v->fn(&a, v->userdata);
	}
}

void syscalls_each(const struct abi *abi,
		   void (*fn)(const struct attempt *a, void *userdata),
		   void *userdata)
{
	enum abi_kind kind = (enum abi_kind)(abi - abis);
	struct visitor v = { fn, userdata };

	if (kind == ABI_NATIVE) {
		each(calls, N_ELEMS(calls), kind, &v);
	} else if (has_door(kind)) {
		each(calls, N_ELEMS(calls), kind, &v);
		each(foreign_calls, N_ELEMS(foreign_calls), kind, &v);
	}
}

struct search {
	const char *word;
	size_t len;
	bool found;
};

static void compare_id(const struct attempt *a, void *userdata)
{
	struct search *s = userdata;

	if (strlen(a->id) == s->len && memcmp(a->id, s->word, s->len) == 0)
		s->found = true;
}

bool syscalls_find(const char *word, size_t len)
{
	struct search s = { word, len, false };

	for (size_t i = 0; i < n_abis; i++)
		syscalls_each(&abis[i], compare_id, &s);
	return s.found;
}
