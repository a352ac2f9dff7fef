/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other processes: the host's (a fixture), the one that started us, process 1,
 * and one beside us.  Each is asked in the way that disturbs it least: memory is read at
 * an address that nobody has, so EFAULT means that we would have been let.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe/fixtures.h"
#include "probe/rows.h"

#define PATH_SIZE 320

enum target {
	TARGET_HOST,
	TARGET_PARENT,
	TARGET_INIT,
	TARGET_SIBLING
};

enum way {
	WAY_PTRACE,
	WAY_VM_READ,
	WAY_VM_WRITE,
	WAY_PIDFD_GETFD,
	WAY_SIGNAL,
	WAY_LIMITS,
	WAY_AFFINITY,
	WAY_FILE_READ,
	WAY_FILE_WRITE,
	WAY_LINK,
	WAY_SETNS
};

struct deed {
	enum target target;
	enum way way;
	const char *file; /* of /proc/PID */
};

static pid_t pid_of(enum target t, const struct run *r)
{
	const struct fixture *f = fixture_first(r->fixtures, FIX_HOST_PID);

	switch (t) {
	case TARGET_PARENT:
		return r->parent;
	case TARGET_INIT:
		return 1;
	case TARGET_SIBLING:
		return r->sibling;
	case TARGET_HOST:
	default:
		return f ? (pid_t)f->number : -1;
	}
}

/* Attached without being stopped; our end lets it go. */
static void do_ptrace(pid_t pid, struct result *out)
{
	say_call(out, ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static void do_vm(pid_t pid, bool write, struct result *out)
{
	char byte = 0;
	struct iovec here = { &byte, 1 }, there = { (void *)8, 1 };
	ssize_t n = write ? process_vm_writev(pid, &here, 1, &there, 1, 0)
			  : process_vm_readv(pid, &here, 1, &there, 1, 0);

	if (n == -1 && errno != EFAULT)
		say_refused(out, errno, "%s", "");
	else
		say_reachable(out, "%s", "");
}

static void do_getfd(pid_t pid, struct result *out)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd == -1)
		say_refused(out, errno, "pidfd_open");
	else
		say_call(out, syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

static void do_limits(pid_t pid, struct result *out)
{
	struct rlimit now;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &now) == -1)
		say_refused(out, errno, "%s", "");
	else
		say_call(out, prlimit(pid, RLIMIT_NOFILE, &now, NULL));
}

static void do_affinity(pid_t pid, struct result *out)
{
	cpu_set_t now;

	if (sched_getaffinity(pid, sizeof(now), &now) == -1)
		say_refused(out, errno, "%s", "");
	else
		say_call(out, sched_setaffinity(pid, sizeof(now), &now));
}

static void do_file(pid_t pid, const char *name, int flags, struct result *out)
{
	char path[64], byte[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	/* Opening tells little of some: what they say must come out, too. */
	if (fd == -1 || flags != O_RDONLY)
		say_call(out, fd);
	else if (strcmp(name, "mem") == 0 || read(fd, byte, sizeof(byte)) > 0)
		say_reachable(out, "%s", "");
	else
		say_refused(out, errno, "it is empty");
}

static void do_link(pid_t pid, const char *name, struct result *out)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	say_call(out, fd);
	if (fd == -1)
		return;
	/* A fd directory: can be listed? */
	if (strcmp(name, "fd") == 0) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		say_call(out, fd);
	}
}

static void do_setns(pid_t pid, const char *name, struct result *out)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		say_refused(out, errno, "%s", path);
	else
		say_call(out, syscall(SYS_setns, fd, 0));
}

static void try_deed(const struct attempt *a, const struct run *r,
		     struct result *out)
{
	const struct deed *d = a->arg;
	pid_t pid = pid_of(d->target, r);

