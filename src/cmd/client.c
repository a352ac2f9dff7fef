/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * STATE/lock is held by the daemon that was elected, and says where it listens
 * and which build it is.  We read it and connect.  Where that fails we start a
 * daemon and try again until START_MS is over; two of us starting one at once
 * is no matter, for the lock elects one and the other exits.  One that waits for
 * the lock of another that is ending its sessions is waited for longer.
 *
 * A daemon of another build is told to drain: it takes no new sessions and
 * ends with its last one.  That can take hours, so we say what we wait for and
 * wait on its lock, which is released however it dies.
 *
 * Standard output and error of the daemon are a socket of ours at first.  What
 * it says there, and that it ends, is why it could not start; a daemon that
 * lost the election ends without a word.
 *
 * The daemon gets a small environment: it outlives the shell that happened to
 * start it, and what that shell held in its environment is not its business.
 */
#include "cmd/client.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/build-id.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/wall.h"
#include "cmd/cmd.h"
#include "ipc/protocol.h"
#include "jail/hinder.h"
#include "jail/sys.h"

#define START_MS   5000u
#define ENDING_MS  30000u /* for the sessions of one that is ending */
#define SAY_MS     1000u
#define RESTART_MS 500u /* an election may be lost to one that ends */
#define OTHERS_MAX 3u   /* daemons of another build, one after another */
#define RETRY_MS   2
#define LOCK_MAX   ((size_t)4096)            /* bytes of the lock file */
#define ANSWER_MAX ((size_t)4 * 1024 * 1024) /* bytes */
#define ANSWER_MS  10000

/* Why the daemon that we started could not start, by its own word. */
static struct {
	int fd; /* -1: none was started, or it is not listened to any more */
	bool ended;
	char text[512];
	size_t len;
} starter = { .fd = -1 };

struct rendezvous {
	char socket[108]; /* as in sockaddr_un */
	char build[64];
};

const char *client_state_dir(struct arena *a)
{
	const char *dir = getenv("BAWN_STATE_DIR");
	const char *home = getenv("HOME");

	if (dir && dir[0] == '/')
		return arena_cstr(a, str_of(dir));
	if (home && home[0] == '/')
		return arena_printf(a, "%s/.local/state/bawn", home);
	return NULL;
}

const char *client_programs(struct arena *a)
{
	const char *state = client_state_dir(a);

	return state ? arena_printf(a, "%s/programs", state) : NULL;
}

static bool copy_str(char *dst, size_t size, struct str s)
{
	if (s.len == 0 || s.len >= size)
		return false;
	memcpy(dst, s.ptr, s.len);
	dst[s.len] = '\0';
	return true;
}

/* False: there is none, or it is being written. */
static bool read_lock(const char *state, struct rendezvous *ret)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	char path[4200], text[LOCK_MAX];
	AUTO(fd) int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/lock", state);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	n = fd != -1 ? read(fd, text, sizeof(text)) : -1;
	if (n <= 0)
		return false;
	arena_init(&a, 4 * LOCK_MAX);
	if (json_parse(&a, str_trim((struct str){ text, (size_t)n }), &j,
		       NULL) != 0)
		return false;
	return copy_str(ret->socket, sizeof(ret->socket),
			json_find_str(j, "socket")) &&
	       copy_str(ret->build, sizeof(ret->build),
			json_find_str(j, "build"));
}

/* ---- starting one ---- */

static void put_env(const char *const keep[], size_t n, char *env[])
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(keep[i]);

		for (char **e = environ; *e; e++) {
			if (strncmp(*e, keep[i], len) == 0 && (*e)[len] == '=')
				env[at++] = *e;
		}
	}
	env[at] = NULL;
}

static void hear_daemon(void)
{
	size_t room = sizeof(starter.text) - 1 - starter.len;
	char rest[256];
	ssize_t n;

	while (starter.fd != -1 && !starter.ended) {
		n = recv(starter.fd, room ? starter.text + starter.len : rest,
			 room ? room : sizeof(rest), MSG_DONTWAIT);
		if (n == -1)
			return;
		starter.ended = n == 0;
		if (room) {
			starter.len += (size_t)n;
			room -= (size_t)n;
		}
	}
}

