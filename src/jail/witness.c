/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * It sleeps in SECCOMP_IOCTL_NOTIF_RECV and nowhere else: a look with epoll
 * first would cost more than the rest.  With SYNC_WAKE_UP (Linux 6.6) the caller
 * wakes it on its own processor and sleeps meanwhile, so it is never pinned.
 *
 *   a call that is forbidden   is recorded, and refused by its row
 *   any other                  is looked at, let go, and then noted
 *
 * Let go before it is noted: the caller runs while we write.  That the answer
 * was taken proves that the process was there while it was looked at; when it
 * was not, nothing is noted, since the call was never made.
 *
 * Before the command's own first execve(2) init's process proves the walls, which
 * is no act of the session.
 *
 * A timer, only while something waits to be sent, interrupts the sleep.  The
 * signal may come right before it begins, so the timer goes on until nothing
 * waits.  The end of its supervisor's words is a signal too (O_ASYNC), and
 * starts the timer likewise.
 *
 * It is made ahead, for a session that nobody knows yet: it is confined before it
 * hears of any, so that is not on a session's way.
 *
 * With exact an open is carried out by an opener (witness-open.h), which answers
 * the caller itself; what it leaves goes on like any other call.
 *
 * Its confinement is seccomp alone.  In a Landlock domain it could not read any
 * process: the kernel lets a domain look into domains within it, and no others.
 */
#include "jail/witness.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/wall.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "jail/missing.h"
#include "jail/seccomp.h"
#include "jail/sys.h"
#include "jail/witness-begin-parse.h"
#include "jail/witness-crowd.h"
#include "jail/witness-note.h"
#include "jail/witness-open.h"

#define FAILED    125
#define LINGER_MS 1000
#define CONTROL   3    /* its descriptor */
#define ARGS_MAX  140u /* six words in hexadecimal */
#define ARENA_MAX ((size_t)1024 * 1024)

struct witness {
	int control, listener;
	struct arena arena; /* what it was told of the session */
	struct witness_begin begin;
	struct look *look;
	struct notes *notes;
	struct hashes *hashes;
	struct openers *openers; /* of exact; NULL: none */
	bool started;            /* the command has asked to be executed */
	pid_t first;             /* who did */
	char init_exe[LOOK_EXE]; /* what it was then */
	bool ticking;
	bool has_sync; /* since Linux 6.6 */
	struct crowd crowd;
	/* the call at hand */
	uint64_t id;
	bool apart;              /* its caller is not to come to us */
	const struct note *note; /* to be taken when it was let go */
	size_t n_notes;
};

static volatile sig_atomic_t ticked, told;

/* Kernels may know longer forms than our header. */
union notif {
	struct seccomp_notif n;
	char room[256];
};

static void tick_each(unsigned ms)
{
	struct itimerval t = { { 0, (int)ms * 1000 }, { 0, (int)ms * 1000 } };

	(void)setitimer(ITIMER_REAL, &t, NULL);
}

static void on_signal(int sig)
{
	int error = errno;

	if (sig == SIGIO) {
		told = 1;
		tick_each(1);
	}
	ticked = 1;
	errno = error;
}

static noreturn_fn void die(void)
{
	_exit(FAILED); /* the end of its socket says it */
}

/* ---- answers ---- */

static bool set_sync(const struct witness *w, bool on)
{
	return ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		     on ? SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP : 0) == 0;
}

/* Wakes the caller where it was, not on our processor. */
static bool send_apart(struct witness *w, struct seccomp_notif_resp *resp)
{
	bool sent;

	(void)set_sync(w, false);
	sent = ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, resp) == 0;
	(void)set_sync(w, true);
	return sent;
}

/* False: nobody waits for it any more. */
static bool answer(struct witness *w, int error)
{
	struct seccomp_notif_resp resp = { .id = w->id };

	if (error != 0)
		resp.error = -error;
	else
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	if (w->apart)
		return send_apart(w, &resp);
	return ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) == 0;
}

static void refuse(struct witness *w, const struct seccomp_notif *n,
		   const struct seccomp_rare *rare)
{
	static struct note note;
	const struct look_who *who = look_who(w->look, (pid_t)n->pid);
	const __u64 *a = n->data.args;
	char args[ARGS_MAX];

	(void)snprintf(args, sizeof(args),
		       "%#llx %#llx %#llx %#llx %#llx %#llx", a[0], a[1], a[2],
		       a[3], a[4], a[5]);
	note_begin(&note, RECORD_SYSCALL_REFUSE, true, RECORD_CLAIMED);
	note_add(&note, NOTE_SYSCALL, str_of(rare->name));
	note_add_uint(&note, NOTE_ERRNO, (uint64_t)rare->error);
	note_add(&note, NOTE_EXE, str_of(who->exe));
	if (notes_take(w->notes, &note, who, args) != 0)
		die();
	(void)answer(w, rare->error);
}

/* ---- what is let go ---- */

