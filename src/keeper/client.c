/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a client can ask is requests[] below.  The socket lets only the same
 * user in, but what runs as that user may still be hostile, so a client that
 * breaks the table loses its connection and, when it owns a session, its life:
 * a supervisor that cannot be trusted to speak cannot be trusted to end its
 * jail either.
 */
#include "keeper/client.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/build-id.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "ipc/protocol.h"
#include "keeper/session.h"
#include "keeper/state.h"
#include "ledger/record.h"

#define SMALL_MAX   1024u /* bytes of a request without content */
#define CLOSE_MAX   4096u
#define ACCEPT_MAX  16384u
#define ANSWER_MAX  ((size_t)4 * 1024 * 1024)
#define REFUSED_MAX ((size_t)4096)
#define BODY_ARENA  (16 * OPEN_MAX_BYTES)
#define ANY_IDLE    (CLIENT_IDLE | CLIENT_DONE | CLIENT_LOST)
#define OWNS        (CLIENT_GRANTED | CLIENT_RUNNING | CLIENT_LOST)

enum {
	REFUSED_OTHER_BUILD = 3
};

void client_send(struct client *c, uint32_t type, uint32_t id, struct str body,
		 const int *fds, size_t n_fds)
{
	int r = link_send(&c->link, type, id, body, fds, n_fds);

	if (r == 0 || r == -EPIPE)
		return; /* the end of the connection is seen by the loop */
	log_warn("client %d: cannot be told: %s", (int)c->pid, strerror(-r));
	(void)shutdown(c->link.fd, SHUT_RDWR);
}

void client_refuse(struct client *c, uint32_t id, int code, const char *text)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, REFUSED_MAX);
	json_open(&w, '{');
	json_kint(&w, "code", code);
	json_kstr(&w, "text", str_of(text));
	json_close(&w, '}');
	if (b.failed) {
		buf_clear(&b);
		(void)buf_add(&b, STR("{\"code\":2,\"text\":\"refused\"}"));
	}
	client_send(c, MSG_REFUSED, id, buf_str(&b), NULL, 0);
}

void client_kill(struct client *c)
{
	if (c->pid_fd != -1)
		(void)syscall(SYS_pidfd_send_signal, c->pid_fd, SIGKILL, NULL,
			      0);
	(void)shutdown(c->link.fd, SHUT_RDWR);
}

/* ---- answers ---- */

static int parse(struct arena *a, const struct ipc_msg *m, struct json **ret)
{
	struct str text = buf_str(&m->body);
	int r;

	arena_init(a, BODY_ARENA);
	r = json_parse(a, text, ret, NULL);
	if (r == 0 && !json_is(*ret, JSON_OBJECT))
		r = 1;
	return r > 0 ? -EPROTO : r;
}

/*
 * Every first message says what build it comes from.  False: another one, and
 * it has been told.
 */
static bool check_build(struct client *c, const struct ipc_msg *m,
			const struct json *body)
{
	char text[200];

	if (c->known_build)
		return true;
	if (str_eq(json_find_str(body, "build"), str_of(build_id()))) {
		c->known_build = true;
		return true;
	}
	(void)snprintf(text, sizeof(text),
		       "the bawnd that runs (pid %d) is of another build; "
		       "it ends with its last session",
		       (int)getpid());
	client_refuse(c, m->id, REFUSED_OTHER_BUILD, text);
	return false;
}

static int answer_open(void *peer, struct ipc_msg *m)
{
	struct client *c = peer;
	struct arena a = ARENA_NULL;
	struct json *body = NULL;
	struct session *s;
	int r = parse(&a, m, &body);

	if (r == 0 && !check_build(c, m, body)) {
		arena_done(&a);
		return 0;
	}
	/* Broken or stopped: another daemon is asked, once this one is gone. */
	if (r == 0 && (c->keeper->stopping ||
		       (c->keeper->draining && c->keeper->end != KEEPER_IDLE)))
		r = -EPIPE;
	if (r == 0 && (c->keeper->draining ||
		       c->keeper->n_sessions >= KEEPER_MAX_SESSIONS)) {
		client_refuse(c, m->id, 2,
			      c->keeper->n_sessions >= KEEPER_MAX_SESSIONS
				      ? "too many sessions at once"
				      : "bawnd is ending; try again");
		arena_done(&a);
		return 0;
	}
	if (r != 0) {
		arena_done(&a);
		return r;
	}
	c->requests.phase = CLIENT_OPENING;
	c->pid_fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	s = session_new(c->keeper, c, m->id, &a, body);
	if (s && !s->request.plan_only) /* first: it is waited for */
		grounds_hand(&c->keeper->grounds, c);
	if (s)
		session_advance(s);
	else
		c->requests.phase = CLIENT_DONE;
	return 0;
}

static int answer_started(void *peer, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct client *c = peer;
	struct json *body = NULL;
	int r;

	if (!c->session)
		return 0; /* CLIENT_LOST */
	r = parse(&a, m, &body);
	if (r == 0)
		r = session_started(c->session, body);
	if (r == 0)
		c->requests.phase = CLIENT_RUNNING;
	return r;
}

