/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn-export: sends the ledger's records to the sinks.  The daemon starts it;
 * `bawn ledger sinks test` does for one record.
 *
 * Theory of operation
 *
 * This process parses sinks.yaml and has one child for each sink; it speaks to
 * no receiver.  Descriptor 3 leads to the keeper: its end is ours, and what a
 * child sets aside is told there.  A child that ends is begun anew, after a
 * pause that grows.  When a text has changed all children are told to stop, and
 * the program executes itself.
 *
 * Children are told to stop by the end of their socket, and have some seconds
 * for what is under way; the rest is behind the cursor.
 */
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/build-id.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/export-test.h"
#include "export/secret.h"
#include "export/sinks-files.h"
#include "export/worker-confine.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"

#define KEEPER_FD   3
#define CHILDREN    (SINKS_FILES * SINKS_MAX)
#define LOOK_MS     1000 /* at the texts, and who is due */
#define PAUSE_MIN_S 1u
#define PAUSE_MAX_S 300u
#define GOOD_NS     (UINT64_C(60) * NS_PER_S) /* a life without complaint */
#define NOTE_MAX    2048u
#define STOP_NS     (WORKER_STOP_NS + UINT64_C(1) * NS_PER_S)

struct child {
	const struct sink *sink;
	char name[SINKS_FULL_NAME];
	pid_t pid;
	int fd;
	uint64_t began_ns, again_ns; /* monotonic */
	uint32_t pause_s;
};

struct exporter {
	struct arena arena;
	struct sinks_file files[SINKS_FILES];
	struct stat stats[SINKS_FILES];
	struct child children[CHILDREN];
	size_t n;
	const char *state_dir, *ledger_dir;
	int state_fd;
	struct event_origin from;
	pid_t pid;
};

/* ---- one child ---- */

/* Only in the child, which never returns from here. */
noreturn_fn static void be_child(struct exporter *x, const struct child *c,
				 int fd)
{
	struct worker w = { .sink = c->sink,
			    .name = c->name,
			    .ledger_dir = x->ledger_dir,
			    .state_fd = x->state_fd,
			    .parent_fd = fd,
			    .from = &x->from };
	struct buf token;
	struct diag d = { 0 };
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != x->pid)
		_exit(WORKER_TROUBLE);
	(void)close(KEEPER_FD);
	for (size_t i = 0; i < x->n; i++) {
		if (x->children[i].fd != -1)
			(void)close(x->children[i].fd);
	}
	(void)prctl(PR_SET_NAME, "bawn-sink");
	r = secret_load(&c->sink->token, &token, &d);
	if (r != 0) {
		worker_say(&w, "failed", r < 0 ? strerror(-r) : d.text);
		_exit(WORKER_TROUBLE);
	}
	w.token = buf_str(&token);
	r = worker_confine(&w);
	if (r != 0) {
		log_error("%s: cannot be confined: %s", c->name, strerror(-r));
		_exit(WORKER_TROUBLE);
	}
	r = worker_run(&w);
	secret_done(&token);
	_exit(r);
}

static int start_child(struct exporter *x, struct child *c)
{
	int fds[2], r = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		return neg_errno();
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		be_child(x, c, fds[1]);
	}
	if (pid == -1) {
		r = neg_errno();
		(void)close(fds[0]);
	} else {
		c->pid = pid;
		c->fd = fds[0];
		c->began_ns = clock_mono_ns();
	}
	(void)close(fds[1]);
	return r;
}

static void plan_next(struct child *c, uint64_t now)
{
	if (c->pause_s == 0 || now - c->began_ns > GOOD_NS)
		c->pause_s = PAUSE_MIN_S;
	else if (c->pause_s < PAUSE_MAX_S)
		c->pause_s *= 2;
	c->again_ns = now + c->pause_s * NS_PER_S;
}

static void bury(struct child *c)
{
	int status = 0;

	(void)close(TAKE_FD(c->fd));
	while (waitpid(c->pid, &status, 0) == -1 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		log_warn("%s: ended by signal %d", c->name, WTERMSIG(status));
	c->pid = -1;
	plan_next(c, clock_mono_ns());
}

static void start_due(struct exporter *x)
{
	uint64_t now = clock_mono_ns();

	for (size_t i = 0; i < x->n; i++) {
		struct child *c = &x->children[i];

		if (c->pid != -1 || now < c->again_ns)
			continue;
		if (start_child(x, c) != 0) {
			log_warn("%s: no process to be had", c->name);
			plan_next(c, now);
		}
	}
}

/* A note, or the end.  Notes go to the keeper as they are: it reads them. */
static void hear(struct child *c)
{
	char note[NOTE_MAX];
	ssize_t n = recv(c->fd, note, sizeof(note), MSG_DONTWAIT);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		bury(c);
	else if (n > 0 &&
		 ipc_send(KEEPER_FD, MSG_SINK_NOTE, 0,
			  (struct str){ note, (size_t)n }, NULL, 0) != 0)
		log_warn("%s: what it set aside cannot be recorded", c->name);
}

/* ---- the whole ---- */

static size_t n_alive(const struct exporter *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n; i++)
		n += x->children[i].pid != -1;
	return n;
}

