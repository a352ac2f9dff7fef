/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Five channels belong to a session.  Two join the relay with the supervisor
 * and with the scribe; the keeper makes and forgets them.  Three the keeper
 * holds an end of: to the relay (resolvers; its end is the relay's end), and
 * two to the scribe, for the records that the keeper makes and for those that
 * it passes on for the supervisor.  They are apart since the scribe decides by
 * channel what kinds of record a writer may make.
 *
 * Order of the ledger: the open record is sent before the relay begins, and the
 * close record after it is gone, so a reader finds everything in between.
 *
 * Nothing is dropped: while the scribe does not take a record of the
 * supervisor, the supervisor is not read from.
 *
 * Invariants
 * 1. client->session == s exactly while s->client == client.
 * 2. Nothing but session_free() takes a session off the keeper's list.
 * 3. No GO before the open record is durable; a plan alone runs nothing.
 * 4. Its place in STATE/owed is cleared only when the ledger said that the
 *    close record is durable, or that there is no open record.
 * 5. No close record is sent before the open record is durable.
 */
#include "keeper/session.h"

#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/wall.h"
#include "ipc/protocol.h"
#include "keeper/client.h"
#include "keeper/grant.h"
#include "keeper/state.h"
#include "ledger/record.h"

#define RECORD_OPEN   1u /* ids of what has to become durable */
#define RECORD_CLOSE  2u

#define MANY_SESSIONS 8u

static void settle(struct session *s);

const char *session_state_name(enum session_state s)
{
	static const char *const names[] = {
		[SESSION_OPENING] = "opening",
		[SESSION_GRANTED] = "granted",
		[SESSION_RUNNING] = "running",
		[SESSION_CLOSING] = "closing",
	};

	ASSERT((unsigned)s < N_ELEMS(names) && names[s]);
	return names[s];
}

/* ---- birth ---- */

static void insert(struct keeper *k, struct session *s)
{
	s->next = k->sessions;
	if (s->next)
		s->next->link_to = &s->next;
	s->link_to = &k->sessions;
	k->sessions = s;
	k->n_sessions++;
	heap_crowd_came(&k->crowd, k->n_sessions);
	k->n_opened++;
}

/* Ids sort by time; two of one millisecond must do so too. */
static int make_id(struct keeper *k, struct session *s)
{
	uint8_t rnd[8];

	s->started_ns = clock_utc_ns();
	do {
		if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
			return neg_errno();
		id_session_new(s->id, s->started_ns, rnd);
	} while (k->sessions && strcmp(k->sessions->id, s->id) == 0);
	return 0;
}

static int on_timer(struct loop_timer *t)
{
	struct session *s = t->owner;

	settle(s);
	return 0;
}

static void arm(struct session *s, uint64_t after_ns)
{
	struct loop *l = s->keeper->loop;

	if (loop_timer_set(l, &s->timer, loop_now_ns(l) + after_ns) != 0)
		log_warn("session %s: no memory for a timer", s->id);
}

static struct session *make(struct keeper *k, enum session_state state)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->keeper = k;
	s->state = state;
	s->owed = OWED_NONE;
	s->mounts = -1;
	s->ledger.fd = -1;
	s->events.fd = -1;
	s->relay.fd = -1;
	s->timer = (struct loop_timer){ .run = on_timer,
					.owner = s,
					.patient = true };
	return s;
}

struct session *session_new(struct keeper *k, struct client *c, uint32_t msg,
			    struct arena *take_arena, const struct json *body)
{
	struct session *s = make(k, SESSION_OPENING);
	struct diag why = { 0 };
	int r;

