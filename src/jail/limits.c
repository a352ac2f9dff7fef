/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Each limit has its own way, chosen by trying: a container often has the pids
 * controller and not the memory controller.  A limit that is wanted and cannot
 * be kept at all fails the start; a weaker way is taken and is visible in
 * `doctor` and on the session's record.
 *
 * Hits.  v2: memory.events and pids.events.  v1: pids.events, and an eventfd
 * registered with the group for memory.  The kernel wakes us, we read a
 * counter, the difference to what we saw last is the number of hits.
 *
 * Polling memory: resident memory less file pages, summed over the tree, each
 * POLL_SLOW_NS, or POLL_FAST_NS once half of the limit is used.  Pages shared
 * after fork() are counted more than once, so before anything is killed the
 * sum is made again with shared pages divided.  Memory of no process alone (shared
 * mappings, files of memfd_create) counts as soon as the machine has a quarter of the
 * limit of it; only what System V keeps unattached does not.  RLIMIT_DATA would stop a
 * single process sooner, but sanitizers and race detectors map terabytes that
 * they never touch, and a build with them must work.
 */
#include "jail/limits.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/wall.h"
#include "jail/limits-cgroup.h"
#include "jail/limits-disk.h"
#include "jail/limits-tree.h"
#include "jail/sys.h"

#define POLL_SLOW_NS    (250 * NS_PER_MS)
#define POLL_FAST_NS    (50 * NS_PER_MS)
#define DISK_NS         (20 * NS_PER_MS)  /* between two pieces of a pass */
#define DISK_REST_NS    (5 * NS_PER_S)    /* between two passes */
#define SWEEP_NS        (100 * NS_PER_MS) /* after the command's start */
#define DISK_ENTRIES    500u              /* of a piece; about 1 ms */
#define CPU_PERIOD_US   100000u
#define SELF_CGROUP_MAX ((size_t)8 * 1024)

struct watcher {
	struct loop_io io;
	int fd, event_fd; /* event_fd: v1 memory */
	const char *key;
	uint64_t seen;
	enum limit limit;
};

struct limits {
	struct limits_config c;
	struct plan_limits want;
	struct cgroup cg;
	enum limit_way way[LIMIT_N];
	pid_t init;
	struct loop *loop;
	struct watcher memory, pids;
	struct loop_timer poll, disk, time, sweep;
	struct disk_scan *scan;
	bool told_pids, swept, done;
};

static const char *const limit_names[LIMIT_N] = {
	[LIMIT_MEMORY] = "memory", [LIMIT_PROCESSES] = "processes",
	[LIMIT_CPU] = "cpu",       [LIMIT_DISK] = "disk",
	[LIMIT_TIME] = "time",
};

static const char *const way_names[] = {
	[LIMIT_WAY_OFF] = "off",           [LIMIT_WAY_CGROUP2] = "cgroup v2",
	[LIMIT_WAY_CGROUP1] = "cgroup v1", [LIMIT_WAY_RLIMIT] = "rlimit",
	[LIMIT_WAY_POLL] = "polled",       [LIMIT_WAY_AFFINITY] = "affinity",
	[LIMIT_WAY_TIMER] = "timer",       [LIMIT_WAY_FAILED] = "failed",
};

const char *limit_name(enum limit l)
{
	return limit_names[l];
}

const char *limit_way_name(enum limit_way w)
{
	return way_names[w];
}

int limits_new(struct limits **ret, const struct limits_config *c)
{
	struct limits *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->c = *c;
	if (!l->c.sys)
		l->c.sys = "/sys/fs/cgroup";
	if (!l->c.proc)
		l->c.proc = "/proc";
	cgroup_init(&l->cg);
	l->memory.fd = l->memory.event_fd = -1;
	l->pids.fd = l->pids.event_fd = -1;
	*ret = l;
	return 0;
}

void limits_free(struct limits *l)
{
	if (!l)
		return;
	limits_done(l);
	free(l);
}

