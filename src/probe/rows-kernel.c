/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the kernel that no program of a user needs, tried by use: namespaces
 * and what they open, families of sockets.  The bare calls are in syscalls.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/numbers.h"
#include "probe/program.h"
#include "probe/rows.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* ---- namespaces ---- */

static void try_unshare(const struct attempt *a, const struct run *r,
			struct result *out)
{
	(void)r;
	say_call(out, unshare(*(const int *)a->arg));
}

/* Not by the C library: its clone() wants a stack. */
static void try_clone(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	long pid =
		syscall(SYS_clone, *(const int *)a->arg | SIGCHLD, 0, 0, 0, 0);

	(void)r;
	if (pid == 0)
		_exit(0);
	say_call(out, pid);
}

/* The flags lie in memory, where no filter sees them. */
static void try_clone3(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	uint64_t args[8] = {
		[0] = (uint64_t) * (const int *)a->arg, [4] = SIGCHLD
	};
	long pid = syscall(SYS_clone3, args, sizeof(args));

	(void)r;
	if (pid == 0)
		_exit(0);
	say_call(out, pid);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd == -1 ? -1 : write_all(fd, text, strlen(text));
}

/* Root of a user namespace of one's own, with others beside it. */
static bool become_root(int flags, struct result *out)
{
	char map[48];
	unsigned uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWUSER | flags) == -1) {
		say_refused(out, errno, "no user namespace");
		return false;
	}
	(void)write_text("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_text("/proc/self/uid_map", map) == -1) {
		say_refused(out, errno, "uid_map");
		return false;
	}
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	(void)write_text("/proc/self/gid_map", map);
	return true;
}

/* A file system wants the namespaces of what it shows to be one's own. */
#define OWN_ALL                                                        \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP | \
	 CLONE_NEWIPC)

/* @arg: a type of file system, mounted on /tmp of a namespace of one's own. */
static void try_userns_mount(const struct attempt *a, const struct run *r,
			     struct result *out)
{
	const char *options = NULL;
	pid_t pid;

	(void)r;
	if (!become_root(OWN_ALL, out))
		return;
	if (strcmp(a->arg, "overlay") == 0)
		options = "lowerdir=/usr:/etc";
	pid = fork(); /* into the pid namespace */
	if (pid == 0) {
		long got = mount("none", "/tmp", a->arg, 0, options);

		if (got == -1 && errno == ENODEV)
			say_absent(out, ENODEV, "%s", "");
		else
			say_call(out, got);
		_exit(0);
	}
	if (pid == -1)
		say_refused(out, errno, "fork");
	(void)waitpid(pid, NULL, 0);
}

static void try_userns_bind(const struct attempt *a, const struct run *r,
			    struct result *out)
{
	(void)a;
	(void)r;
	if (become_root(CLONE_NEWNS, out))
		say_call(out,
			 mount("/usr", "/tmp", NULL, MS_BIND | MS_REC, NULL));
}

/* The table that holds most of the recent years' root exploits. */
static void try_userns_nft(const struct attempt *a, const struct run *r,
			   struct result *out)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} m = {
		.h = { .nlmsg_len = sizeof(m),
		       .nlmsg_type =
			       NFNL_SUBSYS_NFTABLES << 8 | 1, /* GETTABLE */
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.g = { .nfgen_family = AF_INET },
	};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[4096];
	} answer = { 0 };
	int fd;

	(void)a;
	(void)r;
	if (!become_root(CLONE_NEWNET, out))
		return;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd == -1 || send(fd, &m, sizeof(m), 0) == -1 ||
	    recv(fd, &answer, sizeof(answer), 0) == -1)
		say_refused(out, errno, "%s", "");
	else if (answer.h.nlmsg_type == NLMSG_ERROR && answer.e.error != 0)
		say_refused(out, -answer.e.error, "nf_tables");
	else
		say_reachable(out, "nf_tables answers");
}

