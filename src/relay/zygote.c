/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * One spare relay waits, confined and warm, for its first message on a channel
 * of its own; MSG_FORK is passed on to it as it came.  So opening a session
 * costs two messages here, and no fork.  The next spare is made when the
 * session's own start no longer needs the processors: SPARE_AFTER_MS later, or
 * when a relay has ended before.
 *
 * The zygote reads from the keeper alone, and keeps nothing of a session: a
 * relay is its own process with its own address space, forked before anything
 * of any session was here.
 *
 * Ends: the keeper's channel closes -> the spare sees its channel close and
 * exits, relays in use end with their own channels, the zygote exits.
 */
#include <ares.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "ipc/protocol.h"
#include "ipc/request.h"
#include "relay/confine.h"
#include "relay/relay.h"

#define SPARE_AFTER_MS 20u
#define SPARE_RETRY_MS 1000u /* after one has died */
#define EXIT_CONFINE   71    /* of a relay: it could not be confined */

struct zygote {
	struct loop *loop;
	struct loop_io keeper, children;
	struct loop_timer timer; /* make a spare */
	struct request_state state;
	pid_t spare; /* 0: none */
	int spare_fd;
};

static int answer_fork(void *peer, struct ipc_msg *m);

static const struct request from_keeper[] = {
	[MSG_FORK] = { "fork", answer_fork, RELAY_CONFIG_MAX, 1, 3, 3, false },
};

/* ---- in the relay ---- */

static int serve(struct relay *r, struct ipc_msg *m, struct str layers)
{
	struct relay_channels c = { .supervisor = ipc_take_fd(m, 0),
				    .scribe = ipc_take_fd(m, 1),
				    .keeper = ipc_take_fd(m, 2) };
	struct diag why = { 0 };
	int e;

	e = relay_begin(r, buf_str(&m->body), layers, c, &why);
	if (e > 0)
		log_error("%s", why.text);
	if (e != 0)
		return e;
	ipc_msg_done(m);
	e = relay_run(r);
	relay_linger(r);
	return e;
}

/* Wait for a session at @fd, and be its relay.  The exit code. */
static int be_relay(int fd)
{
	AUTO(relay) struct relay *r = NULL;
	AUTO(ipc_msg) struct ipc_msg m;
	AUTO(buf) struct buf layers = BUF_NULL;
	struct confine_layers l = { 0 };
	const char *step = "start";
	int e;

	(void)prctl(PR_SET_NAME, "bawnd:relay");
	ipc_msg_init(&m);
	buf_init(&layers, 1024);
	e = relay_new(&r, NULL);
	if (e == 0)
		e = confine_enter(&l, &step);
	if (e != 0) {
		log_error("cannot confine a relay: %s: %s", step, strerror(-e));
		return EXIT_CONFINE;
	}
	confine_format(&l, &layers);
	e = ipc_recv(fd, &m, RELAY_CONFIG_MAX);
	if (e == -EPIPE)
		return 0; /* never needed */
	(void)close(fd);
	if (e == 0)
		e = serve(r, &m, buf_str(&layers));
	(void)TAKE(r); /* the kernel frees it faster */
	if (e != 0)
		log_error("ends: %s", e < 0 ? strerror(-e) : "bad request");
	return e == 0 ? 0 : 1;
}

/* Of what the zygote has, only @fd and standard error stay. */
static noreturn_fn void start_relay(int fd)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	log_init("bawnd[relay]", STDERR_FILENO, LOG_LEVEL_WARN);
	if (dup3(fd, 3, O_CLOEXEC) == -1 && fd != 3)
		_exit(EXIT_CONFINE);
	(void)close_range(4, ~0u, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Helpers are not waited for: their channels tell of their end. */
	(void)sigaction(SIGCHLD, &ignore, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	_exit(be_relay(3));
}

/* ---- in the zygote ---- */

static int make_spare(struct zygote *z)
{
	int fds[2], r;

	r = ipc_pair(fds);
	if (r != 0)
		return r;
	r = confine_fork();
	if (r == 0)
		start_relay(fds[1]);
	(void)close(fds[1]);
	if (r < 0) {
		(void)close(fds[0]);
		return r;
	}
	z->spare = r;
	z->spare_fd = fds[0];
	return 0;
}

static void drop_spare(struct zygote *z)
{
	if (z->spare_fd != -1)
		(void)close(TAKE_FD(z->spare_fd));
	z->spare = 0;
}

static int plan_spare(struct zygote *z, uint64_t in_ms)
{
	return loop_timer_set(z->loop, &z->timer,
			      loop_now_ns(z->loop) + in_ms * NS_PER_MS);
}

static int run_timer(struct loop_timer *t)
{
	struct zygote *z = t->owner;
	int r;

	if (z->spare != 0)
		return 0;
	r = make_spare(z);
	if (r == 0)
		return 0;
	log_error("cannot fork a relay: %s", strerror(-r));
	return plan_spare(z, SPARE_RETRY_MS);
}

static int tell_forked(struct zygote *z, uint32_t id, pid_t pid, int error)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	char text[200];

	buf_init(&b, 512);
	json_open(&w, '{');
	json_kint(&w, "pid", pid);
	(void)snprintf(text, sizeof(text), "%s%s", strerror(-error),
		       error_advice(error));
	if (error != 0)
		json_kstr(&w, "error", str_of(text));
	json_close(&w, '}');
	return b.failed ? -ENOMEM
			: ipc_send(z->keeper.fd, MSG_FORKED, id, buf_str(&b),
				   NULL, 0);
}

