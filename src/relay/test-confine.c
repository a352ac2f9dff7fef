/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a confined relay can still do, and what it cannot: each wall alone, by an
 * attempt from inside, or by what the kernel says of the process.  The report
 * that goes to the ledger is compared with that, never believed.  Each case is a
 * child of its own: confinement is for good.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/test.h"
#include "jail/landlock.h"
#include "relay/confine.h"

#define SKIPPED 3   /* of a child: this machine has no such layer */
#define KILLED  128 /* + the signal's number */

static int wait_for(pid_t pid)
{
	int status = 0;

	if (pid <= 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : KILLED + WTERMSIG(status);
}

/* The exit code of @run in a child; KILLED + n: by signal n. */
static int in_child(int (*run)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(run());
	return wait_for(pid);
}

/* A relay, as the zygote makes it, in which @run goes on; in a child. */
static int in_relay(int (*run)(const struct confine_layers *l))
{
	struct confine_layers l = { 0 };
	const char *step;
	int r = confine_zygote();

	if (r != 0)
		return 90;
	r = confine_fork();
	if (r != 0)
		return wait_for(r);
	r = confine_enter(&l, &step);
	_exit(r == 0 ? run(&l) : 91);
}

/* The same of a relay of a zygote of its own. */
static int in_own_relay(int (*run)(const struct confine_layers *l))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(in_relay(run));
	return wait_for(pid);
}

static int make_namespaces(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : SKIPPED;
}

/* Asked of the kernel, in a child of its own. */
static bool has_namespaces(void)
{
	return in_child(make_namespaces) == 0;
}

static bool fails(long r, int error)
{
	if (r == -1 && errno == error)
		return true;
	printf("# %s, want %s\n", r == -1 ? strerror(errno) : "it worked",
	       strerror(error));
	return false;
}

/* ---- the root ---- */

/* The zygote: what all relays have, before Landlock and the filter hide it. */
static int look_around(void)
{
	struct stat st;

	if (confine_zygote() != 0)
		return 1;
	if (!fails(open("/etc/passwd", O_RDONLY | O_CLOEXEC), ENOENT) ||
	    !fails(open("/proc/self/status", O_RDONLY | O_CLOEXEC), ENOENT) ||
	    !fails(open("/dev/null", O_RDWR | O_CLOEXEC), ENOENT) ||
	    !fails(mkdir("/x", 0700), EROFS))
		return 2;
	if (stat("/", &st) == -1 || st.st_nlink != 2)
		return 3;
	return chdir("..") == 0 && stat("etc", &st) == -1 ? 0 : 4;
}

static void test_root(void)
{
	if (has_namespaces())
		CHECK_EQ(in_child(look_around), 0);
	else
		printf("# no namespaces here\n");
}

/* ---- Landlock ---- */

static int try_tcp(int abi)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = bind(fd, (struct sockaddr *)&sa, sizeof(sa));

	if (abi >= LANDLOCK_ABI_TCP && !fails(r, EACCES))
		return 1;
	/* To dial is what a relay is for. */
	sa.sin_port = htons(1);
	r = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	return fails(r, ECONNREFUSED) ? 0 : 2;
}

static int try_landlock(void)
{
	int parent = getppid(), abi = landlock_abi();

	if (abi == 0)
		return SKIPPED;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    confine_landlock() != abi)
		return 1;
	if (!fails(open("/etc/passwd", O_RDONLY | O_CLOEXEC), EACCES) ||
	    !fails(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), EACCES) ||
	    !fails(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), EACCES))
		return 2;
	if (abi >= LANDLOCK_ABI_SCOPES && !fails(kill(parent, 0), EPERM))
		return 3;
	return try_tcp(abi) == 0 ? 0 : 4;
}

static void test_landlock(void)
{
	int r = in_child(try_landlock);

	if (r == SKIPPED)
		printf("# no Landlock here\n");
	else
		CHECK_EQ(r, 0);
}

/* ---- when one of the two walls against the file system is not there ---- */

static bool refuse(const int *calls, size_t n)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int r = f ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r == 0;
}

static const int namespace_calls[] = { SCMP_SYS(unshare), SCMP_SYS(clone3) };
static const int landlock_calls[] = { SCMP_SYS(landlock_create_ruleset) };

static int is_by_landlock(const struct confine_layers *l)
{
	return !l->root && !l->namespaces && l->landlock > 0 && l->seccomp ? 0
									   : 1;
}

static int without_namespaces(void)
{
	if (landlock_abi() == 0)
		return SKIPPED;
	return refuse(namespace_calls, N_ELEMS(namespace_calls))
		       ? in_relay(is_by_landlock)
		       : 92;
}

static int is_by_root(const struct confine_layers *l)
{
	return l->root && l->namespaces && l->landlock == 0 && l->seccomp ? 0
									  : 1;
}