static bool still_waits(const struct witness *w)
{
	uint64_t id = w->id;

	return ioctl(w->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* The first waits for the answer; of several each is made certain by itself. */
static int on_note(void *ctx, const struct note *n)
{
	struct witness *w = ctx;

	w->note = n;
	w->n_notes++;
	return 0;
}

struct taker {
	struct witness *w;
	const struct look_who *who;
};

static int on_note_of_many(void *ctx, const struct note *n)
{
	const struct taker *t = ctx;

	if (!still_waits(t->w))
		return -ESRCH;
	if (WALL(WITNESS) && notes_take(t->w->notes, n, t->who, NULL) != 0)
		die();
	return 0;
}

static void look_at(struct witness *w, struct call_seen *c)
{
	if (c->nr == SYS_sendmmsg) {
		struct taker t = { .w = w, .who = c->who };

		(void)!call_look(c, on_note_of_many, &t);
		(void)answer(w, 0);
		return;
	}
	w->n_notes = 0;
	if (call_look(c, on_note, w) != 0) {
		(void)answer(w, ENOSYS); /* the filter asks of no such call */
		return;
	}
	if (!answer(w, 0) || w->n_notes == 0)
		return;
	if (WALL(WITNESS) && notes_take(w->notes, w->note, c->who, NULL) != 0)
		die();
	if (call_is_exec(c->nr))
		look_exec(w->look, c->who);
}

/* ---- what is done in their place ---- */

static void on_opened(void *ctx, const struct note *n,
		      const struct look_who *who)
{
	struct witness *w = ctx;

	if (WALL(WITNESS) && notes_take(w->notes, n, who, NULL) != 0)
		die();
}

static void on_left(void *ctx, uint64_t id)
{
	struct witness *w = ctx;

	uint64_t own = w->id; /* another call may be at hand */

	w->id = id;
	(void)answer(w, 0);
	w->id = own;
}

static void collect(struct witness *w)
{
	if (w->openers &&
	    openers_collect(w->openers, on_opened, on_left, w) != 0)
		die();
}

/* False: it is no open, or is left to the kernel. */
static bool open_for(struct witness *w, const struct call_seen *c)
{
	struct call_open call;
	int r;

	if (!w->openers || !call_is_open(c->nr, c->args, &call))
		return false;
	if (openers_wait(w->openers))
		collect(w);
	r = openers_open(w->openers, w->id, c, &call, on_opened, w);
	if (r < 0)
		die();
	return r == OPENERS_ANSWERED;
}

/* The caller goes on on another processor than ours. */
static bool is_apart(struct witness *w, pid_t tid)
{
	int there;

	if (!w->has_sync)
		return false;
	switch (crowd_see(&w->crowd, tid, clock_mono_ns())) {
	case CROWD_HERE:
		return false;
	case CROWD_APART:
		return true;
	case CROWD_LOOK:
		break;
	}
	there = look_cpu(tid);
	return there >= 0 && there != sched_getcpu();
}

static void handle(struct witness *w, const struct seccomp_notif *n)
{
	uint64_t args[6];
	const struct seccomp_rare *rare;
	struct call_seen c = { .nr = n->data.nr,
			       .tid = (pid_t)n->pid,
			       .args = args,
			       .hashes = w->hashes };

	for (size_t i = 0; i < N_ELEMS(args); i++)
		args[i] = n->data.args[i];
	w->id = n->id;
	w->apart = is_apart(w, c.tid);
	if (!w->started && call_is_exec(c.nr)) {
		w->started = true;
		w->first = c.tid;
	}
	rare = seccomp_rare_match(c.nr, args);
	if (rare) {
		refuse(w, n, rare);
		return;
	}
	if (!w->started) {
		(void)answer(w, 0);
		return;
	}
	c.who = look_who(w->look, c.tid);
	/* Until it has become the command, it has init's memory, and program. */
	if (w->first == c.tid && !w->init_exe[0])
		(void)snprintf(w->init_exe, sizeof(w->init_exe), "%s",
			       c.who->exe);
	if (w->first == c.tid && call_is_exec(c.nr) &&
	    str_eq(str_of(w->init_exe), str_of(c.who->exe)))
		c.command = &w->begin.command;
	else if (w->first == c.tid)
		w->first = 0;
	if (!open_for(w, &c))
		look_at(w, &c);
}

/* ---- its life ---- */

/* All that the filter was put on are gone: 6.11 says so by itself. */
static bool is_over(const struct witness *w)
{
	struct pollfd p = { .fd = w->listener, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) &&
	       !(p.revents & POLLIN);
}

static bool has_business(const struct witness *w)
{
	return notes_waiting(w->notes) ||
	       (w->openers && openers_busy(w->openers));
}

/* The supervisor has said its last, or is gone. */
static bool is_dismissed(const struct witness *w)
{
	struct pollfd p = { .fd = w->control, .events = POLLIN };

	if (!told)
		return false;
	told = 0;
	return poll(&p, 1, 0) == 1;
}

static void tick(struct witness *w)
{
	ticked = 0;
	collect(w);
	hashes_ask(w->hashes, false);
	if (notes_flush(w->notes, false) != 0)
		die();
	if (!has_business(w)) {
		tick_each(0);
		w->ticking = false;
	}
	if (told) /* meanwhile, and its timer was stopped */
		tick_each(1);
}

static void watch(struct witness *w)
{
	union notif in;

	while (!is_dismissed(w)) {
		if (ticked)
			tick(w);
		memset(&in, 0, sizeof(in));
		if (ioctl(w->listener, SECCOMP_IOCTL_NOTIF_RECV, &in.n) == -1) {
			if (errno == EINTR)
				continue;
			if (errno != ENOENT)
				die();
			if (is_over(w))
				return;
			continue; /* it was killed before it could be told */
		}
		handle(w, &in.n);
		if (!w->ticking && has_business(w)) {
			w->ticking = true;
			tick_each(NOTE_FLUSH_MS);
		}
	}
}

static void set_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGIO);
	(void)sigdelset(&all, SIGALRM);
	if (sigaction(SIGIO, &act, NULL) == -1 ||
	    sigaction(SIGALRM, &act, NULL) == -1 ||
	    sigprocmask(SIG_SETMASK, &all, NULL) == -1)
		die();
}