static int tell_exited(struct zygote *z, pid_t pid, int status)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, 256);
	json_open(&w, '{');
	json_kint(&w, "pid", pid);
	json_kint(&w, "status",
		  WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				      : WEXITSTATUS(status));
	json_close(&w, '}');
	return b.failed ? -ENOMEM
			: ipc_send(z->keeper.fd, MSG_EXITED, 0, buf_str(&b),
				   NULL, 0);
}

/* Pass @m on to the spare; a second one when the first has died. */
static int hand_over(struct zygote *z, const struct ipc_msg *m)
{
	int r = -EPIPE;

	for (int i = 0; i < 2 && r == -EPIPE; i++) {
		if (z->spare == 0) {
			r = make_spare(z);
			if (r != 0)
				return r;
		}
		r = ipc_send(z->spare_fd, MSG_FORK, m->id, buf_str(&m->body),
			     m->fds, m->n_fds);
		if (r != 0)
			drop_spare(z);
	}
	return r;
}

static int answer_fork(void *peer, struct ipc_msg *m)
{
	struct zygote *z = peer;
	pid_t pid = 0;
	int r = hand_over(z, m);

	if (r == 0) {
		pid = z->spare;
		drop_spare(z);
	}
	r = tell_forked(z, m->id, pid, r);
	/* Not later for every session that comes meanwhile. */
	if (r == 0 && z->timer.heap_pos == 0)
		r = plan_spare(z, SPARE_AFTER_MS);
	return r;
}

static int run_keeper(struct loop_io *io, uint32_t events)
{
	struct zygote *z = io->owner;
	AUTO(ipc_msg) struct ipc_msg m;
	struct diag why = { 0 };
	int r;

	(void)events;
	ipc_msg_init(&m);
	r = ipc_recv(io->fd, &m, RELAY_CONFIG_MAX);
	if (r == 0)
		r = request_dispatch(from_keeper, N_ELEMS(from_keeper),
				     &z->state, z, &m, &why);
	if (r == -EPIPE) {
		loop_stop(z->loop, 0);
		return 0;
	}
	if (r != 0)
		log_error("keeper: %s", why.text[0] ? why.text : strerror(-r));
	return r;
}

static int run_children(struct loop_io *io, uint32_t events)
{
	struct zygote *z = io->owner;
	struct signalfd_siginfo info;
	int status, r = 0;
	pid_t pid;

	(void)events;
	(void)!read(io->fd, &info, sizeof(info)); /* waitpid() tells more */
	while (r == 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != z->spare) {
			r = tell_exited(z, pid, status);
			if (r == 0 && z->spare == 0)
				r = plan_spare(z, 0);
			continue;
		}
		drop_spare(z);
		r = plan_spare(z, SPARE_RETRY_MS);
	}
	return r == -EPIPE ? 0 : r;
}

static int open_children(struct zygote *z)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return neg_errno();
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		return neg_errno();
	z->children = (struct loop_io){
		.fd = fd, .events = EPOLLIN, .run = run_children, .owner = z
	};
	return loop_io_add(z->loop, &z->children);
}

static int zygote_open(struct zygote *z, int keeper_fd)
{
	struct sigaction normal = { .sa_handler = SIG_DFL };
	int r;

	(void)sigaction(SIGCHLD, &normal, NULL);
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return -ENOMEM;
	r = confine_zygote();
	if (r != 0)
		return r;
	r = loop_new(&z->loop, NULL);
	if (r != 0)
		return r;
	z->keeper = (struct loop_io){ .fd = keeper_fd,
				      .events = EPOLLIN,
				      .run = run_keeper,
				      .owner = z };
	r = loop_io_add(z->loop, &z->keeper);
	if (r == 0)
		r = open_children(z);
	return r != 0 ? r : plan_spare(z, 0);
}

int zygote_run(int keeper_fd)
{
	struct zygote z = { .spare_fd = -1, .state.phase = 1 };
	int r;

	if (keeper_fd > 3)
		(void)close_range(3, (unsigned)keeper_fd - 1, 0);
	(void)close_range((unsigned)keeper_fd + 1, ~0u, 0);
	log_init("bawnd[zygote]", STDERR_FILENO, LOG_LEVEL_WARN);

	z.timer = (struct loop_timer){ .run = run_timer, .owner = &z };
	r = zygote_open(&z, keeper_fd);
	if (r == 0)
		r = loop_run(z.loop);
	if (r != 0)
		log_error("ends: %s", strerror(-r));
	drop_spare(&z);
	loop_free(z.loop);
	return r == 0 ? 0 : 1;
}
