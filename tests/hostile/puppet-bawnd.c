/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawnd as it is, keeper, scribe and zygote, but for one thing: between keeper
 * and zygote sits a stage hand, and whoever is connected to it (the test) gets
 * the next relays to play, with their three channels, instead of the zygote.
 *
 * usage: puppet-bawnd STATE RUNTIME LIBEXEC USER STAGE, absolute paths; STAGE is
 * the socket of the stage hand.  Messages of the test, one byte each:
 *
 *   'm'   the next relay is mine: MSG_FORK comes as the keeper sent it
 *   'f'   the next relay cannot be forked: so the keeper is told
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "keeper/election.h"
#include "keeper/keeper.h"
#include "ledger/scribe.h"
#include "relay/relay.h"

#define IDLE_S 600u

struct stage {
	int keeper, zygote, listener;
	int test;    /* -1: nobody is connected */
	char wanted; /* of the next relay; 0: it is the zygote's */
	struct ipc_msg m;
};

static noreturn_fn void fail(const char *what)
{
	perror(what);
	_exit(2);
}

/* ---- the stage hand ---- */

static void tell_keeper(const struct stage *s, const char *body)
{
	if (ipc_send(s->keeper, MSG_FORKED, s->m.id, str_of(body), NULL, 0))
		_exit(0);
}

static void on_keeper(struct stage *s)
{
	char wanted = s->wanted;

	if (ipc_recv(s->keeper, &s->m, IPC_BODY_MAX) != 0)
		_exit(0);
	s->wanted = 0;
	if (wanted == 'f') {
		tell_keeper(s, "{\"pid\":0,\"error\":\"not today\"}");
		return;
	}
	if (ipc_send(wanted == 'm' ? s->test : s->zygote, s->m.type, s->m.id,
		     buf_str(&s->m.body), s->m.fds, s->m.n_fds) != 0)
		_exit(0);
	if (wanted == 'm')
		tell_keeper(s, "{\"pid\":1}");
}

static void on_zygote(struct stage *s)
{
	if (ipc_recv(s->zygote, &s->m, IPC_BODY_MAX) != 0 ||
	    ipc_send(s->keeper, s->m.type, s->m.id, buf_str(&s->m.body), NULL,
		     0) != 0)
		_exit(0);
}

static void on_test(struct stage *s)
{
	if (recv(s->test, &s->wanted, 1, 0) > 0)
		return;
	(void)close(TAKE_FD(s->test));
	s->wanted = 0;
}

static noreturn_fn void be_stage(struct stage *s)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	ipc_msg_init(&s->m);
	s->test = -1;
	for (;;) {
		struct pollfd p[] = {
			{ s->keeper, POLLIN, 0 },
			{ s->zygote, POLLIN, 0 },
			{ s->listener, POLLIN, 0 },
			{ s->test, POLLIN, 0 },
		};

		if (poll(p, N_ELEMS(p), -1) == -1)
			_exit(0);
		/* What the test wants comes before what it caused. */
		if (p[3].revents)
			on_test(s);
		else if (p[0].revents)
			on_keeper(s);
		else if (p[1].revents)
			on_zygote(s);
		else if (p[2].revents && s->test == -1)
			s->test =
				accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		ipc_msg_done(&s->m);
	}
}

/* ---- the rest is bawnd.c, shorter ---- */

static int start_scribe(const char *state, int lock_fd)
{
	char path[4200];
	int pair[2];
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/ledger", state);
	if (ipc_pair(pair) != 0)
		fail("pair");
	pid = fork();
	if (pid == -1)
		fail("fork");
	if (pid > 0) {
		(void)close(pair[1]);
		return pair[0];
	}
	(void)prctl(PR_SET_NAME, "bawnd:scribe");
	(void)close(lock_fd);
	(void)close(pair[0]);
	_exit(scribe_run(pair[1], path));
}

/* Zygote and stage hand; the keeper's end of the way to them. */
static int start_zygote(const char *stage_path, const struct election *e,
			int scribe_fd)
{
	struct stage s = { .listener = ipc_listen(stage_path) };
	int pair[2], front[2];
	pid_t pid;

	if (s.listener < 0 || fd_set_nonblock(s.listener, false) != 0 ||
	    ipc_pair(pair) != 0 || ipc_pair(front) != 0)
		fail("stage");
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "bawnd:zygote");
		(void)close(e->lock_fd);
		(void)close(pair[0]);
		(void)close(scribe_fd);
		_exit(zygote_run(pair[1]));
	}
	(void)close(pair[1]);
	if (pid == -1)
		fail("fork");
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "bawnd:stage");
		(void)close(e->lock_fd);
		(void)close(e->listen_fd);
		(void)close(scribe_fd);
		(void)close(front[0]);
		s.keeper = front[1];
		s.zygote = pair[0];
		be_stage(&s);
	}
	if (pid == -1)
		fail("fork");
	(void)close(s.listener);
	(void)close(pair[0]);
	(void)close(front[1]);
	return front[0];
}

int main(int argc, char *argv[])
{
	struct election e = ELECTION_NULL;
	struct keeper_config c = { .idle_ns = IDLE_S * NS_PER_S,
				   .log_fd = -1,
				   .uid = getuid(),
				   .gid = getgid() };
	int r;

	if (argc != 6)
		return 64;
	c.state_dir = argv[1];
	c.runtime_dir = argv[2];
	c.libexec_dir = argv[3];
	c.user = argv[4];
	(void)umask(077);
	(void)fd_raise_limit();
	log_init("keeper", STDERR_FILENO, LOG_LEVEL_INFO);
	if (election_win(&e, c.state_dir, c.runtime_dir) != 0)
		fail("election");
	c.scribe_fd = start_scribe(c.state_dir, e.lock_fd);
	c.groundsman_fd = -1;
	c.zygote_fd = start_zygote(argv[5], &e, c.scribe_fd);
	if (election_announce(&e) != 0)
		fail("announce");
	c.listen_fd = e.listen_fd;
	c.socket_path = e.socket_path;
	c.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c.root_fd == -1)
		fail("/");
	r = keeper_run(&c);
	election_retire(&e);
	return r < 0 ? 2 : r;
}