static void try_userns_packet(const struct attempt *a, const struct run *r,
			      struct result *out)
{
	(void)a;
	(void)r;
	if (become_root(CLONE_NEWNET, out))
		say_call(out, socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

/* ---- others ---- */

static void try_ring(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	char params[256] = { 0 };

	(void)a;
	(void)r;
	say_call(out, syscall(SYS_io_uring_setup, 8, params));
}

static void try_keyring(const struct attempt *a, const struct run *r,
			struct result *out)
{
	(void)a;
	(void)r;
	/* KEYCTL_GET_KEYRING_ID of the user's keyring, not made */
	say_call(out, syscall(SYS_keyctl, 0, -4, 0));
}

static void try_memfd_exec(const struct attempt *a, const struct run *r,
			   struct result *out)
{
	static const char script[] = "#!/bin/true\n";
	char *argv[] = { (char[]){ "x" }, NULL }, *env[] = { NULL };
	int status = 0, fd = memfd_create("bawn-probe", 0);
	pid_t pid;

	(void)a;
	(void)r;
	if (fd == -1 || write_all(fd, script, sizeof(script) - 1) == -1) {
		say_refused(out, errno, "memfd_create");
		return;
	}
	pid = fork();
	if (pid == 0) {
		(void)fexecve(fd, argv, env);
		_exit(errno & 0x7f);
	}
	(void)waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		say_reachable(out, "a program without a file ran");
	else
		say_refused(out, WEXITSTATUS(status), "execveat");
}

static void try_foreign(const struct attempt *a, const struct run *r,
			struct result *out)
{
	static const long none[5];
	long got;

	(void)a;
	(void)r;
	/* getpid(), by both its numbers */
	if (program_call(20, none, out, &got))
		say_call(out, got);
}

static void try_writable_code(const struct attempt *a, const struct run *r,
			      struct result *out)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)a;
	(void)r;
	say_call(out, p == MAP_FAILED ? -1 : 0);
}