	if (pid <= 0) {
		/* The parent is out of sight: in another pid namespace. */
		if (d->target == TARGET_PARENT)
			say_refused(out, ESRCH, "it is not to be seen");
		else
			say_untried(out, "no fixture: host_pid");
		return;
	}
	switch (d->way) {
	case WAY_PTRACE:
		do_ptrace(pid, out);
		break;
	case WAY_VM_READ:
	case WAY_VM_WRITE:
		do_vm(pid, d->way == WAY_VM_WRITE, out);
		break;
	case WAY_PIDFD_GETFD:
		do_getfd(pid, out);
		break;
	case WAY_SIGNAL:
		say_call(out, kill(pid, 0));
		break;
	case WAY_LIMITS:
		do_limits(pid, out);
		break;
	case WAY_AFFINITY:
		do_affinity(pid, out);
		break;
	case WAY_FILE_READ:
		do_file(pid, d->file, O_RDONLY, out);
		break;
	case WAY_FILE_WRITE:
		do_file(pid, d->file, O_WRONLY, out);
		break;
	case WAY_LINK:
		do_link(pid, d->file, out);
		break;
	case WAY_SETNS:
	default:
		do_setns(pid, d->file, out);
		break;
	}
}

/* ---- what can be seen ---- */

/* Every pid that answers at all, /proc or no /proc. */
static void try_see_host(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	pid_t pid = pid_of(TARGET_HOST, r);
	char path[64];

	(void)a;
	if (pid <= 0) {
		say_untried(out, "no fixture: host_pid");
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (access(path, F_OK) == 0)
		say_reachable(out, "%s", path);
	else if (kill(pid, 0) == 0 || errno == EPERM)
		say_reachable(out, "a signal finds it");
	else if (getpgid(pid) != -1 || getsid(pid) != -1)
		say_reachable(out, "its group can be asked for");
	else if (getpriority(PRIO_PROCESS, (id_t)pid) != -1)
		say_reachable(out, "its priority can be asked for");
	else
		say_refused(out, errno, "%s", "");
}

/* Tracing one's own child is a debugger's work, and much kernel. */
static void try_own_child(const struct attempt *a, const struct run *r,
			  struct result *out)
{
	pid_t pid = fork();

	(void)a;
	(void)r;
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	do_ptrace(pid, out);
	(void)kill(pid, SIGKILL);
}

/* A process that leaves its session and its parent; the host counts later. */
static void try_outlive(const struct attempt *a, const struct run *r,
			struct result *out)
{
	const struct fixture *f = fixture_first(r->fixtures, FIX_OUTLIVE);
	struct timespec left;
	pid_t pid;

	(void)a;
	if (!f) {
		say_untried(out, "no fixture: outlive");
		return;
	}
	left = (struct timespec){ .tv_sec = f->number };
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		if (fork() != 0)
			_exit(0);
		(void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
		(void)prctl(PR_SET_NAME, "bawn-probe-left", 0, 0, 0);
		(void)close(0);
		(void)close(1);
		(void)close(2);
		(void)nanosleep(&left, NULL);
		_exit(0);
	}
	/* Until it has left: our end is the end of our group. */
	(void)waitpid(pid, NULL, 0);
	say_reachable(out, "bawn-probe-left sleeps %u s", f->number);
}

/*
 * A process beside ours, our attempts and the one started for them: what
 * supervises us, what other sessions run.  Its memory, or what it has open.
 */
static bool is_foreign(pid_t pid, const struct run *r)
{
	return pid != r->sibling && pid != getpid() && pid != getppid() &&
	       getsid(pid) != getsid(getppid());
}

static bool can_open_any(pid_t pid, const char *what, int flags, char *path,
			 size_t size)
{
	int n = snprintf(path, size, "/proc/%d/%s", (int)pid, what);
	DIR *d;
	bool got = false;

	if (strcmp(what, "fd") != 0)
		return open(path, flags | O_CLOEXEC) != -1;
	d = opendir(path);
	for (const struct dirent *e; d && !got && (e = readdir(d));) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		(void)snprintf(path + n, size - (size_t)n, "/%s", e->d_name);
		got = open(path, flags | O_CLOEXEC) != -1;
	}
	if (d)
		(void)closedir(d);
	return got;
}

