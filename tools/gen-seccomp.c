/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the jail's system call filter as C, with libseccomp, at build time:
 *
 *   gen-seccomp x86_64|aarch64 > jail-filter.h
 *
 * Everything not named is allowed: a jail runs any program, so the filter takes
 * away what no program needs and what leads out.  Three kinds of refusal:
 *
 *   RARE    forbidden and rare: asked of the supervisor's listener, which
 *           records the attempt and answers with the row's errno;
 *   PLAIN   forbidden and commonly probed: the errno at once, no record;
 *   KILL    foreign ABIs, whose numbers mean other calls.
 *
 * Arguments that are pointers cannot be seen, so calls that keep their flags or
 * mode in memory do not exist here: clone3 (C libraries fall back to clone)
 * and openat2.
 *
 * Comparisons look at the 32 bits the kernel uses: with SCMP_CMP_MASKED_EQ, for
 * a command or mode with high bits set is the same to the kernel (that was
 * CVE-2019-10063 elsewhere).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_ELEMS(a) (sizeof(a) / sizeof((a)[0]))
#define LOW        UINT32_MAX
#define NO_CALL    INT32_MIN

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define NEW_NAMESPACES                                               \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Called rarely by anyone, never by a program that behaves: record. */
static const struct {
	const char *name;
	int error;
} rare[] = {
	/* mounts */
	{ "mount", EPERM },
	{ "umount2", EPERM },
	{ "pivot_root", EPERM },
	{ "chroot", EPERM },
	{ "fsopen", EPERM },
	{ "fsconfig", EPERM },
	{ "fsmount", EPERM },
	{ "fspick", EPERM },
	{ "move_mount", EPERM },
	{ "open_tree", EPERM },
	{ "mount_setattr", EPERM },
	{ "setns", EPERM },
	/* the kernel's own affairs */
	{ "bpf", EPERM },
	{ "perf_event_open", EPERM },
	{ "userfaultfd", EPERM },
	{ "init_module", EPERM },
	{ "finit_module", EPERM },
	{ "delete_module", EPERM },
	{ "kexec_load", EPERM },
	{ "kexec_file_load", EPERM },
	{ "reboot", EPERM },
	{ "swapon", EPERM },
	{ "swapoff", EPERM },
	{ "acct", EPERM },
	{ "quotactl", EPERM },
	{ "quotactl_fd", EPERM },
	{ "settimeofday", EPERM },
	{ "clock_settime", EPERM },
	{ "adjtimex", EPERM },
	{ "clock_adjtime", EPERM },
	{ "sethostname", EPERM },
	{ "setdomainname", EPERM },
	{ "syslog", EPERM },
	{ "vhangup", EPERM },
	{ "iopl", EPERM },
	{ "ioperm", EPERM },
	{ "lookup_dcookie", EPERM },
	{ "fanotify_init", EPERM },
	{ "name_to_handle_at", EPERM },
	{ "open_by_handle_at", EPERM },
	/* keyrings are not divided by namespaces */
	{ "add_key", EPERM },
	{ "request_key", EPERM },
	{ "keyctl", EPERM },
	/* other processes */
	{ "pidfd_getfd", EPERM },
	{ "kcmp", EPERM },
};

/* Probed by programs that go on without: no record. */
static const struct {
	const char *name;
	int error;
} plain[] = {
	{ "clone3", ENOSYS },
	{ "openat2", ENOSYS },
	{ "io_uring_setup", ENOSYS },
	{ "io_uring_enter", ENOSYS },
	{ "io_uring_register", ENOSYS },
	{ "memfd_secret", ENOSYS },
	{ "uselib", ENOSYS },
	{ "ustat", ENOSYS },
	{ "sysfs", ENOSYS },
	{ "nfsservctl", ENOSYS },
	{ "vmsplice", EPERM },
	{ "modify_ldt", EPERM },
	{ "remap_file_pages", EPERM },
	{ "move_pages", EPERM },
	{ "migrate_pages", EPERM },
};

/* Calls with a mode, and where it stands. */
static const struct {
	const char *name;
	unsigned arg;
	int flags_arg; /* the mode counts only with O_CREAT or O_TMPFILE there */
} modes[] = {
	{ "chmod", 1, -1 }, { "fchmod", 1, -1 },  { "fchmodat", 2, -1 },
	{ "creat", 1, -1 }, { "mkdir", 1, -1 },   { "mkdirat", 2, -1 },
	{ "mknod", 1, -1 }, { "mknodat", 2, -1 }, { "open", 2, 1 },
	{ "openat", 3, 2 },
};
#define FCHMODAT2 452 /* newer than Debian 12's libseccomp; same everywhere */

/* Everything else of the 45 or so families leads somewhere else. */
static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static uint32_t arch;
static bool listener_seen[1024];

