/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command in a jail alone: a supervisor without keeper, relay, ledger.
 *
 *   driver [OPTION...] -- COMMAND [ARG...]
 *
 *   --project DIR   bound writable, and where the command starts; default "."
 *   --see DIR       bound read-only, at the same path (repeatable)
 *   --hide PATH     covered before the command starts (repeatable)
 *   --cover PATH    covered 100 ms after it started (repeatable)
 *   --allow RANGE   TCP port 80 to this range is taken, and answered with "ok"
 *   --deny RANGE    none of it is taken, whatever else is said
 *   --listen PATH   a socket of the plan; what connects is answered with "ok"
 *   --landlock      no namespaces: the other backend
 *   --nested        the plan lets sandboxes be made inside
 *   --tty           the command gets a pty, copied to stdout
 *   --leak          start with foreign descriptors open
 *   --hang-up       once it runs, init's socket closes, and we stay
 *   --refused FILE  the calls the listener refused, one name a line
 *   --plan          print the plan, do nothing
 *   --steps         how long each step took, on stderr
 *   --time N        run it N times, print the median of start to exit
 *
 * Exit code: the command's; 125 when the jail could not be made; 64 usage.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/options.h"
#include "ipc/handover.h"
#include "ipc/protocol.h"
#include "jail/cover.h"
#include "jail/jail.h"
#include "jail/missing.h"
#include "jail/seccomp.h"

#define FAILED      125
#define COVER_MS    100
#define HANG_UP_MS  500 /* the command has begun then, and is seen */
#define MAX_SOCKETS 16u

/* How many times as long as on a real processor things may take. */
static int slow(void)
{
	const char *text = getenv("BAWN_TEST_SLOW");
	uint32_t n;

	return text && str_u32(str_of(text), 1, 1000, &n) ? (int)n : 1;
}

struct opts {
	const char *project, *refused, *allow, *deny;
	struct option_list see, hide, cover, listen;
	bool landlock, nested, tty, leak, hang_up, plan, steps;
	uint32_t time;
};

static const struct option table[] = {
	{ "project", 0, "DIR", "bound writable", OPTION_STRING,
	  .target = offsetof(struct opts, project) },
	{ "see", 0, "DIR", "bound read-only", OPTION_LIST,
	  .target = offsetof(struct opts, see) },
	{ "hide", 0, "PATH", "covered before the start", OPTION_LIST,
	  .target = offsetof(struct opts, hide) },
	{ "cover", 0, "PATH", "covered later", OPTION_LIST,
	  .target = offsetof(struct opts, cover) },
	{ "allow", 0, "RANGE", "TCP port 80 is taken", OPTION_STRING,
	  .target = offsetof(struct opts, allow) },
	{ "deny", 0, "RANGE", "no port at all", OPTION_STRING,
	  .target = offsetof(struct opts, deny) },
	{ "listen", 0, "PATH", "a socket of the plan", OPTION_LIST,
	  .target = offsetof(struct opts, listen) },
	{ "landlock", 0, NULL, "the other backend", OPTION_FLAG,
	  .target = offsetof(struct opts, landlock) },
	{ "nested", 0, NULL, "sandboxes inside", OPTION_FLAG,
	  .target = offsetof(struct opts, nested) },
	{ "tty", 0, NULL, "a pty", OPTION_FLAG,
	  .target = offsetof(struct opts, tty) },
	{ "leak", 0, NULL, "foreign descriptors are open", OPTION_FLAG,
	  .target = offsetof(struct opts, leak) },
	{ "hang-up", 0, NULL, "close init's socket", OPTION_FLAG,
	  .target = offsetof(struct opts, hang_up) },
	{ "refused", 0, "FILE", "names of refused calls", OPTION_STRING,
	  .target = offsetof(struct opts, refused) },
	{ "plan", 0, NULL, "print it, do nothing", OPTION_FLAG,
	  .target = offsetof(struct opts, plan) },
	{ "steps", 0, NULL, "how long each took", OPTION_FLAG,
	  .target = offsetof(struct opts, steps) },
	{ "time", 0, "N", "median of N runs", OPTION_U32, 1, 100000,
	  .target = offsetof(struct opts, time) },
};

