/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The keeper is what it has promised to others: one listening socket, one link
 * to the scribe, one to the zygote, one to the groundsman, and the lists of clients and sessions.
 * Every promise ends with a descriptor that closes, so this file mostly says
 * what is to be done when one does.
 *
 *   a client ends     its session is closed by us ("supervisor died")
 *   a relay ends      the supervisor is told to end (session.c)
 *   the scribe ends   nothing can be recorded: all sessions end at once, and
 *   the zygote ends   the daemon with them; the next start begins afresh
 *   the groundsman ends   sessions make their networks themselves (grounds.c)
 *   SIGTERM           the same, but commands are given time to end
 *
 * Idle: without clients and sessions for a while we end.  A client that comes
 * in that very moment finds the connection refused and starts the next daemon.
 */
#include "keeper/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/wall.h"
#include "ipc/protocol.h"
#include "keeper/client.h"
#include "keeper/election.h"
#include "keeper/session.h"
#include "keeper/state.h"
#include "ledger/reader.h"
#include "ledger/record.h"

#define TICK_NS      (UINT64_C(1) * NS_PER_S)  /* look at resolv.conf */
#define STOP_NS      (UINT64_C(15) * NS_PER_S) /* for sessions to end */
#define BROKEN_NS    (UINT64_C(2) * NS_PER_S)  /* for closing records */
#define LAST_NS      (UINT64_C(3) * NS_PER_S)  /* for the last record */
#define SCRIBE_MAX   ((size_t)16 * 1024)       /* bytes of an answer */
#define ACCEPT_BATCH 16
#define RECORD_STOP  1u
#define RECORD_START 2u

/* ---- the ledger's words about ourselves ---- */

static int append_own(struct keeper *k, uint32_t id, enum record_kind kind,
		      const char *peer, pid_t pid, const char *why)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BYTES);
	record_begin(&w, kind, "none", RECORD_KERNEL, NULL, 1);
	if (peer)
		json_kstr(&w, "peer", str_of(peer));
	json_kint(&w, "pid", pid);
	if (why)
		json_kstr(&w, "reason", str_of(why));
	record_end(&w);
	return b.failed ? -ENOMEM
			: link_send(&k->scribe, MSG_APPEND, id, buf_str(&b),
				    NULL, 0);
}

void keeper_record_killed(struct keeper *k, struct session *on,
			  const char *peer, pid_t pid, const char *why)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct link *to = on && on->opened ? &on->ledger : &k->scribe;
	int r;

	log_warn("%s (pid %d) is ended: %s", peer, (int)pid, why);
	buf_init(&b, RECORD_MAX_BYTES);
	record_begin(&w, RECORD_PEER_KILLED, "deny", RECORD_KERNEL, NULL, 1);
	json_kstr(&w, "peer", str_of(peer));
	json_kint(&w, "pid", pid);
	json_kstr(&w, "reason", str_of(why));
	record_end(&w);
	r = b.failed ? -ENOMEM
		     : link_send(to, MSG_APPEND, 0, buf_str(&b), NULL, 0);
	if (r != 0)
		log_error("that cannot be recorded: %s", strerror(-r));
}

/* ---- ending ---- */

static void finish(struct keeper *k)
{
	loop_stop(k->loop, 0);
}

/* The last session is gone: one more record, then the end. */
static void say_goodbye(struct keeper *k)
{
	static const char *const reasons[] = {
		[KEEPER_IDLE] = "idle",
		[KEEPER_DRAINED] = "another build takes over",
		[KEEPER_STOPPED] = "stopped",
		[KEEPER_BROKEN] = "broken",
	};

	if (k->stopping)
		return;
	k->stopping = true;
	if (append_own(k, RECORD_STOP, RECORD_DAEMON_STOP, NULL, getpid(),
		       reasons[k->end]) != 0 ||
	    loop_timer_set(k->loop, &k->stop_timer,
			   loop_now_ns(k->loop) + LAST_NS) != 0)
		finish(k);
}

