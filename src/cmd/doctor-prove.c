/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor --prove: not what this machine could do, but what a session on it
 * does.  A session under the default policy runs bawn-probe, which tries all
 * it knows; then the rows are judged, and the host is looked at.  Whoever finds nothing
 * amiss says so on one screen.
 *
 *   probe says refused, host shows nothing            protected
 *   probe says reachable, prove-reasons.c has why     named with its reason
 *   anything else                                     open: exit code 1
 *
 * No session, no output, or less output than there must be is no proof.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "cmd/prove-judge.h"
#include "cmd/prove-world.h"

#define PROVE_MS    120000
#define ARENA_MAX   ((size_t)64 << 20)
#define ERRORS_MAX  ((size_t)16 << 10)
#define SHOWN_WIDTH 37
#define LINE_WIDTH  80

/* Installed beside our other programs; in a build tree, in its own folder. */
static bool find_probe(char *path, size_t size)
{
	return cmd_libexec("bawn-probe", path, size) ||
	       cmd_libexec("../probe/bawn-probe", path, size);
}

static noreturn_fn void run_child(const struct prove_world *w, int out_fd)
{
	char self[4096], policy[PROVE_PATH_MAX], errors[PROVE_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *argv[] = { self,
			 (char[]){ "run" },
			 (char[]){ "--policy" },
			 policy,
			 (char[]){ "--" },
			 (char[]){ "./bawn-probe" },
			 (char[]){ "--json" },
			 (char[]){ "--fixtures" },
			 (char[]){ "fixtures" },
			 NULL };
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int err;

	self[n > 0 ? n : 0] = '\0';
	(void)prove_world_path(w, "policy.yaml", policy);
	(void)prove_world_path(w, "errors", errors);
	err = open(errors, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (prove_world_enter(w) < 0 || in == -1 || err == -1 ||
	    dup2(in, STDIN_FILENO) == -1 || dup2(out_fd, STDOUT_FILENO) == -1 ||
	    dup2(err, STDERR_FILENO) == -1)
		_exit(BAWN_EXIT_FAILED);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	(void)execv(self, argv);
	_exit(BAWN_EXIT_FAILED);
}

/* To the end of @fd, or of the time.  0 or -errno. */
static int read_rows(int fd, struct buf *b)
{
	uint64_t end = clock_mono_ns() + PROVE_MS * NS_PER_MS;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char *room = buf_reserve(b, 65536);
		uint64_t now = clock_mono_ns();
		ssize_t n;

		if (!room)
			return -EFBIG;
		if (now >= end ||
		    poll(&p, 1, (int)((end - now) / NS_PER_MS)) == 0)
			return -ETIMEDOUT;
		n = read(fd, room, 65536);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : neg_errno();
		buf_added(b, (size_t)n);
	}
}

/* The session's exit code, or -errno. */
static int run_session(const struct prove_world *w, struct buf *rows)
{
	int fds[2], status = 0, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return neg_errno();
	(void)fflush(stdout); /* or the child has a copy of it */
	pid = fork();
	if (pid == 0)
		run_child(w, fds[1]);
	(void)close(fds[1]);
	r = pid == -1 ? neg_errno() : read_rows(fds[0], rows);
	(void)close(fds[0]);
	if (pid == -1)
		return r;
	if (r < 0)
		(void)kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ECANCELED;
}

/* Why there was no session, in its own words. */
static void print_errors(const struct prove_world *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char path[PROVE_PATH_MAX], safe[1024];
	struct str line, rest;

	buf_init(&b, ERRORS_MAX);
	if (file_load(AT_FDCWD, prove_world_path(w, "errors", path), &b) < 0)
		return;
	rest = buf_str(&b);
	while (str_cut(&rest, '\n', &line)) {
		str_sanitise(line, safe, sizeof(safe));
		(void)fprintf(stderr, "  %s\n", safe);
	}
}

/* ---- what is said ---- */

static void print_classes(const struct prove_sum *s)
{
	for (size_t i = 0; i < PROVE_CLASS_MAX_; i++) {
		const struct prove_class *c = &s->classes[i];

		(void)printf("%-9s %-40s %3u of %u refused\n", c->name, c->what,
			     c->refused, c->refused + c->excepted + c->open);
	}
}

static void print_reasons(const struct prove_sum *s)
{
	(void)puts("\nReachable, and why that does no harm:");
	for (size_t i = 0; i < n_prove_reasons; i++) {
		if (s->used[i])
			(void)printf("  %-*s %s\n", SHOWN_WIDTH,
				     prove_reasons[i].shown,
				     prove_reasons[i].why);
	}
}

/* With how many rows for each word, in lines of a screen's width; no line more. */
static void print_lacks(const struct prove_sum *s)
{
	int at = 1;

	(void)printf("Reached for want of what backend: landlock lacks, by its "
		     "words:\n ");
	for (size_t i = 0; i < LACK_MAX_; i++) {
		char text[48];
		int n = snprintf(text, sizeof(text), " %s (%u)", lack_words[i],
				 s->lacked[i]);

		if (s->lacked[i] == 0)
			continue;
		if (at + n > LINE_WIDTH)
			at = printf("\n ") - 1;
		at += printf("%s", text);
	}
	(void)puts("");
}

static void print_open(const struct prove_sum *s)
{
	char id[64], what[80];

	(void)puts("\nOPEN, which must not be:");
	for (unsigned i = 0; i < s->open && i < PROVE_OPEN_MAX; i++) {
		str_sanitise(s->opened[i].id, id, sizeof(id));
		str_sanitise(s->opened[i].what, what, sizeof(what));
		(void)printf("  %-*s %.40s\n", SHOWN_WIDTH, id, what);
	}
	if (s->open > PROVE_OPEN_MAX)
		(void)printf("  and %u more: bawn doctor --prove --json\n",
			     s->open - PROVE_OPEN_MAX);
}

static void print_people(const struct prove_sum *s, const char *harm)
{
	struct utsname u = { 0 };

	(void)uname(&u);
	(void)printf(
		"A session of uid %u's on Linux %.30s tried %u ways out:\n\n",
		(unsigned)geteuid(), u.release, s->rows);
	print_classes(s);
	if (s->open)
		print_open(s);
	else
		print_reasons(s);
	if (s->landlock)
		print_lacks(s);
	(void)printf("\nOn this side of the wall: %s.\n",
		     harm ? harm : "nothing was changed, nobody came");
	(void)puts(s->open || harm ? "The walls do NOT hold here."
		   : s->landlock   ? "The walls that are there hold."
				   : "The walls hold.");
}

/* The rows as they came, each with our verdict; then the sum. */
static int print_json(struct str rows, const struct prove_sum *s,
		      const char *harm)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w;
	struct str line;

	arena_init(&a, ARENA_MAX);
	buf_init(&b, PROVE_TEXT_MAX * 2);
	(void)str_cut(&rows, '\n', &line); /* the program's own first line */
	while (str_cut(&rows, '\n', &line)) {
		struct json *row = NULL;
		const struct prove_reason *why;
		enum lack lack;

		if (json_parse(&a, line, &row, NULL) != 0)
			return -ENOMEM;
		why = prove_reason_find(json_find_str(row, "id"), s->landlock);
		lack = s->landlock ? prove_lack_find(json_find_str(row, "id"))
				   : LACK_MAX_;
		w = JSON_OUT(&b);
		json_open(&w, '{');
		json_kstr(&w, "id", json_find_str(row, "id"));
		json_kstr(&w, "what", json_find_str(row, "what"));
		json_kstr(&w, "outcome", json_find_str(row, "outcome"));
		json_kstr(&w, "error", json_find_str(row, "error"));
		json_kstr(&w, "detail", json_find_str(row, "detail"));
		if (str_eq(json_find_str(row, "outcome"), STR("reachable"))) {
			json_kbool(&w, "open", !why && lack == LACK_MAX_);
			json_kstr(&w, "reason",
				  str_of(lack != LACK_MAX_ ? lack_words[lack]
					 : why             ? why->why
							   : ""));
		}
		json_close(&w, '}');
		(void)buf_addc(&b, '\n');
	}
	w = JSON_OUT(&b);
	json_open(&w, '{');
	json_kbool(&w, "holds", !s->open && !harm);
	json_kuint(&w, "rows", s->rows);
	json_kuint(&w, "open", s->open);
	json_kstr(&w, "host", str_of(harm ? harm : ""));
	json_kstr(&w, "backend",
		  s->landlock ? STR("landlock") : STR("namespaces"));
	json_close(&w, '}');
	(void)buf_addc(&b, '\n');
	if (b.failed)
		return -ENOMEM;
	(void)fwrite(buf_str(&b).ptr, 1, b.len, stdout);
	return 0;
}