bool client_why_no_daemon(char *dst, size_t size)
{
	static const struct str prefix = STR("bawnd: ");
	struct str text = { starter.text, starter.len }, line = { 0 };

	hear_daemon();
	text.len = starter.len;
	if (!str_cut(&text, '\n', &line) || line.len == 0)
		return false;
	if (str_starts(line, prefix))
		line = str_skip(line, prefix.len);
	str_sanitise(line, dst, size);
	return true;
}

void client_forget_daemon(void)
{
	if (starter.fd != -1)
		(void)close(TAKE_FD(starter.fd));
	starter.ended = false;
	starter.len = 0;
}

/* In the grandchild: becomes the daemon, or exits. */
static noreturn_fn void become_daemon(const char *path, int says)
{
	static const char *const keep[] = {
		"HOME",
		"PATH",
		"USER",
		"LOGNAME",
		"LANG",
		"TZ",
		"BAWN_STATE_DIR",
		"BAWN_RUNTIME_DIR",
		"XDG_RUNTIME_DIR",
#ifdef WEAKENED
		"BAWN_WEAKEN",
#endif
	};
	char *env[N_ELEMS(keep) + 1], name[] = "bawnd";
	char *argv[] = { name, NULL };
	int null_fd;
	sigset_t none;

	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd == -1) {
		(void)dprintf(says, "/dev/null: %s%s\n", strerror(errno),
			      error_advice(errno));
		_exit(1);
	}
	(void)dup2(null_fd, 0);
	(void)dup2(says, 1);
	(void)dup2(says, 2);
	(void)sys_close_range(3, ~0u);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int s = 1; s < 32; s++) {
		struct sigaction dfl = { .sa_handler = SIG_DFL };

		(void)sigaction(s, &dfl, NULL);
	}
	(void)umask(077);
	(void)!chdir("/"); /* stays where it is, at worst */
	put_env(keep, N_ELEMS(keep), env);
	(void)execve(path, argv, env);
	(void)dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(1);
}

/* $BAWN_RUNTIME_DIR, else $XDG_RUNTIME_DIR/bawn, else /tmp/bawn-UID. */
static void runtime_dir(char *dst, size_t size)
{
	const char *dir = getenv("BAWN_RUNTIME_DIR");
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (dir && dir[0] == '/')
		(void)snprintf(dst, size, "%s", dir);
	else if (xdg && xdg[0] == '/')
		(void)snprintf(dst, size, "%s/bawn", xdg);
	else
		(void)snprintf(dst, size, "/tmp/bawn-%u", (unsigned)getuid());
}

/* What a daemon would stumble over, said by who has a terminal. */
static bool dirs_are_ours(const char *state)
{
	char runtime[4200];
	int r;

	r = dir_make(state, 0700);
	if (r == 0)
		r = dir_make_private(state);
	if (r < 0) {
		cmd_error("%s must be a directory of yours alone (%s): "
			  "chmod 700 it, or set BAWN_STATE_DIR",
			  state, strerror(-r));
		return false;
	}
	runtime_dir(runtime, sizeof(runtime));
	r = dir_make_private(runtime);
	if (r < 0) {
		cmd_error("%s must be a directory of yours alone (%s): "
			  "chmod 700 it, or set BAWN_RUNTIME_DIR",
			  runtime, strerror(-r));
		return false;
	}
	return true;
}