static void check(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "gen-seccomp: %s: %s\n", what, strerror(-r));
	exit(1);
}

/*
 * A call that the target does not have needs no rule.  libseccomp wants the
 * number of the machine it runs on, and translates.
 */
static int number(const char *name)
{
	if (seccomp_syscall_resolve_name_arch(arch, name) < 0)
		return NO_CALL;
	return seccomp_syscall_resolve_name(name);
}

static void refuse(scmp_filter_ctx c, uint32_t action, int nr, const char *what,
		   unsigned n, const struct scmp_arg_cmp *a)
{
	int target;

	if (nr == NO_CALL)
		return;
	check(seccomp_rule_add_exact_array(c, action, nr, n, a), what);
	target = nr == FCHMODAT2
			 ? nr
			 : seccomp_syscall_resolve_name_arch(arch, what);
	if (action == SCMP_ACT_NOTIFY && target >= 0 &&
	    target < (int)N_ELEMS(listener_seen))
		listener_seen[target] = true;
}

static struct scmp_arg_cmp has_bit(unsigned arg, uint64_t bit)
{
	return SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, bit, bit);
}

static void refuse_modes(scmp_filter_ctx c)
{
	static const uint64_t bits[] = { S_ISUID, S_ISGID };
	/* O_TMPFILE is more than one bit; __O_TMPFILE is its own. */
	static const uint64_t creating[] = { O_CREAT,
					     O_TMPFILE & ~O_DIRECTORY };

	for (size_t i = 0; i < N_ELEMS(modes); i++) {
		for (size_t b = 0; b < N_ELEMS(bits); b++) {
			struct scmp_arg_cmp a[2] = { has_bit(modes[i].arg,
							     bits[b]) };
			int nr = number(modes[i].name);

			if (modes[i].flags_arg < 0) {
				refuse(c, SCMP_ACT_NOTIFY, nr, modes[i].name, 1,
				       a);
				continue;
			}
			for (size_t k = 0; k < N_ELEMS(creating); k++) {
				a[1] = has_bit((unsigned)modes[i].flags_arg,
					       creating[k]);
				refuse(c, SCMP_ACT_NOTIFY, nr, modes[i].name, 2,
				       a);
			}
		}
	}
	for (size_t b = 0; b < N_ELEMS(bits); b++) {
		struct scmp_arg_cmp a = has_bit(2, bits[b]);

		refuse(c, SCMP_ACT_NOTIFY, FCHMODAT2, "fchmodat2", 1, &a);
	}
}

static void refuse_namespaces(scmp_filter_ctx c)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		uint64_t flag = UINT64_C(1) << bit;
		struct scmp_arg_cmp a = has_bit(0, flag);

		if (NEW_NAMESPACES & flag)
			refuse(c, SCMP_ACT_NOTIFY, number("clone"), "clone", 1,
			       &a);
		if ((NEW_NAMESPACES | CLONE_NEWTIME) & flag)
			refuse(c, SCMP_ACT_NOTIFY, number("unshare"), "unshare",
			       1, &a);
	}
}

static void refuse_sockets(scmp_filter_ctx c)
{
	static const char *const calls[] = { "socket", "socketpair" };
	int next = 0;

	for (size_t i = 0; i < N_ELEMS(calls); i++) {
		int nr = number(calls[i]);

		next = 0;
		for (size_t k = 0; k < N_ELEMS(families); k++) {
			for (; next < families[k]; next++) {
				struct scmp_arg_cmp a =
					SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, LOW,
						   (uint64_t)next);

				refuse(c, SCMP_ACT_ERRNO(EAFNOSUPPORT), nr,
				       calls[i], 1, &a);
			}
			next = families[k] + 1;
		}

		struct scmp_arg_cmp above =
			SCMP_CMP64(0, SCMP_CMP_GE, (uint64_t)next);

		refuse(c, SCMP_ACT_ERRNO(EAFNOSUPPORT), nr, calls[i], 1,
		       &above);
	}

	/* Of netlink only protocol 0, NETLINK_ROUTE. */
	struct scmp_arg_cmp netlink[2] = {
		SCMP_CMP64(0, SCMP_CMP_EQ, AF_NETLINK),
		SCMP_CMP64(2, SCMP_CMP_NE, 0),
	};
	/* MPTCP passes by rules made for TCP. */
	struct scmp_arg_cmp mptcp = SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, LOW, 262);

	refuse(c, SCMP_ACT_ERRNO(EPROTONOSUPPORT), number("socket"), "netlink",
	       2, netlink);
	refuse(c, SCMP_ACT_ERRNO(EPROTONOSUPPORT), number("socket"), "mptcp", 1,
	       &mptcp);
}

