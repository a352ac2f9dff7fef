/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * v1: SYS/CONTROLLER/OWN/bawn-PID-TIME, one for each controller.  In a
 * container /proc/self/cgroup may name a path of the host that is not below
 * the mount: then the mount itself is what we live in.
 *
 * v2: a group that has processes cannot hand controllers to its children, so
 * ours becomes a sibling of the one we live in, if we may write there (systemd
 * delegates that to a user's own manager, and root may everywhere).
 *
 * Each group is locked with flock(2) by the supervisor that made it, so the lock
 * goes however that one dies, and no pid has to be judged, which may be one of
 * another pid namespace or have a new owner.  Who gets the lock of a group may
 * remove it.  Between mkdir(2) and flock(2) of its maker that may be somebody
 * too early: then the maker makes it again.
 */
#include "jail/limits-cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"

#define PREFIX     "bawn-"
#define MAKE_TRIES 50u /* against sweepers, each after NAP_NS */
#define REMOVE_MS  50u
#define NAP_NS     (200 * 1000)
#define VALUE_MAX  4096u

static const char *const names[CGROUP_N] = {
	[CGROUP_MEMORY] = "memory",
	[CGROUP_PIDS] = "pids",
	[CGROUP_CPU] = "cpu",
};

/* Is @name one of the comma-separated @list? */
static bool in_list(struct str list, struct str name)
{
	struct str item;

	if (list.len == 0)
		return name.len == 0;
	while (str_cut(&list, ',', &item)) {
		if (str_eq(item, name))
			return true;
	}
	return false;
}

bool cgroup_parse_self(struct str text, struct str name, struct str *ret)
{
	struct str line;

	while (str_cut(&text, '\n', &line)) {
		struct str id, list;

		if (!str_cut(&line, ':', &id))
			continue;
		/* By hand: an empty list is no item for str_cut(). */
		list = line;
		for (list.len = 0;
		     list.len < line.len && line.ptr[list.len] != ':';
		     list.len++)
			;
		if (list.len == line.len || !in_list(list, name))
			continue;
		*ret = str_skip(line, list.len + 1);
		return ret->len > 0 && ret->ptr[0] == '/';
	}
	return false;
}

/* A group that is ours: PREFIX PID "-" TIME. */
static void put_name(char *dst, size_t size)
{
	(void)snprintf(dst, size, PREFIX "%d-%llx", (int)getpid(),
		       (unsigned long long)clock_boot_ns());
}

static bool join(char dst[CGROUP_PATH], const char *a, struct str b)
{
	int n;

	while (b.len > 0 && b.ptr[b.len - 1] == '/')
		b.len--;
	n = snprintf(dst, CGROUP_PATH, "%s%.*s", a, STR_ARG(b));
	return n > 0 && (size_t)n < CGROUP_PATH;
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = NAP_NS };

	(void)nanosleep(&ts, NULL);
}

/* The lock of the group at @dir; -EWOULDBLOCK: it is held; -ENOENT: no group. */
static int lock_dir(const char *dir)
{
	AUTO(fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st, now;

	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1)
		return neg_errno();
	/* Somebody may have removed it while we opened it. */
	if (fstat(fd, &st) == -1 || stat(dir, &now) == -1)
		return neg_errno();
	return st.st_ino == now.st_ino ? TAKE_FD(fd) : -ENOENT;
}

/* 0, or -errno; then *ret_lock is -1. */
static int make_child(char dst[CGROUP_PATH], int *ret_lock, const char *parent,
		      const char *name)
{
	int n = snprintf(dst, CGROUP_PATH, "%s/%s", parent, name);
	int r = -EAGAIN;

	*ret_lock = -1;
	if (n < 0 || (size_t)n >= CGROUP_PATH)
		return -ENAMETOOLONG;
	for (unsigned i = 0; i < MAKE_TRIES; i++) {
		/* There already: a sweeper is just about to remove it. */
		if (mkdir(dst, 0755) == -1 && errno != EEXIST)
			return neg_errno();
		r = lock_dir(dst);
		if (r >= 0) {
			*ret_lock = r;
			return 0;
		}
		nap();
	}
	(void)rmdir(dst);
	return r;
}