static int on_stop_timer(struct loop_timer *t)
{
	struct keeper *k = t->owner;

	if (!k->stopping)
		log_warn("%zu sessions did not end in time", k->n_sessions);
	finish(k);
	return 0;
}

/*
 * Who comes from now on finds nobody, starts the next daemon, and that one
 * waits for our end.
 */
static void close_door(struct keeper *k)
{
	if (k->config->socket_path)
		(void)unlink(k->config->socket_path);
	loop_io_remove(k->loop, &k->listen);
	k->listen_off = false;
}

/*
 * Without scribe or zygote no session may go on for another second: its
 * supervisor sees us gone and ends the jail, whatever the command ignores.
 */
static void abandon(struct session *s, const char *reason)
{
	struct client *c = s->client;

	if (!c)
		return;
	if (s->keeper->scribe_why[0])
		session_not_started(s, s->keeper->scribe_why);
	session_orphan(s, reason);
	client_free(c);
}

void keeper_stop(struct keeper *k, enum keeper_end why, const char *reason)
{
	uint64_t limit_ns = why == KEEPER_BROKEN ? BROKEN_NS : STOP_NS;
	struct session *next;

	if (k->stopping || (k->draining && k->end == why))
		return; /* under way */
	k->draining = true;
	k->end = why;
	log_info("ending: %s", reason);
	close_door(k);
	for (struct session *s = k->sessions; s; s = next) {
		next = s->next;
		if (why == KEEPER_BROKEN)
			abandon(s, reason);
		else
			session_terminate(s, reason);
	}
	if (loop_timer_set(k->loop, &k->stop_timer,
			   loop_now_ns(k->loop) + limit_ns) != 0)
		finish(k);
	keeper_changed(k);
}

void keeper_changed(struct keeper *k)
{
	if (k->stopping)
		return;
	if (k->draining && k->n_sessions == 0) {
		if (k->end == KEEPER_IDLE)
			k->end = KEEPER_DRAINED;
		if (k->end == KEEPER_BROKEN)
			finish(k);
		else
			say_goodbye(k);
		return;
	}
	if (k->n_sessions > 0 && k->tick_timer.heap_pos == 0 &&
	    loop_timer_set(k->loop, &k->tick_timer,
			   loop_now_ns(k->loop) + TICK_NS) != 0)
		log_warn("no memory for a timer");
	if (k->n_sessions > 0 || k->n_clients > 0) {
		loop_timer_clear(k->loop, &k->idle_timer);
		return;
	}
	if (loop_timer_set(k->loop, &k->idle_timer,
			   loop_now_ns(k->loop) + k->config->idle_ns) != 0)
		log_warn("no memory for the idle timer");
}

static int on_signal(struct loop_io *io, uint32_t events)
{
	struct keeper *k = io->owner;
	struct signalfd_siginfo si;

	(void)events;
	if (read(io->fd, &si, sizeof(si)) == sizeof(si))
		keeper_stop(k, KEEPER_STOPPED, "bawnd is being stopped");
	return 0;
}

/* ---- scribe and zygote ---- */

static int on_owed(void *owner, int slot, const struct owed_entry *e)
{
	return session_recover(owner, slot, e);
}

void keeper_durable(struct keeper *k, uint64_t seq)
{
	char dir[PATH_LIMIT + 16];
	int r;

	if (seq > k->seq)
		k->seq = seq;
	if (seq == 0 || k->recovered)
		return;
	k->recovered = true;
	if (!WALL(OWED))
		return;
	(void)snprintf(dir, sizeof(dir), "%s/ledger", k->config->state_dir);
	r = owed_recover(&k->owed, dir, k->seq, on_owed, k);
	if (r != 0)
		log_error("sessions of the daemon that died stay open on the "
			  "ledger for now: %s",
			  strerror(-r));
}

