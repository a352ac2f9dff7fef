/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Each row of the tables is tried in a child, so that a probe may enter
 * filters and namespaces, crash or hang without harm; the result comes back
 * through shared memory.  PROBE_USERNS enters a user namespace first, mapped as
 * an unprivileged bawn maps it.  A child that does not end in time has failed.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "jail/hinder.h"

#define PROBE_MS 5000u

void probe_say(struct probe_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
	va_end(ap);
}

void probe_set(struct probe_result *r, bool cond)
{
	int e = errno;

	r->ok = cond;
	if (!cond)
		probe_say(r, "%s", strerror(e));
}

void probe_hinder(struct probe_result *r, const struct hindrance *h)
{
	probe_say(r, "%s", h->why);
	(void)snprintf(r->mend, sizeof(r->mend), "%s", h->mend);
}

int64_t probe_read_number(const char *path)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd != -1 ? read(fd, text, sizeof(text)) : -1;
	struct str line, rest = { text, n > 0 ? (size_t)n : 0 };
	uint64_t v;

	if (!str_cut(&rest, '\n', &line) || !str_u64(line, 0, INT64_MAX, &v))
		return -1;
	return (int64_t)v;
}

static bool write_text(const char *path, const char *text)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd != -1 && write(fd, text, strlen(text)) > 0;
}

static bool enter_userns(int namespaces)
{
	char map[48];
	unsigned uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWUSER | namespaces) == -1)
		return false;
	(void)!write_text("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	if (!write_text("/proc/self/uid_map", map))
		return false;
	(void)snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	return write_text("/proc/self/gid_map", map);
}

static noreturn_fn void run_child(const struct probe *p, struct probe_result *r)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (p->place == PROBE_USERNS && !enter_userns(p->namespaces)) {
		struct hindrance h;

		probe_set(r, false);
		hinder_namespaces(neg_errno(), NULL, &h);
		probe_hinder(r, &h);
	} else {
		p->run(r);
	}
	_exit(0);
}

static void wait_child(pid_t pid, struct probe_result *r)
{
	uint64_t end = clock_mono_ns() + PROBE_MS * NS_PER_MS;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct timespec ts = { .tv_nsec = 500000 };

		if (clock_mono_ns() > end) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			*r = (struct probe_result){ 0 };
			probe_say(r, "no answer within %u s", PROBE_MS / 1000);
			return;
		}
		(void)nanosleep(&ts, NULL);
	}
	if (WIFSIGNALED(status)) {
		r->ok = false;
		probe_say(r, "killed by signal %d", WTERMSIG(status));
	}
}

/* @shared lies in memory that the child shares. */
static void try_probe(const struct probe *p, struct probe_result *shared)
{
	pid_t pid;

	*shared = (struct probe_result){ 0 };
	if (p->place == PROBE_PARENT) {
		p->run(shared);
		return;
	}
	(void)fflush(stdout); /* or the child has a copy of it */
	pid = fork();
	if (pid == 0)
		run_child(p, shared);
	if (pid < 0)
		probe_set(shared, false);
	else
		wait_child(pid, shared);
}

static const char *mend_of(const struct probe *p, const struct probe_result *r)
{
	return r->mend[0] ? r->mend : p->mend;
}

static void print_people(const struct probe *p, const struct probe_result *r)
{
	const char *word = r->ok ? "ok" : p->needed ? "MISSING" : "weaker";

	printf("%-8s %-17s %s%s%s%s\n", word, p->name, p->what,
	       r->detail[0] ? " (" : "", r->detail, r->detail[0] ? ")" : "");
	if (r->ok)
		return;
	printf("%-8s   without it: %s\n", "", p->lost);
	printf("%-8s   to mend it: %s\n", "", mend_of(p, r));
}

static void print_json(const struct probe *p, const struct probe_result *r)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w;

	buf_init(&b, 8192);
	w = JSON_OUT(&b);
	json_open(&w, '{');
	json_kstr(&w, "name", str_of(p->name));
	json_kbool(&w, "ok", r->ok);
	json_kbool(&w, "needed", p->needed);
	json_kstr(&w, "what", str_of(p->what));
	json_kstr(&w, "detail", str_of(r->detail));
	if (!r->ok) {
		json_kstr(&w, "lost", str_of(p->lost));
		json_kstr(&w, "mend", str_of(mend_of(p, r)));
	}
	json_close(&w, '}');
	printf("%.*s\n", STR_ARG(buf_str(&b)));
}

/* Failed ones that sessions need. */
static unsigned try_table(const struct probe *table, size_t n, bool json,
			  struct probe_result *shared)
{
	unsigned bad = 0;

	for (size_t i = 0; i < n; i++) {
		const struct probe *p = &table[i];

		if (p->root_only && geteuid() != 0)
			continue;
		try_probe(p, shared);
		bad += !shared->ok && p->needed;
		if (json)
			print_json(p, shared);
		else
			print_people(p, shared);
	}
	return bad;
}

static bool is_ok(const char *name, struct probe_result *shared)
{
	for (size_t i = 0; i < n_jail_probes; i++) {
		if (strcmp(jail_probes[i].name, name) == 0) {
			try_probe(&jail_probes[i], shared);
			return shared->ok;
		}
	}
	return false;
}

/* @bad: that many are missing of what the usual backend needs. */
static void print_sum(unsigned bad, struct probe_result *shared)
{
	if (bad == 0)
		printf("\nSessions can start here.\n");
	else if (is_ok("landlock-backend", shared))
		printf("\nSessions cannot start here with namespaces. They "
		       "can, "
		       "with fewer walls, by a policy that says\nbackend: "
		       "landlock, and by backend_accept what it does "
		       "without; see doc/landlock.md.\n");
	else
		printf("\nSessions cannot start here.\n");
}

static struct probe_result *new_result(void)
{
	void *p =
		mmap(NULL, sizeof(struct probe_result), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

bool doctor_has_landlock(void)
{
	struct probe_result *shared = new_result();
	bool ok = shared && is_ok("landlock-backend", shared);

	if (shared)
		(void)munmap(shared, sizeof(*shared));
	return ok;
}

static bool is_landlock(const struct doctor_opts *o)
{
	return strcmp(o->backend, "landlock") == 0;
}

int cmd_doctor(const struct command *c, int argc, char *const argv[])
{
	struct doctor_opts o = { 0 };
	struct probe_result *shared;
	const char *none[1];
	unsigned bad;
	int n = 0;
	int e = cmd_parse(c, argc, argv, &o, none, 1, &n);

	if (e >= 0)
		return e;
	if (n > 0 || (o.backend && !o.prove) ||
	    (o.backend && !is_landlock(&o) &&
	     strcmp(o.backend, "namespaces") != 0)) {
		cmd_error("usage: bawn %s, where NAME is namespaces or "
			  "landlock",
			  c->synopsis);
		return BAWN_EXIT_USAGE;
	}
	if (o.prove)
		return doctor_prove(o.json, o.backend && is_landlock(&o));
	shared = new_result();
	if (!shared)
		return BAWN_EXIT_TROUBLE;
	bad = try_table(kernel_probes, n_kernel_probes, o.json, shared);
	bad += try_table(jail_probes, n_jail_probes, o.json, shared);
	bad += try_table(net_probes, n_net_probes, o.json, shared);
	bad += try_table(limit_probes, n_limit_probes, o.json, shared);
	if (!o.json)
		print_sum(bad, shared);
	return bad ? BAWN_EXIT_REFUSED : BAWN_EXIT_OK;
}
