/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   PLAN -- MSG_PLAN --> READY   MSG_INIT_NET, MSG_INIT_READY are sent
 *   READY -- MSG_INIT_GO --> FENCED   the command's process is there
 *   FENCED -- its listener comes --> served from here on
 *          -- it executes its program: MSG_INIT_STARTED --> RUN
 *          -- it cannot: MSG_INIT_FAILED or MSG_INIT_EXIT --> exit
 *   RUN -- the command ends --> all others are killed, MSG_INIT_EXIT, exit
 *   any -- SIGTERM, or the supervisor's end of the socket closes --> likewise
 *
 * The walls begin in the command's process, so the warden can do what the jail
 * may not: connect, look into its processes, kill them.  They cannot touch it:
 * Landlock keeps signals, tracing and its files from a domain above.
 *
 * Dying by SIGKILL, which only the host can send, it leaves its processes to the
 * supervisor, who adopts and kills them (jail-landlock.c), and without a network,
 * since the listener closed.
 */
#include "jail/warden.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/wall.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "jail/behalf.h"
#include "jail/caps.h"
#include "jail/child.h"
#include "jail/family.h"
#include "jail/fence.h"
#include "jail/init-say.h"
#include "jail/seccomp.h"
#include "jail/sys.h"

#define FAILED      125
#define ARENA_MAX   ((size_t)64 * 1024 * 1024)
#define KILL_NS     (2 * NS_PER_S)
#define STOPPED_NS  (50 * NS_PER_MS)
#define REFUSED_MAX 512u

struct warden {
	struct warden_config conf;
	struct arena arena;
	struct ipc_msg msg;
	struct plan plan;
	struct loop *loop;
	struct behalf *behalf;
	struct loop_io sock_io, signal_io, fence_io, outcome_io;
	struct loop_timer stopped_timer;
	struct child child;
	int master, slave; /* of the pty */
	int fence_sock;    /* the command's side, until it has sent */
	int abi;
	bool bounded; /* no capability can be had again */
	mode_t umask;
	pid_t command;
	int stopped; /* the signal that did it, not told yet; or 0 */
	bool started;
};

static noreturn_fn void fail(struct warden *w, const char *text)
{
	(void)family_kill(KILL_NS);
	say_failed(w->conf.sock, 0, text);
}

static noreturn_fn void fail_errno(struct warden *w, int error,
				   const char *what)
{
	struct diag d;

	diag_set(&d, 0, 0, "%s: %s", what, strerror(-error));
	fail(w, d.text);
}

/* All processes first: what they have done is then over. */
static noreturn_fn void end(void)
{
	_exit(family_kill(KILL_NS) ? 0 : FAILED);
}

/* ---- before the command ---- */

/* Only the socket stays; 0, 1 and 2 become /dev/null. */
static void set_descriptors(struct warden *w)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int sock = fd_dup(w->conf.sock);

	if (null == -1 || sock < 0)
		fail_errno(w, null == -1 ? -ENOENT : sock, "/dev/null");
	for (int i = 0; i < 3; i++) {
		if (i != null && dup2(null, i) == -1)
			fail_errno(w, neg_errno(), "the warden's streams");
	}
	if (dup3(sock, 3, O_CLOEXEC) == -1 && sock != 3)
		fail_errno(w, neg_errno(), "the warden's socket");
	w->conf.sock = 3;
	if (sys_close_range(4, UINT_MAX) != 0)
		fail_errno(w, neg_errno(), "inherited descriptors");
	(void)fd_raise_limit();
}

static void wait_plan(struct warden *w)
{
	struct diag err;
	int r = ipc_recv(w->conf.sock, &w->msg, IPC_BODY_MAX);

	if (r == -EPIPE)
		_exit(FAILED);
	if (r != 0 || w->msg.type != MSG_PLAN)
		fail_errno(w, r != 0 ? r : -EPROTO, "the plan");
	r = plan_parse(&w->arena, buf_str(&w->msg.body), &w->plan, &err);
	if (r < 0)
		fail_errno(w, r, "the plan");
	if (r > 0)
		fail(w, err.text);
	if (w->plan.backend != PLAN_LANDLOCK || w->plan.inside_uid != geteuid())
		fail_errno(w, -EPROTO, "the plan's user");
}