static int judge_and_print(const struct prove_world *w, struct str rows,
			   bool json)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	const char *harm = prove_world_harm(w);
	struct prove_sum sum;
	struct diag d = { 0 };
	int r;

	arena_init(&a, ARENA_MAX);
	r = prove_judge(&a, rows, w->landlock, &sum, &d);
	if (r > 0) {
		cmd_error("bawn-probe in the session, line %u: %s", d.line,
			  d.text);
		print_errors(w);
		return BAWN_EXIT_TROUBLE;
	}
	if (r == 0 && json)
		r = print_json(rows, &sum, harm);
	else if (r == 0)
		print_people(&sum, harm);
	if (r < 0) {
		cmd_error("no proof: %s", strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	return sum.open || harm ? BAWN_EXIT_REFUSED : BAWN_EXIT_OK;
}

int doctor_prove(bool json, bool landlock)
{
	AUTO(prove_world) struct prove_world w = PROVE_WORLD_NULL;
	AUTO(buf) struct buf rows = BUF_NULL;
	char probe[4096];
	int r;

	if (!find_probe(probe, sizeof(probe))) {
		cmd_error("bawn-probe is not installed");
		return BAWN_EXIT_TROUBLE;
	}
	buf_init(&rows, PROVE_TEXT_MAX);
	/* The daemon that the session starts becomes ours, to end. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	w.landlock = landlock;
	r = prove_world_make(&w, probe);
	if (r < 0) {
		cmd_error("what to try it on: %s", strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	r = run_session(&w, &rows);
	if (r != 0) {
		cmd_error("no proof: the session %s%s",
			  r < 0 ? "did not end: " : "failed:",
			  r < 0 ? strerror(-r) : "");
		print_errors(&w);
		if (r > 0 && !landlock && doctor_has_landlock())
			(void)fputs("  What can be had here, with fewer walls: "
				    "bawn doctor --prove --backend landlock\n",
				    stderr);
		return r < 0 ? BAWN_EXIT_TROUBLE : BAWN_EXIT_REFUSED;
	}
	return judge_and_print(&w, buf_str(&rows), json);
}