static int on_scribe_msg(struct link *l, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct keeper *k = l->owner;
	struct json *body = NULL;

	if (m->type != MSG_APPENDED && m->type != MSG_SCRIBE_FAILED &&
	    m->type != MSG_AMENDED)
		return -EPROTO;
	if (m->type == MSG_APPENDED && m->id == RECORD_STOP && k->stopping) {
		finish(k);
		return 0;
	}
	arena_init(&a, SCRIBE_MAX);
	if (json_parse(&a, buf_str(&m->body), &body, NULL) != 0)
		return -EPROTO;
	if (m->type == MSG_SCRIBE_FAILED) {
		str_sanitise(json_find_str(body, "error"), k->scribe_why,
			     sizeof(k->scribe_why));
		return 0;
	}
	if (m->type == MSG_AMENDED) {
		amending_over(k, m, body);
		return 0;
	}
	if (m->id == ACCEPTING_RECORD)
		accepting_recorded(k,
				   json_is(json_find(body, "seq"), JSON_INT) &&
					   !json_find(body, "error"));
	keeper_durable(k, (uint64_t)json_find_int(body, "seq", 0));
	return 0;
}

static void on_scribe_end(struct link *l, int reason)
{
	struct keeper *k = l->owner;

	log_error("the scribe died: %s", strerror(-reason));
	link_close(l);
	if (WALL(SCRIBE_DEATH))
		keeper_stop(k, KEEPER_BROKEN, "the ledger's writer died");
}

static int on_zygote_msg(struct link *l, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct keeper *k = l->owner;
	struct session *s = session_find_serial(k, m->id);
	struct json *body = NULL;
	struct str error;
	char why[256];

	if ((m->type != MSG_FORKED && m->type != MSG_EXITED) || m->n_fds > 0)
		return -EPROTO;
	if (m->type == MSG_EXITED || !s)
		return 0; /* its channel says so too */
	arena_init(&a, SCRIBE_MAX);
	if (json_parse(&a, buf_str(&m->body), &body, NULL) != 0)
		return -EPROTO;
	error = json_find_str(body, "error");
	if (!error.ptr)
		return 0;
	str_sanitise(error, why, sizeof(why));
	log_error("session %s: no relay: %s", s->id, why);
	session_cannot_start(s, why);
	return 0;
}

static void on_zygote_end(struct link *l, int reason)
{
	struct keeper *k = l->owner;

	log_error("the relays' zygote died: %s", strerror(-reason));
	link_close(l);
	keeper_stop(k, KEEPER_BROKEN, "the relays' zygote died");
}

/* ---- clients ---- */

static int accept_one(struct keeper *k, int listen_fd)
{
	AUTO(fd)
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid;
	pid_t pid;
	int r;

	if (fd == -1)
		return neg_errno();
	r = ipc_peer(fd, &uid, &pid);
	if (r != 0)
		return r;
	if (WALL(PEER_UID) && uid != k->config->uid) {
		/* Not root either: a user's daemon serves that user. */
		keeper_record_killed(k, NULL, "stranger", pid,
				     "another user's process has connected");
		return 0;
	}
	if (k->n_clients >= KEEPER_MAX_CLIENTS) {
		log_warn("too many clients; pid %d is turned away", (int)pid);
		return 0;
	}
	r = client_new(k, TAKE_FD(fd), pid);
	/* Gone already: somebody only looked whether we are here. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static int take_spare(struct keeper *k)
{
	k->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return k->spare_fd == -1 ? neg_errno() : 0;
}

/* Without a descriptor for it, whoever comes hears at least that. */
static int turn_away(struct keeper *k, int listen_fd)
{
	static const struct str body =
		STR("{\"code\":2,\"text\":\"bawnd has no descriptor left for "
		    "another session: end some, or raise its limit of open "
		    "files (ulimit -n) and start it anew\"}");
	int fd, r;

	if (k->spare_fd == -1)
		return -EMFILE;
	(void)close(TAKE_FD(k->spare_fd));
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	r = fd == -1 ? neg_errno() : 0;
	if (fd != -1) {
		(void)!ipc_send(fd, MSG_REFUSED, 1, body, NULL, 0);
		(void)close(fd);
	}
	(void)!take_spare(k); /* then the next one has to wait */
	return r;
}

/* All that wait; true: the queue is empty. */
static bool accept_all(struct keeper *k)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int r = accept_one(k, k->listen.fd);

		if (r == -EMFILE || r == -ENFILE)
			r = turn_away(k, k->listen.fd);

		if (r == -EAGAIN)
			return true;
		if (r != 0) {
			log_warn("a client is lost: %s", strerror(-r));
			return false;
		}
	}
	return true;
}