	if (!s) {
		arena_done(take_arena);
		client_refuse(c, msg, 2, "out of memory");
		return NULL;
	}
	s->arena = *take_arena;
	s->open_msg = msg;
	r = open_parse(&s->arena, body, &s->request, &why);
	if (r == 0)
		r = make_id(k, s);
	if (r == 0)
		r = grant_quote_argv(&s->arena, &s->request, &s->argv);
	if (r != 0) {
		client_refuse(c, msg, 2, r > 0 ? why.text : strerror(-r));
		arena_done(&s->arena);
		free(s);
		return NULL;
	}
	s->serial = ++k->last_serial;
	insert(k, s);
	s->client = c;
	c->session = s;
	keeper_changed(k);
	return s;
}

int session_recover(struct keeper *k, int slot, const struct owed_entry *e)
{
	struct session_end end = { .code = -1, .reason = STR("bawnd died") };
	struct session *s = make(k, SESSION_GRANTED);
	int r;

	if (!s)
		return -ENOMEM;
	arena_init(&s->arena, (size_t)16 * 1024);
	memcpy(s->id, e->id, sizeof(s->id));
	s->request.task = arena_str(&s->arena, e->task);
	s->owed = slot;
	s->opened = true;
	s->durable = true;
	insert(k, s);
	log_info("session %s: closed for the daemon that died", s->id);
	r = grant_open_ledger(s);
	if (r != 0)
		log_warn("session %s: %s", s->id, strerror(-r));
	session_close(s, 0, &end);
	return 0;
}

/* Its connection goes on without the session, in @phase. */
static void leave_client(struct session *s, unsigned phase)
{
	if (!s->client)
		return;
	s->client->session = NULL;
	s->client->requests.phase = phase;
	s->client = NULL;
}

void session_free(struct session *s)
{
	struct keeper *k = s->keeper;

	leave_client(s, s->state == SESSION_CLOSING || !s->opened
				? CLIENT_DONE
				: CLIENT_LOST);
	loop_timer_clear(k->loop, &s->timer);
	link_close(&s->ledger);
	link_close(&s->events);
	link_close(&s->relay);
	auto_fd(&s->mounts);
	rules_unref(s->rules);
	rules_unref(s->now);
	arena_done(&s->arena);
	*s->link_to = s->next;
	if (s->next)
		s->next->link_to = s->link_to;
	k->n_sessions--;
	free(s);
	grounds_want(&k->grounds, GROUND_AFTER_END_NS);
	heap_crowd_left(&k->crowd, k->n_sessions, MANY_SESSIONS);
	keeper_changed(k);
}

/* ---- OPENING ---- */

static void refuse(struct session *s, int code, const char *text)
{
	log_info("session %s: refused: %s", s->id, text);
	if (s->client)
		client_refuse(s->client, s->open_msg, code, text);
}

/* Anything the scribe sends on a channel that has not to be waited for. */
static int on_events_msg(struct link *l, struct ipc_msg *m)
{
	(void)l;
	return m->type == MSG_APPENDED ? 0 : -EPROTO;
}

/*
 * Before the opening record is durable an ended channel is, nearly always, the
 * scribe's own end, and the keeper will hear in this round what it died of.
 */
static void await_scribe_end(struct session *s)
{
	arm(s, SESSION_WORD_NS);
}

static void on_events_end(struct link *l, int reason)
{
	struct session *s = l->owner;

	if (!s->durable && s->state != SESSION_CLOSING) {
		link_close(l);
		await_scribe_end(s);
		return;
	}
	log_warn("session %s: the ledger takes no more of its records: %s",
		 s->id, strerror(-reason));
	link_close(l);
	session_terminate(s, "the ledger refused a record");
}

static void on_events_drained(struct link *l)
{
	const struct session *s = l->owner;

	if (s->client)
		link_pause(&s->client->link, false);
}

static void open_is_durable(struct session *s)
{
	s->durable = true;
	if (s->state != SESSION_CLOSING && !s->told)
		loop_timer_clear(s->keeper->loop, &s->timer);
	if (s->state == SESSION_GRANTED && !link_is_open(&s->relay))
		arm(s, SESSION_RELAY_NS);
	if (s->client && s->state == SESSION_GRANTED && WALL(OPEN_FIRST))
		client_send(s->client, MSG_GO, s->open_msg, STR("{}"), NULL, 0);
	if (s->waited)
		settle(s);
}