static int answer_event(void *peer, struct ipc_msg *m)
{
	struct client *c = peer;

	if (!c->session)
		return 0; /* CLIENT_LOST */
	return session_event(c->session, buf_str(&m->body));
}

static int answer_close(void *peer, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct client *c = peer;
	struct json *body = NULL;
	struct session_end end;
	int r;

	if (!c->session)
		return 0; /* CLIENT_LOST */
	r = parse(&a, m, &body);
	if (r != 0)
		return r;
	end = (struct session_end){
		.code = json_find_int(body, "code", -1),
		.signal = json_find_int(body, "signal", 0),
		.reason = json_find_str(body, "reason"),
		.utime_us = json_find_int(body, "utime_us", 0),
		.stime_us = json_find_int(body, "stime_us", 0),
		.maxrss_kb = json_find_int(body, "maxrss_kb", 0),
		.wall_ms = json_find_int(body, "wall_ms", 0),
		.ledger_ms = json_find_int(body, "ledger_ms", 0),
	};
	c->session->mounts = ipc_take_fd(m, 0);
	session_close(c->session, m->id, &end);
	return 0;
}

static void write_session(struct json_out *w, const struct session *s)
{
	json_open(w, '{');
	json_kstr(w, "id", str_of(s->id));
	json_kint(w, "pid", s->pid ? s->pid : s->client ? s->client->pid : 0);
	json_kuint(w, "started", s->started_ns);
	json_kstr(w, "user", str_of(s->keeper->config->user));
	json_kstr(w, "task", s->request.task);
	json_kstr(w, "argv", s->argv);
	json_kstr(w, "cwd", s->request.cwd);
	json_kstr(w, "state", str_of(session_state_name(s->state)));
	json_kstr(w, "policy", str_of(s->rules ? s->rules->hash : ""));
	json_kstr(w, "file", str_of(s->rules ? s->rules->file : ""));
	json_close(w, '}');
}

static int answer_list(void *peer, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct client *c = peer;
	struct json *body = NULL;
	int r = parse(&a, m, &body);

	if (r != 0)
		return r;
	if (!check_build(c, m, body))
		return 0;
	buf_init(&b, ANSWER_MAX);
	json_open(&w, '{');
	json_key(&w, "sessions");
	json_open(&w, '[');
	for (const struct session *s = c->keeper->sessions; s; s = s->next) {
		if (!s->closed)
			write_session(&w, s);
	}
	json_close(&w, ']');
	json_close(&w, '}');
	if (b.failed)
		client_refuse(c, m->id, 2, "the list is too long");
	else
		client_send(c, MSG_SESSIONS, m->id, buf_str(&b), NULL, 0);
	return 0;
}

static int answer_kill(void *peer, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct client *c = peer;
	struct session *s = NULL;
	struct json *body = NULL;
	int r = parse(&a, m, &body);

	if (r != 0)
		return r;
	if (!check_build(c, m, body))
		return 0;
	r = session_find(c->keeper, json_find_str(body, "session"), &s);
	if (r != 0) {
		client_refuse(c, m->id, 1,
			      r == SESSION_FIND_MANY
				      ? "more than one session begins so"
				      : "no such session is running");
		return 0;
	}
	buf_init(&b, SMALL_MAX);
	json_open(&w, '{');
	json_kstr(&w, "session", str_of(s->id));
	json_close(&w, '}');
	session_terminate(s, "killed");
	client_send(c, MSG_OK, m->id, buf_str(&b), NULL, 0);
	return 0;
}

static void write_status(struct json_out *w, const struct keeper *k)
{
	const struct keeper_config *c = k->config;

	json_open(w, '{');
	json_kstr(w, "build", str_of(build_id()));
	json_kstr(w, "version", STR(BAWN_VERSION));
	json_kint(w, "pid", getpid());
	json_kuint(w, "uid", c->uid);
	json_kstr(w, "user", str_of(c->user));
	json_kuint(w, "sessions", k->n_sessions);
	json_kuint(w, "clients", k->n_clients);
	json_kuint(w, "opened", k->n_opened);
	json_kuint(w, "uptime_ms", (clock_boot_ns() - k->began_ns) / NS_PER_MS);
	json_kbool(w, "draining", k->draining);
	json_kstr(w, "state", str_of(c->state_dir));
	json_kstr(w, "runtime", str_of(c->runtime_dir));
	json_close(w, '}');
}

static void send_status(struct client *c, uint32_t id)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, (size_t)64 * 1024);
	write_status(&w, c->keeper);
	client_send(c, MSG_OK, id, buf_str(&b), NULL, 0);
}

static int answer_status(void *peer, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct client *c = peer;
	struct json *body = NULL;
	int r = parse(&a, m, &body);

	if (r == 0 && check_build(c, m, body))
		send_status(c, m->id);
	return r;
}

/* From a client of another build; of the same build it is of no use. */
static int answer_drain(void *peer, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct client *c = peer;
	struct json *body = NULL;
	int r = parse(&a, m, &body);

	if (r != 0)
		return r;
	if (!json_find_str(body, "build").ptr)
		return -EPROTO;
	c->keeper->draining = true;
	send_status(c, m->id);
	log_info("another build takes over; %zu sessions left",
		 c->keeper->n_sessions);
	keeper_changed(c->keeper);
	return 0;
}

