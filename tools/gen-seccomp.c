/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the jail's system call filters as C, when bawn is built:
 *
 *   gen-seccomp x86_64|aarch64 > jail-filter.h
 *
 * Everything not named is allowed, up to the newest call known here: a jail
 * runs any program, so the filter takes away what no program needs and what
 * leads out.  Four kinds of refusal:
 *
 *   NOTIFY  forbidden and rare: asked of the supervisor's listener, which
 *           records the attempt and answers with the row's errno;
 *   ERRNO   forbidden and commonly probed: the errno at once, no record;
 *   ENOSYS  calls newer than this table: programs have a way without them;
 *   KILL    foreign ABIs, whose numbers mean other calls.
 *
 * Arguments that are pointers cannot be seen, so calls that keep their flags or
 * mode in memory do not exist here: clone3 (C libraries fall back to clone)
 * and openat2.
 *
 * Only the low 32 bits of an argument are compared.  All arguments named here
 * are ints to the kernel, which ignores what is above (a filter that does not
 * was CVE-2019-10063 elsewhere).
 *
 * There are three: the usual one; the one of `nested: true`, in which inner
 * sandboxes can be made; and the one of `backend: landlock`, where no network
 * namespace and no mounts stand behind it.  Those are the first with the rows of
 * some calls replaced: what differs stands in nested_rows[] and landlock_rows[],
 * nothing else.
 *
 * The first two exist three times: by themselves, and with what the witness sees
 * (src/jail/witness.c) of `audit: {files: writes}` and `all`, which it records and
 * lets go on.  Those rows come behind the others of their call, so what is
 * refused stays refused; which of the two a call is, jail_rare[] tells again.
 *
 * libseccomp knows the numbers of each architecture.  The program is written
 * here, since its generator can neither look at 32 bits only, nor allow some
 * values and refuse the rest, nor be told numbers it does not know for another
 * architecture.  The result is shorter by a quarter, and so is the time the kernel
 * takes to accept it.
 *
 *   program = arch, x32, newest, tree
 *   tree    = leaf / (nr >= pivot: tree, else tree)
 *   leaf    = is it this number? then its rows in order, else allow
 *           / is it one of these? then what they have in common, else allow
 *   row     = all conditions hold: its action, else the next row
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/wall.h"
#include "jail/ask-fd.h"

#define NEWEST_CALL 469u /* file_setattr, 6.17; the same number everywhere */
#define MAX_INSNS   1024u
#define MAX_CONDS   2u
#define MAX_LEAF    8u /* comparisons in a row */
#define X32_BIT     0x40000000u

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define NEW_NAMESPACES                                               \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define SET_ID (S_ISUID | S_ISGID)
/* A character device's mode has this bit, and a block device's; no other has. */
#define DEVICE S_IFCHR
/* With these a mode counts.  O_TMPFILE is more than this one bit. */
#define CREATING (0100 | 020000000) /* O_CREAT, __O_TMPFILE */
/* Typing into, and reading from, a terminal; loading line disciplines. */
#define TIOCSTI_   0x5412
#define TIOCLINUX_ 0x541c
#define TIOCSETD_  0x5423
/* Options of sockets that are netfilter's begin here, linux/netfilter_*. */
#define NETFILTER_OPTIONS     64
#define IP6T_SET_COUNTERS     65

#define TCP_FASTOPEN_CONNECT_ 30
#define IPV6_2292PKTOPTIONS_  6
#define IPV6_2292RTHDR_       5
#define IOPRIO_PROCESS_       1
#define ADDR_NO_RANDOMIZE_    0x0040000
#define NEW_LISTENER          (1u << 3)

enum act {
	ACT_ALLOW,
	ACT_NOTIFY,
	ACT_ERRNO
};

struct row {
	const char *call; /* NULL: GROUP() */
	struct {
		enum {
			COND_NONE,
			COND_EQ,
			COND_ANY,
			COND_GE
		} op; /* = value, & value, >= value */
		unsigned arg;
		uint32_t value;
	} conds[MAX_CONDS];
	enum act act;
	int error;
	enum wall group; /* of GROUP(): whose rows follow */
	enum {
		SEE_NONE,
		SEE_CALL, /* NOTIFY, and goes on */
	} sees;
};

#define NOTIFY(name)                                              \
	{                                                         \
		.call = (name), .act = ACT_NOTIFY, .error = EPERM \
	}
#define ERRNO(name, e)                                         \
	{                                                      \
		.call = (name), .act = ACT_ERRNO, .error = (e) \
	}
#define EQ(a, v)                            \
	{                                   \
		COND_EQ, (a), (uint32_t)(v) \
	}
#define ANY(a, v)                            \
	{                                    \
		COND_ANY, (a), (uint32_t)(v) \
	}
#define GE(a, v)                            \
	{                                   \
		COND_GE, (a), (uint32_t)(v) \
	}
