/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * flock(2) belongs to the open file, so it goes however its holder dies, and
 * nobody has to judge from a pid whether a daemon lives.  The file is never
 * removed: two daemons with locks on two inodes would both have won.
 *
 * Who finds the lock taken asks the socket that the file names.  If somebody
 * answers, the election is lost.  If not, the holder is about to begin or to
 * end, and it is tried again.
 *
 * The socket's name has our pid in it, so that a client that read an old hint
 * cannot reach a wrong daemon; names that nobody listens on are removed by the
 * next winner.
 */
#include "keeper/election.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>

#include "base/build-id.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "ipc/ipc.h"

#define WAIT_NS  (UINT64_C(25) * NS_PER_S) /* for one that ends its sessions */
#define NAP_NS   (10 * (long)NS_PER_MS)
#define LOCK_MAX ((size_t)4096)

static int open_lock(const char *state_dir)
{
	char path[4200];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/lock", state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd == -1 ? neg_errno() : fd;
}

/* Does anybody listen where the file says?  1, 0; -errno: that cannot be told. */
static int is_served(int lock_fd)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	char text[LOCK_MAX];
	struct json *j = NULL;
	const char *path;
	ssize_t n = pread(lock_fd, text, sizeof(text), 0);
	int fd;

	arena_init(&a, 8 * LOCK_MAX);
	if (n <= 0 || json_parse(&a, str_trim((struct str){ text, (size_t)n }),
				 &j, NULL) != 0)
		return a.failed ? -ENOMEM : 0;
	path = arena_cstr(&a, json_find_str(j, "socket"));
	fd = path ? ipc_connect(path) : a.failed ? -ENOMEM : -ENOENT;
	if (fd >= 0)
		(void)close(fd);
	if (fd >= 0 || fd == -EAGAIN) /* so many ask */
		return 1;
	return fd == -ENOENT || fd == -ECONNREFUSED ? 0 : fd;
}

static int take_lock(int lock_fd)
{
	struct timespec nap = { .tv_nsec = NAP_NS };
	uint64_t end = clock_mono_ns() + WAIT_NS;

	while (flock(lock_fd, LOCK_EX | LOCK_NB) == -1) {
		int r;

		if (errno != EWOULDBLOCK && errno != EINTR)
			return neg_errno();
		r = is_served(lock_fd);
		if (r != 0)
			return r > 0 ? ELECTION_LOST : r;
		if (clock_mono_ns() > end)
			return -ETIMEDOUT;
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}

static bool is_socket_name(const char *name)
{
	struct str s = str_of(name);

	return str_starts(s, STR("bawnd-")) &&
	       (str_ends(s, STR(".sock")) || str_ends(s, STR(".sock~")));
}

/* A run-time directory may be shared with daemons of other state directories. */
static void sweep_sockets(const char *runtime_dir)
{
	DIR *d = opendir(runtime_dir);
	char path[4200];

	for (;;) {
		const struct dirent *e = d ? readdir(d) : NULL;
		int fd;

		if (!e)
			break;
		if (!is_socket_name(e->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", runtime_dir,
			       e->d_name);
		fd = ipc_connect(path);
		if (fd >= 0)
			(void)close(fd);
		else if (fd == -ECONNREFUSED)
			(void)unlink(path);
	}
	if (d)
		(void)closedir(d);
}

int election_win(struct election *e, const char *state_dir,
		 const char *runtime_dir)
{
	AUTO(fd) int lock_fd = -1;
	int r = open_lock(state_dir);
	int n;

	if (r < 0)
		return r;
	lock_fd = r;
	r = take_lock(lock_fd);
	if (r != 0)
		return r;
	if (ftruncate(lock_fd, 0) == -1)
		return neg_errno();
	sweep_sockets(runtime_dir);
	n = snprintf(e->socket_path, sizeof(e->socket_path), "%s/bawnd-%d.sock",
		     runtime_dir, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof(e->socket_path))
		return -ENAMETOOLONG;
	e->lock_fd = TAKE_FD(lock_fd);
	return 0;
}

int election_announce(struct election *e)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	int r = ipc_listen(e->socket_path);

	if (r < 0)
		return r;
	e->listen_fd = r;
	buf_init(&b, LOCK_MAX);
	json_open(&w, '{');
	json_kstr(&w, "socket", str_of(e->socket_path));
	json_kint(&w, "pid", getpid());
	json_kstr(&w, "build", str_of(build_id()));
	json_close(&w, '}');
	(void)buf_addc(&b, '\n');
	if (b.failed)
		return -ENOMEM;
	/* One write at offset 0: a reader sees nothing, or all of it. */
	if (pwrite(e->lock_fd, b.ptr + b.off, b.len, 0) != (ssize_t)b.len)
		return neg_errno();
	return 0;
}

void election_retire(struct election *e)
{
	if (e->listen_fd == -1)
		return;
	(void)unlink(e->socket_path);
	(void)close(TAKE_FD(e->listen_fd));
	/* A hint to nowhere would cost each client a try. */
	(void)!ftruncate(e->lock_fd, 0);
}

int election_open_log(const char *state_dir)
{
	char path[4200], old[4200];
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/bawnd.log", state_dir);
	(void)snprintf(old, sizeof(old), "%s/bawnd.log.1", state_dir);
	if (lstat(path, &st) == 0 && st.st_size > ELECTION_LOG_MAX)
		(void)rename(path, old);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	return fd == -1 ? neg_errno() : fd;
}

void election_trim_log(const char *state_dir, int log_fd)
{
	AUTO(fd) int from = -1;
	AUTO(fd) int to = -1;
	char path[4200];
	struct stat st;

	if (log_fd == -1 || fstat(log_fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size <= ELECTION_LOG_MAX)
		return;
	(void)snprintf(path, sizeof(path), "%s/bawnd.log", state_dir);
	from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	(void)snprintf(path, sizeof(path), "%s/bawnd.log.1", state_dir);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (from != -1 && to != -1)
		(void)!sendfile(to, from, NULL, (size_t)ELECTION_LOG_MAX);
	(void)!ftruncate(log_fd, 0);
}
