/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user namespace of one's own must not open, where the plan allows one:
 * in it one is root with every capability, may mount, and may be root over a
 * network of one's own.
 *
 * argv: a hidden file, a hidden directory, a directory with a hidden ".env" two
 * levels below it, a file that is covered later, a TCP port of the host.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "escape.h"

#define NAMESPACES_MAX  256 /* of each kind, as src/jail/special.c has it */
#define NAMESPACES_MANY 400
#define OPEN_TREE       428
#define NETFILTER_SET   64 /* IPT_SO_SET_REPLACE */
#define LATE_MS         3000

static const char *hidden, *hidden_dir, *deep, *late;
static int host_port;
static uid_t uid;
static gid_t gid;

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd != -1 &&
		  write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd != -1)
		(void)close(fd);
	return ok;
}

/* Root of a user namespace, and of those of @flags. */
static bool become_root(int flags)
{
	char map[32];

	if (unshare(CLONE_NEWUSER | flags) == -1)
		return false;
	(void)put("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
	if (!put("/proc/self/uid_map", map))
		return false;
	(void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)gid);
	return put("/proc/self/gid_map", map);
}

/* @run as root of new namespaces, in a process of its own. */
static void in(int flags, void (*run)(void))
{
	int status = 0;
	pid_t pid;

	(void)fflush(stdout); /* or the child has a copy of it */
	pid = fork();
	if (pid == 0) {
		escapes = 0;
		HOLDS(become_root(flags));
		HOLDS(getuid() == 0);
		/* A pid namespace is for the children. */
		pid = flags & CLONE_NEWPID ? fork() : 0;
		if (pid == 0) {
			run();
			(void)fflush(stdout);
			_exit(escapes > 0);
		}
		(void)waitpid(pid, &status, 0);
		(void)fflush(stdout);
		_exit(status != 0);
	}
	(void)waitpid(pid, &status, 0);
	HOLDS(status == 0);
}

static int bind_at(const char *from, const char *at, unsigned long flags)
{
	(void)mkdir(at, 0755);
	return mount(from, at, NULL, MS_BIND | flags, NULL);
}

