/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything here may be read and written by anybody, so that no mode bit does the
 * jail's work: what a session cannot reach, the jail kept from it.  The
 * directory's name is not to be guessed, and its parts hold nothing but a
 * random word.
 */
#include "cmd/prove-world.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "policy/lack.h"

#define PROBE_MAX   ((size_t)16 << 20)
#define LOCK_MAX    ((size_t)4096)
#define DAEMON_MS   3000u
#define POLL_NS     5000000L
#define THERE       "as it was\n"
#define SECRET_NAME "BAWN_PROVE_SECRET"
#define TREE_FDS    16
#define SET_ID      (S_ISUID | S_ISGID)

const char *prove_world_path(const struct prove_world *w, const char *name,
			     char *buf)
{
	(void)snprintf(buf, PROVE_PATH_MAX, "%s/%s", w->top, name);
	return buf;
}

/* Leaves errno as it is. */
static void close_fd(int fd)
{
	int e = errno;

	if (fd != -1)
		(void)close(fd);
	errno = e;
}

/* ---- making it ---- */

static int make_dir(const struct prove_world *w, const char *name, mode_t mode)
{
	char path[PROVE_PATH_MAX];

	(void)prove_world_path(w, name, path);
	/* The umask has no say here. */
	if (mkdir(path, 0700) == -1 || chmod(path, mode) == -1)
		return neg_errno();
	return 0;
}

static int make_file(const struct prove_world *w, const char *name,
		     struct str text, mode_t mode)
{
	char path[PROVE_PATH_MAX];
	AUTO(fd) int fd = -1;
	int r;

	(void)prove_world_path(w, name, path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd == -1)
		return neg_errno();
	r = fd_write_full(fd, text.ptr, text.len);
	if (r == 0 && fchmod(fd, mode) == -1)
		r = neg_errno();
	return r;
}

/* With that backend everything is accepted that it may lack. */
static int make_policy(const struct prove_world *w)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 1024);
	(void)buf_printf(&b, "version: 1\n");
	if (w->landlock)
		(void)buf_printf(&b, "backend: landlock\nbackend_accept: [");
	for (size_t i = 0; w->landlock && lack_words[i]; i++)
		(void)buf_printf(&b, "%s%s", i ? ", " : "", lack_words[i]);
	if (w->landlock)
		(void)buf_printf(&b, "]\n");
	return b.failed ? -ENOMEM
			: make_file(w, "policy.yaml", buf_str(&b), 0644);
}

static int copy_probe(const struct prove_world *w, const char *probe)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, PROBE_MAX);
	r = file_load(AT_FDCWD, probe, &b);
	return r < 0 ? r
		     : make_file(w, "home/project/bawn-probe", buf_str(&b),
				 0755);
}

static int make_tree(const struct prove_world *w, const char *probe)
{
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = {
		{ "home", 0755 },
		{ "home/.ssh", 0755 },
		{ "home/project", 0755 },
		{ "home/project/sub", 0755 },
		{ "home/project/.git", 0755 },
		{ "home/project/.git/objects", 0755 },
		{ "home/project/.git/refs", 0755 },
		{ "home/project/.git/hooks", 0755 },
		{ "home/project/.claude", 0755 },
		{ "outside", 0777 },
		{ "state", 0700 },
		{ "run", 0700 },
	};
	/* What is there and runs later outside is read-only. */
	static const struct {
		const char *name, *text;
	} files[] = {
		{ "home/project/.bawn.yaml", "version: 1\n" },
		{ "home/project/.git/HEAD", "ref: refs/heads/main\n" },
		{ "home/project/.git/hooks/pre-commit", "#!/bin/sh\n" },
		{ "home/project/.claude/settings.json", "{}\n" },
		{ "home/project/.mcp.json", "{}\n" },
	};
	static const char *const secrets[] = { "secret", "home/.ssh/id_ed25519",
					       "home/project/sub/.env" };
	struct str marker = str_of(w->marker);
	int r = 0;

	for (size_t i = 0; r == 0 && i < N_ELEMS(dirs); i++)
		r = make_dir(w, dirs[i].name, dirs[i].mode);
	for (size_t i = 0; r == 0 && i < N_ELEMS(secrets); i++)
		r = make_file(w, secrets[i], marker, 0644);
	for (size_t i = 0; r == 0 && i < N_ELEMS(files); i++)
		r = make_file(w, files[i].name, str_of(files[i].text), 0644);
	if (r == 0)
		r = make_file(w, "outside/there", STR(THERE), 0666);
	if (r == 0)
		r = make_policy(w);
	return r < 0 ? r : copy_probe(w, probe);
}