/* Nothing else of its maker's stays. */
static void set_descriptors(int control)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 ||
	    (control != CONTROL && dup3(control, CONTROL, O_CLOEXEC) == -1))
		die();
	for (int i = 0; i < 3; i++) {
		if (i != null && dup2(null, i) == -1)
			die();
	}
	if (sys_close_range(CONTROL + 1, UINT_MAX) != 0)
		die();
}

/* The end of what the supervisor says interrupts from here on. */
static void hear_the_end(const struct witness *w)
{
	if (fcntl(w->control, F_SETOWN, getpid()) == -1 ||
	    fcntl(w->control, F_SETFL, O_ASYNC) == -1)
		die();
	told = 1; /* perhaps it came before */
}

static void take_openers(struct witness *w, struct ipc_msg *m, size_t from)
{
	int socks[OPENERS];

	for (size_t i = 0; i < OPENERS; i++)
		socks[i] = ipc_take_fd(m, from + i);
	if (openers_new(&w->openers, socks, OPENERS) != 0)
		die();
}

static void begin(struct witness *w)
{
	AUTO(ipc_msg) struct ipc_msg m;
	AUTO(fd) int cache = -1;
	int scribe, hasher;
	size_t n = 0;

	ipc_msg_init(&m);
	/* There will be no session, or not for us: that is no failure. */
	if (ipc_recv(w->control, &m, IPC_INLINE_MAX) != 0)
		_exit(0);
	if (m.type != MSG_WITNESS ||
	    witness_begin_parse(&w->arena, buf_str(&m.body), &w->begin) != 0 ||
	    m.n_fds != witness_begin_fds(&w->begin))
		die();
	w->listener = ipc_take_fd(&m, n++);
	scribe = ipc_take_fd(&m, n++);
	hasher = ipc_take_fd(&m, n++);
	if (w->begin.cache)
		cache = ipc_take_fd(&m, n++);
	hashes_use(w->hashes, hasher, cache);
	notes_to(w->notes, scribe);
	if (w->begin.audit == PLAN_AUDIT_EXACT)
		take_openers(w, &m, n);
	w->has_sync = set_sync(w, true);
	hear_the_end(w);
}

/*
 * Until the supervisor is gone: our end takes time of the processors, which those
 * need that are about to end a session.  Who computes hashes ends when there is
 * nobody to ask for one, and the supervisor waits for that.
 */
static void linger(struct witness *w)
{
	struct pollfd p = { .fd = w->control };
	uint64_t until = clock_mono_ns() + LINGER_MS * NS_PER_MS;

	hashes_free(TAKE(w->hashes));
	while (poll(&p, 1, LINGER_MS) == -1 && clock_mono_ns() < until)
		;
}

static int say_last(const struct witness *w)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "{\"ledger_ms\":%" PRIu64 "}",
		       notes_waited_ns(w->notes) / NS_PER_MS);
	return ipc_say(w->control, MSG_WITNESS, 0, str_of(text));
}

static noreturn_fn void witness_main(int control)
{
	static struct witness w = { .control = CONTROL, .listener = -1 };
	const struct sched_param usual = { 0 };

	set_signals();
	(void)sched_setscheduler(0, SCHED_OTHER, &usual);
	(void)prctl(PR_SET_NAME, "bawn:witness");
	(void)setsid();
	set_descriptors(control);
	arena_init(&w.arena, ARENA_MAX);
	if (look_new(&w.look) != 0 || notes_new(&w.notes, -1) != 0 ||
	    hashes_new(&w.hashes) != 0 || witness_confine() != 0)
		die();
	begin(&w);
	watch(&w);
	if (w.openers)
		openers_give_up(w.openers, on_opened, &w);
	hashes_ask(w.hashes, true);
	if (notes_flush(w.notes, true) != 0 || say_last(&w) != 0)
		die();
	linger(&w);
	_exit(0);
}

pid_t witness_spawn(int *ret_sock)
{
	int sock = -1;
	pid_t pid = ipc_fork(&sock);

	if (pid == 0)
		witness_main(sock);
	if (pid > 0)
		*ret_sock = sock;
	return pid;
}