static const char *below(const char *dir, const char *name)
{
	static char path[2][600];
	static int turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

/*
 * What covers it may be opened here: it is the jail's user's, over whose files
 * root of a namespace below has every right.  There is nothing in it.
 */
static bool is_blank(const char *path)
{
	struct stat st;
	int n = 0;
	DIR *d;

	if (stat(path, &st) == -1)
		return errno == EACCES;
	if (!S_ISDIR(st.st_mode))
		return st.st_size == 0;
	d = opendir(path);
	if (!d)
		return errno == EACCES;
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n == 2; /* itself and the one above */
}

static void covers_stay(void)
{
	static const char *const proc[] = { "/proc/sys", "/proc/kcore",
					    "/proc/keys", "/proc/acpi",
					    "/proc/sysrq-trigger" };
	char cwd[512] = "";

	HOLDS(getcwd(cwd, sizeof(cwd)) != NULL);
	WORKS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	REFUSED(EINVAL, umount2(hidden, 0));
	REFUSED(EINVAL, umount2(hidden, MNT_DETACH));
	REFUSED(EINVAL, umount2(hidden_dir, MNT_DETACH));
	REFUSED(EINVAL, umount2(cwd, MNT_DETACH));
	REFUSED(EINVAL, umount2("/", MNT_DETACH));
	for (size_t i = 0; i < N_ELEMS(proc); i++) {
		if (access(proc[i], F_OK) == 0)
			REFUSED(EINVAL, umount2(proc[i], MNT_DETACH));
	}
	REFUSED(EINVAL, mount(hidden, "/tmp", NULL, MS_MOVE, NULL));
	REFUSED(EINVAL, mount("/proc/sys", "/tmp", NULL, MS_MOVE, NULL));
	/* A copy without the covers is refused, one with them has them. */
	REFUSED(EINVAL, bind_at(".", "/tmp/plain", 0));
	REFUSED(EINVAL, bind_at("/proc", "/tmp/plain", 0));
	WORKS(bind_at(".", "/tmp/copy", MS_REC));
	HOLDS(is_blank(hidden) && is_blank(hidden_dir));
	HOLDS(is_blank(below("/tmp/copy", hidden)));
	HOLDS(is_blank(below("/tmp/copy", hidden_dir)));
	HOLDS(access("/proc/kcore", F_OK) == -1 || is_blank("/proc/kcore"));
	HOLDS(access("/proc/keys", F_OK) == -1 || is_blank("/proc/keys"));
	REFUSED(EROFS, open(hidden, O_WRONLY));
	REFUSED(EINVAL, umount2(below("/tmp/copy", hidden), MNT_DETACH));
	REFUSED(ENOSYS, syscall(OPEN_TREE, AT_FDCWD, ".", 1));
}

static void flags_stay(void)
{
	unsigned long again = MS_REMOUNT | MS_BIND;

	REFUSED(EPERM, mount(NULL, "/", NULL, again, NULL));
	REFUSED(EPERM, mount(NULL, "/usr", NULL, again, NULL));
	REFUSED(EPERM,
		mount(NULL, "/usr", NULL, again | MS_NOSUID | MS_NODEV, NULL));
	REFUSED(EPERM, mount(NULL, "/proc/sys", NULL, again, NULL));
	/* The workspace: set-id and devices count for nothing there. */
	REFUSED(EPERM, mount(NULL, ".", NULL, again, NULL));
	REFUSED(EROFS, mkdir("/usr/planted", 0755));
	REFUSED(EROFS, mkdir("/planted", 0755));
	WORKS(bind_at("/usr", "/tmp/usr", MS_REC));
	REFUSED(EPERM, mount(NULL, "/tmp/usr", NULL, again, NULL));
	REFUSED(EROFS, mkdir("/tmp/usr/planted", 0755));
}

/* A directory with something hidden, led to where it is not covered. */
static void nothing_is_led_out(void)
{
	const char *er = below(deep, "er");
	char env[600];

	(void)snprintf(env, sizeof(env), "%s/er/.env", deep);
	HOLDS(is_blank(env));
	WORKS(mkdir("open", 0755));
	WORKS(bind_at("open", "/tmp/open", 0));
	REFUSED(EBUSY, rename(deep, "open/deep"));
	REFUSED2(EBUSY, EXDEV, rename(er, "open/er"));
	REFUSED(EBUSY, rename(er, below(deep, "re")));
	REFUSED2(EBUSY, EXDEV, rename(env, "open/env"));
	REFUSED(EBUSY, rename(hidden, "open/env"));
	REFUSED(EBUSY, rename(hidden_dir, "open/keys"));
	REFUSED(EBUSY, unlink(env));
	REFUSED(EINVAL, bind_at(deep, "/tmp/deep", 0));
	REFUSED(EINVAL, bind_at(er, "/tmp/deep", 0));
	WORKS(umount2("/tmp/open", MNT_DETACH));
	WORKS(rmdir("open"));
	/* What is not above anything hidden moves as ever. */
	WORKS(mkdir("free", 0755));
	WORKS(rename("free", "moved"));
	WORKS(rmdir("moved"));
}

static void overlays_show_no_more(void)
{
	char options[1200], cwd[512] = "";

	HOLDS(chdir(deep) == 0 && is_blank("er/.env"));
	HOLDS(getcwd(cwd, sizeof(cwd)) != NULL);
	WORKS(mount("none", "/run", "tmpfs", 0, NULL));
	WORKS(mkdir("/run/up", 0755));
	WORKS(mkdir("/run/work", 0755));
	WORKS(mkdir("/run/over", 0755));
	(void)snprintf(options, sizeof(options),
		       "userxattr,lowerdir=%s,upperdir=/run/up,"
		       "workdir=/run/work",
		       cwd);
	/* ENODEV: a kernel without; EPERM before 5.11 */
	must_be("overlay",
		error_of(mount("none", "/run/over", "overlay", 0, options)),
		EINVAL, ENODEV);
}

static void proc_shows_little(void)
{
	static const char *const knobs[] = {
		"sys/kernel/core_pattern",   "sys/kernel/modprobe",
		"sys/vm/overcommit_memory",  "sys/net/ipv4/ip_forward",
		"sys/fs/protected_symlinks", "sysrq-trigger",
		"irq/default_smp_affinity",
	};
	static const char *const secrets[] = { "kcore", "kmsg", "kpagemap",
					       "timer_list" };
	struct dirent *e;
	int n = 0;
	DIR *d;

	WORKS(mkdir("/tmp/proc", 0755));
	WORKS(mount("proc", "/tmp/proc", "proc", 0, NULL));
	for (size_t i = 0; i < N_ELEMS(knobs); i++) {
		const char *path = below("/tmp/proc", knobs[i]);

		if (access(path, F_OK) == 0)
			REFUSED2(EACCES, EPERM, open(path, O_WRONLY));
	}
	for (size_t i = 0; i < N_ELEMS(secrets); i++) {
		const char *path = below("/tmp/proc", secrets[i]);

		if (access(path, F_OK) == 0)
			REFUSED2(EACCES, EPERM, open(path, O_RDONLY));
	}
	d = opendir("/tmp/proc");
	while (d && (e = readdir(d)))
		n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
	HOLDS(n == 1); /* this one */
	REFUSED(EPERM, mount("sysfs", "/tmp/proc", "sysfs", 0, NULL));
}

/* Our own pid namespace is not this user namespace's. */
static void no_other_proc(void)
{
	REFUSED(EPERM, mount("proc", "/tmp", "proc", 0, NULL));
}

static void outer_processes_stay_out_of_reach(void)
{
	REFUSED2(EPERM, ESRCH, ptrace(PTRACE_SEIZE, 1, 0, 0));
	(void)kill(1, SIGKILL);
	HOLDS(kill(1, 0) == 0 || errno == EPERM);
}

static int netlink_error(int s, void *message, size_t len)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char room[256];
	} answer = { 0 };

	if (send(s, message, len, 0) == -1)
		return errno;
	if (recv(s, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.h))
		return EIO;
	return answer.h.nlmsg_type == NLMSG_ERROR ? -answer.e.error : 0;
}

