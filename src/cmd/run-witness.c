/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's side of the witness (jail/witness.h): it comes with the ground,
 * or is forked as soon as the plan is there; is told of the session when init has
 * the listener; and is waited for before the session is closed, so that what it saw
 * comes before that.  When it dies, the session ends; one that died before it knew
 * of a session is replaced.
 *
 * And what a warden refuses in its place.  Folded by call and program: the first
 * is recorded at once, repeats are counted and recorded at the end.  Beyond
 * SEEN_MAX kinds only the call counts.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/wall.h"
#include "cmd/client.h"
#include "cmd/run-witness.h"
#include "ipc/protocol.h"
#include "jail/opener.h"
#include "jail/seccomp.h"
#include "jail/witness-begin-parse.h"
#include "jail/witness.h"
#include "ledger/record.h"

#define SEEN_MAX      128u
#define EXE_MAX       256u
#define LAST_WORD_MAX ((size_t)4096) /* of memory to read it */

struct seen {
	int nr, error;
	char exe[EXE_MAX];
	uint64_t count, told;
};

struct run_refusals {
	struct seen v[SEEN_MAX];
	size_t n;
};

/* Terminated; "" when it cannot be told. */
static void read_exe(uint32_t pid, char dst[EXE_MAX])
{
	char link[40];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%" PRIu32 "/exe", pid);
	n = readlink(link, dst, EXE_MAX - 1);
	dst[n > 0 ? n : 0] = '\0';
}

static struct seen *find(struct run_refusals *w, int nr, const char *exe)
{
	struct seen *s;

	for (size_t i = 0; i < w->n; i++) {
		s = &w->v[i];
		/* The last place takes all programs. */
		if (s->nr == nr &&
		    (strcmp(s->exe, exe) == 0 || i == SEEN_MAX - 1))
			return s;
	}
	if (w->n == SEEN_MAX)
		return &w->v[SEEN_MAX - 1];
	s = &w->v[w->n++];
	s->nr = nr;
	memcpy(s->exe, exe, strlen(exe) + 1);
	return s;
}

/* One call, as whoever refused it tells. */
struct refused {
	int nr, error;
	uint32_t pid;
	char args[140]; /* hexadecimal, a space between */
};

static void record(struct run *r, struct seen *s, const struct refused *n)
{
	const struct seccomp_rare *rare = seccomp_rare_find(s->nr);
	struct json_out w = JSON_OUT(&r->out);

	buf_clear(&r->out);
	record_begin(&w, RECORD_SYSCALL_REFUSE, "deny", RECORD_CLAIMED, NULL,
		     s->count - s->told);
	if (rare)
		json_kstr(&w, "syscall", str_of(rare->name));
	else
		json_kint(&w, "syscall", s->nr);
	json_kint(&w, "errno", s->error);
	json_kstr(&w, "exe", str_of(s->exe));
	if (n) {
		json_kuint(&w, "pid", n->pid);
		json_kstr(&w, "args", str_of(n->args));
	}
	record_end(&w);
	run_record(r);
	s->told = s->count;
}

static void count(struct run *r, const struct refused *f)
{
	char exe[EXE_MAX];
	struct seen *s;

	read_exe(f->pid, exe);
	s = find(r->seen, f->nr, exe);
	s->error = f->error;
	s->count++;
	if (s->told == 0)
		record(r, s, f);
}

int run_witness_refused(struct run *r, const struct json *j)
{
	struct refused f = {
		.nr = (int)json_find_int(j, "syscall", -1),
		.error = (int)json_find_int(j, "error", EPERM),
		.pid = (uint32_t)json_find_int(j, "pid", 0),
	};

	str_sanitise(json_find_str(j, "args"), f.args, sizeof(f.args));
	if (!r->seen)
		r->seen = calloc(1, sizeof(*r->seen));
	if (!r->seen)
		return -ENOMEM;
	count(r, &f);
	return 0;
}