static int on_listen(struct loop_io *io, uint32_t events)
{
	struct keeper *k = io->owner;

	(void)events;
	if (accept_all(k))
		return 0;
	/* Out of descriptors or memory: not again before the next tick. */
	if (loop_io_set(k->loop, io, 0) == 0)
		k->listen_off = true;
	return loop_timer_set(k->loop, &k->tick_timer,
			      loop_now_ns(k->loop) + TICK_NS);
}

/*
 * Nobody can connect any more.  False: somebody had, in the last moment, and
 * all is as it was.
 */
static bool stop_listening(struct keeper *k)
{
	const char *path = k->config->socket_path;
	char aside[128];

	if (!path)
		return true;
	(void)snprintf(aside, sizeof(aside), "%s~", path);
	if (rename(path, aside) == -1)
		return true; /* it is gone already */
	(void)accept_all(k);
	if (k->n_clients > 0 && rename(aside, path) == 0)
		return false;
	(void)unlink(aside);
	return true;
}

static int on_idle(struct loop_timer *t)
{
	struct keeper *k = t->owner;

	if (!stop_listening(k))
		return 0;
	log_info("idle");
	k->end = KEEPER_IDLE;
	say_goodbye(k);
	return 0;
}

/* ---- presets, resolvers ---- */

static void on_preset(void *owner)
{
	struct keeper *k = owner;
	struct session *next;

	for (struct session *s = k->sessions; s; s = next) {
		next = s->next;
		if (s->state == SESSION_OPENING && s->client)
			session_advance(s);
	}
}

void keeper_look_at_resolvers(struct keeper *k)
{
	if (!resolvers_check(&k->resolvers, &k->host))
		return;
	for (struct session *s = k->sessions; s; s = s->next)
		session_resolvers(s);
}

static int on_tick(struct loop_timer *t)
{
	struct keeper *k = t->owner;

	keeper_look_at_resolvers(k);
	for (struct session *s = k->sessions, *next; s; s = next) {
		next = s->next;
		session_look_at_policy(s);
	}
	exporter_check(k);
	election_trim_log(k->config->state_dir, k->config->log_fd);
	if (k->listen_off && loop_io_set(k->loop, &k->listen, EPOLLIN) == 0)
		k->listen_off = false;
	if (k->n_sessions == 0 && !k->listen_off)
		return 0;
	return loop_timer_set(k->loop, t, loop_now_ns(k->loop) + TICK_NS);
}

/* ---- the role ---- */

static int open_peer(struct keeper *k, struct link *l, int fd, link_msg_fn msg,
		     link_end_fn end)
{
	int copy = fd_dup(fd);

	if (copy < 0)
		return copy;
	*l = (struct link){ .fd = -1,
			    .owner = k,
			    .on_msg = msg,
			    .on_end = end,
			    .max_body = SCRIBE_MAX };
	return link_open(l, k->loop, copy);
}

/* The last record there is now; 0: none, or it cannot be said. */
static uint64_t read_last(const char *state_dir)
{
	AUTO(reader) struct reader *r = NULL;
	char path[PATH_LIMIT + 32];
	struct reader_line l;

	(void)snprintf(path, sizeof(path), "%s/ledger", state_dir);
	if (reader_open(&r, path) != 0 || reader_seek_last(r, 1) != 0 ||
	    reader_next(r, &l) != 0)
		return 0;
	return l.seq;
}