static void open_terminal(struct warden *w)
{
	int unlock = 0;

	if (!w->conf.tty)
		return;
	w->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (w->master == -1 || ioctl(w->master, TIOCSPTLCK, &unlock) == -1)
		fail_errno(w, neg_errno(), "the jail's terminal");
	w->slave = ioctl(w->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (w->slave == -1)
		fail_errno(w, neg_errno(), "the jail's terminal");
}

/* {"syscall": number, "error", "pid", "args": hexadecimal words} */
static void on_refused(void *owner, const struct behalf_refusal *f)
{
	struct warden *w = owner;
	AUTO(buf) struct buf b = BUF_NULL;
	AUTO(buf) struct buf args = BUF_NULL;
	struct json_out o = JSON_OUT(&b);

	buf_init(&b, REFUSED_MAX);
	buf_init(&args, REFUSED_MAX);
	json_open(&o, '{');
	json_kint(&o, "syscall", f->nr);
	json_kint(&o, "error", f->error);
	json_kint(&o, "pid", f->pid);
	for (size_t i = 0; i < 6; i++)
		(void)buf_printf(&args, "%s%#" PRIx64, i ? " " : "",
				 f->args[i]);
	json_kstr(&o, "args", buf_str(&args));
	json_close(&o, '}');
	if (ipc_send(w->conf.sock, MSG_INIT_REFUSED, 0, buf_str(&b), NULL, 0))
		end();
}

static void open_net(struct warden *w)
{
	struct behalf_config c = { .loop = w->loop,
				   .plan = &w->plan,
				   .refused = on_refused,
				   .owner = w };
	struct diag err = { .text = "" };
	int pair[2];
	int r = ipc_pair(pair);

	if (r == 0)
		r = behalf_new(&w->behalf, &c, pair[0], &err);
	if (r != 0 && err.text[0] != '\0')
		fail(w, err.text);
	if (r == 0)
		r = ipc_send(w->conf.sock, MSG_INIT_NET, 0, STR("{}"), &pair[1],
			     1);
	if (r != 0)
		fail_errno(w, r, "the jail's network");
	(void)close(pair[1]);
}

static void send_ready(struct warden *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out o = JSON_OUT(&b);
	AUTO(buf) struct buf lacks = BUF_NULL;
	int r;

	buf_init(&b, 4096);
	buf_init(&lacks, 1024);
	for (size_t i = 0; i < w->plan.n_lacks; i++)
		(void)buf_printf(&lacks, "%s%s", i ? " " : "",
				 w->plan.lacks[i]);
	json_open(&o, '{');
	json_key(&o, "layers");
	json_open(&o, '{');
	json_kstr(&o, "backend", STR("landlock"));
	json_kstr(&o, "lacks", buf_str(&lacks));
	json_kbool(&o, "userns", false);
	json_kint(&o, "landlock", w->abi);
	json_kbool(&o, "seccomp", true);
	json_kbool(&o, "idmap", false);
	json_close(&o, '}');
	json_kuint(&o, "sockets", 0);
	json_close(&o, '}');
	r = b.failed ? -ENOMEM
		     : ipc_send(w->conf.sock, MSG_INIT_READY, 0, buf_str(&b),
				&w->master, w->conf.tty ? 1 : 0);
	if (r != 0)
		fail_errno(w, r, "the warden's socket");
	if (w->master != -1)
		(void)close(TAKE_FD(w->master));
}

/* ---- the command ---- */

/* In the command's process: see struct child. */
static int put_fence(struct child *c)
{
	struct warden *w = c->owner;
	struct fence f = { .plan = &w->plan,
			   .abi = w->abi,
			   .terminal = w->slave,
			   .warden = getppid(),
			   .bounded = w->bounded };
	int listener = -1;
	int r = fence_enter(&f, &listener, &c->unproven);

	if (r == 0) {
		r = ipc_send(w->fence_sock, MSG_INIT_STARTED, 0, STR("{}"),
			     &listener, 1);
		if (r != 0)
			diag_set(&c->unproven, 0, 0, "the warden: %s",
				 strerror(-r));
		(void)close(listener);
	}
	return r == 0 ? fence_prove(&f, &c->unproven) : r;
}

/* Its listener; or its end, of which the outcome tells. */
static int on_fence(struct loop_io *io, uint32_t events)
{
	struct warden *w = io->owner;
	AUTO(ipc_msg) struct ipc_msg m;
	int r;

	(void)events;
	ipc_msg_init(&m);
	r = ipc_recv(io->fd, &m, IPC_INLINE_MAX);
	loop_io_remove(w->loop, io);
	if (r == 0 && m.n_fds == 1)
		r = behalf_serve(w->behalf, ipc_take_fd(&m, 0));
	else if (r == 0)
		r = -EPROTO;
	(void)close(io->fd);
	if (r != 0 && r != -EPIPE)
		fail_errno(w, r, "the command's process");
	return 0;
}

static void on_started(struct warden *w)
{
	char body[64];
	int len = snprintf(body, sizeof(body), "{\"pid\":%d}", (int)w->command);
	struct str s = { .ptr = body, .len = (size_t)len };
	struct child *c = &w->child;
	int fd = w->outcome_io.fd;

	loop_io_remove(w->loop, &w->outcome_io);
	child_outcome(c, fd);
	if (c->unproven.text[0] != '\0')
		fail(w, c->unproven.text);
	if (c->exec_errno != 0) {
		(void)family_kill(KILL_NS);
		say_exit(w->conf.sock, child_exit_code(c->exec_errno), 0,
			 c->exec_errno);
		_exit(0);
	}
	w->started = true;
	if (ipc_send(w->conf.sock, MSG_INIT_STARTED, 0, s, NULL, 0) != 0)
		end();
}

static int on_outcome(struct loop_io *io, uint32_t events)
{
	(void)events;
	on_started(io->owner);
	return 0;
}

static int watch(struct warden *w, struct loop_io *io, int fd, loop_io_fn run)
{
	*io = (struct loop_io){
		.fd = fd, .events = EPOLLIN, .run = run, .owner = w
	};
	return loop_io_add(w->loop, io);
}

static void start(struct warden *w)
{
	struct child *c = &w->child;
	int pair[2], outcome = -1, r;

	*c = (struct child){ .plan = &w->plan,
			     .stdio = { -1, -1, -1 },
			     .tty = w->slave,
			     .confine = put_fence,
			     .owner = w };
	r = w->command == 0 ? go_parse(&w->arena, &w->msg, c) : -EPROTO;
	if (r != 0)
		fail_errno(w, r, "the command");
	if (w->slave != -1 && ioctl(w->slave, TIOCSCTTY, 0) == -1)
		fail_errno(w, neg_errno(), "the jail's terminal");
	r = ipc_pair(pair);
	if (r != 0)
		fail_errno(w, r, "a socket pair");
	w->fence_sock = pair[1];
	(void)umask(w->umask);
	r = child_start_apart(c, &outcome);
	if (r < 0)
		fail_errno(w, r, "a process for the command");
	w->command = r;
	(void)close(pair[1]);
	for (size_t i = 0; i < 3; i++) {
		if (c->stdio[i] != -1)
			(void)close(c->stdio[i]);
	}
	if (w->slave != -1)
		(void)close(TAKE_FD(w->slave));
	r = watch(w, &w->fence_io, pair[0], on_fence);
	if (r == 0)
		r = watch(w, &w->outcome_io, outcome, on_outcome);
	if (r != 0)
		fail_errno(w, r, "the warden's loop");
}

/* ---- its life and end ---- */

static noreturn_fn void command_over(struct warden *w, int status)
{
	bool killed = WIFSIGNALED(status);

	/* It may have ended before we saw that it began, or why not. */
	if (!w->started)
		on_started(w);
	(void)family_kill(KILL_NS);
	say_exit(w->conf.sock, killed ? 0 : WEXITSTATUS(status),
		 killed ? WTERMSIG(status) : 0, 0);
	_exit(0);
}

/* Who stops all of a session and lets all go on has not asked us to stop. */
static int on_stopped(struct loop_timer *t)
{
	struct warden *w = t->owner;

	if (w->stopped != 0)
		say_stopped(w->conf.sock, w->stopped);
	w->stopped = 0;
	return 0;
}

static int reap(struct warden *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) >
	       0) {
		if (pid != w->command)
			continue;
		if (WIFCONTINUED(status))
			w->stopped = 0;
		else if (!WIFSTOPPED(status))
			command_over(w, status);
		else
			w->stopped = WSTOPSIG(status);
	}
	return w->stopped == 0 ? 0
			       : loop_timer_set(w->loop, &w->stopped_timer,
						clock_mono_ns() + STOPPED_NS);
}