/* True: something was started, which may yet fail. */
static bool start_daemon(const char *state)
{
	char path[4200];
	int status = 0, pair[2];
	pid_t pid;

	client_forget_daemon();
	if (!cmd_libexec("bawnd", path, sizeof(path))) {
		cmd_error("bawnd is not installed beside bawn nor in %s",
			  BAWN_LIBEXECDIR);
		return false;
	}
	if (!dirs_are_ours(state))
		return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		cmd_error("cannot start bawnd: %s%s", strerror(errno),
			  error_advice(errno));
		return false;
	}
	pid = fork();
	if (pid == 0) {
		/* Twice, so that it is no child of ours to wait for. */
		(void)setsid();
		pid = fork();
		if (pid == 0)
			become_daemon(path, pair[1]);
		_exit(pid > 0 ? 0 : 1);
	}
	(void)close(pair[1]);
	starter.fd = pair[0];
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (pid < 0 || status != 0) {
		cmd_error("cannot start bawnd: no process to be had%s",
			  error_advice(EAGAIN));
		return false;
	}
	return true;
}

/* ---- one of another build ---- */

/* How many sessions it still has, by its answer; -1: it did not say. */
static int64_t ask_to_drain(const char *socket)
{
	AUTO(ipc_msg) struct ipc_msg m = { 0 };
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json *j = NULL;
	AUTO(fd) int fd = -1;
	int r = ipc_connect(socket);

	if (r < 0)
		return -1;
	fd = r;
	buf_init(&b, 256);
	(void)buf_printf(&b, "{\"build\":\"%s\"}", build_id());
	ipc_msg_init(&m);
	arena_init(&a, 64 * 1024);
	if (ipc_send(fd, MSG_DRAIN, 1, buf_str(&b), NULL, 0) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		struct pollfd p = { fd, POLLIN, 0 };

		if (poll(&p, 1, 2000) != 1 || ipc_recv(fd, &m, LOCK_MAX) < 0)
			return -1;
		if (m.type != MSG_HELLO)
			break;
	}
	if (json_parse(&a, buf_str(&m.body), &j, NULL) != 0)
		return -1;
	return json_find_int(j, "sessions", -1);
}

static bool wait_for_other(const char *state, const struct rendezvous *rv)
{
	int64_t n = ask_to_drain(rv->socket);
	struct stat st, now;
	char path[4200];
	AUTO(fd) int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/lock", state);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return true; /* it is gone already */
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return true;
	if (n > 0)
		cmd_error("waiting for %lld session%s of another build of "
			  "bawn to end (bawn ps; Ctrl-C gives up)",
			  (long long)n, n == 1 ? "" : "s");
	while (flock(fd, LOCK_SH) == -1) {
		if (errno != EINTR)
			return false;
	}
	/* Released: by the end of that daemon, or a new one won it since. */
	return fstat(fd, &st) == 0 &&
	       (stat(path, &now) == -1 || st.st_ino == now.st_ino);
}

/* ---- connecting ---- */

static int try_connect(const char *state, struct rendezvous *rv)
{
	if (!read_lock(state, rv))
		return -ENOENT;
	if (strcmp(rv->build, build_id()) != 0)
		return -EXDEV; /* ours alone: another build */
	return ipc_connect(rv->socket);
}

/* A moment, or until the daemon that was started says something. */
static void wait_a_moment(void)
{
	struct pollfd p = { starter.ended ? -1 : starter.fd, POLLIN, 0 };

	(void)poll(&p, 1, RETRY_MS);
}

/* The one that we started lives, and waits for its turn. */
static bool is_waiting(void)
{
	return starter.fd != -1 && !starter.ended;
}

/* What this machine lacks explains more than where it was first felt. */
static bool say_hindrance(void)
{
	struct hindrance h;

	if (!hinder_find(&h))
		return false;
	cmd_error("%s: %s", h.why, h.mend);
	return true;
}

/* Starting one, from the first try on. */
struct patience {
	uint64_t began, last, restart;
	bool said;
};