/* 0: not the name of a process's directory. */
static pid_t pid_named(const char *name)
{
	pid_t pid = 0;

	for (; isdigit((unsigned char)*name) && pid < 100000000; name++)
		pid = pid * 10 + (*name - '0');
	return *name ? 0 : pid;
}

/* @arg: a file of /proc/PID that leads into the process. */
static void try_any(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	int flags = strcmp(a->arg, "mem") == 0 ? O_RDWR : O_PATH;
	char path[PATH_SIZE];
	unsigned n = 0;
	DIR *d = opendir("/proc");

	for (const struct dirent *e; d && (e = readdir(d));) {
		pid_t pid = pid_named(e->d_name);

		if (pid == 0 || !is_foreign(pid, r))
			continue;
		n++;
		if (!can_open_any(pid, a->arg, flags, path, sizeof(path)))
			continue;
		say_reachable(out, "%s", path);
		(void)closedir(d);
		return;
	}
	if (d)
		(void)closedir(d);
	say_refused(out, 0, "none of the %u that are seen", n);
}

static void try_hidden_parent(const struct attempt *a, const struct run *r,
			      struct result *out)
{
	char path[64], line[128];

	(void)a;
	if (r->parent == 0) {
		say_refused(out, 0, "it is not to be seen");
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)r->parent);
	if (read_file(path, line, sizeof(line)) <= 0)
		say_refused(out, errno, "%s", "");
	else
		say_reachable(out, "%s", line);
}

/* A negative adjustment kills others first. */
static void try_oom(const struct attempt *a, const struct run *r,
		    struct result *out)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	(void)a;
	(void)r;
	if (fd == -1)
		say_refused(out, errno, "%s", "");
	else
		say_call(out, write_all(fd, "-1000", 5));
}

static void try_priority(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	(void)a;
	(void)r;
	say_call(out, setpriority(PRIO_PROCESS, 0, -20));
}

static void try_realtime(const struct attempt *a, const struct run *r,
			 struct result *out)
{
	const struct sched_param p = { .sched_priority = 1 };

	(void)a;
	(void)r;
	say_call(out, sched_setscheduler(0, SCHED_FIFO, &p));
	(void)sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
}

#define DEED(id, what, ref, t, w, f)                             \
	{                                                        \
		(id), (what), (ref), try_deed,                   \
			&(const struct deed){ (t), (w), (f) }, 0 \
	}
#define DEEDS(name, words, t)                                                \
	DEED("proc." name "-ptrace", "trace " words, "ptrace(2)", t,         \
	     WAY_PTRACE, NULL),                                              \
		DEED("proc." name "-vm-read", "read the memory of " words,   \
		     "process_vm_readv(2)", t, WAY_VM_READ, NULL),           \
		DEED("proc." name "-vm-write", "write the memory of " words, \
		     "process_vm_readv(2)", t, WAY_VM_WRITE, NULL),          \
		DEED("proc." name "-pidfd-getfd",                            \
		     "take a descriptor of " words, "pidfd_getfd(2)", t,     \
		     WAY_PIDFD_GETFD, NULL),                                 \
		DEED("proc." name "-mem", "memory file of " words,           \
		     "proc_pid_mem(5)", t, WAY_FILE_WRITE, "mem"),           \
		DEED("proc." name "-environ", "environment of " words,       \
		     "proc_pid_environ(5)", t, WAY_FILE_READ, "environ"),    \
		DEED("proc." name "-maps", "addresses of " words,            \
		     "proc_pid_maps(5)", t, WAY_FILE_READ, "maps"),          \
		DEED("proc." name "-root", "root directory of " words,       \
		     "proc_pid_root(5)", t, WAY_LINK, "root/proc"),          \
		DEED("proc." name "-cwd", "working directory of " words,     \
		     "proc_pid_cwd(5)", t, WAY_LINK, "cwd/."),               \
		DEED("proc." name "-fd", "open files of " words,             \
		     "proc_pid_fd(5)", t, WAY_LINK, "fd"),                   \
		DEED("proc." name "-limits", "set limits of " words,         \
		     "prlimit(2)", t, WAY_LIMITS, NULL),                     \
		DEED("proc." name "-affinity", "choose the CPUs of " words,  \
		     "sched_setaffinity(2)", t, WAY_AFFINITY, NULL),         \
		DEED("proc." name "-signal", "signal " words, "kill(2)", t,  \
		     WAY_SIGNAL, NULL)