/* @link: give the interface 1 to the namespace of @ns_fd, or raise it here. */
static int change_link(int ns_fd)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
		struct rtattr a;
		uint32_t fd;
	} m = { .h = { .nlmsg_type = RTM_SETLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.i = { .ifi_family = AF_UNSPEC, .ifi_index = 1 },
		.a = { .rta_len = RTA_LENGTH(4), .rta_type = IFLA_NET_NS_FD } };
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), e;

	m.fd = (uint32_t)ns_fd;
	m.h.nlmsg_len = ns_fd == -1 ? NLMSG_LENGTH(sizeof(m.i)) : sizeof(m);
	if (ns_fd == -1)
		m.i.ifi_flags = m.i.ifi_change = 1; /* IFF_UP */
	e = netlink_error(s, &m, m.h.nlmsg_len);
	(void)close(s);
	return e;
}

static int dial(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port) };
	int s = socket(AF_INET, SOCK_STREAM, 0), e;

	(void)inet_pton(AF_INET, address, &a.sin_addr);
	e = error_of(connect(s, (struct sockaddr *)&a, sizeof(a)));
	(void)close(s);
	return e;
}

static int outer_net = -1;

static void sockets_stay_refused(void)
{
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
	int s6 = socket(AF_INET6, SOCK_STREAM, 0);

	REFUSED(EAFNOSUPPORT, socket(AF_PACKET, SOCK_RAW, 0));
	REFUSED(EAFNOSUPPORT, socket(AF_VSOCK, SOCK_STREAM, 0));
	REFUSED(EPROTONOSUPPORT, socket(AF_NETLINK, SOCK_RAW, 12));
	REFUSED(EPERM, setsockopt(s, IPPROTO_IP, NETFILTER_SET, &one, 4));
	REFUSED(EPERM, setsockopt(s6, IPPROTO_IPV6, NETFILTER_SET, &one, 4));
}

static void own_network_is_an_island(void)
{
	sockets_stay_refused();
	must_be("the host, lo down", dial("127.0.0.1", host_port), ENETUNREACH,
		ECONNREFUSED);
	must_be("raising lo", change_link(-1), 0, 0);
	must_be("the host", dial("127.0.0.1", host_port), ECONNREFUSED, 0);
	must_be("an allowed range", dial("192.0.2.1", 80), ENETUNREACH, 0);
	must_be("a name's address", dial("198.18.0.1", 80), ENETUNREACH, 0);
	HOLDS(outer_net >= 0);
	must_be("a link into the jail's network", change_link(outer_net), EPERM,
		0);
	REFUSED(EPERM, setns(outer_net, CLONE_NEWNET));
}

/* Root here has no say over the network that it did not make. */
static void outer_network_stays(void)
{
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);

	sockets_stay_refused();
	must_be("changing lo", change_link(-1), EPERM, 0);
	REFUSED(EPERM, setsockopt(s, IPPROTO_IP, IP_TRANSPARENT, &one, 4));
	REFUSED(EPERM, setsockopt(s, SOL_SOCKET, SO_MARK, &one, 4));
	REFUSED(EPERM, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	must_be("a refused address", dial("203.0.113.1", 80), ECONNREFUSED, 0);
}

static int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd == -1 ? -1 : write(fd, text, strlen(text));
	int e = errno;

	if (fd != -1)
		(void)close(fd);
	errno = e;
	return n == -1 ? -1 : 0;
}