struct run {
	const struct opts *o;
	char *const *argv;
	const struct plan *plan;
	struct str plan_json;
	struct jail *jail;
	struct ipc_msg msg;
	uint64_t begun_ns, configured_ns, ready_ns, go_ns, started_ns, exit_ns;
	int sockets[JAIL_NET_FDS];
	int listeners[MAX_SOCKETS];
	size_t n_listeners;
	int master, notify;
	FILE *refused;
	int code; /* -1: not yet */
};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "driver: %s: %s\n", what, why);
	return FAILED;
}

static struct plan_mount *add(struct plan *p, enum plan_op op, const char *dst)
{
	struct plan_mount *m = &p->mounts[p->n_mounts++];

	*m = (struct plan_mount){ .op = op, .dst = (char *)(uintptr_t)dst };
	return m;
}

static struct plan_mount *add_bind(struct plan *p, const char *path)
{
	struct plan_mount *m = add(p, PLAN_BIND, path);

	m->src = m->dst;
	m->optional = true;
	return m;
}

static void add_text(struct plan *p, enum plan_op op, const char *dst,
		     const char *text)
{
	struct plan_mount *m = add(p, op, dst);

	m->text = (char *)(uintptr_t)text;
	m->text_len = strlen(text);
	m->optional = op == PLAN_FILE;
}

/* What a plan of the keeper has, as far as it is about walls. */
static void add_system(struct plan *p)
{
	static const char *const dirs[] = { "/usr", "/etc",          "/opt",
					    "/srv", "/var/lib/dpkg", "/nix" };
	static const char *const links[] = { "bin",   "sbin",  "lib",
					     "lib32", "lib64", "libx32" };
	static char text[N_ELEMS(links)][64], dst[N_ELEMS(links)][16];

	for (size_t i = 0; i < N_ELEMS(dirs); i++)
		add_bind(p, dirs[i]);
	for (size_t i = 0; i < N_ELEMS(links); i++) {
		ssize_t n;

		(void)snprintf(dst[i], sizeof(dst[i]), "/%s", links[i]);
		n = readlink(dst[i], text[i], sizeof(text[i]) - 1);
		if (n > 0)
			add_text(p, PLAN_SYMLINK, dst[i], text[i]);
		else if (access(dst[i], F_OK) == 0)
			add_bind(p, dst[i]);
	}
	add_text(p, PLAN_FILE, "/etc/resolv.conf", "nameserver 10.0.2.3\n");
	(void)add(p, PLAN_PROC, "/proc");
	(void)add(p, PLAN_DEV, "/dev");
	add(p, PLAN_TMPFS, "/tmp")->mode = 01777;
	add(p, PLAN_TMPFS, "/var/tmp")->mode = 01777;
	(void)add(p, PLAN_DIR, "/run");
}

/* Few ports and many: they are told to the kernel in different ways. */
static void add_classes(struct plan *p)
{
	static const struct {
		const char *v4, *v6;
		uint16_t ports[8];
	} classes[] = {
		{ "198.18.0.0", "fd18::", { 80, 443 } },
		{ "198.19.0.0",
		  "fd18:0:0:1::",
		  { 81, 1000, 2000, 3000, 65535 } },
	};

	for (size_t i = 0; i < N_ELEMS(classes); i++) {
		struct plan_class *c = &p->classes[p->n_classes++];

		(void)inet_pton(AF_INET, classes[i].v4, &c->v4);
		(void)inet_pton(AF_INET6, classes[i].v6, &c->v6);
		c->v4_bits = 16;
		c->v6_bits = 64;
		while (classes[i].ports[c->n_ports] != 0) {
			c->ports[c->n_ports] = classes[i].ports[c->n_ports];
			c->n_ports++;
		}
	}
}