static int without_landlock(void)
{
	if (!has_namespaces())
		return SKIPPED;
	return refuse(landlock_calls, N_ELEMS(landlock_calls))
		       ? in_relay(is_by_root)
		       : 92;
}

static int without_both(void)
{
	struct confine_layers l;
	const char *step = "";

	if (!refuse(namespace_calls, N_ELEMS(namespace_calls)) ||
	    !refuse(landlock_calls, N_ELEMS(landlock_calls)) ||
	    confine_zygote() != 0)
		return 92;
	if (confine_enter(&l, &step) != -ENOSYS)
		return 1;
	return strcmp(step, "file system") == 0 ? 0 : 2;
}

static void test_one_or_none(void)
{
	int one = in_child(without_namespaces);
	int other = in_child(without_landlock);

	if (one == SKIPPED)
		printf("# no Landlock here\n");
	else
		CHECK_EQ(one, 0);
	if (other == SKIPPED)
		printf("# no namespaces here\n");
	else
		CHECK_EQ(other, 0);
	CHECK_EQ(in_child(without_both), 0);
}

/* ---- the filter ---- */

/* Done, though it must not be possible; or refused, though it must kill. */
static int outcome(long r)
{
	return r == -1 ? 11 : 10;
}

static int try_unix_socket(const struct confine_layers *l)
{
	(void)l;
	return outcome(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int try_raw_socket(const struct confine_layers *l)
{
	(void)l;
	return outcome(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP));
}

static int try_bind(const struct confine_layers *l)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)l;
	return outcome(bind(fd, (struct sockaddr *)&sa, sizeof(sa)));
}

static int try_exec(const struct confine_layers *l)
{
	char *const argv[] = { (char[]){ "true" }, NULL };

	(void)l;
	return outcome(execv("/bin/true", argv));
}

static int try_code(const struct confine_layers *l)
{
	(void)l;
	return outcome((long)mmap(NULL, 4096,
				  PROT_READ | PROT_WRITE | PROT_EXEC,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int try_kill(const struct confine_layers *l)
{
	(void)l;
	return outcome(kill(getpid(), 0));
}

static int try_namespace(const struct confine_layers *l)
{
	(void)l;
	return outcome(unshare(CLONE_NEWUSER));
}

/* Libraries try it, and go on without. */
static int try_open(const struct confine_layers *l)
{
	return fails(open("/etc/hosts", O_RDONLY | O_CLOEXEC), ENOENT) &&
			       l->seccomp
		       ? 0
		       : 1;
}

static int try_own_work(const struct confine_layers *l)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(1),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)l;
	return fails(connect(fd, (struct sockaddr *)&sa, sizeof(sa)),
		     ECONNREFUSED)
		       ? 0
		       : 1;
}

static void test_filter(void)
{
	static const struct {
		const char *what;
		int (*run)(const struct confine_layers *l);
		int want;
	} rows[] = {
		{ "a Unix socket", try_unix_socket, KILLED + SIGSYS },
		{ "a raw socket", try_raw_socket, KILLED + SIGSYS },
		{ "bind", try_bind, KILLED + SIGSYS },
		{ "exec", try_exec, KILLED + SIGSYS },
		{ "code", try_code, KILLED + SIGSYS },
		{ "kill", try_kill, KILLED + SIGSYS },
		{ "a namespace", try_namespace, KILLED + SIGSYS },
		{ "open", try_open, 0 },
		{ "to dial", try_own_work, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		int got = in_own_relay(rows[i].run);

		if (got != rows[i].want)
			printf("# %s\n", rows[i].what);
		CHECK_EQ(got, rows[i].want);
	}
}

/* ---- the receiver, which has less ---- */

/* What a relay may; the end of a channel that it got when it still might. */
static int receiver_end = -1;

static int in_receiver(long (*call)(void))
{
	return confine_receiver() == 0 ? outcome(call()) : 92;
}

static long call_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long call_pair(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds);
}

static long call_fork(void)
{
	return fork();
}

static long call_pipe(void)
{
	int fds[2];

	return pipe2(fds, O_CLOEXEC | O_NONBLOCK);
}

static long call_connect(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };

	return connect(receiver_end, (struct sockaddr *)&sa, sizeof(sa));
}

static long call_own_work(void)
{
	return send(receiver_end, "x", 1, MSG_NOSIGNAL);
}

static long (*receiver_call)(void);

static int try_receiver(const struct confine_layers *l)
{
	int fds[2];

	(void)l;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return 93;
	receiver_end = fds[0];
	return in_receiver(receiver_call);
}