void run_witness_flush(struct run *r)
{
	for (size_t i = 0; r->seen && i < r->seen->n; i++) {
		if (r->seen->v[i].told < r->seen->v[i].count)
			record(r, &r->seen->v[i], NULL);
	}
}

/* ---- the witness ---- */

/* Made ahead, and knows of no session yet. */
static bool is_spare(const struct run *r)
{
	return r->witness == 0 && !r->witness_listens;
}

/* The session has one, or will: not every backend has. */
static bool is_due(const struct run *r)
{
	return r->witness_scribe != -1 || r->witness_listens;
}

static void dismiss(struct run *r)
{
	loop_io_remove(r->loop, &r->witness_io);
	drop_fd(&r->witness_fd);
}

static void over(struct run *r)
{
	loop_io_remove(r->loop, &r->witness_io);
	r->witness_over = true;
	if (r->close_waits)
		run_close(r);
}

static void died(struct run *r)
{
	static const char text[] = "the session's witness died";

	if (r->phase != RUN_ENDING) {
		run_fail(r, "%s; session ended", text);
		return;
	}
	/* The end of what it saw is lost, and that is on the ledger. */
	if (r->reason[0] == '\0')
		(void)snprintf(r->reason, sizeof(r->reason), "%s", text);
}

/* It has no more to say than how long it waited. */
static void take_last_word(struct run *r, struct str body)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	int64_t ms = 0;

	arena_init(&a, LAST_WORD_MAX);
	if (json_parse(&a, body, &j, NULL) == 0)
		ms = json_find_int(j, "ledger_ms", 0);
	r->use.ledger_ms = ms > 0 ? (uint64_t)ms : 0;
}

static int on_witness(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;
	AUTO(ipc_msg) struct ipc_msg m;
	int e;

	(void)events;
	ipc_msg_init(&m);
	e = ipc_recv(r->witness_fd, &m, IPC_INLINE_MAX);
	if (e == -EAGAIN)
		return 0;
	if (e == -EPIPE && is_spare(r)) {
		dismiss(r);
		return 0;
	}
	if (e == 0 && m.type == MSG_WITNESS)
		take_last_word(r, buf_str(&m.body));
	else if (WALL(WITNESS_DEATH))
		died(r);
	over(r);
	return 0;
}

/* There is one, and it is heard. */
static int employ(struct run *r)
{
	pid_t pid;

	if (r->witness_fd == -1) {
		pid = witness_spawn(&r->witness_fd);
		if (pid < 0)
			return pid;
		r->witness = pid;
	}
	r->witness_io = (struct loop_io){ .fd = r->witness_fd,
					  .events = EPOLLIN,
					  .run = on_witness,
					  .owner = r };
	return loop_io_add(r->loop, &r->witness_io);
}

int run_witness_start(struct run *r, int take_scribe)
{
	r->witness_scribe = take_scribe;
	return take_scribe == -1 ? -EPROTO : employ(r);
}

_Static_assert(N_ELEMS(((struct run *)0)->openers) == OPENERS, "a place each");

/* *ret_sock: the witness's end. */
static int start_opener(struct run *r, struct opener_config *c, size_t i,
			int *ret_sock)
{
	int sock = -1;
	pid_t pid = ipc_fork(&sock);

	if (pid == 0) {
		c->sock = sock;
		opener_main(c);
	}
	if (pid < 0)
		return pid;
	*ret_sock = sock;
	r->openers[i] = pid;
	return 0;
}

/* What it is told; @n descriptors of @fds are there. */
struct telling {
	struct witness_begin begin;
	char words[WITNESS_WORDS_MAX];
	int fds[4 + OPENERS];
	size_t n;
};

static int start_openers(struct run *r, struct telling *t, int listener,
			 int ruleset)
{
	struct opener_config c = { .user_ns = jail_user_ns(r->jail),
				   .mnt_ns = jail_mnt_ns(r->jail),
				   .ruleset = ruleset,
				   .listener = listener,
				   .uid = r->plan.inside_uid,
				   .gid = r->plan.inside_gid };
	int e = 0;

	for (size_t i = 0; i < OPENERS && e == 0; i++) {
		e = start_opener(r, &c, i, &t->fds[t->n]);
		t->n += e == 0;
	}
	return e;
}