static void make_in(struct cgroup *g, enum cgroup_controller c)
{
	char own[CGROUP_PATH]; /* apart from what is written into @g */
	int r;

	memcpy(own, g->own[c], sizeof(own));
	r = make_child(g->dir[c], &g->lock[c], own, g->name);
	if (r == -ENOENT) {
		memcpy(own, g->mount[c], sizeof(own));
		memcpy(g->own[c], own, sizeof(own));
		r = make_child(g->dir[c], &g->lock[c], own, g->name);
	}
	g->on[c] = r == 0;
}

/* The group, then its lock: nobody else needs to look at it. */
static void drop_child(struct cgroup *g, enum cgroup_controller c)
{
	(void)rmdir(g->dir[c]);
	auto_fd(&g->lock[c]);
	g->lock[c] = -1;
	g->on[c] = false;
}

static void make_v1(struct cgroup *g, const char *sys, struct str self)
{
	for (unsigned c = 0; c < CGROUP_N; c++) {
		struct str path = STR("/");
		char mount[CGROUP_PATH];
		int n = snprintf(mount, sizeof(mount), "%s/%s", sys, names[c]);

		if (n < 0 || (size_t)n >= sizeof(mount) ||
		    !cgroup_parse_self(self, str_of(names[c]), &path) ||
		    !join(g->own[c], mount, path))
			continue;
		memcpy(g->mount[c], mount, sizeof(mount));
		if (c == CGROUP_CPU)
			continue; /* cgroup_join_late() */
		make_in(g, (enum cgroup_controller)c);
		if (g->on[c])
			g->kind = CGROUP_V1;
	}
}