/* Ours can be seen where the kernel lets them be mounted, not changed. */
static void control_groups_stay(void)
{
	static const struct {
		const char *type, *options, *limit;
	} kinds[] = {
		{ "cgroup2", NULL, "memory.max" },
		{ "cgroup", "memory", "memory.limit_in_bytes" },
		{ "cgroup", "pids", "pids.max" },
	};

	for (size_t i = 0; i < N_ELEMS(kinds); i++) {
		const char *limit = below("/tmp/groups", kinds[i].limit);

		(void)mkdir("/tmp/groups", 0755);
		if (mount("none", "/tmp/groups", kinds[i].type, 0,
			  kinds[i].options) == -1)
			continue;
		/* Where a group is the user's, one below it has no more. */
		if (mkdir("/tmp/groups/own", 0755) == 0)
			WORKS(rmdir("/tmp/groups/own"));
		else
			HOLDS(errno == EACCES || errno == EPERM);
		if (access(limit, F_OK) == 0)
			REFUSED2(EACCES, EPERM, write_to(limit, "max"));
		WORKS(umount2("/tmp/groups", MNT_DETACH));
	}
}

static void files_get_no_power(void)
{
	int fd = open("f", O_CREAT | O_RDWR, 0755);

	HOLDS(fd >= 0);
	REFUSED(EPERM, fchmod(fd, 04755));
	REFUSED(EPERM, chmod("f", 02755));
	REFUSED(EOPNOTSUPP,
		syscall(SYS_setxattr, "f", "security.capability", "", 0, 0));
	REFUSED(EOPNOTSUPP,
		syscall(SYS_fsetxattr, fd, "security.capability", "", 0, 0));
	REFUSED(EOPNOTSUPP, syscall(SYS_lsetxattr, "f", "user.a", "", 0, 0));
	REFUSED(EPERM, mknod("mem", S_IFCHR | 0666, (1 << 8) | 1));
	REFUSED(EPERM, mknod("/tmp/mem", S_IFCHR | 0666, (1 << 8) | 1));
	REFUSED2(EPERM, EINVAL, chown("f", 65534, 65534));
	WORKS(unlink("f"));
}

static void kernel_stays_closed(void)
{
	char room[128] = { 0 };

	REFUSED(EPERM, syscall(SYS_bpf, 0, room, sizeof(room)));
	REFUSED(EPERM, syscall(SYS_perf_event_open, room, 0, -1, -1, 0));
	REFUSED(EPERM, syscall(SYS_userfaultfd, O_CLOEXEC));
	REFUSED(EPERM, syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 1));
	REFUSED(EPERM, syscall(SYS_finit_module, -1, "", 0));
	REFUSED(EPERM, syscall(SYS_open_by_handle_at, AT_FDCWD, room, 0));
	REFUSED(EPERM, syscall(SYS_sethostname, "a", 1));
	REFUSED(EPERM, syscall(SYS_unshare, CLONE_NEWTIME));
	REFUSED(ENOSYS, syscall(SYS_io_uring_setup, 8, room));
	REFUSED(ENOSYS, syscall(SYS_clone3, room, 64));
}

/* However deep, and whoever made them. */
static void number_is_bounded(void)
{
	int held = 0, p[2];
	char e = 0;

	WORKS(pipe(p));
	for (; held < NAMESPACES_MANY; held++) {
		if (fork() == 0) {
			e = (char)error_of(unshare(CLONE_NEWUSER));
			(void)!write(p[1], &e, 1);
			(void)pause(); /* until the pid namespace ends */
		}
		if (read(p[0], &e, 1) != 1 || e != 0)
			break;
	}
	must_be("one namespace more", e, ENOSPC, 0);
	HOLDS(held > 16 && held < NAMESPACES_MAX);
}

/*
 * What the supervisor covers later is covered in namespaces below too, for those
 * who do not mind: a namespace that made its mounts private does not hear of it.
 */
static void late_covers_arrive(void)
{
	for (int ms = 0; ms < LATE_MS && !is_blank(late); ms += 10)
		(void)usleep(10000);
	HOLDS(is_blank(late));
}

int main(int argc, char **argv)
{
	HOLDS(argc == 6);
	if (argc != 6)
		return verdict();
	hidden = argv[1];
	hidden_dir = argv[2];
	deep = argv[3];
	late = argv[4];
	host_port = number(argv[5]);
	uid = getuid();
	gid = getgid();
	outer_net = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	in(CLONE_NEWNS, covers_stay);
	in(CLONE_NEWNS, flags_stay);
	in(CLONE_NEWNS, nothing_is_led_out);
	in(CLONE_NEWNS, overlays_show_no_more);
	in(CLONE_NEWNS | CLONE_NEWPID, proc_shows_little);
	in(CLONE_NEWNS, no_other_proc);
	in(0, outer_processes_stay_out_of_reach);
	in(CLONE_NEWNET, own_network_is_an_island);
	in(0, outer_network_stays);
	in(CLONE_NEWNS | CLONE_NEWCGROUP, control_groups_stay);
	in(CLONE_NEWNS, files_get_no_power);
	in(CLONE_NEWUTS, kernel_stays_closed);
	in(CLONE_NEWNS, late_covers_arrive);
	in(CLONE_NEWPID, number_is_bounded); /* and there is none left */
	return verdict();
}