/* After a try that failed with @error.  False: no more, and it has been said. */
static bool try_again(const char *state, struct patience *p, int error)
{
	uint64_t now = clock_mono_ns();
	char why[512];

	/* While we were stopped, so was whom we wait for, perhaps. */
	if (p->began == 0)
		p->began = now;
	else if (now - p->last > LOOP_HELD_NS)
		p->began += now - p->last;
	p->last = now;
	hear_daemon();
	if (starter.ended && client_why_no_daemon(why, sizeof(why))) {
		if (!say_hindrance())
			cmd_error("bawnd cannot start: %s", why);
		return false;
	}
	if (now - p->began >
	    (is_waiting() ? ENDING_MS : START_MS) * NS_PER_MS) {
		if (!say_hindrance())
			cmd_error("bawnd does not answer (%s); see "
				  "%s/bawnd.log",
				  strerror(-error), state);
		return false;
	}
	if (!p->said && is_waiting() && now - p->began > SAY_MS * NS_PER_MS) {
		p->said = true;
		cmd_error("waiting for the bawnd that is ending its sessions "
			  "(Ctrl-C gives up)");
	}
	if (!is_waiting() && now >= p->restart) {
		if (!start_daemon(state))
			return false;
		p->restart = now + RESTART_MS * NS_PER_MS;
	}
	wait_a_moment();
	return true;
}

int client_connect(bool start, int *ret_fd)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct patience p = { 0 };
	struct rendezvous rv;
	const char *state;
	unsigned others = 0;
	int fd;

	arena_init(&a, 64 * 1024);
	state = client_state_dir(&a);
	if (!state) {
		cmd_error("neither HOME nor BAWN_STATE_DIR is set");
		return CLIENT_FAILED;
	}
	for (;;) {
		fd = try_connect(state, &rv);
		if (fd >= 0) {
			*ret_fd = fd;
			return 0;
		}
		if (!start)
			return CLIENT_NONE;
		if (fd == -EXDEV && ++others > OTHERS_MAX) {
			cmd_error("bawn (build %s) and bawnd (build %s) do not "
				  "belong together: install both anew",
				  build_id(), rv.build);
			return CLIENT_FAILED;
		}
		if (fd == -EXDEV && !wait_for_other(state, &rv))
			return CLIENT_FAILED;
		if (!try_again(state, &p, fd))
			return CLIENT_FAILED;
	}
}

/* ---- one question, one answer ---- */

/* @timeout_ms -1: for ever. */
static int receive(int fd, struct ipc_msg *m, int timeout_ms)
{
	do {
		struct pollfd p = { fd, POLLIN, 0 };
		int n;
		int r;

		do
			n = poll(&p, 1, timeout_ms);
		while (n == -1 && errno == EINTR);
		if (n == 0)
			return -ETIMEDOUT;
		r = ipc_recv(fd, m, ANSWER_MAX);
		if (r < 0)
			return r;
	} while (m->type == MSG_HELLO);
	return 0;
}

static int ask(int fd, uint32_t type, struct str body, int timeout_ms,
	       struct ipc_msg *m)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, 64 * 1024);
	(void)buf_printf(&b, "{\"build\":\"%s\"%s%.*s}", build_id(),
			 body.len ? "," : "", STR_ARG(body));
	r = b.failed ? -EMSGSIZE : ipc_send(fd, type, 1, buf_str(&b), NULL, 0);
	if (r == 0)
		r = receive(fd, m, timeout_ms);
	if (r < 0) {
		cmd_error("bawnd does not answer: %s", strerror(-r));
		return CLIENT_FAILED;
	}
	return 0;
}

int client_ask(int fd, uint32_t type, struct str body, struct ipc_msg *m)
{
	return ask(fd, type, body, ANSWER_MS, m);
}

int client_ask_long(int fd, uint32_t type, struct str body, struct ipc_msg *m)
{
	return ask(fd, type, body, -1, m);
}

int client_refused(const struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	char text[1000] = "bawnd's answer makes no sense";
	int64_t code = BAWN_EXIT_TROUBLE;

	arena_init(&a, ANSWER_MAX);
	if (m->type == MSG_REFUSED &&
	    json_parse(&a, buf_str(&m->body), &j, NULL) == 0) {
		str_sanitise(json_find_str(j, "text"), text, sizeof(text));
		code = json_find_int(j, "code", code);
	}
	cmd_error("%s", text);
	return code == BAWN_EXIT_REFUSED || code == BAWN_EXIT_USAGE
		       ? (int)code
		       : BAWN_EXIT_TROUBLE;
}