static void make_cgroup(struct limits *l)
{
	char path[128], text[SELF_CGROUP_MAX];
	AUTO(fd) int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/self/cgroup", l->c.proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, text, sizeof(text)) : -1;
	if (n <= 0)
		return; /* no control groups in this kernel */
	cgroup_make(&l->cg, l->c.sys, (struct str){ text, (size_t)n });
}

void limits_prepare(struct limits *l)
{
	if (l->cg.kind != CGROUP_V1 && l->cg.kind != CGROUP_V2)
		make_cgroup(l);
	cgroup_enter(&l->cg);
}

int limits_clone_fd(const struct limits *l)
{
	return cgroup_open_dir(&l->cg);
}

int limits_born(struct limits *l)
{
	return cgroup_leave(&l->cg);
}

/* ---- choosing ---- */

static enum limit_way cgroup_way(const struct limits *l)
{
	return l->cg.kind == CGROUP_V2 ? LIMIT_WAY_CGROUP2 : LIMIT_WAY_CGROUP1;
}

static bool set_number(struct limits *l, enum cgroup_controller c,
		       const char *file, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return cgroup_write(&l->cg, c, file, text) == 0;
}

static bool set_rlimit(pid_t pid, int what, uint64_t value)
{
	struct rlimit old, r = { .rlim_cur = value, .rlim_max = value };

	if (sys_prlimit(pid, what, NULL, &old) != 0)
		return false;
	if (old.rlim_max < r.rlim_max)
		r.rlim_cur = r.rlim_max = old.rlim_max;
	return sys_prlimit(pid, what, &r, NULL) == 0;
}

static enum limit_way apply_memory(struct limits *l)
{
	bool v2 = l->cg.kind == CGROUP_V2;

	if (l->want.memory == 0 || !WALL(LIMIT_MEMORY))
		return LIMIT_WAY_OFF;
	if (l->cg.on[CGROUP_MEMORY] &&
	    set_number(l, CGROUP_MEMORY,
		       v2 ? "memory.max" : "memory.limit_in_bytes",
		       l->want.memory)) {
		/* Swap is not a way round it; absent where it is not counted. */
		if (v2)
			(void)set_number(l, CGROUP_MEMORY, "memory.swap.max",
					 0);
		else
			(void)set_number(l, CGROUP_MEMORY,
					 "memory.memsw.limit_in_bytes",
					 l->want.memory);
		return cgroup_way(l);
	}
	return LIMIT_WAY_POLL;
}

static enum limit_way apply_processes(struct limits *l)
{
	if (l->want.processes == 0 || !WALL(LIMIT_PROCESSES))
		return LIMIT_WAY_OFF;
	/* One more, for init. */
	if (l->cg.on[CGROUP_PIDS] &&
	    set_number(l, CGROUP_PIDS, "pids.max",
		       (uint64_t)l->want.processes + 1))
		return cgroup_way(l);
	return set_rlimit(l->init, RLIMIT_NPROC,
			  (uint64_t)l->want.processes + 1)
		       ? LIMIT_WAY_RLIMIT
		       : LIMIT_WAY_FAILED;
}

static bool set_quota(struct limits *l)
{
	uint64_t quota = (uint64_t)l->want.cpu_milli * (CPU_PERIOD_US / 1000);
	char text[48];

	cgroup_join_late(&l->cg, CGROUP_CPU, l->init);
	if (!l->cg.on[CGROUP_CPU])
		return false;
	if (l->cg.kind == CGROUP_V1)
		return set_number(l, CGROUP_CPU, "cpu.cfs_quota_us", quota);
	(void)snprintf(text, sizeof(text), "%llu %u", (unsigned long long)quota,
		       CPU_PERIOD_US);
	return cgroup_write(&l->cg, CGROUP_CPU, "cpu.max", text) == 0;
}