#define ALLOW(name)                              \
	{                                        \
		.call = (name), .act = ACT_ALLOW \
	}
#define NOTIFY_IF(name, ...)                                                 \
	{                                                                    \
		.call = (name), .conds = { __VA_ARGS__ }, .act = ACT_NOTIFY, \
		.error = EPERM                                               \
	}
#define ERRNO_IF(name, e, ...)                                              \
	{                                                                   \
		.call = (name), .conds = { __VA_ARGS__ }, .act = ACT_ERRNO, \
		.error = (e)                                                \
	}
#define ALLOW_IF(name, ...)                                                \
	{                                                                  \
		.call = (name), .conds = { __VA_ARGS__ }, .act = ACT_ALLOW \
	}
/* The rows from here to the next one are this wall's. */
#define GROUP(wall)                  \
	{                            \
		.group = WALL_##wall \
	}
/* Rows of one call stand together; the first that holds decides. */
static const struct row all_rows[] = {
	GROUP(SECCOMP_MOUNT),
	NOTIFY("mount"),
	NOTIFY("umount2"),
	NOTIFY("pivot_root"),
	NOTIFY("chroot"),
	NOTIFY("fsopen"),
	NOTIFY("fsconfig"),
	NOTIFY("fsmount"),
	NOTIFY("fspick"),
	NOTIFY("move_mount"),
	NOTIFY("open_tree"),
	NOTIFY("open_tree_attr"),
	NOTIFY("mount_setattr"),
	GROUP(SECCOMP_NS),
	NOTIFY("setns"),
	NOTIFY_IF("clone", ANY(0, NEW_NAMESPACES)),
	NOTIFY_IF("unshare", ANY(0, NEW_NAMESPACES | CLONE_NEWTIME)),
	ERRNO("clone3", ENOSYS),
	GROUP(SECCOMP_BPF),
	NOTIFY("bpf"),
	NOTIFY("perf_event_open"),
	NOTIFY("userfaultfd"),
	GROUP(SECCOMP_MODULES),
	NOTIFY("init_module"),
	NOTIFY("finit_module"),
	NOTIFY("delete_module"),
	NOTIFY("kexec_load"),
	NOTIFY("kexec_file_load"),
	GROUP(SECCOMP_ADMIN),
	NOTIFY("reboot"),
	NOTIFY("swapon"),
	NOTIFY("swapoff"),
	NOTIFY("acct"),
	NOTIFY("quotactl"),
	NOTIFY("quotactl_fd"),
	NOTIFY("settimeofday"),
	NOTIFY("clock_settime"),
	NOTIFY("adjtimex"),
	NOTIFY("clock_adjtime"),
	NOTIFY("sethostname"),
	NOTIFY("setdomainname"),
	NOTIFY("syslog"),
	NOTIFY("vhangup"),
	NOTIFY("iopl"),
	NOTIFY("ioperm"),
	NOTIFY("lookup_dcookie"),
	NOTIFY("fanotify_init"),
	NOTIFY("name_to_handle_at"),
	NOTIFY("open_by_handle_at"),
	GROUP(SECCOMP_KEYRINGS),
	NOTIFY("add_key"),
	NOTIFY("request_key"),
	NOTIFY("keyctl"),
	GROUP(SECCOMP_PROCESSES),
	NOTIFY("pidfd_getfd"),
	NOTIFY("kcmp"),
	/* probed by programs that go on without */
	GROUP(SECCOMP_IO_URING),
	ERRNO("io_uring_setup", ENOSYS),
	ERRNO("io_uring_enter", ENOSYS),
	ERRNO("io_uring_register", ENOSYS),
	GROUP(SECCOMP_OPENAT2),
	ERRNO("openat2", ENOSYS),
	GROUP(SECCOMP_RARE),
	ERRNO("memfd_secret", ENOSYS),
	ERRNO("uselib", ENOSYS),
	ERRNO("ustat", ENOSYS),
	ERRNO("sysfs", ENOSYS),
	ERRNO("nfsservctl", ENOSYS),
	ERRNO("vmsplice", EPERM),
	ERRNO("modify_ldt", EPERM),
	ERRNO("remap_file_pages", EPERM),
	ERRNO("move_pages", EPERM),
	ERRNO("migrate_pages", EPERM),
	/*
	 * What the host's mounts are, which of its files are in memory, and
	 * labels of security modules: young calls, which programs do without.
	 */
	ERRNO("statmount", ENOSYS),
	ERRNO("listmount", ENOSYS),
	ERRNO("cachestat", ENOSYS),
	ERRNO("lsm_get_self_attr", ENOSYS),
	ERRNO("lsm_set_self_attr", ENOSYS),
	ERRNO("lsm_list_modules", ENOSYS),
	/*
	 * Set-id files: on an idmapped workspace they would be the owner's on
	 * the host, root's when root started the jail.  And devices: anybody
	 * may make 0:0, which is a whiteout to an overlay of the host's.
	 */
	GROUP(SECCOMP_SETID),
	NOTIFY_IF("chmod", ANY(1, SET_ID)),
	NOTIFY_IF("fchmod", ANY(1, SET_ID)),
	NOTIFY_IF("fchmodat", ANY(2, SET_ID)),
	NOTIFY_IF("fchmodat2", ANY(2, SET_ID)),
	NOTIFY_IF("creat", ANY(1, SET_ID)),
	NOTIFY_IF("mkdir", ANY(1, SET_ID)),
	NOTIFY_IF("mkdirat", ANY(2, SET_ID)),
	NOTIFY_IF("mknod", ANY(1, SET_ID | DEVICE)),
	NOTIFY_IF("mknodat", ANY(2, SET_ID | DEVICE)),
	NOTIFY_IF("open", ANY(1, CREATING), ANY(2, SET_ID)),
	NOTIFY_IF("openat", ANY(2, CREATING), ANY(3, SET_ID)),
	/*
	 * Of the internet's protocols those that programs use: MPTCP passes by
	 * rules made for TCP, and DCCP, SCTP, UDP-Lite, L2TP and SMC are
	 * kernel code that nobody here has a use for.  The kernel says who may
	 * have raw sockets.  Of netlink only NETLINK_ROUTE.
	 */
	GROUP(SECCOMP_FAMILIES),
	ALLOW_IF("socket", EQ(0, AF_UNIX)),
	ALLOW_IF("socket", EQ(0, AF_INET), EQ(2, 0)),
	ALLOW_IF("socket", EQ(0, AF_INET), EQ(2, IPPROTO_TCP)),
	ALLOW_IF("socket", EQ(0, AF_INET), EQ(2, IPPROTO_UDP)),
	ALLOW_IF("socket", EQ(0, AF_INET), EQ(2, IPPROTO_ICMP)),
	ALLOW_IF("socket", EQ(0, AF_INET), EQ(2, IPPROTO_RAW)),
	GROUP(SECCOMP_PROTOCOLS),
	ERRNO_IF("socket", EPROTONOSUPPORT, EQ(0, AF_INET)),
	GROUP(SECCOMP_FAMILIES),
	ALLOW_IF("socket", EQ(0, AF_INET6), EQ(2, 0)),
	ALLOW_IF("socket", EQ(0, AF_INET6), EQ(2, IPPROTO_TCP)),
	ALLOW_IF("socket", EQ(0, AF_INET6), EQ(2, IPPROTO_UDP)),
	ALLOW_IF("socket", EQ(0, AF_INET6), EQ(2, IPPROTO_ICMPV6)),
	ALLOW_IF("socket", EQ(0, AF_INET6), EQ(2, IPPROTO_RAW)),
	GROUP(SECCOMP_PROTOCOLS),
	ERRNO_IF("socket", EPROTONOSUPPORT, EQ(0, AF_INET6)),
	GROUP(SECCOMP_FAMILIES),
	ALLOW_IF("socket", EQ(0, AF_NETLINK), EQ(2, 0)),
	ERRNO_IF("socket", EPROTONOSUPPORT, EQ(0, AF_NETLINK)),
	/* every other of the 45 or so families leads somewhere else */
	ERRNO("socket", EAFNOSUPPORT),
	ALLOW_IF("socketpair", EQ(0, AF_UNIX)),
	ERRNO("socketpair", EAFNOSUPPORT),
	GROUP(SECCOMP_TERMINAL),
	ERRNO_IF("ioctl", EPERM, EQ(1, TIOCSTI_)),
	ERRNO_IF("ioctl", EPERM, EQ(1, TIOCLINUX_)),
	ERRNO_IF("ioctl", EPERM, EQ(1, TIOCSETD_)),
	/* a second would take calls away from ours */
	GROUP(SECCOMP_LISTENER),
	ERRNO_IF("seccomp", EBUSY, EQ(0, SECCOMP_SET_MODE_FILTER),
		 ANY(1, NEW_LISTENER)),
	/* the default, what debuggers want, and the question */
	GROUP(SECCOMP_PERSONALITY),
	ALLOW_IF("personality", EQ(0, 0)),
	ALLOW_IF("personality", EQ(0, ADDR_NO_RANDOMIZE_)),
	ALLOW_IF("personality", EQ(0, UINT32_MAX)),
	ERRNO("personality", EPERM),
};

