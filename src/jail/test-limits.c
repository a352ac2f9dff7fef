/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/test.h"
#include "jail/limits-cgroup.h"
#include "jail/limits-disk.h"
#include "jail/limits-tree.h"
#include "jail/limits.h"

/* ---- pure ---- */

static void test_self(void)
{
	static const char text[] = "9:name=systemd:/init.scope\n"
				   "8:pids:/\n"
				   "4:memory:/a:b\n"
				   "2:cpu,cpuacct:/c\n"
				   "0::/user.slice/x\n";
	struct str r = { 0 };

	CHECK_EQ(cgroup_parse_self(STR(text), STR("memory"), &r), 1);
	CHECK_EQ(str_eq(r, STR("/a:b")), 1);
	CHECK_EQ(cgroup_parse_self(STR(text), STR("cpu"), &r), 1);
	CHECK_EQ(str_eq(r, STR("/c")), 1);
	CHECK_EQ(cgroup_parse_self(STR(text), STR("cpuacct"), &r), 1);
	CHECK_EQ(cgroup_parse_self(STR(text), STR(""), &r), 1);
	CHECK_EQ(str_eq(r, STR("/user.slice/x")), 1);
	CHECK_EQ(cgroup_parse_self(STR(text), STR("cpua"), &r), 0);
	CHECK_EQ(cgroup_parse_self(STR(text), STR("blkio"), &r), 0);
	CHECK_EQ(cgroup_parse_self(STR(""), STR("memory"), &r), 0);
	CHECK_EQ(cgroup_parse_self(STR("4:memory"), STR("memory"), &r), 0);
	CHECK_EQ(cgroup_parse_self(STR("4:memory:x"), STR("memory"), &r), 0);
	CHECK_EQ(cgroup_parse_self(STR("memory\n\n::\n"), STR("memory"), &r),
		 0);
}

static void test_proc_texts(void)
{
	uint64_t v = 0;

	CHECK_EQ(tree_parse_statm(STR("100 50 20 1 0 30 0"), 4096, &v), 1);
	CHECK_EQ(v, 30 * 4096);
	CHECK_EQ(tree_parse_statm(STR("100 20 50 1 0 30 0\n"), 4096, &v), 1);
	CHECK_EQ(v, 0);
	CHECK_EQ(tree_parse_statm(STR("100 50"), 4096, &v), 0);
	CHECK_EQ(tree_parse_statm(STR("100 x 20"), 4096, &v), 0);
	CHECK_EQ(tree_parse_statm(STR("1 99999999999999999999 0"), 4096, &v),
		 0);
	CHECK_EQ(tree_parse_kb(STR("5-6 rw-p\nRss: 9 kB\nPss:   7 kB\n"),
			       STR("Pss:"), &v),
		 1);
	CHECK_EQ(v, 7 * 1024);
	CHECK_EQ(tree_parse_kb(STR("Rss: 9 kB\n"), STR("Pss:"), &v), 0);
	CHECK_EQ(tree_parse_kb(STR("Pss: kB\n"), STR("Pss:"), &v), 0);
}

/* ---- a tree of files ---- */

static char top[64];

static void make_top(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/test-limits-XXXXXX");
	CHECK_EQ(mkdtemp(top) != NULL, 1);
}

static void remove_top(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", top, NULL);
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
}

static void put(const char *rel, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", top, rel);
	CHECK_EQ(file_save(AT_FDCWD, path, str_of(text), 0644, false), 0);
}

static void make_dir(const char *rel)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", top, rel);
	CHECK_EQ(mkdir(path, 0755), 0);
}

static void test_key(void)
{
	char path[256];
	int fd;

	make_top();
	put("events", "low 0\nmax 3\noom_kill 12\nmaximum 9\n");
	(void)snprintf(path, sizeof(path), "%s/events", top);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(cgroup_read_key(fd, "max"), 3);
	CHECK_EQ(cgroup_read_key(fd, "oom_kill"), 12);
	CHECK_EQ(cgroup_read_key(fd, "oom"), 0);
	CHECK_EQ(cgroup_read_key(-1, "max"), 0);
	(void)close(fd);
	remove_top();
}