static int open_all(struct keeper *k, struct loop_io *signals)
{
	const struct keeper_config *c = k->config;
	int r = open_peer(k, &k->scribe, c->scribe_fd, on_scribe_msg,
			  on_scribe_end);

	if (r == 0)
		r = open_peer(k, &k->zygote, c->zygote_fd, on_zygote_msg,
			      on_zygote_end);
	if (r == 0)
		r = grounds_open(k, c->groundsman_fd);
	if (r == 0 && k->listen.fd != -1)
		r = loop_io_add(k->loop, &k->listen);
	if (r == 0)
		r = loop_io_add(k->loop, signals);
	k->seq = read_last(c->state_dir);
	if (r == 0)
		r = owed_open(&k->owed, c->state_dir);
	if (r == 0)
		r = append_own(k, RECORD_START, RECORD_DAEMON_START, NULL,
			       getpid(), NULL);
	return r == -EPIPE ? 0 : r; /* the loop hears what the scribe died of */
}

static void close_all(struct keeper *k)
{
	while (k->sessions)
		session_free(k->sessions);
	while (k->clients)
		client_free(k->clients);
	accepting_done(k);
	link_close(&k->scribe);
	link_close(&k->zygote);
	grounds_done(&k->grounds);
	exporter_done(k);
	loop_timer_clear(k->loop, &k->idle_timer);
	loop_timer_clear(k->loop, &k->tick_timer);
	loop_timer_clear(k->loop, &k->stop_timer);
	preset_done(&k->preset);
	resolvers_done(&k->resolvers);
	owed_done(&k->owed);
	host_done(&k->host);
	auto_fd(&k->spare_fd);
	rules_done(&k->rules);
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return neg_errno();
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd == -1 ? neg_errno() : fd;
}

static struct keeper *make(const struct keeper_config *c, struct loop *loop)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	*k = (struct keeper){
		.config = c,
		.loop = loop,
		.scribe = LINK_NULL,
		.zygote = LINK_NULL,
		.began_ns = clock_boot_ns(),
		.spare_fd = -1,
		.listen = { .fd = c->listen_fd,
			    .events = EPOLLIN,
			    .run = on_listen,
			    .owner = k },
		.idle_timer = { .run = on_idle, .owner = k },
		.tick_timer = { .run = on_tick, .owner = k },
		.stop_timer = { .run = on_stop_timer,
				.owner = k,
				.patient = true },
	};
	resolvers_init(&k->resolvers);
	owed_init(&k->owed);
	grounds_init(&k->grounds, loop);
	exporter_init(k);
	preset_init(&k->preset, loop, c->state_dir, c->libexec_dir, on_preset,
		    k);
	return k;
}

int keeper_run(const struct keeper_config *c)
{
	AUTO(loop) struct loop *loop = NULL;
	AUTO(fd) int signal_fd = -1;
	struct loop_io signals = { .events = EPOLLIN, .run = on_signal };
	struct keeper *k;
	int r = loop_new(&loop, NULL);

	if (r != 0)
		return r;
	r = open_signals();
	if (r < 0)
		return r;
	signal_fd = r;
	k = make(c, loop);
	if (!k)
		return -ENOMEM;
	r = host_init(&k->host, c->root_fd);
	if (r == 0)
		r = take_spare(k);
	signals.fd = signal_fd;
	signals.owner = k;
	if (r == 0)
		r = open_all(k, &signals);
	if (r == 0) {
		exporter_check(k);
		keeper_changed(k);
		r = loop_run(loop);
	}
	k->stopping = true;
	loop_io_remove(loop, &k->listen);
	loop_io_remove(loop, &signals);
	close_all(k);
	if (r == 0)
		r = (int)k->end;
	free(k);
	return r;
}