/*
 * The client waits until the record cannot be lost by the death of a process.
 * Until it is durable the session stays in STATE/owed, so after a loss of power
 * in these milliseconds the next daemon closes it.
 */
static void close_is_written(struct session *s)
{
	struct client *c = s->client;

	s->closed = true;
	if (!c)
		return;
	client_send(c, MSG_CLOSED, s->close_msg, STR("{}"), NULL, 0);
	leave_client(s, CLIENT_DONE);
}

static void close_is_durable(struct session *s)
{
	close_is_written(s);
	owed_clear(&s->keeper->owed, s->owed);
	session_free(s);
}

/* To the log, and to the client as the answer to what it asked last. */
static void say_unwritten(struct session *s, int error, const char *why)
{
	bool ending = s->state == SESSION_CLOSING;
	char text[512];

	(void)snprintf(text, sizeof(text), "%s: %s (in %s/ledger)%s",
		       ending ? "the session's end is not recorded yet"
			      : "nothing was started",
		       why, s->keeper->config->state_dir, error_advice(error));
	log_error("session %s: %s", s->id, text);
	if (s->client)
		client_refuse(s->client, ending ? s->close_msg : s->open_msg, 2,
			      text);
}

/* By the ledger's word there was no session. */
static void open_refused(struct session *s, int error, const char *why)
{
	say_unwritten(s, error, why);
	owed_clear(&s->keeper->owed, s->owed);
	session_free(s);
}

/* Nobody waits for its closing record any more. */
static void hide(struct session *s)
{
	s->closed = true;
	leave_client(s, CLIENT_DONE);
}

static void close_refused(struct session *s, int error, const char *why)
{
	if (!s->closed)
		say_unwritten(s, error, why);
	hide(s);
	s->close_sent = false;
	if (s->keeper->draining)
		session_free(s); /* the next daemon has its own try */
	else
		arm(s, SESSION_AGAIN_NS);
}

/* The scribe is gone, and what it wrote the next daemon finds out. */
static void ledger_lost(struct session *s, const char *why)
{
	if (!s->closed)
		say_unwritten(s, 0, why);
	session_free(s);
}

/* The scribe is there and says nothing; its answer still counts. */
static void ledger_late(struct session *s)
{
	if (!s->closed)
		say_unwritten(s, 0, "the ledger's writer does not answer");
	if (s->state != SESSION_CLOSING)
		session_orphan(s, "the ledger's writer did not answer");
	else if (s->keeper->draining)
		session_free(s);
	else
		hide(s);
}

static int on_ledger_msg(struct link *l, struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct session *s = l->owner;
	struct json *body = NULL;
	bool of_open, of_close;
	struct str error;
	char why[256];
	int number;

	if (m->type == MSG_WRITTEN && m->id == RECORD_CLOSE && s->close_sent) {
		close_is_written(s);
		return 0;
	}
	arena_init(&a, (size_t)16 * 1024);
	if (m->type != MSG_APPENDED || m->n_fds > 0 ||
	    json_parse(&a, buf_str(&m->body), &body, NULL) != 0)
		return -EPROTO;
	of_open = m->id == RECORD_OPEN && !s->durable;
	of_close = m->id == RECORD_CLOSE && s->close_sent;
	error = json_find_str(body, "error");
	str_sanitise(error, why, sizeof(why));
	keeper_durable(s->keeper, (uint64_t)json_find_int(body, "seq", 0));
	number = (int)json_find_int(body, "errno", 0);
	if (of_open && error.ptr)
		open_refused(s, number, why);
	else if (of_open)
		open_is_durable(s);
	else if (of_close && error.ptr)
		close_refused(s, number, why);
	else if (of_close)
		close_is_durable(s);
	return 0;
}