/*
 * In the filter of `nested: true` these stand in the place of the rows of the
 * same calls above.
 */
static const struct row all_nested_rows[] = {
	/* what sandboxes are made with: bubblewrap's, Chromium's */
	GROUP(SECCOMP_MOUNT),
	ALLOW("mount"),
	ALLOW("umount2"),
	ALLOW("pivot_root"),
	ALLOW("chroot"),
	GROUP(SECCOMP_NS),
	ALLOW("clone"),
	NOTIFY_IF("unshare", ANY(0, CLONE_NEWTIME)),
	/* the new mount API can do more, and who misses it takes the old one */
	GROUP(SECCOMP_MOUNT),
	ERRNO("fsopen", ENOSYS),
	ERRNO("fsconfig", ENOSYS),
	ERRNO("fsmount", ENOSYS),
	ERRNO("fspick", ENOSYS),
	ERRNO("move_mount", ENOSYS),
	ERRNO("open_tree", ENOSYS),
	ERRNO("open_tree_attr", ENOSYS),
	ERRNO("mount_setattr", ENOSYS),
	/*
	 * Who is root in a user namespace may give a file capabilities, for
	 * that namespace's root.  On an idmapped workspace that one is the
	 * owner, so started by root the file would be set-id root by another
	 * name.  Which attribute is meant cannot be seen here.
	 */
	GROUP(SECCOMP_XATTR),
	ERRNO("setxattr", EOPNOTSUPP),
	ERRNO("lsetxattr", EOPNOTSUPP),
	ERRNO("fsetxattr", EOPNOTSUPP),
	ERRNO("setxattrat", EOPNOTSUPP),
	/* iptables of a namespace of one's own, by any socket */
	GROUP(SECCOMP_NETFILTER),
	ERRNO_IF("setsockopt", EPERM, EQ(1, IPPROTO_IP),
		 GE(2, NETFILTER_OPTIONS)),
	ERRNO_IF("setsockopt", EPERM, EQ(1, IPPROTO_IPV6),
		 EQ(2, NETFILTER_OPTIONS)),
	ERRNO_IF("setsockopt", EPERM, EQ(1, IPPROTO_IPV6),
		 EQ(2, IP6T_SET_COUNTERS)),
};