static void refuse_odds(scmp_filter_ctx c)
{
	/* TIOCSTI, TIOCLINUX: typing into, and reading from, a terminal. */
	static const uint64_t ioctls[] = { 0x5412, 0x541c };
	/* A second listener would take calls away from ours. */
	struct scmp_arg_cmp a[2] = {
		SCMP_CMP64(0, SCMP_CMP_EQ, 1),
		has_bit(1, 1u << 3),
	};

	for (size_t i = 0; i < N_ELEMS(ioctls); i++) {
		struct scmp_arg_cmp cmd =
			SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, LOW, ioctls[i]);

		refuse(c, SCMP_ACT_ERRNO(EPERM), number("ioctl"), "ioctl", 1,
		       &cmd);
	}
	refuse(c, SCMP_ACT_ERRNO(EBUSY), number("seccomp"), "seccomp", 2, a);

	/*
	 * personality(2): the default, ADDR_NO_RANDOMIZE, and the query, which
	 * has all bits: a bit without the top one is no query.
	 */
	for (unsigned bit = 0; bit < 31; bit++) {
		uint64_t flag = UINT64_C(1) << bit;
		struct scmp_arg_cmp one =
			SCMP_CMP64(0, SCMP_CMP_MASKED_EQ,
				   flag | UINT64_C(0x80000000), flag);

		if (flag != 0x0040000)
			refuse(c, SCMP_ACT_ERRNO(EPERM), number("personality"),
			       "personality", 1, &one);
	}
}

static void print_filter(scmp_filter_ctx c)
{
	static struct {
		uint16_t code;
		uint8_t jt, jf;
		uint32_t k;
	} insns[4096];
	FILE *f = tmpfile();
	size_t n;

	if (!f) {
		perror("gen-seccomp: tmpfile");
		exit(1);
	}
	check(seccomp_export_bpf(c, fileno(f)), "export");
	rewind(f);
	n = fread(insns, sizeof(insns[0]), N_ELEMS(insns), f);
	(void)fclose(f);
	if (n == 0 || n == N_ELEMS(insns)) {
		fprintf(stderr, "gen-seccomp: %zu instructions\n", n);
		exit(1);
	}
	printf("/* generated by gen-seccomp */\n"
	       "static const struct sock_filter jail_filter[] = {\n");
	for (size_t i = 0; i < n; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", insns[i].code,
		       insns[i].jt, insns[i].jf, insns[i].k);
	printf("};\n\n");
}

static int error_of(const char *name)
{
	for (size_t i = 0; i < N_ELEMS(rare); i++) {
		if (strcmp(rare[i].name, name) == 0)
			return rare[i].error;
	}
	return EPERM;
}

static void print_rare(void)
{
	printf("static const struct seccomp_rare jail_rare[] = {\n");
	for (int nr = 0; nr < (int)N_ELEMS(listener_seen); nr++) {
		char *name;

		if (!listener_seen[nr])
			continue;
		name = seccomp_syscall_resolve_num_arch(arch, nr);
		printf("\t{ %d, %d, \"%s\" },\n", nr,
		       error_of(name ? name : ""),
		       name              ? name
		       : nr == FCHMODAT2 ? "fchmodat2"
					 : "?");
		free(name);
	}
	printf("};\n");
}

int main(int argc, char **argv)
{
	scmp_filter_ctx c;

	if (argc == 2 && strcmp(argv[1], "x86_64") == 0)
		arch = SCMP_ARCH_X86_64;
	else if (argc == 2 && strcmp(argv[1], "aarch64") == 0)
		arch = SCMP_ARCH_AARCH64;
	else
		return 64;

	c = seccomp_init(SCMP_ACT_ALLOW);
	if (!c)
		return 1;
	if (arch != seccomp_arch_native()) {
		check(seccomp_arch_add(c, arch), "arch");
		check(seccomp_arch_remove(c, SCMP_ARCH_NATIVE), "native");
	}
	check(seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH,
			       SCMP_ACT_KILL_PROCESS),
	      "bad arch");
	/* A binary tree: the usual call costs a few comparisons. */
	check(seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");

	for (size_t i = 0; i < N_ELEMS(rare); i++)
		refuse(c, SCMP_ACT_NOTIFY, number(rare[i].name), rare[i].name,
		       0, NULL);
	for (size_t i = 0; i < N_ELEMS(plain); i++)
		refuse(c, SCMP_ACT_ERRNO((uint32_t)plain[i].error),
		       number(plain[i].name), plain[i].name, 0, NULL);
	refuse_modes(c);
	refuse_namespaces(c);
	refuse_sockets(c);
	refuse_odds(c);

	print_filter(c);
	print_rare();
	seccomp_release(c);
	return 0;
}