static void on_ledger_end(struct link *l, int reason)
{
	struct session *s = l->owner;

	link_close(l);
	if (!s->durable && s->state != SESSION_CLOSING)
		await_scribe_end(s);
	else if (s->close_sent || !s->durable)
		ledger_lost(s, strerror(-reason));
	else
		session_terminate(s, "the ledger has closed its channel");
}

/* Before its end the relay says, once, how much it carried; nothing else. */
static int on_relay_msg(struct link *l, struct ipc_msg *m)
{
	struct session *s = l->owner;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	arena_init(&a, 16384);
	if (m->type != MSG_STATS || m->n_fds != 0 || s->has_stats ||
	    json_parse(&a, buf_str(&m->body), &j, NULL) != 0 ||
	    !json_is(j, JSON_OBJECT))
		return -EPROTO;
	s->has_stats = true;
	s->bytes_in = json_find_int(j, "bytes_in", 0);
	s->bytes_out = json_find_int(j, "bytes_out", 0);
	return s->bytes_in < 0 || s->bytes_out < 0 ? -EPROTO : 0;
}

static void on_relay_end(struct link *l, int reason)
{
	struct session *s = l->owner;

	link_close(l);
	if (reason != -EPIPE)
		keeper_record_killed(s->keeper, s, "relay", 0,
				     "it spoke out of turn");
	if (s->state == SESSION_CLOSING)
		settle(s);
	else if (s->durable && !s->told)
		/* The supervisor sees it too, and may have ended it. */
		arm(s, SESSION_RELAY_NS);
}

int session_open_ledger(struct session *s, int take_fd)
{
	s->ledger = (struct link){ .fd = -1,
				   .owner = s,
				   .on_msg = on_ledger_msg,
				   .on_end = on_ledger_end,
				   .max_body = SESSION_RELAY_MAX };
	return link_open(&s->ledger, s->keeper->loop, take_fd);
}

/* Takes @fds, also when it fails. */
static int open_links(struct session *s, int fds[3])
{
	struct loop *loop = s->keeper->loop;
	int r, last;

	s->events = (struct link){ .fd = -1,
				   .owner = s,
				   .on_msg = on_events_msg,
				   .on_end = on_events_end,
				   .on_drained = on_events_drained,
				   .max_body = SESSION_RELAY_MAX };
	s->relay = (struct link){ .fd = -1,
				  .owner = s,
				  .on_msg = on_relay_msg,
				  .on_end = on_relay_end,
				  .max_body = SESSION_RELAY_MAX };
	r = session_open_ledger(s, TAKE_FD(fds[0]));
	last = link_open(&s->events, loop, TAKE_FD(fds[1]));
	r = r != 0 ? r : last;
	last = link_open(&s->relay, loop, TAKE_FD(fds[2]));
	return r != 0 ? r : last;
}

/*
 * The plan first: the client builds the jail while the rest is done, which may
 * still fail, and then it is told.
 */
static int hand_out(struct session *s, const struct grant *g)
{
	struct owed_entry e = { .task = s->request.task,
				.after = s->keeper->seq };
	struct grant_channels ch;
	int r = grant_channels_open(&ch);

	if (r != 0)
		return r;
	memcpy(e.id, s->id, sizeof(e.id));
	r = owed_add(&s->keeper->owed, &e, &s->owed);
	if (r != 0) {
		grant_channels_close(&ch);
		return r;
	}
	client_send(s->client, MSG_GRANT, s->open_msg, g->body, ch.supervisor,
		    N_ELEMS(ch.supervisor));
	r = open_links(s, ch.keeper);
	if (r == 0)
		r = grant_tell_scribe(s, &ch);
	if (r == 0)
		r = grant_append_open(s, RECORD_OPEN);
	if (r == 0) {
		s->opened = true;
		r = grant_fork_relay(s, &ch);
	}
	if (r == 0 && !WALL(OPEN_FIRST))
		client_send(s->client, MSG_GO, s->open_msg, STR("{}"), NULL, 0);
	s->resolvers_version = s->keeper->resolvers.version;
	grant_channels_close(&ch);
	return r;
}