/* A pair of @type, with whatever flags. */
#define PAIR(type)                                             \
	ALLOW_IF("socketpair", EQ(0, AF_UNIX), EQ(1, (type))), \
		ALLOW_IF("socketpair", EQ(0, AF_UNIX),         \
			 EQ(1, (type) | SOCK_CLOEXEC)),        \
		ALLOW_IF("socketpair", EQ(0, AF_UNIX),         \
			 EQ(1, (type) | SOCK_NONBLOCK)),       \
		ALLOW_IF("socketpair", EQ(0, AF_UNIX),         \
			 EQ(1, (type) | SOCK_NONBLOCK | SOCK_CLOEXEC))
/* A call about a process: the caller itself, or asked of the warden. */
#define ON_SELF(name, pid_arg) ALLOW_IF(name, EQ(pid_arg, 0)), NOTIFY(name)

/*
 * In the filter of `backend: landlock` these stand in the place of the rows of
 * the same calls above.  What NOTIFY means here is in src/jail/behalf.c: the
 * warden does it in the caller's place, or refuses.
 */
static const struct row landlock_rows[] = {
	/*
	 * No socket that could send to an address: so the three calls that
	 * connect and bind are all that has to be watched.  What they point
	 * at is read once, by the warden, and never by the kernel again.
	 */
	ALLOW_IF("socket", EQ(0, AF_NETLINK), EQ(2, 0)),
	ERRNO_IF("socket", EPROTONOSUPPORT, EQ(0, AF_NETLINK)),
	NOTIFY_IF("socket", EQ(0, AF_UNIX)),
	/* of which protocols, see socks_socket() */
	NOTIFY_IF("socket", EQ(0, AF_INET)),
	NOTIFY_IF("socket", EQ(0, AF_INET6)),
	ERRNO("socket", EAFNOSUPPORT),
	/* datagrams of a pair can be sent to others too */
	PAIR(SOCK_STREAM),
	PAIR(SOCK_SEQPACKET),
	ERRNO_IF("socketpair", EPROTONOSUPPORT, EQ(0, AF_UNIX)),
	ERRNO("socketpair", EAFNOSUPPORT),
	NOTIFY("connect"),
	NOTIFY("bind"),
	NOTIFY("listen"),
	/* the first data as an address: connects past connect() */
	ERRNO_IF("sendto", EOPNOTSUPP, ANY(3, MSG_FASTOPEN)),
	/* who is asked */
	NOTIFY_IF("sendto", GE(0, ASK_FD)),
	ERRNO_IF("sendmsg", EOPNOTSUPP, ANY(2, MSG_FASTOPEN)),
	ERRNO_IF("sendmmsg", EOPNOTSUPP, ANY(3, MSG_FASTOPEN)),
	ERRNO_IF("setsockopt", ENOPROTOOPT, EQ(1, IPPROTO_TCP),
		 EQ(2, TCP_FASTOPEN_CONNECT_)),
	/* source routes lead a connection elsewhere than it was made to */
	ERRNO_IF("setsockopt", EPERM, EQ(1, IPPROTO_IP), EQ(2, IP_OPTIONS)),
	ERRNO_IF("setsockopt", EPERM, EQ(1, IPPROTO_IPV6), EQ(2, IPV6_RTHDR)),
	ERRNO_IF("setsockopt", EPERM, EQ(1, IPPROTO_IPV6),
		 EQ(2, IPV6_2292RTHDR_)),
	ERRNO_IF("setsockopt", EPERM, EQ(1, IPPROTO_IPV6),
		 EQ(2, IPV6_2292PKTOPTIONS_)),
	/* resolvers demand it of what they take for a UDP socket */
	ERRNO_IF("setsockopt", 0, EQ(1, IPPROTO_IP), EQ(2, IP_RECVERR)),
	ERRNO_IF("setsockopt", 0, EQ(1, IPPROTO_IPV6), EQ(2, IPV6_RECVERR)),
	/* whose answer it is: src/jail/behalf-ask.c */
	NOTIFY_IF("recvfrom", GE(0, ASK_FD)),
	NOTIFY_IF("recvmsg", GE(0, ASK_FD)),
	NOTIFY_IF("getsockname", GE(0, ASK_FD)),
	NOTIFY_IF("getpeername", GE(0, ASK_FD)),
	/* files by their names, which Landlock does not guard */
	NOTIFY("chmod"),
	NOTIFY("fchmod"),
	NOTIFY("fchmodat"),
	NOTIFY("fchmodat2"),
	NOTIFY("utime"),
	NOTIFY("utimes"),
	NOTIFY("futimesat"),
	NOTIFY("utimensat"),
	NOTIFY("chown"),
	NOTIFY("lchown"),
	NOTIFY("fchown"),
	NOTIFY("fchownat"),
	ERRNO("setxattr", EOPNOTSUPP),
	ERRNO("lsetxattr", EOPNOTSUPP),
	ERRNO("fsetxattr", EOPNOTSUPP),
	ERRNO("setxattrat", EOPNOTSUPP),
	ERRNO("removexattr", EOPNOTSUPP),
	ERRNO("lremovexattr", EOPNOTSUPP),
	ERRNO("fremovexattr", EOPNOTSUPP),
	ERRNO("removexattrat", EOPNOTSUPP),
	ERRNO("file_setattr", EOPNOTSUPP),
	/* the user's other processes */
	ON_SELF("prlimit64", 0),
	ON_SELF("sched_setaffinity", 0),
	ON_SELF("sched_setscheduler", 0),
	ON_SELF("sched_setparam", 0),
	ON_SELF("sched_setattr", 0),
	ALLOW_IF("setpriority", EQ(0, PRIO_PROCESS), EQ(1, 0)),
	NOTIFY_IF("setpriority", EQ(0, PRIO_PROCESS)),
	ERRNO("setpriority", EPERM),
	ALLOW_IF("ioprio_set", EQ(0, IOPRIO_PROCESS_), EQ(1, 0)),
	NOTIFY_IF("ioprio_set", EQ(0, IOPRIO_PROCESS_)),
	ERRNO("ioprio_set", EPERM),
	/* what an IPC namespace would divide */
	ERRNO("shmget", ENOSYS),
	ERRNO("shmat", ENOSYS),
	ERRNO("shmctl", ENOSYS),
	ERRNO("semget", ENOSYS),
	ERRNO("semop", ENOSYS),
	ERRNO("semtimedop", ENOSYS),
	ERRNO("semctl", ENOSYS),
	ERRNO("msgget", ENOSYS),
	ERRNO("msgsnd", ENOSYS),
	ERRNO("msgrcv", ENOSYS),
	ERRNO("msgctl", ENOSYS),
	ERRNO("mq_open", ENOSYS),
	ERRNO("mq_unlink", ENOSYS),
};