static int answer_accept(void *peer, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct client *c = peer;
	struct json *body = NULL;
	int r = parse(&a, m, &body);

	if (r != 0)
		return r;
	return check_build(c, m, body)
		       ? accepting_begin(c->keeper, c, m->id, body)
		       : 0;
}

static int answer_amend(void *peer, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct client *c = peer;
	struct json *body = NULL;
	int r = parse(&a, m, &body);

	if (r != 0)
		return r;
	return check_build(c, m, body) ? amending_begin(c->keeper, c, m, body)
				       : 0;
}

static const struct request requests[MSG_MAX_] = {
	[MSG_OPEN] = { "open", answer_open, OPEN_MAX_BYTES, CLIENT_IDLE, 0, 0,
		       true },
	[MSG_STARTED] = { "started", answer_started, CLOSE_MAX,
			  CLIENT_GRANTED | CLIENT_LOST, 0, 0, true },
	[MSG_EVENT] = { "event", answer_event, RECORD_MAX_BYTES, OWNS, 0, 0,
			false },
	[MSG_CLOSE] = { "close", answer_close, CLOSE_MAX, OWNS, 0, 1, true },
	[MSG_LIST] = { "list", answer_list, SMALL_MAX, ANY_IDLE, 0, 0, false },
	[MSG_KILL] = { "kill", answer_kill, SMALL_MAX, ANY_IDLE, 0, 0, false },
	[MSG_STATUS] = { "status", answer_status, SMALL_MAX, ANY_IDLE, 0, 0,
			 false },
	[MSG_ACCEPT] = { "accept", answer_accept, ACCEPT_MAX, ANY_IDLE, 0, 0,
			 true },
	[MSG_ERASE] = { "erase", answer_amend, AMENDING_MAX, ANY_IDLE, 0, 0,
			false },
	[MSG_ROTATE_KEY] = { "rotate-key", answer_amend, AMENDING_MAX, ANY_IDLE,
			     0, 0, false },
	[MSG_DRAIN] = { "drain", answer_drain, SMALL_MAX, ANY_IDLE, 0, 0,
			true },
};

/* ---- the connection ---- */

static int on_msg(struct link *l, struct ipc_msg *m)
{
	struct client *c = l->owner;
	int r = request_dispatch(requests, N_ELEMS(requests), &c->requests, c,
				 m, &c->why);

	if (r == -EPROTO && !c->why.text[0])
		diag_set(&c->why, 0, 0, "a malformed request");
	return r;
}

/* It broke its table, or sent what is no message at all (c->why is empty). */
static void punish(struct client *c)
{
	keeper_record_killed(c->keeper, c->session, "client", c->pid,
			     c->why.text[0] ? c->why.text : "not a message");
	if (c->session)
		client_kill(c);
}

static const char *why_ended(int reason)
{
	if (reason == -EPIPE)
		return "supervisor died";
	return reason == -EPROTO ? "supervisor killed"
				 : "supervisor could not be heard";
}

static void on_end(struct link *l, int reason)
{
	struct client *c = l->owner;

	if (reason == -EPROTO)
		punish(c);
	if (c->session)
		session_orphan(c->session, why_ended(reason));
	client_free(c);
}

static int greet(struct client *c)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, SMALL_MAX);
	json_open(&w, '{');
	json_kstr(&w, "build", str_of(build_id()));
	json_kstr(&w, "version", STR(BAWN_VERSION));
	json_kint(&w, "pid", getpid());
	if (grounds_has(&c->keeper->grounds))
		json_kbool(&w, "ground", true);
	json_close(&w, '}');
	return link_send(&c->link, MSG_HELLO, 0, buf_str(&b), NULL, 0);
}

int client_new(struct keeper *k, int fd, pid_t pid)
{
	struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		(void)close(fd);
		return -ENOMEM;
	}
	c->keeper = k;
	c->pid = pid;
	c->pid_fd = -1;
	c->requests.phase = CLIENT_IDLE;
	c->link = (struct link){ .fd = -1,
				 .owner = c,
				 .on_msg = on_msg,
				 .on_end = on_end,
				 .max_body = OPEN_MAX_BYTES };
	c->next = k->clients;
	if (c->next)
		c->next->link_to = &c->next;
	c->link_to = &k->clients;
	k->clients = c;
	k->n_clients++;
	r = link_open(&c->link, k->loop, fd);
	if (r == 0)
		r = greet(c);
	if (r != 0)
		client_free(c);
	else
		keeper_changed(k);
	return r;
}

void client_free(struct client *c)
{
	struct keeper *k = c->keeper;

	ASSERT(!c->session);
	accepting_forget(k, c);
	amending_forget(k, c);
	link_close(&c->link);
	if (c->pid_fd != -1)
		(void)close(c->pid_fd);
	*c->link_to = c->next;
	if (c->next)
		c->next->link_to = c->link_to;
	k->n_clients--;
	free(c);
	keeper_changed(k);
}