/* Serves children until something came of the keeper or @ms are over. */
static bool serve(struct exporter *x, int ms, bool keeper)
{
	struct pollfd p[CHILDREN + 1];

	for (size_t i = 0; i < x->n; i++)
		p[i] = (struct pollfd){ .fd = x->children[i].fd,
					.events = POLLIN };
	p[x->n] = (struct pollfd){ .fd = keeper ? KEEPER_FD : -1,
				   .events = POLLIN };
	if (poll(p, x->n + 1, ms) <= 0)
		return false;
	for (size_t i = 0; i < x->n; i++) {
		if (p[i].revents)
			hear(&x->children[i]);
	}
	return p[x->n].revents != 0;
}

static void stop_all(struct exporter *x)
{
	uint64_t end = clock_mono_ns() + STOP_NS;

	for (size_t i = 0; i < x->n; i++) {
		if (x->children[i].pid != -1)
			(void)shutdown(x->children[i].fd, SHUT_WR);
	}
	while (n_alive(x) > 0 && clock_mono_ns() < end)
		(void)serve(x, 100, false);
	for (size_t i = 0; i < x->n; i++) {
		if (x->children[i].pid == -1)
			continue;
		(void)kill(x->children[i].pid, SIGKILL);
		bury(&x->children[i]);
	}
}

static void look(const struct exporter *x, struct stat st[SINKS_FILES])
{
	memset(st, 0, SINKS_FILES * sizeof(st[0]));
	for (size_t i = 0; i < SINKS_FILES; i++) {
		if (x->files[i].path && stat(x->files[i].path, &st[i]) == -1)
			memset(&st[i], 0, sizeof(st[i]));
	}
}

static bool has_changed(const struct exporter *x)
{
	struct stat now[SINKS_FILES];

	look(x, now);
	for (size_t i = 0; i < SINKS_FILES; i++) {
		const struct stat *a = &now[i], *b = &x->stats[i];

		if (a->st_ino != b->st_ino || a->st_size != b->st_size ||
		    a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
		    a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
			return true;
	}
	return false;
}

static int open_state(struct exporter *x, const char *state_dir)
{
	const char *dir = arena_printf(&x->arena, "%s/sinks", state_dir);
	int r = dir ? dir_make_private(dir) : -ENOMEM;

	x->state_dir = state_dir;
	x->ledger_dir = arena_printf(&x->arena, "%s/ledger", state_dir);
	if (r == 0 && !x->ledger_dir)
		r = -ENOMEM;
	if (r != 0)
		return r;
	x->state_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return x->state_fd == -1 ? neg_errno() : 0;
}

static int add_children(struct exporter *x)
{
	int r = sinks_load(&x->arena, getenv("HOME"), x->files);

	for (size_t f = 0; r == 0 && f < SINKS_FILES; f++) {
		const struct sinks_file *file = &x->files[f];

		if (file->bad)
			log_error("%s:%u:%u: %s", file->path, file->why.line,
				  file->why.column, file->why.text);
		for (size_t i = 0; i < file->sinks.n; i++) {
			struct child *c = &x->children[x->n++];

			*c = (struct child){ .sink = &file->sinks.v[i],
					     .pid = -1,
					     .fd = -1 };
			sink_full_name(file, c->sink, c->name);
		}
	}
	return r;
}

static int find_origin(struct exporter *x)
{
	const struct passwd *pw = getpwuid(getuid());
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) == -1)
		return neg_errno();
	x->from.host = arena_str(&x->arena, str_of(host));
	x->from.user =
		arena_str(&x->arena, pw ? str_of(pw->pw_name) : STR("?"));
	x->from.version = STR(BAWN_VERSION);
	return x->arena.failed ? -ENOMEM : 0;
}

static int open_all(struct exporter *x, const char *state_dir)
{
	int r;

	arena_init(&x->arena, SINKS_FILES * SINKS_ARENA);
	x->pid = getpid();
	r = open_state(x, state_dir);
	if (r == 0)
		r = find_origin(x);
	if (r == 0)
		r = add_children(x);
	if (r == 0)
		look(x, x->stats);
	return r;
}

static int run(struct exporter *x, char *argv[])
{
	while (!serve(x, LOOK_MS, true)) {
		start_due(x);
		if (!has_changed(x))
			continue;
		log_info("sinks.yaml has changed");
		stop_all(x);
		(void)execv("/proc/self/exe", argv);
		log_error("cannot begin anew: %s", strerror(errno));
		return BAWN_EXIT_TROUBLE;
	}
	stop_all(x);
	return BAWN_EXIT_OK;
}

int main(int argc, char *argv[])
{
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct exporter *x;
	int r;

	if (argc >= 2 && strcmp(argv[1], "test") == 0)
		return export_test(argc - 1, argv + 1);
	if (argc != 3 || strcmp(argv[1], "serve") != 0) {
		(void)fputs("bawn-export is started by bawnd; see 'bawn ledger "
			    "sinks'\n",
			    stderr);
		return BAWN_EXIT_USAGE;
	}
	(void)umask(077);
	(void)sigaction(SIGPIPE, &ignored, NULL);
	log_init("sinks", 2, LOG_LEVEL_INFO);
	x = calloc(1, sizeof(*x));
	if (!x)
		return BAWN_EXIT_TROUBLE;
	r = open_all(x, argv[2]);
	if (r != 0) {
		log_error("%s/sinks: %s%s", argv[2], strerror(-r),
			  error_advice(r));
		return BAWN_EXIT_TROUBLE;
	}
	start_due(x);
	return run(x, argv);
}