#define SEE(name)                                                   \
	{                                                           \
		.call = (name), .act = ACT_NOTIFY, .sees = SEE_CALL \
	}
#define SEE_IF(name, ...)                                                    \
	{                                                                    \
		.call = (name), .conds = { __VA_ARGS__ }, .act = ACT_NOTIFY, \
		.sees = SEE_CALL                                             \
	}
/* Opened so that something may come of it. */
#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | 020000000)

/* In registers that sendmsg(2) does not use; seccomp_enter() puts numbers there. */
#define PASS_0 0x62617731u
#define PASS_1 0x62617732u

/* What is on the ledger with `audit: {files: writes}`, and goes on. */
static const struct row writes_rows[] = {
	SEE("execve"),
	SEE("execveat"),
	SEE_IF("open", ANY(1, WRITING)),
	SEE_IF("openat", ANY(2, WRITING)),
	SEE("creat"),
	SEE("rename"),
	SEE("renameat"),
	SEE("renameat2"),
	SEE("unlink"),
	SEE("unlinkat"),
	SEE("rmdir"),
	SEE("mkdir"),
	SEE("mkdirat"),
	SEE("mknod"),
	SEE("mknodat"),
	SEE("link"),
	SEE("linkat"),
	SEE("symlink"),
	SEE("symlinkat"),
	SEE("chmod"),
	SEE("fchmod"),
	SEE("fchmodat"),
	SEE("fchmodat2"),
	SEE("chown"),
	SEE("lchown"),
	SEE("fchown"),
	SEE("fchownat"),
	SEE("truncate"),
	SEE("setxattr"),
	SEE("lsetxattr"),
	SEE("fsetxattr"),
	SEE("setxattrat"),
	SEE("removexattr"),
	SEE("lremovexattr"),
	SEE("fremovexattr"),
	SEE("removexattrat"),
	SEE("connect"),
	SEE("bind"),
	SEE("listen"),
	/* with the length of an address; without one it is a send() */
	SEE_IF("sendto", ANY(5, UINT32_MAX)),
	/* whose address is in memory, if there is one; but init's own, once */
	ALLOW_IF("sendmsg", EQ(3, PASS_0), EQ(4, PASS_1)),
	SEE("sendmsg"),
	SEE("sendmmsg"),
};