static bool add_range(struct plan *p, const char *range, bool deny)
{
	struct plan_cidr *c = &p->cidrs[p->n_cidrs++];
	struct str s = str_of(range), addr;
	char text[64];
	uint32_t bits;

	if (!str_cut(&s, '/', &addr) || addr.len >= sizeof(text) ||
	    !str_u32(s, 0, 128, &bits))
		return false;
	(void)snprintf(text, sizeof(text), "%s%.*s",
		       memchr(addr.ptr, ':', addr.len) ? "" : "::ffff:",
		       STR_ARG(addr));
	c->bits = (uint8_t)(memchr(addr.ptr, ':', addr.len) ? bits : bits + 96);
	c->deny = deny;
	if (!deny)
		c->ports[c->n_ports++] = 80;
	return inet_pton(AF_INET6, text, &c->addr) == 1;
}

static void set_ids(struct plan *p, const struct stat *owner)
{
	bool root = geteuid() == 0 && p->backend == PLAN_NAMESPACES;

	p->owner_uid = owner->st_uid;
	p->owner_gid = owner->st_gid;
	p->host_uid = root ? PLAN_ROOT_UID : geteuid();
	p->host_gid = root ? PLAN_ROOT_UID : getegid();
	p->inside_uid = root ? PLAN_INSIDE_UID : geteuid();
	p->inside_gid = root ? PLAN_INSIDE_UID : getegid();
}

static bool make_plan(struct plan *p, const struct opts *o, const char *project)
{
	static struct plan_mount mounts[PLAN_MAX_MOUNTS];
	static struct plan_class classes[PLAN_MAX_CLASSES];
	static struct plan_cidr cidrs[2];
	static char session[] = "00000000000000000000";
	static char none[] = "", host[] = "jail", home[] = "/nonexistent";
	struct stat st;

	if (stat(project, &st) == -1)
		return false;
	*p = (struct plan){
		.session = session,
		.policy_hash = none,
		.project = (char *)(uintptr_t)project,
		.cwd = (char *)(uintptr_t)project,
		.home = home,
		.hostname = host,
		.mounts = mounts,
		.classes = classes,
		.cidrs = cidrs,
		.nested = o->nested,
		.backend = o->landlock ? PLAN_LANDLOCK : PLAN_NAMESPACES,
	};
	set_ids(p, &st);
	add_system(p);
	for (size_t i = 0; i < o->see.n; i++)
		add_bind(p, o->see.items[i])->optional = false;
	add_bind(p, project)->writable = true;
	for (size_t i = 0; i < o->listen.n; i++)
		add(p, PLAN_SOCKET, o->listen.items[i])->src = none;
	for (size_t i = 0; i < p->n_mounts; i++) {
		if (p->mounts[i].op == PLAN_SOCKET)
			p->mounts[i].src = p->mounts[i].dst;
		p->mounts[i].public = p->mounts[i].op == PLAN_BIND &&
				      p->host_uid == 0 &&
				      !p->mounts[i].writable;
	}
	add_classes(p);
	return (!o->allow || add_range(p, o->allow, false)) &&
	       (!o->deny || add_range(p, o->deny, true));
}

/* The calls that are asked of us: refuse as the table says. */
static int answer_notify(struct run *r)
{
	struct seccomp_notif n = { 0 };
	struct seccomp_notif_resp a = { 0 };
	const struct seccomp_rare *row;

	if (ioctl(r->notify, SECCOMP_IOCTL_NOTIF_RECV, &n) == -1)
		return errno == ENOENT ? 0 : neg_errno();
	row = seccomp_rare_find(n.data.nr);
	a.id = n.id;
	a.error = row ? -row->error : -EPERM;
	if (r->refused) {
		fprintf(r->refused, "%s\n", row ? row->name : "?");
		(void)fflush(r->refused);
	}
	if (ioctl(r->notify, SECCOMP_IOCTL_NOTIF_SEND, &a) == -1 &&
	    errno != ENOENT)
		return neg_errno();
	return 0;
}

