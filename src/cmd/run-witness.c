/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's side of the witness (jail/witness.h): it is forked as soon as
 * the plan is there, gets the listener when init has one, and is waited for
 * before the session is closed, so that what it saw comes before that.  When it
 * dies, the session ends.
 *
 * And what a warden refuses in its place.  Folded by call and program: the first
 * is recorded at once, repeats are counted and recorded at the end.  Beyond
 * SEEN_MAX kinds only the call counts.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/wall.h"
#include "cmd/client.h"
#include "cmd/run-witness.h"
#include "ipc/protocol.h"
#include "jail/opener.h"
#include "jail/seccomp.h"
#include "jail/witness.h"
#include "ledger/record.h"

#define SEEN_MAX 128u
#define EXE_MAX  256u

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
	if ((e != 0 || m.type != MSG_WITNESS) && WALL(WITNESS_DEATH))
		died(r);
	over(r);
	return 0;
}

int run_witness_start(struct run *r, int take_scribe)
{
	AUTO(fd) int scribe = take_scribe;
	AUTO(fd) int hasher = -1;
	int pair[2], e;
	pid_t pid;

	if (scribe == -1)
		return -EPROTO;
	e = run_hasher_prepare(r, scribe, &hasher);
	if (e == 0)
		e = ipc_pair(pair);
	if (e != 0)
		return e;
	pid = fork();
	if (pid == 0) {
		struct witness_config c = {
			.control = pair[1],
			.scribe = scribe,
			.hasher = hasher,
			.hash_cache = client_programs(&r->arena),
			.audit = r->plan.audit,
			.argv = (const char *const *)r->argv,
			.n_argv = (size_t)r->argc,
			.cwd = r->plan.cwd
		};

		witness_main(&c);
	}
	e = pid == -1 ? neg_errno() : 0;
	(void)close(pair[1]);
	r->witness_fd = pair[0];
	if (e != 0)
		return e;
	r->witness = pid;
	r->witness_io = (struct loop_io){ .fd = r->witness_fd,
					  .events = EPOLLIN,
					  .run = on_witness,
					  .owner = r };
	return loop_io_add(r->loop, &r->witness_io);
}

_Static_assert(N_ELEMS(((struct run *)0)->openers) == OPENERS, "a place each");

/* *ret_sock: the witness's end. */
static int start_opener(struct run *r, struct opener_config *c, size_t i,
			int *ret_sock)
{
	int pair[2], e = ipc_pair(pair);
	pid_t pid;

	if (e != 0)
		return e;
	c->sock = pair[1];
	pid = fork();
	if (pid == 0)
		opener_main(c);
	e = pid == -1 ? neg_errno() : 0;
	(void)close(pair[1]);
	*ret_sock = pair[0];
	if (e == 0)
		r->openers[i] = pid;
	return e;
}

/* The listener, and where there are openers the sockets to them. */
static int send_listener(struct run *r, int listener, int ruleset)
{
	struct opener_config c = { .user_ns = jail_user_ns(r->jail),
				   .mnt_ns = jail_mnt_ns(r->jail),
				   .ruleset = ruleset,
				   .listener = listener,
				   .uid = r->plan.inside_uid,
				   .gid = r->plan.inside_gid };
	int fds[1 + OPENERS], e = 0;
	size_t n = 0;

	fds[n++] = listener;
	for (size_t i = 0; i < OPENERS && ruleset != -1 && e == 0; i++) {
		e = start_opener(r, &c, i, &fds[n]);
		n += e == 0;
	}
	if (e == 0)
		e = ipc_send(r->witness_fd, MSG_WITNESS, 0, STR("{}"), fds, n);
	while (n > 1)
		(void)close(fds[--n]);
	return e;
}

int run_witness_listen(struct run *r, int take_fd, int take_ruleset)
{
	bool exact = r->plan.audit == PLAN_AUDIT_EXACT;
	AUTO(fd) int ruleset = take_ruleset;
	AUTO(fd) int fd = take_fd;
	int e;

	if (fd == -1 || r->witness == 0 || exact != (ruleset != -1))
		return -EPROTO;
	e = send_listener(r, fd, ruleset);
	r->witness_listens = e == 0;
	return e == -EPIPE ? 0 : e; /* on_witness() hears of it */
}

void run_witness_stop(struct run *r)
{
	if (r->witness == 0 || r->witness_over)
		return;
	(void)kill(r->witness, r->witness_listens ? SIGTERM : SIGKILL);
	if (!r->witness_listens)
		over(r); /* it has seen nothing */
}

bool run_witness_await(struct run *r)
{
	if (r->witness == 0)
		return false;
	if (!r->witness_over && r->init_gone)
		run_witness_stop(r);
	r->close_waits = !r->witness_over || run_hasher_await(r);
	return r->close_waits;
}

void run_witness_done(struct run *r)
{
	free(TAKE(r->seen));
	run_hasher_done(r);
	if (r->witness == 0)
		return;
	/* It has said all and has ended, mostly; or says it to nobody. */
	if (!r->witness_over)
		(void)kill(r->witness, SIGKILL);
	while (waitpid(r->witness, NULL, 0) == -1 && errno == EINTR)
		;
	r->witness = 0;
	for (size_t i = 0; i < N_ELEMS(r->openers); i++) {
		if (r->openers[i] == 0)
			continue;
		(void)kill(r->openers[i], SIGKILL);
		while (waitpid(r->openers[i], NULL, 0) == -1 && errno == EINTR)
			;
		r->openers[i] = 0;
	}
}