/* The first CPUs that we may use ourselves, as many as the limit's whole. */
static bool set_affinity(struct limits *l, unsigned want)
{
	cpu_set_t have, take;
	unsigned n = 0;

	if (sched_getaffinity(0, sizeof(have), &have) == -1)
		return false;
	CPU_ZERO(&take);
	for (unsigned i = 0; i < CPU_SETSIZE && n < want; i++) {
		if (CPU_ISSET(i, &have)) {
			CPU_SET(i, &take);
			n++;
		}
	}
	return sched_setaffinity(l->init, sizeof(take), &take) == 0;
}

static enum limit_way apply_cpu(struct limits *l)
{
	unsigned whole = (l->want.cpu_milli + 999) / 1000;
	cpu_set_t have;

	if (l->want.cpu_milli == 0)
		return LIMIT_WAY_OFF;
	/* More than there are needs no limit. */
	if (sched_getaffinity(0, sizeof(have), &have) == 0 &&
	    (uint64_t)CPU_COUNT(&have) * 1000 <= l->want.cpu_milli)
		return LIMIT_WAY_OFF;
	if (set_quota(l))
		return cgroup_way(l);
	return set_affinity(l, whole) ? LIMIT_WAY_AFFINITY : LIMIT_WAY_FAILED;
}

static int apply_disk(struct limits *l, char *const *dirs, size_t n_dirs)
{
	l->way[LIMIT_DISK] = LIMIT_WAY_OFF;
	if (l->want.disk == 0 || !WALL(LIMIT_DISK))
		return 0;
	l->way[LIMIT_DISK] = set_rlimit(l->init, RLIMIT_FSIZE, l->want.disk)
				     ? LIMIT_WAY_POLL
				     : LIMIT_WAY_FAILED;
	return n_dirs > 0 ? disk_scan_new(&l->scan, dirs, n_dirs) : 0;
}

/*
 * v2: with `nested: true` a control group namespace inside shows our group, and
 * where it is delegated to the user groups could be made in it, which nobody
 * would remove.
 */
static void forbid_groups_below(const struct limits *l)
{
	for (unsigned c = 0; l->cg.kind == CGROUP_V2 && c < CGROUP_N; c++)
		(void)!cgroup_write(&l->cg, (enum cgroup_controller)c,
				    "cgroup.max.descendants", "0");
}

int limits_apply(struct limits *l, const struct plan_limits *want, pid_t init,
		 char *const *private_dirs, size_t n_dirs, struct diag *reterr)
{
	int r;

	l->want = *want;
	l->init = init;
	/* A core file would write memory to the project. */
	if (WALL(LIMIT_CORE))
		(void)set_rlimit(init, RLIMIT_CORE, 0);
	forbid_groups_below(l);
	l->way[LIMIT_MEMORY] = apply_memory(l);
	l->way[LIMIT_PROCESSES] = apply_processes(l);
	l->way[LIMIT_CPU] = apply_cpu(l);
	if (!WALL(LIMIT_TIME))
		l->want.time_s = 0;
	l->way[LIMIT_TIME] = l->want.time_s ? LIMIT_WAY_TIMER : LIMIT_WAY_OFF;
	r = apply_disk(l, private_dirs, n_dirs);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < LIMIT_N; i++) {
		if (l->way[i] == LIMIT_WAY_FAILED) {
			diag_set(reterr, 0, 0, "the %s limit cannot be set: %s",
				 limit_names[i], strerror(errno));
			return 1;
		}
	}
	return 0;
}

enum limit_way limits_way(const struct limits *l, enum limit limit)
{
	return l->way[limit];
}

const char *limits_cgroup(const struct limits *l)
{
	switch (l->cg.kind) {
	case CGROUP_V1:
		return "v1";
	case CGROUP_V2:
		return "v2";
	case CGROUP_NONE:
		break;
	}
	return "none";
}

bool limits_kill(const struct limits *l)
{
	return cgroup_kill(&l->cg);
}

/* ---- hits ---- */

static void tell(struct limits *l, enum limit limit, uint64_t value,
		 uint64_t count, const char *what, bool end)
{
	struct limit_hit h = { .limit = limit,
			       .value = value,
			       .count = count,
			       .what = what,
			       .end_session = end };

	l->c.hit(l->c.owner, &h);
}