/* On a port of the kernel's choice; -1 with errno. */
static int inet_socket(int type, unsigned *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&in, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, 16) == -1) ||
	    getsockname(fd, (struct sockaddr *)&in, &len) == -1) {
		close_fd(fd);
		return -1;
	}
	*port = ntohs(in.sin_port);
	return fd;
}

/* @abstract: the same name without a file. */
static int unix_socket(const struct prove_world *w, bool abstract)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char path[PROVE_PATH_MAX];
	size_t len;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)prove_world_path(w, "socket", path);
	len = strlen(path);
	if (fd == -1 || len + 2 > sizeof(un.sun_path)) {
		close_fd(fd);
		return -1;
	}
	(void)memcpy(un.sun_path + abstract, path, len);
	len += offsetof(struct sockaddr_un, sun_path) + 1;
	if (bind(fd, (struct sockaddr *)&un, (socklen_t)len) == -1 ||
	    (!abstract && chmod(path, 0777) == -1) || listen(fd, 16) == -1) {
		close_fd(fd);
		return -1;
	}
	return fd;
}

static int make_listeners(struct prove_world *w)
{
	w->tcp_fd = inet_socket(SOCK_STREAM, &w->tcp_port);
	w->udp_fd = inet_socket(SOCK_DGRAM, &w->udp_port);
	w->path_fd = unix_socket(w, false);
	w->abstract_fd = unix_socket(w, true);
	if (w->tcp_fd == -1 || w->udp_fd == -1 || w->path_fd == -1 ||
	    w->abstract_fd == -1)
		return neg_errno();
	return 0;
}

static int make_fixtures(const struct prove_world *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	const char *t = w->top;

	buf_init(&b, 8192);
	(void)buf_printf(&b,
			 "marker=%s\nproject=%s/home/project\nhome=%s/home\n"
			 "outside_dir=%s/outside\nsecret_file=%s/secret\n"
			 "secret_file=%s/home/.ssh/id_ed25519\n"
			 "hidden_file=%s/home/project/sub/.env\n"
			 "protected_file=%s/home/project/.bawn.yaml\n",
			 w->marker, t, t, t, t, t, t, t);
	(void)buf_printf(&b,
			 "secret_env=" SECRET_NAME "=%s\nunix_path=%s/socket\n"
			 "unix_abstract=%s/socket\ntcp4=127.0.0.1:%u\n"
			 "udp4=127.0.0.1:%u\nhost_pid=%d\n"
			 "denied_name=denied.invalid\n",
			 w->marker, t, t, w->tcp_port, w->udp_port,
			 (int)getpid());
	if (b.failed)
		return -ENOMEM;
	return make_file(w, "home/project/fixtures", buf_str(&b), 0644);
}