/* Beside those with `all` and `exact`. */
static const struct row all_seen_rows[] = {
	SEE("open"),
	SEE("openat"),
};

/* Newer than Debian 12's libseccomp; the same everywhere. */
static const struct {
	const char *call;
	int nr;
} newer[] = {
	{ "fchmodat2", 452 },         { "setxattrat", 463 },
	{ "removexattrat", 466 },     { "file_setattr", 469 },
	{ "open_tree_attr", 467 },    { "cachestat", 451 },
	{ "statmount", 457 },         { "listmount", 458 },
	{ "lsm_get_self_attr", 459 }, { "lsm_set_self_attr", 460 },
	{ "lsm_list_modules", 461 },
};

/* A call that the architecture has, and its rows. */
struct call {
	unsigned nr;
	const struct row *first;
	size_t n;
	bool notifies;
};

/* What is not put up, in a weakened build. */
static enum wall left_out;

/* The tables above, as they are put up. */
static struct row rows[N_ELEMS(all_rows)];
static struct row nested_rows[N_ELEMS(all_nested_rows)];
static size_t n_rows, n_nested_rows;
/* Of one filter: with what stands in the place of some, and what is seen. */
static struct row merged[N_ELEMS(all_rows) + N_ELEMS(landlock_rows) +
			 N_ELEMS(writes_rows) + N_ELEMS(all_seen_rows)];
_Static_assert(N_ELEMS(landlock_rows) > N_ELEMS(all_nested_rows), "the most");
static size_t n_merged;
static struct call calls[N_ELEMS(merged)];
static size_t n_calls;
static struct sock_filter insns[MAX_INSNS];
static size_t n_insns;

/* Judged by its number alone. */
static bool is_constant(const struct call *c)
{
	return c->first->conds[0].op == COND_NONE;
}

static int number(uint32_t arch, const char *name)
{
	for (size_t i = 0; i < N_ELEMS(newer); i++) {
		if (strcmp(newer[i].call, name) == 0)
			return newer[i].nr;
	}
	return seccomp_syscall_resolve_name_arch(arch, name);
}

static int compare(const void *a, const void *b)
{
	const struct call *x = a, *y = b;

	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

/* Without the groups; what a wall that is left out refuses is allowed. */
static size_t take_rows(const struct row *all, size_t n, struct row *ret)
{
	enum wall group = WALL_NONE;
	size_t taken = 0;

	for (size_t i = 0; i < n; i++) {
		if (!all[i].call) {
			group = all[i].group;
			continue;
		}
		ret[taken] = all[i];
		if (group == left_out && left_out != WALL_NONE)
			ret[taken].act = ACT_ALLOW;
		taken++;
	}
	return taken;
}

/* What stands in the place of some rows; NULL: nothing. */
struct other {
	const struct row *rows;
	size_t n;
};

static bool is_replaced(const struct other *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++) {
		if (strcmp(o->rows[i].call, name) == 0)
			return true;
	}
	return false;
}

static void collect_rows(uint32_t arch, const struct row *table, size_t n)
{
	for (size_t i = 0; i < n;) {
		struct call c = { .first = &table[i] };
		int nr = number(arch, table[i].call);

		for (size_t k = 0; k < i; k++) {
			if (strcmp(table[k].call, c.first->call) == 0) {
				fprintf(stderr, "gen-seccomp: %s: rows apart\n",
					c.first->call);
				exit(1);
			}
		}

		for (; i < n && strcmp(table[i].call, c.first->call) == 0;
		     i++) {
			c.notifies |= table[i].act == ACT_NOTIFY;
			c.n++;
		}
		if (nr < 0)
			continue; /* not on this architecture */
		if (is_constant(&c) && c.first->act == ACT_ALLOW)
			continue; /* as what is not named */
		c.nr = (unsigned)nr;
		calls[n_calls++] = c;
	}
}

static bool is_always(const struct row *r)
{
	return r->conds[0].op == COND_NONE;
}