static void test_receiver(void)
{
	static const struct {
		const char *what;
		long (*call)(void);
		int want;
	} rows[] = {
		{ "a socket", call_socket, KILLED + SIGSYS },
		{ "a pair", call_pair, KILLED + SIGSYS },
		{ "a child", call_fork, KILLED + SIGSYS },
		{ "a pipe", call_pipe, KILLED + SIGSYS },
		{ "to dial", call_connect, KILLED + SIGSYS },
		{ "to tell", call_own_work, 10 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		int got;

		receiver_call = rows[i].call;
		got = in_own_relay(try_receiver);
		if (got != rows[i].want)
			printf("# %s\n", rows[i].what);
		CHECK_EQ(got, rows[i].want);
	}
}

/* ---- what the kernel says of a relay ---- */

struct seen {
	char status[4096], limits[4096];
	int mem; /* errno of opening its memory */
};

static int read_in(int proc, pid_t pid, const char *name, char *dst,
		   size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return neg_errno();
	n = read(fd, dst, size - 1);
	(void)close(fd);
	if (n < 0)
		return neg_errno();
	dst[n] = '\0';
	return 0;
}

/* In the zygote, whose old /proc is @proc, of the relay @pid that waits. */
static void look_at(int proc, pid_t pid, struct seen *s)
{
	char byte[2];

	if (read_in(proc, pid, "status", s->status, sizeof(s->status)) != 0 ||
	    read_in(proc, pid, "limits", s->limits, sizeof(s->limits)) != 0)
		_exit(93);
	s->mem = -read_in(proc, pid, "environ", byte, sizeof(byte));
}

static noreturn_fn void be_seen(int to)
{
	struct confine_layers l = { 0 };
	const char *step;

	if (confine_enter(&l, &step) != 0 || write(to, "x", 1) != 1)
		_exit(94);
	for (;;)
		(void)poll(NULL, 0, -1); /* until it is killed */
}

/* A zygote and its relay, @ret is what of that can be seen. */
static int see(struct seen *ret)
{
	int ready[2] = { -1, -1 }, told[2] = { -1, -1 }, proc, r;
	pid_t pid;
	char byte;

	if (pipe2(ready, O_CLOEXEC) == -1 || pipe2(told, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (proc == -1 || confine_zygote() != 0)
			_exit(90);
		r = confine_fork();
		if (r == 0)
			be_seen(ready[1]);
		(void)close(ready[1]);
		if (r < 0 || read(ready[0], &byte, 1) != 1)
			_exit(91);
		look_at(proc, r, ret);
		(void)kill(r, SIGKILL);
		_exit(write(told[1], ret, sizeof(*ret)) == sizeof(*ret) ? 0
									: 92);
	}
	(void)close(ready[0]);
	(void)close(ready[1]);
	(void)close(told[1]);
	r = fd_read_full(told[0], ret, sizeof(*ret));
	(void)close(told[0]);
	return wait_for(pid) == 0 && r == 0 ? 0 : -1;
}

/* The value behind @key in a file of lines "KEY:<tab>VALUE". */
static struct str value_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	size_t n;

	if (!at)
		return STR("no such line");
	at += strlen(key);
	at += strspn(at, ": \t");
	n = strcspn(at, "\n");
	return (struct str){ at, n };
}

static void test_status(void)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff",
					    "CapAmb" };
	static const struct str none = STR("0000000000000000");
	bool namespaces = has_namespaces();
	struct seen s = { .mem = 0 };

	CHECK_EQ(see(&s), 0);
	for (size_t i = 0; i < N_ELEMS(sets); i++)
		CHECK_STR(value_of(s.status, sets[i]), none);
	CHECK_STR(value_of(s.status, "NoNewPrivs"), STR("1"));
	CHECK_STR(value_of(s.status, "\nSeccomp"), STR("2"));
	CHECK_EQ(s.mem, EACCES);
	CHECK_EQ(strstr(s.limits, "Max core file size        0") != NULL, true);
	if (namespaces) {
		CHECK_STR(value_of(s.status, "CapBnd"), none);
		CHECK_EQ(strstr(s.limits, "Max processes             32 ") !=
				 NULL,
			 true);
		/* Of its own pid namespace it is process 1. */
		CHECK(str_ends(value_of(s.status, "NSpid"), STR("\t1")));
	}
	if (getuid() == 0) {
		CHECK_STR(value_of(s.status, "\nUid"),
			  STR("65534\t65534\t65534\t65534"));
		CHECK_STR(value_of(s.status, "\nGid"),
			  STR("65534\t65534\t65534\t65534"));
		CHECK_STR(str_trim(value_of(s.status, "\nGroups")), STR(""));
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "the root is empty", test_root },
		{ "Landlock alone", test_landlock },
		{ "one wall against files is enough, none is not",
		  test_one_or_none },
		{ "the filter", test_filter },
		{ "a receiver has less", test_receiver },
		{ "what the kernel says", test_status },
	};

	return test_main(tests, N_ELEMS(tests));
}