/* Whoever connects is let in, and told so. */
static void answer_connection(int listener)
{
	AUTO(fd) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd != -1 && write(fd, "ok", 2) == -1)
		return; /* gone already */
}

/* What the warden hands over; what it refused is nothing to us. */
static void answer_handover(int channel)
{
	struct handover m = { .kind = 0 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = &m, .iov_len = sizeof(m) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	AUTO(fd) int fd = -1;

	if (recvmsg(channel, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
		return;
	if (h.msg_controllen >= CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(&control.align), sizeof(fd));
	if (m.kind == HANDOVER_STREAM && fd != -1 && write(fd, "ok", 2) == -1)
		return; /* gone already */
}

static int on_refused(struct run *r, const struct json *j)
{
	const struct seccomp_rare *row =
		seccomp_rare_find((int)json_find_int(j, "syscall", -1));

	if (r->refused) {
		fprintf(r->refused, "%s\n", row ? row->name : "?");
		(void)fflush(r->refused);
	}
	return 0;
}

static void print_steps(const struct json *ready, uint64_t last, uint64_t heard)
{

	JSON_EACH (j, json_find(ready, "steps")) {
		fprintf(stderr, "%-12.*s %5llu us\n", STR_ARG(j->key),
			(unsigned long long)((uint64_t)j->integer - last) /
				1000);
		last = (uint64_t)j->integer;
	}
	fprintf(stderr, "%-12s %5llu us\n", "heard",
		(unsigned long long)(heard - last) / 1000);
}

static int cover(struct run *r, const struct option_list *paths)
{
	struct cover_hide hides[N_ELEMS(paths->items)];

	for (size_t i = 0; i < paths->n; i++)
		hides[i] = (struct cover_hide){ .path = paths->items[i] };
	return paths->n > 0 ? jail_cover_all(r->jail, hides, paths->n, NULL, 0)
			    : 0;
}

static int go(struct run *r)
{
	const char *const env[] = { "PATH=/usr/local/bin:/usr/bin:/bin",
				    "HOME=/tmp", "LANG=C.UTF-8",
				    "BAWN_ESCAPE_ALONE=1", NULL };
	struct jail_go g = { .argv = (const char *const *)r->argv,
			     .env = env,
			     .n_env = r->o->landlock ? 4 : 3,
			     .cols = 80,
			     .rows = 24,
			     .fds = { 0, 1, 2 } };
	int e;

	while (r->argv[g.n_argv])
		g.n_argv++;
	if (r->o->tty)
		g.fds[0] = g.fds[1] = g.fds[2] = -1;
	e = cover(r, &r->o->hide);
	if (e != 0)
		return complain("hide", strerror(-e));
	r->go_ns = clock_mono_ns();
	return jail_go(r->jail, &g) == 0 ? 0 : complain("go", "jail is gone");
}

static int on_ready(struct run *r, const struct json *j)
{
	size_t at = 0;

	r->ready_ns = clock_mono_ns();
	if (r->o->tty)
		r->master = ipc_take_fd(&r->msg, at++);
	if (!r->o->landlock)
		r->notify = ipc_take_fd(&r->msg, at++);
	for (size_t i = 0; i < r->o->listen.n; i++)
		r->listeners[r->n_listeners++] = ipc_take_fd(&r->msg, at++);
	if (r->o->steps)
		print_steps(j, r->begun_ns, r->ready_ns);
	return go(r);
}

/* Closes our end of init's socket; the signal of our death does not come. */
static noreturn_fn void hang_up(const struct run *r)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)usleep(HANG_UP_MS * 1000 * (unsigned)slow());
	if (null == -1 || dup2(null, jail_fd(r->jail)) == -1)
		_exit(FAILED);
	for (;;)
		(void)pause();
}

static int on_message(struct run *r)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	char text[300];
	int e = jail_recv(r->jail, &r->msg);

	arena_init(&a, 1 << 20);
	if (e == -EPIPE && r->code == -1)
		return complain("init", "gone without a word");
	if (e != 0 || json_parse(&a, buf_str(&r->msg.body), &j, NULL) != 0)
		return complain("init", "said something strange");
	switch (r->msg.type) {
	case MSG_INIT_NET:
		for (size_t i = 0; i < r->msg.n_fds && i < JAIL_NET_FDS; i++)
			r->sockets[i] = ipc_take_fd(&r->msg, i);
		return 0;
	case MSG_INIT_REFUSED:
		return on_refused(r, j);
	case MSG_INIT_READY:
		return on_ready(r, j);
	case MSG_INIT_FAILED:
		str_sanitise(json_find_str(j, "text"), text, sizeof(text));
		return complain("jail", text);
	case MSG_INIT_STARTED:
		r->started_ns = clock_mono_ns();
		if (r->o->steps)
			print_steps(j, r->go_ns, r->started_ns);
		if (r->o->hang_up)
			hang_up(r);
		return 0;
	case MSG_INIT_SIGNAL:
		return 0;
	case MSG_INIT_EXIT:
		r->exit_ns = clock_mono_ns();
		r->code = (int)json_find_int(j, "code", FAILED);
		if (json_find_int(j, "signal", 0) != 0)
			r->code = 128 + (int)json_find_int(j, "signal", 0);
		return 0;
	default:
		return complain("init", "said something strange");
	}
}

