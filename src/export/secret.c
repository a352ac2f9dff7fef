/* SPDX-License-Identifier: Apache-2.0 */
/*
 * It becomes part of a header, so it is one line of printable ASCII: a line end
 * inside would begin another header.
 */
#include "export/secret.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"

void secret_done(struct buf *b)
{
	if (b->ptr)
		explicit_bzero(b->ptr, b->size);
	buf_done(b);
}

static int refuse(struct diag *err, const char *why)
{
	diag_set(err, 0, 0, "%s", why);
	return 1;
}

static int load_file(const char *path, struct buf *ret, struct diag *err)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd == -1 || fstat(fd, &st) == -1) {
		diag_set(err, 0, 0, "%s: %s", path, strerror(errno));
		return 1;
	}
	if (!S_ISREG(st.st_mode))
		return refuse(err, "the secret's file is not a regular file");
	if (st.st_mode & (S_IROTH | S_IWOTH))
		return refuse(err, "anybody may read the secret's file; "
				   "chmod o-rw");
	r = fd_read_all(fd, ret);
	return r == -EFBIG ? refuse(err, "the secret is too long") : r;
}

/* What comes until the other end closes, in time.  0; 1: late. */
static int collect(int fd, struct buf *ret)
{
	uint64_t end = clock_mono_ns() + SECRET_LIMIT_NS;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ns();
		ssize_t n = -1;
		char *dst;

		if (now >= end)
			return 1;
		if (poll(&p, 1, (int)((end - now) / NS_PER_MS) + 1) <= 0)
			continue;
		dst = buf_reserve(ret, 256);
		if (!dst)
			return -EFBIG;
		n = read(fd, dst, 256);
		if (n == 0)
			return 0;
		if (n > 0)
			buf_added(ret, (size_t)n);
		else if (errno != EINTR)
			return neg_errno();
	}
}

static int start(const struct sink_secret *s, int out, pid_t *ret)
{
	char *argv[SINK_ARGS_MAX + 1];
	posix_spawn_file_actions_t fa;
	int r = posix_spawn_file_actions_init(&fa);

	if (r != 0)
		return -r;
	for (size_t i = 0; i <= SINK_ARGS_MAX; i++)
		memcpy(&argv[i], &s->argv[i], sizeof(argv[i]));
	r = posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (r == 0)
		r = posix_spawn(ret, s->argv[0], &fa, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&fa);
	return -r;
}

static int load_command(const struct sink_secret *s, struct buf *ret,
			struct diag *err)
{
	int fds[2], status = 0, r;
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return neg_errno();
	r = start(s, fds[1], &pid);
	(void)close(fds[1]);
	if (r != 0) {
		(void)close(fds[0]);
		diag_set(err, 0, 0, "%s: %s", s->argv[0], strerror(-r));
		return 1;
	}
	r = collect(fds[0], ret);
	(void)close(fds[0]);
	if (r != 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (r == 1)
		return refuse(err, "the secret's command did not end in time");
	if (r == -EFBIG)
		return refuse(err, "the secret is too long");
	if (r != 0)
		return r;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return refuse(err, "the secret's command failed");
	return 0;
}

static int load_env(const char *name, struct buf *ret, struct diag *err)
{
	const char *v = getenv(name);

	if (!v) {
		diag_set(err, 0, 0,
			 "%s is not set where the daemon was "
			 "started",
			 name);
		return 1;
	}
	return buf_add(ret, str_of(v)) ? 0
				       : refuse(err, "the secret is too long");
}

static int check(struct buf *b, struct diag *err)
{
	while (b->len > 0 && (b->ptr[b->off + b->len - 1] == '\n' ||
			      b->ptr[b->off + b->len - 1] == '\r'))
		b->len--;
	if (b->len == 0)
		return refuse(err, "the secret is empty");
	for (size_t i = 0; i < b->len; i++) {
		char c = b->ptr[b->off + i];

		if (c < ' ' || c >= 0x7f)
			return refuse(err, "the secret is not one line of "
					   "printable ASCII");
	}
	return 0;
}

int secret_load(const struct sink_secret *s, struct buf *ret,
		struct diag *reterr)
{
	int r = 0;

	buf_init(ret, SECRET_MAX_BYTES);
	if (s->from == SECRET_NONE)
		return 0;
	if (s->from == SECRET_FILE)
		r = load_file(s->text, ret, reterr);
	else if (s->from == SECRET_ENV)
		r = load_env(s->text, ret, reterr);
	else
		r = load_command(s, ret, reterr);
	return r == 0 ? check(ret, reterr) : r;
}
