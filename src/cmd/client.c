/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * STATE/lock is held by the daemon that was elected, and says where it listens
 * and which build it is.  We read it and connect.  Where that fails we start a
 * daemon and try again until START_MS is over; two of us starting one at once
 * is no matter, for the lock elects one and the other exits.
 *
 * A daemon of another build is told to drain: it takes no new sessions and
 * ends with its last one.  That can take hours, so we say what we wait for and
 * wait on its lock, which is released however it dies.
 *
 * The daemon gets a small environment: it outlives the shell that happened to
 * start it, and what that shell held in its environment is not its business.
 */
#include "cmd/client.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/build-id.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "ipc/protocol.h"
#include "jail/hinder.h"

#define START_MS   5000u
#define RESTART_MS 500u /* an election may be lost to one that ends */
#define OTHERS_MAX 3u   /* daemons of another build, one after another */
#define RETRY_NS   (2 * NS_PER_MS)
#define LOCK_MAX   ((size_t)4096)            /* bytes of the lock file */
#define ANSWER_MAX ((size_t)4 * 1024 * 1024) /* bytes */
#define ANSWER_MS  10000

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

/* In the grandchild: becomes the daemon, or exits. */
static noreturn_fn void become_daemon(const char *path, const char *state)
{
	static const char *const keep[] = {
		"HOME",           "PATH", "USER",           "LOGNAME",
		"LANG",           "TZ",   "BAWN_STATE_DIR", "BAWN_RUNTIME_DIR",
		"XDG_RUNTIME_DIR"
	};
	char *env[N_ELEMS(keep) + 1], name[] = "bawnd", log[4200];
	char *argv[] = { name, NULL };
	int null_fd, log_fd;
	sigset_t none;

	(void)snprintf(log, sizeof(log), "%s/bawnd.log", state);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	log_fd = open(log,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		      0600);
	if (null_fd == -1)
		_exit(1);
	for (int fd = 0; fd <= 1; fd++)
		(void)dup2(null_fd, fd);
	(void)dup2(log_fd != -1 ? log_fd : null_fd, 2);
	(void)close_range(3, ~0u, 0);
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
	int status = 0;
	pid_t pid;

	if (!cmd_libexec("bawnd", path, sizeof(path))) {
		cmd_error("bawnd is not installed beside bawn nor in %s",
			  BAWN_LIBEXECDIR);
		return false;
	}
	if (!dirs_are_ours(state))
		return false;
	pid = fork();
	if (pid == 0) {
		/* Twice, so that it is no child of ours to wait for. */
		(void)setsid();
		pid = fork();
		if (pid == 0)
			become_daemon(path, state);
		_exit(pid > 0 ? 0 : 1);
	}
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (pid < 0 || status != 0) {
		cmd_error("cannot start bawnd: no process to be had");
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

static void pause_ns(uint64_t ns)
{
	struct timespec ts = { .tv_nsec = (long)ns };

	(void)nanosleep(&ts, NULL);
}

int client_connect(bool start, int *ret_fd)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct rendezvous rv;
	const char *state;
	uint64_t end = 0, restart = 0, now;
	struct hindrance h;
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
		now = clock_mono_ns();
		if (end != 0 && now > end)
			break;
		if (now >= restart) {
			if (!start_daemon(state))
				return CLIENT_FAILED;
			restart = now + RESTART_MS * NS_PER_MS;
		}
		if (end == 0)
			end = now + START_MS * NS_PER_MS;
		pause_ns(RETRY_NS);
	}
	if (hinder_find(&h))
		cmd_error("%s: %s", h.why, h.mend);
	else
		cmd_error("bawnd does not answer (%s); see %s/bawnd.log",
			  strerror(-fd), state);
	return CLIENT_FAILED;
}

/* ---- one question, one answer ---- */

static int receive(int fd, struct ipc_msg *m)
{
	do {
		struct pollfd p = { fd, POLLIN, 0 };
		int n;
		int r;

		do
			n = poll(&p, 1, ANSWER_MS);
		while (n == -1 && errno == EINTR);
		if (n == 0)
			return -ETIMEDOUT;
		r = ipc_recv(fd, m, ANSWER_MAX);
		if (r < 0)
			return r;
	} while (m->type == MSG_HELLO);
	return 0;
}

int client_ask(int fd, uint32_t type, struct str body, struct ipc_msg *m)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, 64 * 1024);
	(void)buf_printf(&b, "{\"build\":\"%s\"%s%.*s}", build_id(),
			 body.len ? "," : "", STR_ARG(body));
	r = b.failed ? -EMSGSIZE : ipc_send(fd, type, 1, buf_str(&b), NULL, 0);
	if (r == 0)
		r = receive(fd, m);
	if (r < 0) {
		cmd_error("bawnd does not answer: %s", strerror(-r));
		return CLIENT_FAILED;
	}
	return 0;
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