/* Without it no hash is known. */
static void open_cache(struct run *r, struct telling *t)
{
	const char *path = client_programs(&r->arena);
	int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;

	t->begin.cache = fd != -1;
	if (fd != -1)
		t->fds[t->n++] = fd;
}

static int fill(struct run *r, struct telling *t, int listener, int ruleset)
{
	const char *const *argv = (const char *const *)r->argv;
	int e;

	t->begin.audit = r->plan.audit;
	t->begin.command.cwd = r->plan.cwd;
	t->begin.command.argv = t->words;
	if (strchr(argv[0], '/'))
		t->begin.command.path = argv[0];
	(void)look_words(argv, (size_t)r->argc, t->words, sizeof(t->words));
	t->fds[t->n++] = listener;
	t->fds[t->n++] = TAKE_FD(r->witness_scribe);
	e = run_hasher_prepare(r, t->fds[1], &t->fds[2]);
	if (e != 0)
		return e;
	t->n++;
	open_cache(r, t);
	return ruleset == -1 ? 0 : start_openers(r, t, listener, ruleset);
}

static int tell(struct run *r, const struct telling *t)
{
	buf_clear(&r->out);
	witness_begin_format(&r->out, &t->begin);
	return r->out.failed ? -ENOMEM
			     : ipc_send(r->witness_fd, MSG_WITNESS, 0,
					buf_str(&r->out), t->fds, t->n);
}

/* A spare may have died without our having heard of it. */
static int tell_one(struct run *r, const struct telling *t)
{
	int e = r->witness_fd == -1 ? employ(r) : 0;

	if (e == 0)
		e = tell(r, t);
	if (e != -EPIPE || !is_spare(r))
		return e;
	dismiss(r);
	e = employ(r);
	return e == 0 ? tell(r, t) : e;
}

int run_witness_listen(struct run *r, int take_fd, int take_ruleset)
{
	bool exact = r->plan.audit == PLAN_AUDIT_EXACT;
	AUTO(fd) int ruleset = take_ruleset;
	struct telling t = { .n = 0 };
	int e;

	if (take_fd == -1 || r->witness_scribe == -1 ||
	    exact != (ruleset != -1)) {
		auto_fd(&take_fd);
		return -EPROTO;
	}
	e = fill(r, &t, take_fd, ruleset);
	if (e == 0)
		e = tell_one(r, &t);
	while (t.n > 0)
		auto_fd(&t.fds[--t.n]);
	r->witness_listens = e == 0;
	return e == -EPIPE ? 0 : e; /* on_witness() hears of it */
}

void run_witness_stop(struct run *r)
{
	if (!is_due(r) || r->witness_over)
		return;
	(void)shutdown(r->witness_fd, SHUT_WR);
	if (!r->witness_listens)
		over(r); /* it has seen nothing */
}

bool run_witness_await(struct run *r)
{
	if (!is_due(r))
		return false;
	if (!r->witness_over && r->init_gone)
		run_witness_stop(r);
	r->close_waits = !r->witness_over || run_hasher_await(r);
	return r->close_waits;
}

static void end(pid_t *child)
{
	if (*child == 0)
		return;
	(void)kill(*child, SIGKILL);
	while (waitpid(*child, NULL, 0) == -1 && errno == EINTR)
		;
	*child = 0;
}

void run_witness_done(struct run *r)
{
	free(TAKE(r->seen));
	run_hasher_done(r);
	drop_fd(&r->witness_scribe);
	/* It has said all, mostly; or says it to nobody. */
	end(&r->witness);
	for (size_t i = 0; i < N_ELEMS(r->openers); i++)
		end(&r->openers[i]);
}