static void take_place(struct session *s)
{
	s->state = SESSION_GRANTED;
	s->client->requests.phase = CLIENT_GRANTED;
	arm(s, SESSION_LEDGER_NS);
}

/* The client comes again, when its user has said yes or no. */
static void ask_user(struct session *s)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, IPC_BODY_MAX);
	if (grant_format_asks(s, &b) == 0)
		client_send(s->client, MSG_REFUSED, s->open_msg, buf_str(&b),
			    NULL, 0);
	else
		refuse(s, 2, "what the project asks for is too long to tell");
}

void session_advance(struct session *s)
{
	struct grant g;
	struct diag why = { 0 };
	int r;

	ASSERT(s->state == SESSION_OPENING && s->client);
	keeper_look_at_resolvers(s->keeper);
	grant_init(&g);
	r = grant_make(s, &g, &why);
	if (r == GRANT_WAIT) {
		grant_done(&g);
		return;
	}
	if (r == 0 && s->request.plan_only) {
		client_send(s->client, MSG_GRANT, s->open_msg, g.body, NULL, 0);
		grant_done(&g);
		session_free(s);
		return;
	}
	if (r == GRANT_ASK) {
		ask_user(s);
		grant_done(&g);
		session_free(s);
		return;
	}
	if (r == 0)
		r = hand_out(s, &g);
	grant_done(&g);
	if (r == 0 || r == -EPIPE)
		take_place(s);
	if (r == -EPIPE)
		await_scribe_end(s);
	if (r == 0 || r == -EPIPE)
		return;
	if (r < 0)
		diag_set(&why, 0, 0, "no session can be made in %s: %s%s",
			 s->keeper->config->state_dir, strerror(-r),
			 error_advice(r));
	refuse(s, r == GRANT_REFUSED ? 1 : 2, why.text);
	if (s->opened) { /* the ledger says that it began */
		session_orphan(s, "could not start");
		return;
	}
	owed_clear(&s->keeper->owed, s->owed);
	session_free(s);
}

/* ---- GRANTED, RUNNING ---- */

int session_event(struct session *s, struct str record)
{
	int r;

	if (!link_is_open(&s->events))
		return 0; /* its client has been told to end */
	r = link_send(&s->events, MSG_APPEND, 0, record, NULL, 0);
	if (r == 0 && !link_is_drained(&s->events) && s->client)
		link_pause(&s->client->link, true);
	if (r == -EPIPE) {
		/* on_events_end() comes with the next round */
		return 0;
	}
	return r;
}

int session_started(struct session *s, const struct json *body)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	int64_t pid = json_find_int(body, "pid", 0);
	const struct json *layers = json_find(body, "layers");
	char key[64];

	if (pid < 1 || pid > INT32_MAX || !json_is(layers, JSON_OBJECT))
		return -EPROTO;
	buf_init(&b, RECORD_MAX_BYTES);
	record_begin(&w, RECORD_SESSION_START, "none", RECORD_KERNEL, NULL, 1);
	json_kint(&w, "pid", pid);
	JSON_EACH (it, layers) {
		int n = snprintf(key, sizeof(key), "layer.%.*s",
				 STR_ARG(it->key));

		if (n < 0 || (size_t)n >= sizeof(key) ||
		    it->type == JSON_ARRAY || it->type == JSON_OBJECT)
			return -EPROTO;
		json_key(&w, key);
		json_value(&w, it);
	}
	record_end(&w);
	if (b.failed)
		return -EPROTO;
	s->pid = (pid_t)pid;
	s->state = SESSION_RUNNING;
	grounds_want(&s->keeper->grounds, GROUND_AFTER_START_NS);
	return session_event(s, buf_str(&b));
}