/* Behind the last row of its call, unless none gets as far. */
static void see(const struct row *r)
{
	size_t at = n_merged;

	while (at > 0 && strcmp(merged[at - 1].call, r->call) != 0)
		at--;
	if (at == 0)
		at = n_merged;
	else if (is_always(&merged[at - 1]))
		return;
	memmove(&merged[at + 1], &merged[at],
		(n_merged - at) * sizeof(merged[0]));
	merged[at] = *r;
	n_merged++;
}

/* The rows of one filter.  @level: 0 nothing is seen, 1 writes, 2 all. */
static void merge(const struct other *o, unsigned level)
{
	n_merged = 0;
	for (size_t i = 0; i < n_rows; i++) {
		if (!o || !is_replaced(o, rows[i].call))
			merged[n_merged++] = rows[i];
	}
	for (size_t i = 0; o && i < o->n; i++)
		merged[n_merged++] = o->rows[i];
	for (size_t i = 0; level > 0 && i < N_ELEMS(writes_rows); i++)
		see(&writes_rows[i]);
	for (size_t i = 0; level > 1 && i < N_ELEMS(all_seen_rows); i++)
		see(&all_seen_rows[i]);
}

static void collect(uint32_t arch, const struct other *o, unsigned level)
{
	n_calls = n_insns = 0;
	merge(o, level);
	collect_rows(arch, merged, n_merged);
	qsort(calls, n_calls, sizeof(calls[0]), compare);
}

static size_t emit(unsigned code, uint32_t k, unsigned jt, unsigned jf)
{
	if (n_insns == MAX_INSNS || jt > UINT8_MAX || jf > UINT8_MAX) {
		fprintf(stderr, "gen-seccomp: the program is too long\n");
		exit(1);
	}
	insns[n_insns] = (struct sock_filter){ (uint16_t)code, (uint8_t)jt,
					       (uint8_t)jf, k };
	return n_insns++;
}

