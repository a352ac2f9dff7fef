/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn-hash, which computes what the witness does not know.  It costs more than the
 * rest of a start, so nobody starts it before there is a question in its socket;
 * mostly there is none, since the answers of other sessions are remembered.
 *
 * Its records belong to the session, so the session is closed after it has ended.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "cmd/client.h"
#include "cmd/run-witness.h"
#include "jail/sys.h"

#define PROGRAM "bawn-hash"

static void drop_sockets(struct run *r)
{
	loop_io_remove(r->loop, &r->hash_io);
	drop_fd(&r->hash_fd);
	drop_fd(&r->hash_scribe);
}

static noreturn_fn void execute(struct run *r, const char *path)
{
	const char *cache = client_programs(&r->arena);
	char *argv[] = { (char *)(uintptr_t)PROGRAM,
			 (char *)(uintptr_t)(cache ? cache : ""), NULL };
	char *env[] = { NULL };
	int in = fcntl(r->hash_fd, F_DUPFD, 10);
	int out = fcntl(r->hash_scribe, F_DUPFD, 10);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (in != -1 && out != -1 && dup2(in, 0) != -1 && dup2(out, 1) != -1 &&
	    sys_close_range(3, UINT_MAX) == 0)
		(void)execve(path, argv, env);
	_exit(127);
}

static int on_over(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;

	(void)events;
	loop_io_remove(r->loop, io);
	(void)close(io->fd);
	(void)waitpid(r->hasher, NULL, 0);
	r->hasher = 0;
	if (r->close_waits)
		run_close(r);
	return 0;
}

/* Without it the hashes are missing, and nothing else is. */
static void start(struct run *r)
{
	char path[4096];
	pid_t pid = -1;
	int fd = -1;

	if (cmd_libexec(PROGRAM, path, sizeof(path)))
		pid = fork();
	if (pid == 0)
		execute(r, path);
	drop_sockets(r);
	if (pid > 0)
		fd = sys_pidfd_open(pid);
	if (fd < 0)
		return;
	r->hasher = pid;
	r->hash_io = (struct loop_io){
		.fd = fd, .events = EPOLLIN, .run = on_over, .owner = r
	};
	if (loop_io_add(r->loop, &r->hash_io) < 0) {
		(void)close(fd);
		r->hasher = 0;
	}
}

static bool is_asked(const struct run *r)
{
	struct pollfd p = { .fd = r->hash_fd, .events = POLLIN };
	char c;

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) &&
	       recv(r->hash_fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static int on_asked(struct loop_io *io, uint32_t events)
{
	struct run *r = io->owner;

	(void)events;
	if (is_asked(r))
		start(r);
	else
		drop_sockets(r);
	return 0;
}

int run_hasher_prepare(struct run *r, int scribe, int *ret_sock)
{
	int pair[2], e = ipc_pair(pair);

	if (e != 0)
		return e;
	*ret_sock = pair[1];
	r->hash_fd = pair[0];
	r->hash_scribe = fd_dup(scribe);
	if (r->hash_scribe < 0)
		return r->hash_scribe;
	r->hash_io = (struct loop_io){
		.fd = r->hash_fd, .events = EPOLLIN, .run = on_asked, .owner = r
	};
	return loop_io_add(r->loop, &r->hash_io);
}

bool run_hasher_await(struct run *r)
{
	if (r->hash_fd != -1)
		(void)on_asked(&r->hash_io, 0);
	return r->hasher > 0;
}

void run_hasher_done(struct run *r)
{
	drop_fd(&r->hash_fd);
	drop_fd(&r->hash_scribe);
}