void session_cannot_start(struct session *s, const char *why)
{
	char text[400];

	if (s->state != SESSION_GRANTED)
		return;
	(void)snprintf(text, sizeof(text), "no relay can be started: %s", why);
	refuse(s, 2, text);
	session_orphan(s, "no relay could be started");
}

void session_terminate(struct session *s, const char *reason)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	if (s->state == SESSION_CLOSING || s->told || !s->client)
		return;
	if (s->state == SESSION_OPENING) {
		refuse(s, 2, reason);
		session_free(s);
		return;
	}
	s->told = true;
	log_info("session %s: terminated: %s", s->id, reason);
	buf_init(&b, 1024);
	json_open(&w, '{');
	json_kstr(&w, "reason", str_of(reason));
	json_close(&w, '}');
	client_send(s->client, MSG_TERMINATE, 0, buf_str(&b), NULL, 0);
	arm(s, SESSION_END_NS);
}

void session_resolvers(struct session *s)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	int r;

	if (!link_is_open(&s->relay) || s->state == SESSION_CLOSING ||
	    s->resolvers_version == s->keeper->resolvers.version)
		return;
	buf_init(&b, IPC_BODY_MAX);
	resolvers_format(&s->keeper->resolvers, &s->rules->net, &w);
	r = b.failed ? -ENOMEM
		     : link_send(&s->relay, MSG_RESOLVERS, 0, buf_str(&b), NULL,
				 0);
	if (r != 0)
		log_warn("session %s: its relay keeps old nameservers: %s",
			 s->id, strerror(-r));
	else
		s->resolvers_version = s->keeper->resolvers.version;
}

/* ---- a policy that changes ---- */

static int record_narrow(struct session *s, const struct rules_entry *e)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BYTES);
	record_begin(&w, RECORD_SESSION_NARROW, "none", RECORD_KERNEL, NULL, 1);
	json_kstr(&w, "policy", str_of(e->hash));
	record_end(&w);
	return b.failed ? -ENOMEM
			: link_send(&s->ledger, MSG_APPEND, 0, buf_str(&b),
				    NULL, 0);
}

/* What cannot be told cannot be enforced: the session ends. */
static void narrow(struct session *s, struct rules_entry *e)
{
	int r = record_narrow(s, e);

	if (r == 0)
		r = link_send(&s->relay, MSG_NARROW, 0, e->net_json, NULL, 0);
	log_info("session %s: narrowed by a changed policy", s->id);
	if (r != 0)
		session_terminate(s, "its policy has changed, and the relay "
				     "cannot be told");
}

/*
 * A text that is wrong changes nothing here: what holds is what held, and new
 * sessions are told what is wrong with it.
 */
void session_look_at_policy(struct session *s)
{
	const struct rules_entry *was = s->now ? s->now : s->rules;
	struct rules_entry *e = NULL;
	struct diag why = { 0 };

	if (s->state != SESSION_RUNNING || !link_is_open(&s->relay) ||
	    !s->rules)
		return;
	if (grant_get_rules(s, &e, &why) != 0)
		return;
	if (e == was || strcmp(e->hash, was->hash) == 0) {
		rules_unref(e);
		return;
	}
	if (grant_compile_rules(s, e, &why) != 0) {
		rules_unref(e);
		return;
	}
	rules_unref(s->now);
	s->now = e;
	narrow(s, e);
}

/* ---- CLOSING ---- */