/* v1, with plain directories in place of the controllers. */
static void test_v1(void)
{
	static const char self[] = "4:memory:/not/here\n8:pids:/a\n2:cpu:/\n";
	struct cgroup g;
	char path[256];

	make_top();
	make_dir("memory");
	make_dir("pids");
	make_dir("pids/a");
	make_dir("cpu");
	cgroup_make(&g, top, STR(self));
	CHECK_EQ(g.kind, CGROUP_V1);
	CHECK_EQ(g.on[CGROUP_MEMORY], 1); /* in the mount itself */
	CHECK_EQ(g.on[CGROUP_PIDS], 1);
	CHECK_EQ(g.on[CGROUP_CPU], 0);
	(void)snprintf(path, sizeof(path), "%s/pids/a/bawn-%d-", top,
		       (int)getpid());
	CHECK_EQ(strncmp(g.dir[CGROUP_PIDS], path, strlen(path)), 0);
	(void)snprintf(path, sizeof(path), "%s/memory", top);
	CHECK_EQ(strcmp(g.own[CGROUP_MEMORY], path), 0);

	/* No "tasks" to write to: turned off, and no directory stays. */
	cgroup_join_late(&g, CGROUP_CPU, getpid());
	CHECK_EQ(g.on[CGROUP_CPU], 0);
	CHECK_EQ(strncmp(g.dir[CGROUP_CPU], top, strlen(top)), 0);
	CHECK_EQ(access(g.dir[CGROUP_CPU], F_OK), -1);
	cgroup_enter(&g);
	CHECK_EQ(g.on[CGROUP_MEMORY], 0);
	CHECK_EQ(cgroup_leave(&g), 0);
	CHECK_EQ(rmdir(path), 0);
	cgroup_remove(&g);
	remove_top();
}

static bool is_there(const char *name)
{
	char path[256];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	return stat(path, &st) == 0;
}

static void test_sweep(void)
{
	static const char self[] = "8:pids:/\n7:cpu:/\n";
	struct cgroup g, other;

	make_top();
	make_dir("pids");
	make_dir("cpu");
	make_dir("pids/bawn-1-5"); /* that pid lives, but not as its maker */
	make_dir("pids/bawn-2147483646-5");
	make_dir("cpu/bawn-2147483646-5");
	make_dir("pids/bawn-x");
	make_dir("pids/other");
	cgroup_make(&other, top, STR(self));
	cgroup_make(&g, top, STR(self));
	CHECK_EQ(other.kind, CGROUP_V1);
	cgroup_sweep(&g);
	CHECK(!is_there("pids/bawn-1-5"));
	CHECK(!is_there("pids/bawn-2147483646-5"));
	CHECK(!is_there("cpu/bawn-2147483646-5"));
	CHECK(is_there("pids/bawn-x"));
	CHECK(is_there("pids/other"));
	/* Its maker lives. */
	CHECK_EQ(access(other.dir[CGROUP_PIDS], F_OK), 0);
	/* And dies: its descriptors are closed. */
	(void)close(other.lock[CGROUP_PIDS]);
	cgroup_sweep(&g);
	CHECK_EQ(access(other.dir[CGROUP_PIDS], F_OK), -1);
	CHECK_EQ(access(g.dir[CGROUP_PIDS], F_OK), 0);
	cgroup_remove(&g);
	CHECK_EQ(access(g.dir[CGROUP_PIDS], F_OK), -1);
	remove_top();
}