static void emit_load(size_t offset)
{
	(void)emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_return(uint32_t value)
{
	(void)emit(BPF_RET | BPF_K, value, 0, 0);
}

static uint32_t action(const struct row *r)
{
	switch (r->act) {
	case ACT_NOTIFY:
		return SECCOMP_RET_USER_NOTIF;
	case ACT_ERRNO:
		return SECCOMP_RET_ERRNO | (uint32_t)r->error;
	case ACT_ALLOW:
	default:
		return SECCOMP_RET_ALLOW;
	}
}

/* Both targets are little endian: the low half comes first. */
static void emit_row(const struct row *r)
{
	size_t jumps[MAX_CONDS], n = 0;

	for (; n < MAX_CONDS && r->conds[n].op != COND_NONE; n++) {
		unsigned test = r->conds[n].op == COND_EQ    ? BPF_JEQ
				: r->conds[n].op == COND_ANY ? BPF_JSET
							     : BPF_JGE;

		emit_load(offsetof(struct seccomp_data, args) +
			  8 * r->conds[n].arg);
		jumps[n] =
			emit(BPF_JMP | test | BPF_K, r->conds[n].value, 0, 0);
	}
	emit_return(action(r));
	while (n-- > 0)
		insns[jumps[n]].jf = (uint8_t)(n_insns - jumps[n] - 1);
}

/* How many calls from @first on make one leaf: constant, and end alike. */
static size_t leaf_size(size_t first)
{
	size_t n = 1;

	if (!is_constant(&calls[first]))
		return 1;
	while (n < MAX_LEAF && first + n < n_calls &&
	       is_constant(&calls[first + n]) &&
	       action(calls[first + n].first) == action(calls[first].first))
		n++;
	return n;
}

static void emit_leaf(size_t first, size_t n)
{
	const struct call *c = &calls[first];

	if (is_constant(c)) {
		for (size_t i = 0; i < n; i++)
			(void)emit(BPF_JMP | BPF_JEQ | BPF_K, c[i].nr,
				   (unsigned)(n - i), 0);
		emit_return(SECCOMP_RET_ALLOW);
		emit_return(action(c->first));
		return;
	}
	(void)emit(BPF_JMP | BPF_JEQ | BPF_K, c->nr, 1, 0);
	emit_return(SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < c->n; i++)
		emit_row(&c->first[i]);
	if (c->first[c->n - 1].conds[0].op != COND_NONE)
		emit_return(SECCOMP_RET_ALLOW);
}

/* Leaves that begin at the calls @leaves[]. */
static void emit_tree(const size_t *leaves, size_t n)
{
	size_t half = n / 2, jump, over;

	if (n == 1) {
		emit_leaf(leaves[0], leaf_size(leaves[0]));
		return;
	}
	jump = emit(BPF_JMP | BPF_JGE | BPF_K, calls[leaves[half]].nr, 0, 0);
	emit_tree(leaves, half);
	if (n_insns - jump - 1 <= UINT8_MAX) {
		insns[jump].jt = (uint8_t)(n_insns - jump - 1);
	} else {
		/* Too far for a conditional jump: once more, with another. */
		n_insns = jump + 1;
		insns[jump].jf = 1;
		over = emit(BPF_JMP | BPF_JA, 0, 0, 0);
		emit_tree(leaves, half);
		insns[over].k = (uint32_t)(n_insns - over - 1);
	}
	emit_tree(leaves + half, n - half);
}

static uint32_t foreign_abi(void)
{
	return left_out != WALL_SECCOMP_ABI ? SECCOMP_RET_KILL_PROCESS
					    : SECCOMP_RET_ALLOW;
}

static void emit_program(uint32_t arch)
{
	size_t leaves[N_ELEMS(calls)] = { 0 }, n = 0;

	emit_load(offsetof(struct seccomp_data, arch));
	(void)emit(BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
	emit_return(foreign_abi());
	emit_load(offsetof(struct seccomp_data, nr));
	/* A tracer skips a call by making it -1. */
	(void)emit(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1);
	emit_return(SECCOMP_RET_ALLOW);
	(void)emit(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	emit_return(foreign_abi());
	(void)emit(BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 1);
	emit_return(left_out != WALL_SECCOMP_NEWEST ? SECCOMP_RET_ERRNO | ENOSYS
						    : SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < n_calls; i += leaf_size(i))
		leaves[n++] = i;
	emit_tree(leaves, n);
}

static void print_program(const char *name)
{
	unsigned passes = 0;

	for (size_t i = 0; i < n_insns; i++)
		passes += insns[i].k == PASS_0 || insns[i].k == PASS_1;
	if (passes != 0 && passes != 2) {
		fprintf(stderr, "gen-seccomp: a pass is not one of a kind\n");
		exit(1);
	}
	printf("static const struct sock_filter %s[] = {\n", name);
	for (size_t i = 0; i < n_insns; i++)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", insns[i].code,
		       insns[i].jt, insns[i].jf, insns[i].k);
	printf("};\n\n");
}

static void print_rare_row(unsigned nr, const struct row *r)
{
	printf("\t{ %u, %d, \"%s\", {", nr, r->error, r->call);
	for (size_t i = 0; i < MAX_CONDS; i++)
		printf(" { %u, %u, 0x%08x },", (unsigned)r->conds[i].op,
		       r->conds[i].arg, r->conds[i].value);
	printf(" } },\n");
}

/*
 * Of the usual filter: nested's asks of no call that this one does not, and what
 * landlock's asks beyond it the warden knows.
 */
static void print_rare(void)
{
	printf("static const struct seccomp_rare jail_rare[] = {\n");
	for (size_t i = 0; i < n_calls; i++) {
		for (size_t k = 0; k < calls[i].n; k++) {
			if (calls[i].first[k].act == ACT_NOTIFY)
				print_rare_row(calls[i].nr, &calls[i].first[k]);
		}
	}
	printf("};\n");
}

static void print_filter(uint32_t arch, const char *name, const struct other *o,
			 unsigned level)
{
	static const char *const suffixes[] = { "", "_writes", "_all" };
	char text[64];

	(void)snprintf(text, sizeof(text), "%s%s", name, suffixes[level]);
	collect(arch, o, level);
	emit_program(arch);
	print_program(text);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint32_t arch; /* libseccomp's tokens are the kernel's */
	} targets[] = {
		{ "x86_64", SCMP_ARCH_X86_64 },
		{ "aarch64", SCMP_ARCH_AARCH64 },
	};
	struct other nested = { nested_rows, 0 };
	static const struct other landlock = { landlock_rows,
					       N_ELEMS(landlock_rows) };

#ifdef WEAKENED
	left_out = argc == 3 ? wall_find(argv[2]) : WEAKENED;
	argc = 2;
#endif
	n_rows = take_rows(all_rows, N_ELEMS(all_rows), rows);
	n_nested_rows = take_rows(all_nested_rows, N_ELEMS(all_nested_rows),
				  nested_rows);
	nested.n = n_nested_rows;
	for (size_t i = 0; i < N_ELEMS(targets) && argc == 2; i++) {
		if (strcmp(argv[1], targets[i].name) != 0)
			continue;
		printf("/* generated by gen-seccomp */\n"
		       "#define JAIL_PASS_0 0x%08xu\n"
		       "#define JAIL_PASS_1 0x%08xu\n",
		       PASS_0, PASS_1);
		print_filter(targets[i].arch, "landlock_filter", &landlock, 0);
		for (unsigned level = 3; level-- > 0;) {
			print_filter(targets[i].arch, "nested_filter", &nested,
				     level);
			print_filter(targets[i].arch, "jail_filter", NULL,
				     level);
		}
		print_rare(); /* of the last */
		return 0;
	}
	fprintf(stderr, "usage: gen-seccomp x86_64|aarch64\n");
	return 64;
}