const struct attempt proc_rows[] = {
	ROW("proc.host-visible", "whether a process of the host is seen",
	    "pid_namespaces(7)", try_see_host, NULL),
	ROW("proc.parent-cmdline", "the arguments of what started this",
	    "proc_pid_cmdline(5)", try_hidden_parent, NULL),
	DEEDS("host", "a host's process", TARGET_HOST),
	DEEDS("parent", "what started this", TARGET_PARENT),
	DEEDS("init", "process 1", TARGET_INIT),
	DEED("proc.sibling-ptrace", "trace a process beside", "ptrace(2)",
	     TARGET_SIBLING, WAY_PTRACE, NULL),
	DEED("proc.sibling-vm-read", "read the memory of one beside",
	     "process_vm_readv(2)", TARGET_SIBLING, WAY_VM_READ, NULL),
	DEED("proc.sibling-pidfd-getfd", "take a descriptor of one beside",
	     "pidfd_getfd(2)", TARGET_SIBLING, WAY_PIDFD_GETFD, NULL),
	DEED("proc.sibling-mem", "memory file of one beside", "proc_pid_mem(5)",
	     TARGET_SIBLING, WAY_FILE_WRITE, "mem"),
	DEED("proc.init-ns-user", "enter the user namespace of process 1",
	     "setns(2)", TARGET_INIT, WAY_SETNS, "ns/user"),
	DEED("proc.init-ns-mnt", "enter the mount namespace of process 1",
	     "setns(2)", TARGET_INIT, WAY_SETNS, "ns/mnt"),
	DEED("proc.init-ns-net", "enter the network namespace of process 1",
	     "setns(2)", TARGET_INIT, WAY_SETNS, "ns/net"),
	DEED("proc.host-ns-mnt", "enter a host process's mount namespace",
	     "setns(2)", TARGET_HOST, WAY_SETNS, "ns/mnt"),
	DEED("proc.host-ns-net", "enter a host process's network namespace",
	     "setns(2)", TARGET_HOST, WAY_SETNS, "ns/net"),
	ROW("proc.any-mem", "the memory of any process beside its own",
	    "proc_pid_mem(5)", try_any, "mem"),
	ROW("proc.any-fd", "a descriptor of any process beside its own",
	    "proc_pid_fd(5)", try_any, "fd"),
	ROW("proc.any-root", "the root of any process beside its own",
	    "proc_pid_root(5)", try_any, "root"),
	ROW("proc.own-child-ptrace", "trace a child of one's own", "ptrace(2)",
	    try_own_child, NULL),
	ROW("proc.oom-score", "be the last to be killed for memory",
	    "proc_pid_oom_score_adj(5)", try_oom, NULL),
	ROW("proc.priority", "raise one's priority", "setpriority(2)",
	    try_priority, NULL),
	ROW("proc.realtime", "a real-time class", "sched(7)", try_realtime,
	    NULL),
	ROW("proc.outlive", "a process that leaves its session and parent",
	    "the supervisor's death", try_outlive, NULL),
};
END_ROWS(proc);