static void test_disk(void)
{
	struct disk_scan *s = NULL;
	uint64_t bytes = 0;
	char *dirs[2];
	char a[128], none[] = "/does/not/exist";
	static char large[100000];
	unsigned steps = 0;
	int r;

	memset(large, 'x', sizeof(large) - 1);
	make_top();
	make_dir("d");
	make_dir("d/e");
	put("d/e/large", large);
	put("d/small", "x");
	(void)snprintf(a, sizeof(a), "%s/d", top);
	dirs[0] = a;
	dirs[1] = none;
	CHECK_EQ(symlink("/usr", "x") == -1 || unlink("x") == 0, 1);
	CHECK_EQ(disk_scan_new(&s, dirs, 2), 0);
	for (int pass = 0; pass < 2; pass++) {
		do {
			r = disk_scan_step(s, 1, &bytes);
			steps++;
		} while (r == 0 && steps < 100);
		CHECK_EQ(r, 1);
		CHECK_EQ(bytes >= 100000 && bytes < 300000, 1);
	}
	/* Given up in the middle: nothing stays open (ASan, LSan). */
	CHECK_EQ(disk_scan_step(s, 3, &bytes), 0);
	disk_scan_free(s);
	remove_top();
}

/* ---- processes ---- */

/* A child that has a child that holds @bytes; both wait for @fd's end. */
static pid_t start_tree(int fd, int ready, size_t bytes)
{
	pid_t pid = fork();
	char c;

	if (pid != 0)
		return pid;
	if (fork() == 0) {
		char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memset(p, 1, bytes);
		(void)!write(ready, "x", 1);
	}
	(void)!read(fd, &c, 1);
	_exit(0);
}