static void read_counter(struct limits *l, struct watcher *w)
{
	uint64_t now = w->fd != -1 ? cgroup_read_key(w->fd, w->key) : 0;
	uint64_t n = now > w->seen ? now - w->seen : 0;

	w->seen = now;
	if (n == 0)
		return;
	if (w->limit == LIMIT_MEMORY)
		tell(l, LIMIT_MEMORY, l->want.memory, n, "a process was killed",
		     false);
	else
		tell(l, LIMIT_PROCESSES, l->want.processes, n,
		     "a new process was refused", false);
}

static int on_counter(struct loop_io *io, uint32_t events)
{
	struct limits *l = io->owner;
	struct watcher *w = io == &l->memory.io ? &l->memory : &l->pids;
	uint64_t n;

	(void)events;
	if (w->event_fd != -1)
		(void)!read(w->event_fd, &n, sizeof(n)); /* only wakes us */
	read_counter(l, w);
	return 0;
}

static void drop_watcher(struct limits *l, struct watcher *w)
{
	if (w->io.slot)
		loop_io_remove(l->loop, &w->io);
	if (w->event_fd != -1)
		(void)close(w->event_fd);
	if (w->fd != -1)
		(void)close(w->fd);
	w->fd = w->event_fd = -1;
}

/* v1: "<eventfd> <fd of memory.oom_control>" into cgroup.event_control. */
static bool register_eventfd(struct limits *l, struct watcher *w)
{
	char text[32];

	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->event_fd == -1)
		return false;
	(void)snprintf(text, sizeof(text), "%d %d", w->event_fd, w->fd);
	return cgroup_write(&l->cg, CGROUP_MEMORY, "cgroup.event_control",
			    text) == 0;
}

/* Without being woken, the counters are read at the end. */
static int watch_counter(struct limits *l, struct watcher *w, enum limit limit,
			 enum cgroup_controller c)
{
	bool v1_memory = limit == LIMIT_MEMORY && l->cg.kind == CGROUP_V1;
	const char *file = "pids.events";

	w->limit = limit;
	w->key = "max";
	if (limit == LIMIT_MEMORY) {
		file = v1_memory ? "memory.oom_control" : "memory.events";
		w->key = "oom_kill";
	}
	w->fd = cgroup_open(&l->cg, c, file);
	if (w->fd < 0) {
		w->fd = -1;
		return 0;
	}
	w->io = (struct loop_io){
		.fd = w->fd, .events = EPOLLPRI, .run = on_counter, .owner = l
	};
	if (v1_memory) {
		if (!register_eventfd(l, w))
			return 0;
		w->io.fd = w->event_fd;
		w->io.events = EPOLLIN;
	}
	return loop_io_add(l->loop, &w->io);
}

static void poll_memory(struct limits *l, struct tree_use *use)
{
	if (use->bytes <= l->want.memory ||
	    tree_measure(l->c.proc, l->init, TREE_EXACT, use) < 0 ||
	    use->bytes <= l->want.memory || use->largest == 0)
		return;
	if (kill(use->largest, SIGKILL) == 0)
		tell(l, LIMIT_MEMORY, l->want.memory, 1,
		     "the largest process was killed", false);
}

/*
 * What belongs to no process alone is looked for when the machine has so much of
 * it that it matters: few have, and it takes a look at each descriptor.
 */
static enum tree_how quickest(const struct limits *l)
{
	return tree_machine_shared(l->c.proc) > l->want.memory / 4 ? TREE_SHARED
								   : TREE_QUICK;
}

static int on_poll(struct loop_timer *t)
{
	struct limits *l = t->owner;
	struct tree_use use = { 0 };
	uint64_t next = POLL_SLOW_NS;

	if (tree_measure(l->c.proc, l->init, quickest(l), &use) == 0) {
		if (l->way[LIMIT_MEMORY] == LIMIT_WAY_POLL) {
			if (use.bytes > l->want.memory / 2)
				next = POLL_FAST_NS;
			poll_memory(l, &use);
		}
		if (l->way[LIMIT_PROCESSES] == LIMIT_WAY_RLIMIT &&
		    !l->told_pids && use.processes >= l->want.processes) {
			l->told_pids = true;
			tell(l, LIMIT_PROCESSES, l->want.processes, 1,
			     "new processes are refused", false);
		}
	}
	return loop_timer_set(l->loop, t, clock_mono_ns() + next);
}