static int make_top(struct prove_world *w)
{
	const char *dir = getenv("TMPDIR");
	unsigned char rnd[16];
	int n;

	n = snprintf(w->top, sizeof(w->top), "%s/bawn-prove-XXXXXX",
		     dir && dir[0] == '/' ? dir : "/var/tmp");
	if (n < 0 || (size_t)n >= sizeof(w->top)) {
		w->top[0] = '\0';
		return -ENAMETOOLONG;
	}
	if (!mkdtemp(w->top)) {
		int r = neg_errno();

		w->top[0] = '\0';
		return r;
	}
	if (chmod(w->top, 0755) == -1)
		return neg_errno();
	if (getrandom(rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
		return -EIO;
	for (size_t i = 0; i < sizeof(rnd); i++)
		(void)snprintf(w->marker + 2 * i, 3, "%02x", rnd[i]);
	return 0;
}

int prove_world_make(struct prove_world *w, const char *probe)
{
	int r = make_top(w);

	if (r == 0)
		r = make_tree(w, probe);
	if (r == 0)
		r = make_listeners(w);
	return r < 0 ? r : make_fixtures(w);
}

int prove_world_enter(const struct prove_world *w)
{
	char home[PROVE_PATH_MAX], project[PROVE_PATH_MAX];
	char state[PROVE_PATH_MAX], run[PROVE_PATH_MAX];

	(void)prove_world_path(w, "home", home);
	(void)prove_world_path(w, "home/project", project);
	(void)prove_world_path(w, "state", state);
	(void)prove_world_path(w, "run", run);
	if (chdir(project) == -1 || setenv("HOME", home, 1) == -1 ||
	    setenv("BAWN_STATE_DIR", state, 1) == -1 ||
	    setenv("BAWN_RUNTIME_DIR", run, 1) == -1 ||
	    setenv(SECRET_NAME, w->marker, 1) == -1)
		return neg_errno();
	return 0;
}

/* ---- looking at the host afterwards ---- */

static bool has_come(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

static bool is_untouched(const struct prove_world *w)
{
	char path[PROVE_PATH_MAX];
	AUTO(buf) struct buf b = BUF_NULL;
	const struct dirent *e;
	struct stat st;
	bool clean = true;
	DIR *d;

	buf_init(&b, 4096);
	(void)prove_world_path(w, "outside/there", path);
	if (file_load(AT_FDCWD, path, &b) < 0 ||
	    !str_eq(buf_str(&b), STR(THERE)) || stat(path, &st) == -1 ||
	    (st.st_mode & 07777) != 0666)
		return false;
	d = opendir(prove_world_path(w, "outside", path));
	while (d && (e = readdir(d)) != NULL)
		clean &= e->d_name[0] == '.' || strcmp(e->d_name, "there") == 0;
	if (d)
		(void)closedir(d);
	return d && clean;
}

/* nftw(3) has no argument of the caller's. */
static bool found_set_id;

static int look_at(const char *path, const struct stat *st, int type,
		   struct FTW *at)
{
	(void)path;
	(void)type;
	(void)at;
	found_set_id |= (st->st_mode & SET_ID) != 0;
	return 0;
}

const char *prove_world_harm(const struct prove_world *w)
{
	char path[PROVE_PATH_MAX];

	if (has_come(w->tcp_fd) || has_come(w->udp_fd))
		return "a listener on this machine's loopback was reached";
	if (has_come(w->path_fd) || has_come(w->abstract_fd))
		return "a Unix socket of this machine was reached";
	if (!is_untouched(w))
		return "a directory outside of the project was changed";
	found_set_id = false;
	if (nftw(prove_world_path(w, "home/project", path), look_at, TREE_FDS,
		 FTW_PHYS) == -1)
		return "the project cannot be looked at";
	return found_set_id ? "a set-id file was made in the project" : NULL;
}

/* ---- the end ---- */

/* The daemon of this state; 0: none. */
static pid_t daemon_pid(const struct prove_world *w)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	char path[PROVE_PATH_MAX];
	struct json *lock = NULL;
	int64_t pid;

	buf_init(&b, LOCK_MAX);
	arena_init(&a, LOCK_MAX * 8);
	if (file_load(AT_FDCWD, prove_world_path(w, "state/lock", path), &b) <
		    0 ||
	    json_parse(&a, buf_str(&b), &lock, NULL) != 0)
		return 0;
	pid = json_find_int(lock, "pid", 0);
	return pid > 1 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/* It is our child since we are the subreaper of whoever started it. */
static void end_daemon(const struct prove_world *w)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	uint64_t end = clock_mono_ns() + DAEMON_MS * NS_PER_MS;
	pid_t pid = daemon_pid(w);

	if (pid == 0 || kill(pid, SIGTERM) == -1)
		return;
	while (waitpid(pid, NULL, WNOHANG) == 0 && clock_mono_ns() < end)
		(void)nanosleep(&pause, NULL);
	if (waitpid(pid, NULL, WNOHANG) == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	(void)remove(path);
	return 0;
}

void prove_world_done(struct prove_world *w)
{
	if (w->top[0]) {
		end_daemon(w);
		(void)nftw(w->top, remove_one, TREE_FDS, FTW_PHYS | FTW_DEPTH);
	}
	close_fd(w->tcp_fd);
	close_fd(w->udp_fd);
	close_fd(w->path_fd);
	close_fd(w->abstract_fd);
	*w = (struct prove_world)PROVE_WORLD_NULL;
}