static void test_tree(void)
{
	enum {
		HELD = 32 << 20
	};
	struct tree_use use = { 0 };
	int hold[2], ready[2];
	pid_t pid;
	char c;

	CHECK_EQ(pipe2(hold, 0), 0);
	CHECK_EQ(pipe2(ready, 0), 0);
	pid = fork();
	if (pid == 0) {
		(void)close(hold[1]);
		(void)start_tree(hold[0], ready[1], HELD);
		(void)!read(hold[0], &c, 1);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	for (enum tree_how how = TREE_QUICK; how <= TREE_EXACT; how++) {
		CHECK_EQ(tree_measure("/proc", pid, how, &use), 0);
		CHECK_EQ(use.processes, 2);
		CHECK_EQ(use.bytes >= HELD, 1);
		CHECK_EQ(use.largest_bytes >= HELD, 1);
		CHECK_EQ(use.largest > 0 && use.largest != pid, 1);
	}
	(void)close(hold[1]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(tree_measure("/proc", pid, TREE_QUICK, &use), 0);
	CHECK_EQ(use.processes, 0);
}

/* Memory that is in no process's private pages, and the same twice. */
static void test_tree_shared(void)
{
	enum {
		HELD = 16 << 20
	};
	struct tree_use use = { 0 };
	int hold[2], ready[2];
	pid_t pid;
	char c;

	CHECK_EQ(pipe2(hold, 0), 0);
	CHECK_EQ(pipe2(ready, 0), 0);
	pid = fork();
	if (pid == 0) {
		static char block[HELD];
		int fd = memfd_create("x", 0);

		(void)close(hold[1]);
		(void)!write(fd, block, sizeof(block));
		(void)fcntl(fd, F_DUPFD_CLOEXEC, 3);
		/* Each is there twice, in both processes. */
		if (fork() == 0)
			(void)!write(ready[1], "x", 1);
		(void)!read(hold[0], &c, 1);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	for (enum tree_how how = TREE_SHARED; how <= TREE_EXACT; how++) {
		CHECK_EQ(tree_measure("/proc", getpid(), how, &use), 0);
		CHECK_EQ(use.bytes >= HELD && use.bytes < 2 * HELD, 1);
	}
	CHECK_EQ(tree_machine_shared("/proc") >= HELD, 1);
	CHECK_EQ(tree_machine_shared("/nowhere"), 0);
	(void)close(hold[1]);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* ---- choosing, where no control group can be had ---- */

struct heard {
	struct limit_hit last;
	unsigned n;
};

static void on_hit(void *owner, const struct limit_hit *h)
{
	struct heard *d = owner;

	d->last = *h;
	d->n++;
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	return pid;
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void test_fallback(void)
{
	struct plan_limits want = { .memory = 1 << 30,
				    .processes = 50,
				    .disk = 1 << 20,
				    .time_s = 60 };
	struct heard heard = { 0 };
	struct limits_config c = { .sys = "/does/not/exist",
				   .hit = on_hit,
				   .owner = &heard };
	struct diag why = { 0 };
	struct limits *l = NULL;
	struct rlimit r;
	pid_t pid = sleeper();

	CHECK_EQ(limits_new(&l, &c), 0);
	limits_prepare(l);
	CHECK_EQ(limits_clone_fd(l), -1);
	CHECK_EQ(limits_born(l), 0);
	CHECK_EQ(limits_apply(l, &want, pid, NULL, 0, &why), 0);
	CHECK_EQ(limits_way(l, LIMIT_MEMORY), LIMIT_WAY_POLL);
	CHECK_EQ(limits_way(l, LIMIT_PROCESSES), LIMIT_WAY_RLIMIT);
	CHECK_EQ(limits_way(l, LIMIT_CPU), LIMIT_WAY_OFF);
	CHECK_EQ(limits_way(l, LIMIT_DISK), LIMIT_WAY_POLL);
	CHECK_EQ(limits_way(l, LIMIT_TIME), LIMIT_WAY_TIMER);
	CHECK_EQ(strcmp(limits_cgroup(l), "none"), 0);
	CHECK_EQ(limits_kill(l), 0);
	CHECK_EQ(prlimit(pid, RLIMIT_NPROC, NULL, &r), 0);
	CHECK_EQ(r.rlim_max, 51);
	CHECK_EQ(prlimit(pid, RLIMIT_FSIZE, NULL, &r), 0);
	CHECK_EQ(r.rlim_max, 1 << 20);
	CHECK_EQ(prlimit(pid, RLIMIT_CORE, NULL, &r), 0);
	CHECK_EQ(r.rlim_max, 0);
	limits_free(l);
	end(pid);
}

static void test_none_wanted(void)
{
	struct plan_limits want = { 0 };
	struct limits_config c = { .sys = "/does/not/exist", .hit = on_hit };
	struct diag why = { 0 };
	struct limits *l = NULL;
	pid_t pid = sleeper();

	CHECK_EQ(limits_new(&l, &c), 0);
	CHECK_EQ(limits_apply(l, &want, pid, NULL, 0, &why), 0);
	for (unsigned i = 0; i < LIMIT_N; i++)
		CHECK_EQ(limits_way(l, (enum limit)i), LIMIT_WAY_OFF);
	limits_free(l);
	end(pid);
}

static void test_gone(void)
{
	struct plan_limits want = { .processes = 5 };
	struct limits_config c = { .sys = "/does/not/exist", .hit = on_hit };
	struct diag why = { 0 };
	struct limits *l = NULL;
	pid_t pid = sleeper();

	end(pid);
	CHECK_EQ(limits_new(&l, &c), 0);
	CHECK_EQ(limits_apply(l, &want, pid, NULL, 0, &why), 1);
	CHECK_EQ(strstr(why.text, "processes") != NULL, 1);
	limits_free(l);
}

static uint64_t ahead_ns;

static uint64_t fake_now(void)
{
	return clock_mono_ns() + ahead_ns;
}

static void test_time(void)
{
	const struct loop_world fast = { .now_ns = fake_now };
	struct plan_limits want = { .time_s = 3600 };
	struct heard heard = { 0 };
	struct limits_config c = { .sys = "/does/not/exist",
				   .hit = on_hit,
				   .owner = &heard };
	struct diag why = { 0 };
	struct limits *l = NULL;
	AUTO(loop) struct loop *loop = NULL;
	pid_t pid = sleeper();

	ahead_ns = 0;
	CHECK_EQ(loop_new(&loop, &fast), 0);
	CHECK_EQ(limits_new(&l, &c), 0);
	CHECK_EQ(limits_apply(l, &want, pid, NULL, 0, &why), 0);
	CHECK_EQ(limits_watch(l, loop), 0);
	CHECK_EQ(loop_once(loop, 0), 0);
	CHECK_EQ(heard.n, 0);
	ahead_ns = 3601 * NS_PER_S;
	CHECK_EQ(loop_once(loop, 0), 0);
	CHECK_EQ(heard.n, 1);
	CHECK_EQ(heard.last.limit, LIMIT_TIME);
	CHECK_EQ(heard.last.end_session, 1);
	limits_free(l);
	end(pid);
}

/* The larger of two children goes, and what shares pages counts once. */
static void test_memory_polled(void)
{
	enum {
		HELD = 48 << 20
	};
	struct plan_limits want = { .memory = 32 << 20 };
	struct heard heard = { 0 };
	struct limits_config c = { .sys = "/does/not/exist",
				   .hit = on_hit,
				   .owner = &heard };
	struct diag why = { 0 };
	struct limits *l = NULL;
	AUTO(loop) struct loop *loop = NULL;
	int hold[2], ready[2];
	struct tree_use use = { 0 };
	pid_t pid;
	char ch;

	CHECK_EQ(pipe2(hold, 0), 0);
	CHECK_EQ(pipe2(ready, 0), 0);
	pid = start_tree(hold[0], ready[1], HELD);
	CHECK_EQ(read(ready[0], &ch, 1), 1);
	CHECK_EQ(loop_new(&loop, NULL), 0);
	CHECK_EQ(limits_new(&l, &c), 0);
	CHECK_EQ(limits_apply(l, &want, pid, NULL, 0, &why), 0);
	CHECK_EQ(limits_watch(l, loop), 0);
	for (int i = 0; i < 100 && heard.n == 0; i++)
		CHECK_EQ(loop_once(loop, 20), 0);
	CHECK_EQ(heard.n, 1);
	CHECK_EQ(heard.last.limit, LIMIT_MEMORY);
	CHECK_EQ(heard.last.end_session, 0);
	for (int i = 0; i < 200; i++) {
		struct timespec ts = { .tv_nsec = 10 * NS_PER_MS };

		CHECK_EQ(tree_measure("/proc", pid, TREE_QUICK, &use), 0);
		if (use.bytes < HELD)
			break;
		(void)nanosleep(&ts, NULL); /* it is dying */
	}
	CHECK_EQ(use.bytes < HELD, 1);
	limits_free(l);
	(void)close(hold[1]);
	end(pid);
}

/* ---- the real thing, where it can be had ---- */

static void test_real(void)
{
	struct plan_limits want = { .memory = 64 << 20, .processes = 20 };
	struct heard heard = { 0 };
	struct limits_config c = { .hit = on_hit, .owner = &heard };
	struct diag why = { 0 };
	struct limits *l = NULL;
	char text[8192];
	ssize_t n;
	pid_t pid;
	int fd;

	CHECK_EQ(limits_new(&l, &c), 0);
	limits_prepare(l);
	pid = sleeper();
	CHECK_EQ(limits_born(l), 0);
	CHECK_EQ(limits_apply(l, &want, pid, NULL, 0, &why), 0);
	(void)snprintf(text, sizeof(text), "/proc/%d/cgroup", (int)pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (strcmp(limits_cgroup(l), "none") == 0)
		printf("# no control group can be had here\n");
	else if (strcmp(limits_cgroup(l), "v1") == 0)
		CHECK_EQ(strstr(text, "/bawn-") != NULL, 1);
	/* And we are out again. */
	fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	CHECK_EQ(strstr(text, "/bawn-") == NULL, 1);
	end(pid);
	limits_free(l);
}

int main(void)
{
	static const struct test tests[] = {
		{ "the text of /proc/self/cgroup", test_self },
		{ "statm and smaps_rollup", test_proc_texts },
		{ "flat-keyed files", test_key },
		{ "v1 directories", test_v1 },
		{ "left-over groups", test_sweep },
		{ "the size of directories", test_disk },
		{ "what a tree of processes uses", test_tree },
		{ "a tree that shares", test_tree_shared },
		{ "without control groups", test_fallback },
		{ "no limits", test_none_wanted },
		{ "a limit that cannot be set is said", test_gone },
		{ "the time is up", test_time },
		{ "memory without a control group", test_memory_polled },
		{ "with what this machine has", test_real },
	};

	return test_main(tests, N_ELEMS(tests));
}
