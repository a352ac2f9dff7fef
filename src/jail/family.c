/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A snapshot of all processes with their parents, and from that the descendants
 * of one.  A snapshot is never complete while processes are born; so killing
 * goes on until one shows nobody: what is killed is not born again, and a child
 * that escaped a round has become ours by then, since its parent is dead.
 *
 * A supervisor has other children than the jail's processes.  Those have the
 * jail's filter, which nobody takes off again.
 */
#include "jail/family.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/wall.h"

#define PROCESSES_MAX 65536u
#define DEPTH_MAX     4096u
#define ROUND_NS      (2 * 1000 * 1000)

struct process {
	pid_t pid, parent;
	bool dead; /* a zombie */
};

struct snapshot {
	struct process *v;
	size_t n, size;
};

static ssize_t load(const char *path, char *dst, size_t size)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, dst, size - 1);

	dst[n > 0 ? n : 0] = '\0';
	return n;
}

/* The name in the middle may hold anything, the rest is numbers. */
static bool read_process(pid_t pid, struct process *ret)
{
	char path[40], text[512];
	struct str rest, state, word;
	const char *end;
	uint32_t parent;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (load(path, text, sizeof(text)) <= 0)
		return false;
	end = strrchr(text, ')');
	if (!end)
		return false;
	rest = str_of(end + 1);
	if (!str_word(&rest, &state) || !str_word(&rest, &word) ||
	    !str_u32(word, 0, INT32_MAX, &parent))
		return false;
	*ret = (struct process){ pid, (pid_t)parent,
				 state.ptr[0] == 'Z' || state.ptr[0] == 'X' };
	return true;
}

bool family_has(pid_t root, pid_t pid)
{
	for (unsigned i = 0; pid > 1 && i < DEPTH_MAX; i++) {
		struct process p;

		if (pid == root)
			return true;
		if (!read_process(pid, &p))
			return false;
		pid = p.parent;
	}
	return pid == root;
}

static void add(struct snapshot *s, pid_t pid)
{
	if (s->n == s->size) {
		size_t size = s->size ? 2 * s->size : 256;
		struct process *v =
			size > PROCESSES_MAX
				? NULL
				: reallocarray(s->v, size, sizeof(*v));

		if (!v)
			return; /* the next round sees those */
		s->v = v;
		s->size = size;
	}
	if (read_process(pid, &s->v[s->n]))
		s->n++;
}

static bool take(struct snapshot *s)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	s->n = 0;
	if (!d)
		return false;
	while ((e = readdir(d)) != NULL) {
		uint32_t pid;

		if (str_u32(str_of(e->d_name), 1, INT32_MAX, &pid))
			add(s, (pid_t)pid);
	}
	(void)closedir(d);
	return true;
}

static bool is_child_of(const struct snapshot *s, pid_t pid, pid_t root)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].pid == pid && s->v[i].parent == root)
			return true;
	}
	return false;
}

/* Mark descendants by making them children of @root. */
static void adopt(struct snapshot *s, pid_t root)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < s->n; i++) {
			struct process *p = &s->v[i];

			if (p->parent == root ||
			    !is_child_of(s, p->parent, root))
				continue;
			p->parent = root;
			more = true;
		}
	}
}

/* -1: it cannot be told. */
static int filters_of(pid_t pid)
{
	static const char key[] = "\nSeccomp_filters:";
	char path[40], text[4096];
	struct str rest, line, word;
	const char *at;
	uint32_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (load(path, text, sizeof(text)) <= 0)
		return -1;
	at = strstr(text, key);
	if (!at)
		return -1;
	rest = str_of(at + sizeof(key) - 1);
	return str_cut(&rest, '\n', &line) && str_word(&line, &word) &&
			       str_u32(word, 0, INT16_MAX, &n)
		       ? (int)n
		       : -1;
}

static void reap_dead(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].dead)
			(void)waitpid(s->v[i].pid, NULL, WNOHANG);
	}
}

/* How many of ours were alive. */
static size_t kill_round(struct snapshot *s)
{
	int own = filters_of(getpid());
	size_t alive = 0;

	adopt(s, getpid());
	for (size_t i = 0; i < s->n; i++) {
		struct process *p = &s->v[i];

		if (p->parent != getpid() || p->dead) {
			p->dead = p->dead && p->parent == getpid();
			continue;
		}
		if (filters_of(p->pid) <= own)
			continue;
		(void)kill(p->pid, SIGKILL);
		alive++;
	}
	reap_dead(s);
	return alive;
}

bool family_kill(uint64_t ns)
{
	const struct timespec pause = { 0, ROUND_NS };
	uint64_t end = clock_mono_ns() + ns;
	struct snapshot s = { 0 };
	size_t alive = 1;

	if (!WALL(FAMILY_KILL))
		return true;
	while (take(&s)) {
		alive = kill_round(&s);
		if (alive == 0 || clock_mono_ns() > end)
			break;
		(void)nanosleep(&pause, NULL);
	}
	free(s.v);
	return alive == 0;
}

static bool each_fd_of(pid_t pid, bool (*fn)(void *owner, const char *link),
		       void *owner)
{
	char path[64], link[128];
	struct dirent *e;
	bool on = true;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	if (!d)
		return true;
	while (on && (e = readdir(d)) != NULL) {
		ssize_t n =
			readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		on = fn(owner, link);
	}
	(void)closedir(d);
	return on;
}

void family_each_fd(bool (*fn)(void *owner, const char *link), void *owner)
{
	struct snapshot s = { 0 };
	bool on = take(&s);

	adopt(&s, getpid());
	for (size_t i = 0; i < s.n && on; i++) {
		if (s.v[i].parent == getpid() && !s.v[i].dead)
			on = each_fd_of(s.v[i].pid, fn, owner);
	}
	free(s.v);
}