/* Copies what the terminal has; false: its last end was closed. */
static bool copy_terminal(struct run *r)
{
	char buf[4096];
	ssize_t n = read(r->master, buf, sizeof(buf));

	return n > 0 && fd_write_full(1, buf, (size_t)n) == 0;
}

enum {
	AT_JAIL,
	AT_NOTIFY,
	AT_MASTER,
	AT_PROXY,
	AT_LISTENERS
};

static int serve(struct run *r)
{
	struct pollfd p[AT_LISTENERS + MAX_SOCKETS];
	nfds_t n = AT_LISTENERS + (nfds_t)r->n_listeners;
	bool later = r->o->cover.n > 0 && r->started_ns != 0;

	for (nfds_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	p[AT_JAIL].fd = jail_fd(r->jail);
	p[AT_NOTIFY].fd = r->notify;
	p[AT_MASTER].fd = r->master;
	p[AT_PROXY].fd = r->sockets[0];
	for (size_t i = 0; i < r->n_listeners; i++)
		p[AT_LISTENERS + i].fd = r->listeners[i];
	if (poll(p, n, later ? COVER_MS * slow() : -1) == 0) {
		int e = cover(r, &r->o->cover);

		r->started_ns = 0;
		return e == 0 ? 0 : complain("cover", strerror(-e));
	}
	if (p[AT_NOTIFY].revents & POLLIN && answer_notify(r) != 0)
		return complain("listener", "broken");
	if (p[AT_NOTIFY].revents & POLLHUP)
		r->notify = -1;
	if (p[AT_MASTER].revents && !copy_terminal(r))
		r->master = -1;
	for (nfds_t i = AT_PROXY; i < n; i++) {
		if (!(p[i].revents & POLLIN))
			continue;
		if (r->o->landlock)
			answer_handover(p[i].fd);
		else
			answer_connection(p[i].fd);
	}
	return p[AT_JAIL].revents ? on_message(r) : 0;
}

static void close_all(struct run *r)
{
	for (size_t i = 0; i < JAIL_NET_FDS; i++)
		auto_fd(&r->sockets[i]);
	for (size_t i = 0; i < r->n_listeners; i++)
		auto_fd(&r->listeners[i]);
	auto_fd(&r->notify);
	auto_fd(&r->master);
}

static int run_once(struct run *r)
{
	struct jail_config c = { .backend = r->plan->backend,
				 .cgroup_fd = -1,
				 .tty = r->o->tty,
				 .steps = r->o->steps };
	struct jail_ids ids;
	struct diag err;
	int e;

	r->begun_ns = clock_mono_ns();
	r->code = r->master = r->notify = -1;
	for (size_t i = 0; i < JAIL_NET_FDS; i++)
		r->sockets[i] = -1;
	e = jail_spawn(&r->jail, &c, &err);
	if (e == 0)
		e = jail_configure(r->jail, r->plan, r->plan_json, &ids, &err);
	r->configured_ns = clock_mono_ns();
	if (e != 0)
		(void)complain("jail", err.text);
	while (e == 0 && r->code == -1)
		e = serve(r);
	/* What the terminal still holds. */
	while (r->master != -1 && copy_terminal(r))
		;
	jail_free(r->jail);
	r->jail = NULL;
	close_all(r);
	return e == 0 ? r->code : FAILED;
}

static int compare(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static int run_many(struct run *r)
{
	enum {
		TO_CONFIGURED,
		TO_READY,
		TO_STARTED,
		TO_EXIT,
		TO_REAPED,
		N
	};
	static const char *const names[N] = { "configured", "ready", "started",
					      "exit", "reaped" };
	uint64_t *t = calloc((size_t)r->o->time * N, sizeof(*t));

	if (!t)
		return FAILED;
	for (uint32_t i = 0; i < r->o->time; i++) {
		int code = run_once(r);
		const uint64_t at[N] = { r->configured_ns, r->ready_ns,
					 r->started_ns, r->exit_ns,
					 clock_mono_ns() };

		if (code != 0)
			return code;
		for (size_t k = 0; k < N; k++)
			t[k * r->o->time + i] = at[k] - r->begun_ns;
		(void)usleep(5000); /* namespaces are torn down meanwhile */
	}
	for (size_t k = 0; k < N; k++) {
		uint64_t *row = t + k * r->o->time;

		qsort(row, r->o->time, sizeof(*row), compare);
		printf("%-12s p50 %6llu us, p90 %6llu us\n", names[k],
		       (unsigned long long)row[r->o->time / 2] / 1000,
		       (unsigned long long)row[r->o->time * 9 / 10] / 1000);
	}
	free(t);
	return 0;
}

/* What a careless parent leaves open. */
static void leak(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	if (fd == -1 || fcntl(fd, F_DUPFD, 100) == -1 ||
	    socket(AF_INET, SOCK_STREAM, 0) == -1)
		(void)complain("leak", "cannot");
}

int main(int argc, char **argv)
{
	static struct opts o;
	static struct run r;
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf json = BUF_NULL;
	struct plan plan, parsed;
	struct diag err;
	char *project;
	int rest;

	if (!options_parse(table, N_ELEMS(table), argc, argv, &o, &rest, &err))
		return complain("usage", err.text);
	project = realpath(o.project ? o.project : ".", NULL);
	if (rest == argc || !project || o.listen.n > MAX_SOCKETS - 4)
		return 64;
	if (!make_plan(&plan, &o, project))
		return complain(project, "no plan");
	buf_init(&json, PLAN_MAX_BYTES);
	arena_init(&a, 1 << 24);
	plan_format(&plan, &json);
	if (json.failed || plan_parse(&a, buf_str(&json), &parsed, &err) != 0)
		return complain("plan", json.failed ? "too large" : err.text);
	if (o.plan) {
		printf("%.*s\n", STR_ARG(buf_str(&json)));
		return 0;
	}
	if (o.leak)
		leak();
	if (o.refused) {
		r.refused = fopen(o.refused, "ae");
		if (!r.refused)
			return complain(o.refused, strerror(errno));
	}
	r.o = &o;
	r.argv = argv + rest;
	r.plan = &parsed;
	r.plan_json = buf_str(&json);
	ipc_msg_init(&r.msg);
	return o.time > 0 ? run_many(&r) : run_once(&r);
}