static int on_disk(struct loop_timer *t)
{
	struct limits *l = t->owner;
	uint64_t bytes = 0, next = DISK_NS;
	int r = disk_scan_step(l->scan, DISK_ENTRIES, &bytes);

	if (r > 0) {
		next = DISK_REST_NS;
		if (bytes > l->want.disk) {
			tell(l, LIMIT_DISK, l->want.disk, 1,
			     "the private directories are full", true);
			return 0;
		}
	}
	return loop_timer_set(l->loop, t, clock_mono_ns() + next);
}

static int on_time(struct loop_timer *t)
{
	struct limits *l = t->owner;

	tell(l, LIMIT_TIME, l->want.time_s, 1, "the time is up", true);
	return 0;
}

/* What the dead have left.  Not while the command starts: nobody waits for it. */
static void sweep(struct limits *l)
{
	if (!l->swept)
		cgroup_sweep(&l->cg);
	l->swept = true;
}

static int on_sweep(struct loop_timer *t)
{
	sweep(t->owner);
	return 0;
}

static int watch_timers(struct limits *l)
{
	uint64_t now = clock_mono_ns();
	int r = 0;

	l->poll = (struct loop_timer){ .run = on_poll, .owner = l };
	l->disk = (struct loop_timer){ .run = on_disk, .owner = l };
	l->time = (struct loop_timer){ .run = on_time, .owner = l };
	l->sweep = (struct loop_timer){ .run = on_sweep, .owner = l };
	if (l->way[LIMIT_MEMORY] == LIMIT_WAY_POLL ||
	    l->way[LIMIT_PROCESSES] == LIMIT_WAY_RLIMIT)
		r = loop_timer_set(l->loop, &l->poll, now + POLL_FAST_NS);
	if (r == 0 && l->scan)
		r = loop_timer_set(l->loop, &l->disk, now + DISK_REST_NS);
	if (r == 0 && l->want.time_s)
		r = loop_timer_set(l->loop, &l->time,
				   now + l->want.time_s * NS_PER_S);
	if (r == 0)
		r = loop_timer_set(l->loop, &l->sweep, now + SWEEP_NS);
	return r;
}

static bool by_cgroup(const struct limits *l, enum limit limit)
{
	return l->way[limit] == LIMIT_WAY_CGROUP1 ||
	       l->way[limit] == LIMIT_WAY_CGROUP2;
}

int limits_watch(struct limits *l, struct loop *loop)
{
	int r = 0;

	l->loop = loop;
	if (by_cgroup(l, LIMIT_MEMORY))
		r = watch_counter(l, &l->memory, LIMIT_MEMORY, CGROUP_MEMORY);
	if (r == 0 && by_cgroup(l, LIMIT_PROCESSES))
		r = watch_counter(l, &l->pids, LIMIT_PROCESSES, CGROUP_PIDS);
	if (r == 0)
		r = watch_timers(l);
	return r;
}

void limits_check(struct limits *l)
{
	read_counter(l, &l->memory);
	read_counter(l, &l->pids);
}

void limits_done(struct limits *l)
{
	if (l->done)
		return;
	l->done = true;
	(void)!cgroup_leave(&l->cg); /* a start that failed in between */
	if (l->loop) {
		drop_watcher(l, &l->memory);
		drop_watcher(l, &l->pids);
		loop_timer_clear(l->loop, &l->poll);
		loop_timer_clear(l->loop, &l->disk);
		loop_timer_clear(l->loop, &l->time);
		loop_timer_clear(l->loop, &l->sweep);
		sweep(l);
	}
	disk_scan_free(TAKE(l->scan));
	cgroup_remove(&l->cg);
}