static int on_signal(struct loop_io *io, uint32_t events)
{
	struct signalfd_siginfo si;
	struct warden *w = io->owner;

	(void)events;
	if (read(io->fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return 0;
	if (si.ssi_signo == SIGTERM)
		end();
	return reap(w);
}

static int on_message(struct loop_io *io, uint32_t events)
{
	struct warden *w = io->owner;
	int sig, r = ipc_recv(io->fd, &w->msg, IPC_BODY_MAX);

	(void)events;
	if (r == -EAGAIN)
		return 0;
	if (r != 0)
		end();
	if (w->msg.type == MSG_INIT_GO) {
		start(w);
		return 0;
	}
	sig = w->msg.type == MSG_INIT_SIGNAL ? signal_parse(&w->msg) : -1;
	if (sig < 0)
		end();
	if (sig > 0 && w->command > 0)
		(void)kill(-w->command, sig); /* may be gone */
	return 0;
}

/*
 * Ours too: what we do in a program's place shall need no more rights than it
 * has, and with more we might be led to use them.
 */
static void drop_capabilities(struct warden *w)
{
	int r = WALL(WARDEN_CAPS) ? caps_drop(&w->bounded) : 0;

	if (r != 0)
		fail_errno(w, r, "dropping privileges");
}

static void prepare(struct warden *w)
{
	struct diag err;
	sigset_t all;

	drop_capabilities(w);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) == -1 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
		fail_errno(w, neg_errno(), "the warden");
	set_descriptors(w);
	(void)setsid();
	w->umask = umask(0);
	if (fence_check(&w->abi, &err) != 0)
		fail(w, err.text);
}

static void begin(struct warden *w)
{
	sigset_t set;
	int fd, r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		fail_errno(w, neg_errno(), "signalfd");
	r = loop_new(&w->loop, NULL);
	if (r == 0)
		r = watch(w, &w->sock_io, w->conf.sock, on_message);
	if (r == 0)
		r = watch(w, &w->signal_io, fd, on_signal);
	if (r != 0)
		fail_errno(w, r, "the warden's loop");
	w->stopped_timer = (struct loop_timer){ .run = on_stopped, .owner = w };
}

void warden_main(const struct warden_config *c)
{
	static struct warden w;

	w = (struct warden){
		.conf = *c, .master = -1, .slave = -1, .fence_sock = -1
	};
	arena_init(&w.arena, ARENA_MAX);
	ipc_msg_init(&w.msg);
	prepare(&w);
	wait_plan(&w);
	begin(&w);
	open_net(&w);
	open_terminal(&w);
	send_ready(&w);
	(void)!loop_run(w.loop);
	end();
}