static bool has_file(const char *dir, const char *file)
{
	char path[CGROUP_PATH + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	return access(path, W_OK) == 0;
}

static void make_v2(struct cgroup *g, const char *sys, struct str self)
{
	static const char *const knob[CGROUP_N] = {
		[CGROUP_MEMORY] = "memory.max",
		[CGROUP_PIDS] = "pids.max",
		[CGROUP_CPU] = "cpu.max",
	};
	struct str path = { 0 };
	size_t cut;

	if (!cgroup_parse_self(self, STR(""), &path) || path.len < 2)
		return; /* we live in the root: there is no sibling */
	cut = path.len;
	while (cut > 0 && path.ptr[cut - 1] != '/')
		cut--;
	if (!join(g->own[0], sys, (struct str){ path.ptr, cut }) ||
	    make_child(g->dir[0], &g->lock[0], g->own[0], g->name) != 0)
		return;
	for (unsigned c = 0; c < CGROUP_N; c++) {
		if (c > 0)
			memcpy(g->dir[c], g->dir[0], CGROUP_PATH);
		g->on[c] = has_file(g->dir[0], knob[c]);
		if (g->on[c])
			g->kind = CGROUP_V2;
	}
	if (g->kind != CGROUP_V2)
		drop_child(g, (enum cgroup_controller)0);
}

void cgroup_init(struct cgroup *g)
{
	*g = (struct cgroup){ .kind = CGROUP_NONE };
	for (unsigned c = 0; c < CGROUP_N; c++)
		g->lock[c] = -1;
}

void cgroup_make(struct cgroup *g, const char *sys, struct str self)
{
	struct statfs fs;

	cgroup_init(g);
	if (statfs(sys, &fs) == -1)
		return;
	put_name(g->name, sizeof(g->name));
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		make_v2(g, sys, self);
	else
		make_v1(g, sys, self);
}

static int write_file(const char *dir, const char *file, const char *value)
{
	char path[CGROUP_PATH + 64];
	AUTO(fd) int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return neg_errno();
	return fd_write_full(fd, value, strlen(value));
}

void cgroup_join_late(struct cgroup *g, enum cgroup_controller c, pid_t pid)
{
	char text[24];

	if (g->kind == CGROUP_V2 || g->on[c] || g->mount[c][0] == '\0')
		return;
	make_in(g, c);
	if (!g->on[c])
		return;
	g->kind = CGROUP_V1;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	if (write_file(g->dir[c], "tasks", text) < 0)
		drop_child(g, c);
}

void cgroup_enter(struct cgroup *g)
{
	if (g->kind != CGROUP_V1)
		return;
	for (unsigned c = 0; c < CGROUP_N; c++) {
		/* "0" is the writing thread; tasks, not cgroup.procs. */
		if (g->on[c] && write_file(g->dir[c], "tasks", "0") < 0)
			drop_child(g, (enum cgroup_controller)c);
	}
	g->inside = true;
}

int cgroup_leave(struct cgroup *g)
{
	int r = 0;

	for (unsigned c = 0; g->inside && c < CGROUP_N; c++) {
		int e = g->on[c] ? write_file(g->own[c], "tasks", "0") : 0;

		if (e < 0)
			r = e;
	}
	g->inside = false;
	return r;
}

int cgroup_open_dir(const struct cgroup *g)
{
	if (g->kind != CGROUP_V2)
		return -1;
	return open(g->dir[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int cgroup_write(const struct cgroup *g, enum cgroup_controller c,
		 const char *file, const char *value)
{
	if (!g->on[c])
		return -ENOENT;
	return write_file(g->dir[c], file, value);
}

int cgroup_open(const struct cgroup *g, enum cgroup_controller c,
		const char *file)
{
	char path[CGROUP_PATH + 64];
	int fd;

	if (!g->on[c])
		return -ENOENT;
	(void)snprintf(path, sizeof(path), "%s/%s", g->dir[c], file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd == -1 ? neg_errno() : fd;
}

uint64_t cgroup_read_key(int fd, const char *key)
{
	char text[VALUE_MAX];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct str rest = { text, n > 0 ? (size_t)n : 0 };
	struct str line, word;
	uint64_t v;

	while (str_cut(&rest, '\n', &line)) {
		if (str_word(&line, &word) && str_eq(word, str_of(key)) &&
		    str_u64(str_trim(line), 0, UINT64_MAX, &v))
			return v;
	}
	return 0;
}

bool cgroup_kill(const struct cgroup *g)
{
	return g->kind == CGROUP_V2 &&
	       write_file(g->dir[0], "cgroup.kill", "1") == 0;
}

static void remove_dir(const char *dir)
{
	uint64_t end = clock_mono_ns() + REMOVE_MS * NS_PER_MS;

	while (rmdir(dir) == -1 && errno == EBUSY && clock_mono_ns() < end)
		nap();
}

void cgroup_remove(struct cgroup *g)
{
	for (unsigned c = 0; g->kind != CGROUP_NONE && c < CGROUP_N; c++) {
		if (g->lock[c] == -1)
			continue;
		remove_dir(g->dir[c]);
		auto_fd(&g->lock[c]);
		g->lock[c] = -1;
	}
	g->kind = CGROUP_NONE;
}

static bool is_of_sessions(const char *name)
{
	struct str s = str_of(name), pid;
	uint32_t n;

	if (!str_starts(s, STR(PREFIX)))
		return false;
	s = str_skip(s, sizeof(PREFIX) - 1);
	return str_cut(&s, '-', &pid) && str_u32(pid, 1, INT32_MAX, &n);
}

static bool sweep_below(const char *parent)
{
	char path[CGROUP_PATH];
	DIR *d = opendir(parent);
	const struct dirent *e;

	if (!d)
		return false;
	while ((e = readdir(d)) != NULL) {
		AUTO(fd) int lock = -1;
		int n;

		if (!is_of_sessions(e->d_name))
			continue;
		n = snprintf(path, sizeof(path), "%s/%s", parent, e->d_name);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		lock = lock_dir(path);
		/* One with processes, which the kernel still ends, stays. */
		if (lock >= 0)
			(void)rmdir(path);
	}
	(void)closedir(d);
	return true;
}

/* Of all controllers: the one that died may have had more than we have. */
void cgroup_sweep(const struct cgroup *g)
{
	if (g->kind == CGROUP_V2)
		(void)sweep_below(g->own[0]);
	for (unsigned c = 0; g->kind == CGROUP_V1 && c < CGROUP_N; c++) {
		if (g->mount[c][0] != '\0' && !sweep_below(g->own[c]))
			(void)sweep_below(g->mount[c]);
	}
}