static int append_close(struct session *s)
{
	const struct session_end *e = &s->closing;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BYTES);
	record_begin(&w, RECORD_SESSION_CLOSE, "none", RECORD_KERNEL, NULL, 1);
	json_kint(&w, "code", e->code);
	json_kint(&w, "signal", e->signal);
	json_kstr(&w, "reason", e->reason);
	json_kint(&w, "ms", e->wall_ms);
	json_kint(&w, "utime_us", e->utime_us);
	json_kint(&w, "stime_us", e->stime_us);
	json_kint(&w, "maxrss_kb", e->maxrss_kb);
	json_kint(&w, "bytes_in", s->bytes_in);
	json_kint(&w, "bytes_out", s->bytes_out);
	if (e->ledger_ms > 0)
		json_kint(&w, "ledger_ms", e->ledger_ms);
	record_end(&w);
	if (b.failed)
		return -ENOMEM;
	return link_send(&s->ledger, MSG_APPEND_TELL, RECORD_CLOSE, buf_str(&b),
			 NULL, 0);
}

/*
 * The next step of what waits for the relay, a client, or the ledger; called
 * when the relay has ended or the time is over.
 */
static void settle(struct session *s)
{
	int r;

	if (s->state != SESSION_CLOSING && !s->durable) {
		ledger_late(s);
		return;
	}
	if (s->state != SESSION_CLOSING && !s->told) {
		session_terminate(s, "the relay died");
		return;
	}
	if (s->state != SESSION_CLOSING) {
		log_warn("session %s: its supervisor does not end", s->id);
		if (s->client)
			client_kill(s->client);
		return;
	}
	if (s->close_sent || (s->waited && !s->durable)) {
		ledger_late(s);
		return;
	}
	if (link_is_open(&s->relay))
		log_warn("session %s: its relay does not end", s->id);
	link_close(&s->relay);
	link_close(&s->events);
	arm(s, SESSION_LEDGER_NS);
	s->waited = true;
	if (!s->durable)
		return; /* open_is_durable() goes on */
	s->close_sent = true;
	r = append_close(s);
	if (r != 0)
		ledger_lost(s, strerror(-r));
}

void session_close(struct session *s, uint32_t msg,
		   const struct session_end *end)
{
	ASSERT(s->state != SESSION_CLOSING);
	s->state = SESSION_CLOSING;
	s->close_msg = msg;
	s->closing = *end;
	s->closing.reason = arena_str(&s->arena, end->reason);
	if (s->client)
		s->client->requests.phase = CLIENT_CLOSING;
	if (!link_is_open(&s->relay) || shutdown(s->relay.fd, SHUT_WR) == -1) {
		settle(s);
		return;
	}
	arm(s, SESSION_RELAY_NS);
}

void session_not_started(struct session *s, const char *why)
{
	if (s->state != SESSION_CLOSING && !s->durable)
		say_unwritten(s, 0, why);
}

void session_orphan(struct session *s, const char *reason)
{
	struct session_end end = { .code = -1, .reason = str_of(reason) };
	uint64_t now = clock_utc_ns();

	/* One that lives may say more before it hears of this. */
	leave_client(s, s->opened && s->state != SESSION_CLOSING ? CLIENT_LOST
								 : CLIENT_DONE);
	if (s->state == SESSION_CLOSING)
		return; /* goes on without it */
	if (!s->opened) {
		session_free(s);
		return;
	}
	if (now > s->started_ns)
		end.wall_ms = (int64_t)((now - s->started_ns) / NS_PER_MS);
	session_close(s, 0, &end);
}

/* ---- finding ---- */

struct session *session_find_serial(struct keeper *k, uint32_t serial)
{
	for (struct session *s = k->sessions; s; s = s->next) {
		if (s->serial == serial)
			return s;
	}
	return NULL;
}

int session_find(struct keeper *k, struct str name, struct session **ret)
{
	bool newest = str_eq(name, STR("@")); /* the list begins with it */
	struct session *found = NULL;

	if (name.len == 0)
		return SESSION_FIND_NONE;
	for (struct session *s = k->sessions; s; s = s->next) {
		if (s->closed || !(newest || str_starts(str_of(s->id), name)))
			continue;
		if (found)
			return SESSION_FIND_MANY;
		found = s;
		if (newest)
			break;
	}
	if (!found)
		return SESSION_FIND_NONE;
	*ret = found;
	return 0;
}