static void try_low_page(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	void *p = mmap((void *)4096, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	(void)a;
	(void)r;
	say_call(out, p == MAP_FAILED ? -1 : 0);
}

static void try_mlock(const struct attempt *a, const struct run *r,
		      struct result *out)
{
	(void)a;
	(void)r;
	say_call(out, mlockall(MCL_FUTURE));
}

#define FLAGS(n) (&(const int){ (n) })
#define UNSHARE(id, what, ref, flags) \
	ROW("kernel.ns-" id, what, ref, try_unshare, FLAGS(flags))
#define MOUNT(id, what, ref, type) \
	ROW("kernel.userns-mount-" id, what, ref, try_userns_mount, type)

const struct attempt kernel_rows[] = {
	UNSHARE("user", "a user namespace", "CVE-2022-0185", CLONE_NEWUSER),
	ROW("kernel.ns-user-clone", "the same by clone()", "CVE-2022-0185",
	    try_clone, FLAGS(CLONE_NEWUSER)),
	ROW("kernel.ns-user-clone3", "the same by clone3()",
	    "its flags lie in memory", try_clone3, FLAGS(CLONE_NEWUSER)),
	UNSHARE("mount", "a mount namespace", "mount_namespaces(7)",
		CLONE_NEWNS),
	UNSHARE("net", "a network namespace", "network_namespaces(7)",
		CLONE_NEWNET),
	UNSHARE("pid", "a pid namespace", "pid_namespaces(7)", CLONE_NEWPID),
	UNSHARE("ipc", "an ipc namespace", "ipc_namespaces(7)", CLONE_NEWIPC),
	UNSHARE("uts", "a host name of one's own", "uts_namespaces(7)",
		CLONE_NEWUTS),
	UNSHARE("cgroup", "a control group namespace", "CVE-2022-0492",
		CLONE_NEWCGROUP),
	UNSHARE("time", "a time namespace", "time_namespaces(7)",
		CLONE_NEWTIME),
	ROW("kernel.ns-net-clone3", "a network namespace by clone3()",
	    "its flags lie in memory", try_clone3,
	    FLAGS(CLONE_NEWUSER | CLONE_NEWNET)),
	MOUNT("tmpfs", "a tmpfs in a user namespace", "mount(2)", "tmpfs"),
	MOUNT("overlay", "an overlayfs in one", "CVE-2023-0386", "overlay"),
	MOUNT("proc", "a fresh /proc in one", "masked files come back", "proc"),
	MOUNT("sysfs", "a fresh /sys in one", "sysfs(5)", "sysfs"),
	MOUNT("cgroup2", "control groups in one", "CVE-2022-0492", "cgroup2"),
	MOUNT("cgroup", "control groups v1 in one", "CVE-2022-0492", "cgroup"),
	MOUNT("bpf", "pinned programs in one", "bpf(2)", "bpf"),
	MOUNT("fuse", "a file system of one's own", "fuse(4)", "fuse"),
	ROW("kernel.userns-bind", "a bind mount in a user namespace",
	    "mount(2)", try_userns_bind, NULL),
	ROW("kernel.userns-nftables", "nf_tables in a user namespace",
	    "CVE-2024-1086", try_userns_nft, NULL),
	ROW("kernel.userns-packet", "packet sockets in a user namespace",
	    "CVE-2020-14386", try_userns_packet, NULL),
	ROW("kernel.io-uring", "a ring that works", "CVE-2022-29582", try_ring,
	    NULL),
	ROW("kernel.user-keyring", "the user's keyring", "keyrings(7)",
	    try_keyring, NULL),
	ROW("kernel.memfd-exec", "a program that has no file",
	    "memfd_create(2)", try_memfd_exec, NULL),
	ROW("kernel.foreign-program", "a program of 32 bits, and a call by it",
	    "its calls have other numbers", try_foreign, NULL),
	ROW("kernel.writable-code", "memory both writable and executable",
	    "mmap(2)", try_writable_code, NULL),
	ROW("kernel.low-page", "memory at address 4096", "CVE-2009-2692",
	    try_low_page, NULL),
	ROW("kernel.mlock", "memory that cannot be swapped", "mlock(2)",
	    try_mlock, NULL),
};
END_ROWS(kernel);

/* ---- families of sockets ---- */

struct family {
	int family, type, protocol;
};

static void try_family(const struct attempt *a, const struct run *r,
		       struct result *out)
{
	const struct family *f = a->arg;
	int fd = socket(f->family, f->type | SOCK_CLOEXEC, f->protocol);

	(void)r;
	if (fd != -1)
		say_reachable(out, "%s", "");
	/* A wrong type is said by the family itself: it is there. */
	else if (f->family != AF_INET &&
		 (errno == ESOCKTNOSUPPORT || errno == EPROTOTYPE ||
		  errno == EINVAL))
		say_reachable(out, "it wants another type");
	else
		say_refused(out, errno, "%s", "");
}

#define FAMILY(id, what, ref, f, t, p)              \
	ROW("kernel.af-" id, what, ref, try_family, \
	    (&(const struct family){ (f), (t), (p) }))
#define NETLINK(id, what, ref, p) \
	FAMILY("netlink-" id, what, ref, AF_NETLINK, SOCK_RAW, p)

const struct attempt family_rows[] = {
	FAMILY("packet", "raw frames", "CVE-2020-14386", AF_PACKET, SOCK_RAW,
	       0),
	FAMILY("packet-dgram", "cooked frames", "CVE-2017-7308", AF_PACKET,
	       SOCK_DGRAM, 0),
	FAMILY("inet-raw", "raw IP", "raw(7)", AF_INET, SOCK_RAW, IPPROTO_RAW),
	FAMILY("inet6-raw", "raw IPv6", "raw(7)", AF_INET6, SOCK_RAW,
	       IPPROTO_RAW),
	FAMILY("inet-raw-tcp", "raw TCP", "raw(7)", AF_INET, SOCK_RAW,
	       IPPROTO_TCP),
	FAMILY("vsock", "sockets between virtual machines",
	       "network namespaces do not divide them", 40, SOCK_STREAM, 0),
	FAMILY("vsock-dgram", "the same, datagrams", "vsock(7)", 40, SOCK_DGRAM,
	       0),
	FAMILY("alg", "the kernel's ciphers", "CVE-2019-8912", 38,
	       SOCK_SEQPACKET, 0),
	FAMILY("bluetooth", "Bluetooth", "CVE-2020-12351", 31, SOCK_RAW, 1),
	FAMILY("bluetooth-l2cap", "Bluetooth connections", "CVE-2020-12351", 31,
	       SOCK_SEQPACKET, 0),
	FAMILY("can", "vehicle buses", "CVE-2021-32606", 29, SOCK_RAW, 1),
	FAMILY("tipc", "clusters", "CVE-2021-43267", 30, SOCK_STREAM, 0),
	FAMILY("rds", "reliable datagrams", "CVE-2010-3904", 21, SOCK_SEQPACKET,
	       0),
	FAMILY("xdp", "packets past the stack", "CVE-2020-14386", 44, SOCK_RAW,
	       0),
	FAMILY("key", "IPsec's keys", "CVE-2022-1353", 15, SOCK_RAW, 2),
	FAMILY("nfc", "near field", "CVE-2020-25670", 39, SOCK_SEQPACKET, 1),
	FAMILY("kcm", "multiplexed TCP", "CVE-2019-8980", 41, SOCK_DGRAM, 0),
	FAMILY("qipcrtr", "Qualcomm's router", "CVE-2022-25265", 42, SOCK_DGRAM,
	       0),
	FAMILY("smc", "shared memory sockets", "CVE-2021-46925", 43,
	       SOCK_STREAM, 0),
	FAMILY("ieee802154", "small radios", "CVE-2021-3659", 36, SOCK_RAW, 0),
	FAMILY("phonet", "modems", "CVE-2010-4072", 35, SOCK_DGRAM, 0),
	FAMILY("caif", "modems", "CVE-2011-1747", 37, SOCK_STREAM, 0),
	FAMILY("llc", "802.2", "CVE-2017-6345", 26, SOCK_DGRAM, 0),
	FAMILY("ax25", "amateur radio", "CVE-2022-1199", 3, SOCK_DGRAM, 0),
	FAMILY("x25", "packet networks", "CVE-2020-35519", 9, SOCK_SEQPACKET,
	       0),
	FAMILY("appletalk", "AppleTalk", "CVE-2009-2903", 5, SOCK_DGRAM, 0),
	FAMILY("ipx", "IPX", "CVE-2010-4073", 4, SOCK_DGRAM, 0),
	FAMILY("netrom", "amateur radio", "CVE-2019-11810", 6, SOCK_SEQPACKET,
	       0),
	FAMILY("rose", "amateur radio", "CVE-2022-2961", 11, SOCK_SEQPACKET, 0),
	FAMILY("decnet", "DECnet", "CVE-2018-18955", 12, SOCK_SEQPACKET, 0),
	FAMILY("econet", "Econet", "CVE-2010-3848", 19, SOCK_DGRAM, 0),
	FAMILY("atmpvc", "ATM", "CVE-2023-51779", 8, SOCK_DGRAM, 0),
	FAMILY("atmsvc", "ATM", "CVE-2023-51779", 20, SOCK_DGRAM, 0),
	FAMILY("pppox", "tunnels", "CVE-2014-4943", 24, SOCK_STREAM, 0),
	FAMILY("rxrpc", "AFS", "CVE-2020-25211", 33, SOCK_DGRAM, PF_INET),
	FAMILY("isdn", "ISDN", "CVE-2019-15921", 34, SOCK_RAW, 0),
	FAMILY("ib", "InfiniBand", "CVE-2016-4565", 27, SOCK_STREAM, 0),
	FAMILY("mpls", "MPLS", "address family 28", 28, SOCK_DGRAM, 0),
	FAMILY("mctp", "management controllers", "CVE-2022-3977", 45,
	       SOCK_DGRAM, 0),
	FAMILY("ash", "a family that is none", "address family 18", 18,
	       SOCK_STREAM, 0),
	FAMILY("sctp", "SCTP", "CVE-2019-3874", AF_INET, SOCK_STREAM,
	       IPPROTO_SCTP),
	FAMILY("dccp", "DCCP", "CVE-2017-6074", AF_INET, 6, 33),
	FAMILY("udplite", "UDP-Lite", "udplite(7)", AF_INET, SOCK_DGRAM, 136),
	FAMILY("mptcp", "MPTCP, past rules made for TCP",
	       "Landlock knows TCP only", AF_INET, SOCK_STREAM, 262),
	FAMILY("smc-inet", "SMC as a protocol of inet", "CVE-2021-46925",
	       AF_INET, SOCK_STREAM, 256),
	FAMILY("l2tp", "tunnels", "CVE-2022-4129", AF_INET, SOCK_DGRAM, 115),
	FAMILY("icmp", "echo requests", "icmp(7)", AF_INET, SOCK_DGRAM,
	       IPPROTO_ICMP),
	NETLINK("sock-diag", "all sockets of the network", "CVE-2013-1763", 4),
	NETLINK("netfilter", "packet filters", "CVE-2023-32233", 12),
	NETLINK("xfrm", "IPsec", "CVE-2017-7184", 6),
	NETLINK("audit", "the audit log", "audit(7)", 9),
	NETLINK("uevent", "news of devices", "netlink(7)", 15),
	NETLINK("generic", "many drivers", "CVE-2017-13686", 16),
	NETLINK("connector", "news of processes", "CVE-2018-20511", 11),
	NETLINK("crypto", "ciphers", "CVE-2018-19824", 21),
	NETLINK("rdma", "InfiniBand", "CVE-2019-16413", 20),
	NETLINK("scsi", "disks", "CVE-2021-27363", 8),
	NETLINK("selinux", "news of SELinux", "netlink(7)", 7),
	NETLINK("usersock", "messages between programs", "netlink(7)", 2),
	NETLINK("fib-lookup", "the routing table", "netlink(7)", 10),
	NETLINK("scsitransport", "disks' transports", "netlink(7)", 18),
	NETLINK("ecryptfs", "a file system's keys", "netlink(7)", 19),
	NETLINK("smc", "shared memory sockets", "netlink(7)", 22),
	NETLINK("route", "routes and interfaces", "rtnetlink(7)", 0),
};
END_ROWS(family);
