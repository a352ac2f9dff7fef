/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * One round of the loop reads what all writers have sent into the store's
 * group; then, if anybody waits for an answer, one commit makes it durable and
 * all are answered.  While the disk works the next group gathers in the
 * sockets.  Records that nobody waits for ride along, or are committed by a
 * timer (FLUSH_MS).
 *
 * Back-pressure: a writer that does not take its answers, or whose record finds
 * no room, is not read from until that has changed.
 *
 *   reading --answer does not fit--> owing  --all sent--> reading
 *   reading --no room for record---> held   --commit----> reading
 *   any     --EOF or violation-----> gone
 *
 * Invariants
 *   1. No answer with a number leaves before the record is durable;
 *      MSG_WRITTEN, which has none, leaves before.
 *   2. Whoever was answered an error, or never, has no record in the ledger
 *      that claims an effect: such records leave the group when a commit fails.
 *      Records with id 0 stay, and are tried again (RETRY_MS).
 *   3. s->asks is empty between rounds.
 *   4. Only the keeper's word says whose session a record belongs to.
 *
 * Threats: writers are presumed hostile, all but the keeper.  Their bytes meet
 * ipc_recv(), request_dispatch() and record_check(), and are then stored as
 * they are.  What breaks any of the three ends the writer.
 */
#include "ledger/scribe.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/path.h"
#include "ipc/protocol.h"
#include "ipc/request.h"
#include "ledger/amend.h"
#include "ledger/confine.h"
#include "ledger/record-parse.h"
#include "ledger/store.h"

#define FLUSH_MS     50u   /* records that nobody waits for */
#define RETRY_MS     500u  /* after a failed commit */
#define IDLE_MS      50u   /* then a checkpoint is signed */
#define PUBLISH_MS   1000u /* and at the latest then */
#define LINGER_MS    2000u /* writers may finish after the keeper is gone */
#define LOCK_WAIT_MS 5000u /* for the scribe of a daemon that is ending */
#define READ_BURST   256u  /* messages of one writer in one round */
#define ASKS_MAX     4096u /* answers that one commit may give */
#define WRITERS_MAX  4096u
#define MANY_WRITERS 24u
#define CHANNEL_MAX  8192u /* bytes of a MSG_CHANNEL */
#define NAME_MAX_    256u  /* bytes of user and of task */
#define AMEND_MS     5u /* of changing the ledger, then who writes is heard */
#define PHASE_SERVE  1u

struct owed {
	uint32_t id;
	uint64_t seq; /* 0: could not be written */
};

struct writer {
	struct scribe *scribe;
	struct loop_io io;
	int fd;
	enum record_role role;
	bool is_keeper; /* the daemon's own channel */
	struct request_state state;
	struct buf envelope; /* its members of every record */
	struct buf held;     /* records that found no room, a line each */
	uint64_t held_at;
	struct owed owed[READ_BURST];
	size_t n_owed;
	struct writer *next, **link;
};

struct ask {
	struct writer *from; /* NULL: gone meanwhile */
	uint32_t id;
	size_t index; /* of its record in the group */
	bool tell;    /* when it is written, too */
};

struct scribe {
	struct loop *loop;
	struct store *store;
	struct writer *writers;
	size_t n_writers; /* without the keeper */
	struct heap_crowd crowd;
	struct ask *asks; /* ASKS_MAX of them */
	size_t n_asks;
	struct loop_timer flush, linger, publish, amending;
	struct amend amend;
	bool amend_due;
	uint64_t behind_since; /* ns; 0: the checkpoint speaks of all */
	struct ipc_msg msg;
	struct diag why; /* of the violation at hand */
	bool urgent;     /* commit at the end of this round */
	bool sick;       /* the last commit failed */
	bool unsigned_;  /* the last checkpoint failed */
	bool ending;     /* the keeper is gone */
	int error;       /* the last failure of a commit */
	int code;        /* to exit with */
};

static int read_writer(struct loop_io *io, uint32_t events);

/* ---- writers ---- */

/* What we wait for depends on what the writer's state is. */
static int update_interest(struct writer *w)
{
	struct loop *l = w->scribe->loop;
	uint32_t want = EPOLLIN;

	if (w->n_owed > 0)
		want = EPOLLOUT;
	else if (w->held.len > 0)
		want = 0;

	if (want == 0) { /* a hang-up would be told again and again */
		loop_io_remove(l, &w->io);
		return 0;
	}
	if (w->io.slot != 0)
		return loop_io_set(l, &w->io, want);
	w->io.events = want;
	return loop_io_add(l, &w->io);
}

static void end_writer(struct writer *w)
{
	struct scribe *s = w->scribe;

	for (size_t i = 0; i < s->n_asks; i++) {
		if (s->asks[i].from == w)
			s->asks[i].from = NULL;
	}
	loop_io_remove(s->loop, &w->io);
	(void)close(w->fd);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	if (!w->is_keeper)
		s->n_writers--;
	s->urgent = true; /* what it wrote becomes durable now */
	buf_done(&w->envelope);
	buf_done(&w->held);
	free(w);
	heap_crowd_left(&s->crowd, s->n_writers, MANY_WRITERS);
}

/* Takes @fd in any case. */
static int add_writer(struct scribe *s, int take_fd, enum record_role role,
		      struct writer **ret)
{
	AUTO(fd) int fd = take_fd;
	struct writer *w;
	int r = fd_set_nonblock(fd, true);

	if (r != 0)
		return r;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->scribe = s;
	w->role = role;
	w->fd = fd;
	w->io.fd = fd;
	w->io.run = read_writer;
	w->io.owner = w;
	w->state.phase = PHASE_SERVE;
	buf_init(&w->envelope, RECORD_MAX_ENVELOPE);
	buf_init(&w->held, SCRIBE_MAX_BATCH);
	r = update_interest(w);
	if (r != 0) {
		free(w);
		return r;
	}
	(void)TAKE_FD(fd);
	w->next = s->writers;
	w->link = &s->writers;
	if (w->next)
		w->next->link = &w->next;
	s->writers = w;
	s->n_writers++;
	heap_crowd_came(&s->crowd, s->n_writers);
	*ret = w;
	return 0;
}

static bool word_envelope(struct writer *w, struct str session, struct str user,
			  struct str task)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out o = JSON_OUT(&b);
	struct str text;

	buf_init(&b, RECORD_MAX_ENVELOPE);
	json_open(&o, '{');
	json_kstr(&o, "session", session);
	json_kstr(&o, "user", user);
	json_kstr(&o, "task", task);
	json_close(&o, '}');
	if (b.failed)
		return false;
	text = buf_str(&b);
	text = (struct str){ text.ptr + 1, text.len - 2 }; /* no braces */
	return buf_add(&w->envelope, text);
}

/* ---- commits and answers ---- */

/* One MSG_APPENDED.  False: the socket is full. */
static bool send_answer(struct writer *w, uint32_t id, uint64_t seq)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out o = JSON_OUT(&b);
	char text[128];
	int r;

	buf_init(&b, 512);
	json_open(&o, '{');
	if (seq > 0) {
		json_kuint(&o, "seq", seq);
	} else {
		(void)snprintf(text, sizeof(text),
			       "the ledger cannot be written: %s",
			       strerror(-w->scribe->error));
		json_kstr(&o, "error", str_of(text));
		json_kint(&o, "errno", -w->scribe->error);
	}
	json_close(&o, '}');
	if (b.failed)
		return false; /* no memory: try again when it is writable */
	r = ipc_send(w->fd, MSG_APPENDED, id, buf_str(&b), NULL, 0);
	/* A peer that is gone is seen as EOF, after what it sent before. */
	return r != -EAGAIN;
}

static void answer(struct writer *w, uint32_t id, uint64_t seq)
{
	if (w->n_owed == 0 && send_answer(w, id, seq))
		return;
	/* It is read from in bursts, and not while anything is owed. */
	ASSERT(w->n_owed < READ_BURST);
	w->owed[w->n_owed++] = (struct owed){ id, seq };
	if (update_interest(w) != 0)
		log_error("a writer cannot be watched any more");
}

static void send_owed(struct writer *w)
{
	size_t n = 0;

	while (n < w->n_owed && send_answer(w, w->owed[n].id, w->owed[n].seq))
		n++;
	w->n_owed -= n;
	memmove(w->owed, w->owed + n, w->n_owed * sizeof(*w->owed));
}

static void arm_flush(struct scribe *s, uint32_t ms)
{
	if (s->flush.heap_pos == 0 &&
	    loop_timer_set(s->loop, &s->flush,
			   loop_now_ns(s->loop) + ms * NS_PER_MS) != 0)
		s->urgent = true;
}

static int add_record(struct writer *w, uint64_t at, struct str body, bool keep,
		      size_t *ret_index)
{
	return store_add(w->scribe->store,
			 &(struct store_record){
				 .at = at,
				 .envelope = buf_str(&w->envelope),
				 .body = body,
				 .keep = keep,
			 },
			 ret_index);
}

/* False: some still find no room. */
static bool add_held(struct writer *w)
{
	struct str rest = buf_str(&w->held), line;

	while (str_cut(&rest, '\n', &line)) {
		if (add_record(w, w->held_at, line, true, NULL) != 0)
			return false;
		buf_consume(&w->held, line.len + (rest.ptr ? 1 : 0));
	}
	return true;
}

/* There is room again. */
static void release_held(struct scribe *s)
{
	for (struct writer *w = s->writers; w; w = w->next) {
		if (w->held.len == 0)
			continue;
		arm_flush(s, FLUSH_MS); /* which comes by here again */
		if (!add_held(w))
			return;
		buf_done(&w->held);
		if (update_interest(w) != 0)
			log_error("a writer cannot be watched any more");
	}
}

/* MSG_WRITTEN: from here on only a failing disk or machine takes it away. */
static void on_written(void *owner)
{
	const struct scribe *s = owner;

	for (size_t i = 0; i < s->n_asks; i++) {
		const struct ask *a = &s->asks[i];

		/* Finds it no room, the answer that counts still comes. */
		if (a->from && a->tell)
			(void)!ipc_send(a->from->fd, MSG_WRITTEN, a->id,
					STR("{}"), NULL, 0);
	}
}

/* ---- what nobody waits for ---- */

/* A while after the last record, but not for ever. */
static void arm_publish(struct scribe *s)
{
	uint64_t now = loop_now_ns(s->loop), at, last;

	if (!store_is_behind(s->store)) {
		s->behind_since = 0;
		return;
	}
	if (s->behind_since == 0)
		s->behind_since = now;
	at = now + IDLE_MS * NS_PER_MS;
	last = s->behind_since + PUBLISH_MS * NS_PER_MS;
	loop_timer_clear(s->loop, &s->publish);
	/* Without a timer it is the end that signs. */
	(void)!loop_timer_set(s->loop, &s->publish,
			      at < last    ? at
			      : last > now ? last
					   : at);
}

static void publish(struct scribe *s)
{
	int r = store_publish(s->store);

	if (r != 0 && !s->unsigned_)
		log_error("the ledger's tiles cannot be written: %s",
			  strerror(-r));
	s->unsigned_ = r != 0;
	s->behind_since = 0;
	arm_publish(s); /* again, when it failed */
}

/* While records come, each group would have its checkpoint. */
static int publish_due(struct loop_timer *t)
{
	struct scribe *s = t->owner;

	if (store_waiting(s->store) > 0 &&
	    loop_now_ns(s->loop) < s->behind_since + PUBLISH_MS * NS_PER_MS)
		arm_publish(s);
	else
		publish(s);
	return 0;
}

static void arm_amend(struct scribe *s, uint32_t ms)
{
	loop_timer_clear(s->loop, &s->amending);
	/* Without a timer the next start goes on with it. */
	(void)!loop_timer_set(s->loop, &s->amending,
			      loop_now_ns(s->loop) + ms * NS_PER_MS);
}

static void commit(struct scribe *s)
{
	uint64_t first = 0;
	int r = store_commit(s->store, &first);

	s->urgent = false;
	s->error = r;
	for (size_t i = 0; i < s->n_asks; i++) {
		const struct ask *a = &s->asks[i];

		if (a->from)
			answer(a->from, a->id, r == 0 ? first + a->index : 0);
	}
	s->n_asks = 0;
	loop_timer_clear(s->loop, &s->flush);
	/* They have their answers; a failure is told of when it matters. */
	(void)!store_settle(s->store);
	arm_publish(s);
	if (store_is_erasing(s->store) && s->amending.heap_pos == 0)
		arm_amend(s, 0); /* a limit is reached */

	if (r != 0 && !s->sick)
		log_error("the ledger cannot be written: %s", strerror(-r));
	if (r == 0 && s->sick)
		log_info("the ledger can be written again");
	s->sick = r != 0;
	if (r == 0)
		release_held(s);
	else if (store_waiting(s->store) > 0)
		arm_flush(s, RETRY_MS);
}

static int flush_due(struct loop_timer *t)
{
	struct scribe *s = t->owner;

	s->urgent = true;
	return 0;
}

/* ---- changes of the ledger ---- */

static int amend_due(struct loop_timer *t)
{
	struct scribe *s = t->owner;

	s->amend_due = true;
	return 0;
}

static void tell_keeper(struct scribe *s, uint32_t id, struct str body)
{
	for (struct writer *w = s->writers; w; w = w->next) {
		/* A keeper that is full or gone has other troubles. */
		if (w->is_keeper)
			(void)!ipc_send(w->fd, MSG_AMENDED, id, body, NULL, 0);
	}
}

/* Between two rounds, so that who writes waits for some milliseconds at most. */
static void amend(struct scribe *s)
{
	uint64_t end = clock_mono_ns() + AMEND_MS * NS_PER_MS;
	enum amend_outcome o = AMEND_MORE;

	s->amend_due = false;
	if (store_waiting(s->store) > 0)
		commit(s);
	if (store_waiting(s->store) > 0)
		o = AMEND_LATER;
	while (o == AMEND_MORE && clock_mono_ns() < end) {
		AUTO(buf) struct buf b = BUF_NULL;
		uint32_t id = 0;

		buf_init(&b, AMEND_MAX);
		o = amend_work(&s->amend, s->store, &b, &id);
		if (b.len > 0)
			tell_keeper(s, id, buf_str(&b));
	}
	arm_publish(s);
	if (o != AMEND_IDLE && !s->ending)
		arm_amend(s, o == AMEND_MORE ? 0 : RETRY_MS);
}

/* ---- requests ---- */

static int violation(struct scribe *s, const char *text)
{
	diag_set(&s->why, 0, 0, "%s", text);
	return -EPROTO;
}

/* @lines of a message @id found no room, even after a commit. */
static int hold_or_refuse(struct writer *w, uint32_t id, struct str lines,
			  uint64_t at)
{
	if (id != 0) {
		answer(w, id, 0);
		return 0;
	}
	if (!buf_add(&w->held, lines))
		return -ENOMEM;
	w->held_at = at;
	return update_interest(w);
}

static int check(struct writer *w, struct str record)
{
	struct scribe *s = w->scribe;
	enum record_kind kind;
	struct diag d = { 0 };

	if (record_check(record, w->role, &kind, &d) == 0)
		return 0;
	diag_set(&s->why, 0, 0, "record, byte %u: %s", d.column, d.text);
	return -EPROTO;
}

/*
 * Several records that nobody waits for, a line each.  All are looked at first,
 * so that of a message that is wrong nothing is stored.
 */
static int answer_batch(struct writer *w, struct ipc_msg *m)
{
	struct str rest = buf_str(&m->body), line;
	struct scribe *s = w->scribe;
	uint64_t at = clock_utc_ns();
	int r = m->id != 0 ? violation(s, "a batch that is to be answered") : 0;

	while (r == 0 && str_cut(&rest, '\n', &line))
		r = check(w, line);
	rest = buf_str(&m->body);
	while (r == 0) {
		struct str left = rest;

		if (!str_cut(&rest, '\n', &line))
			break;
		r = add_record(w, at, line, true, NULL);
		if (r == -ENOBUFS) {
			commit(s);
			r = add_record(w, at, line, true, NULL);
		}
		if (r == -ENOBUFS || r == -ENOMEM)
			return hold_or_refuse(w, 0, left, at);
		if (r != 0)
			return violation(s, "record: too long");
	}
	arm_flush(s, FLUSH_MS);
	return r;
}

static int answer_append(void *peer, struct ipc_msg *m)
{
	struct writer *w = peer;
	struct scribe *s = w->scribe;
	uint64_t at = clock_utc_ns();
	size_t index = 0;
	int r;

	if (m->type == MSG_APPEND_TELL && m->id == 0)
		return violation(s, "nobody to tell");
	if (memchr(buf_str(&m->body).ptr, '\n', m->body.len))
		return answer_batch(w, m);
	r = check(w, buf_str(&m->body));
	if (r != 0)
		return r;
	r = add_record(w, at, buf_str(&m->body), m->id == 0, &index);
	if (r == -ENOBUFS) {
		commit(s);
		r = add_record(w, at, buf_str(&m->body), m->id == 0, &index);
	}
	if (r == -ENOBUFS || r == -ENOMEM)
		return hold_or_refuse(w, m->id, buf_str(&m->body), at);
	if (r != 0)
		return violation(s, "record: too long");

	if (m->id == 0) {
		arm_flush(s, FLUSH_MS);
		return 0;
	}
	s->asks[s->n_asks++] =
		(struct ask){ w, m->id, index, m->type == MSG_APPEND_TELL };
	s->urgent = true;
	if (s->n_asks == ASKS_MAX)
		commit(s);
	return 0;
}

static int answer_channel(void *peer, struct ipc_msg *m)
{
	struct writer *keeper = peer, *w = NULL;
	struct scribe *s = keeper->scribe;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str session, user, task, role;
	enum record_role r_role = 0;
	struct json *o = NULL;
	int r;

	arena_init(&a, (size_t)CHANNEL_MAX * 8);
	r = json_parse(&a, buf_str(&m->body), &o, NULL);
	if (r < 0)
		return r;
	if (r > 0 || !json_is(o, JSON_OBJECT) || o->kids.n != 4 ||
	    !json_get_str(o, "session", RECORD_SESSION_MAX, &session) ||
	    !record_is_session(session) ||
	    !json_get_str(o, "user", NAME_MAX_, &user) ||
	    !json_get_str(o, "task", NAME_MAX_, &task) ||
	    !json_get_str(o, "role", NAME_MAX_, &role) ||
	    !record_role_find(role, &r_role) || r_role == RECORD_ROLE_SCRIBE)
		return violation(s, "channel: not as it must be");

	/* The new writer finds its channel closed, which it must survive. */
	if (s->n_writers == WRITERS_MAX) {
		log_error("more than %u writers", WRITERS_MAX);
		return 0;
	}
	r = add_writer(s, ipc_take_fd(m, 0), r_role, &w);
	if (r != 0) {
		log_error("a writer was not accepted: %s", strerror(-r));
		return 0;
	}
	if (!word_envelope(w, session, user, task)) {
		end_writer(w);
		log_error("a writer was not accepted: its names are too long");
	}
	return 0;
}

static int answer_amend(void *peer, struct ipc_msg *m)
{
	struct writer *keeper = peer;
	struct scribe *s = keeper->scribe;
	int r = amend_take(&s->amend, m->type, m->id, buf_str(&m->body));

	if (r == -EPROTO)
		return violation(s, "no change that can be made");
	if (r == AMEND_LATER)
		tell_keeper(s, m->id, STR("{\"error\":\"busy; try again\"}"));
	else if (r == 0)
		arm_amend(s, 0);
	return r < 0 ? r : 0;
}

static const struct request keeper_requests[MSG_MAX_] = {
	[MSG_CHANNEL] = { "channel", answer_channel, CHANNEL_MAX, PHASE_SERVE,
			  1, 1, false },
	[MSG_APPEND] = { "append", answer_append, SCRIBE_MAX_BATCH, PHASE_SERVE,
			 0, 0, false },
	[MSG_ERASE] = { "erase", answer_amend, AMEND_MAX, PHASE_SERVE, 0, 0,
			false },
	[MSG_ROTATE_KEY] = { "rotate-key", answer_amend, AMEND_MAX, PHASE_SERVE,
			     0, 0, false },
};

static const struct request writer_requests[MSG_MAX_] = {
	[MSG_APPEND] = { "append", answer_append, SCRIBE_MAX_BATCH, PHASE_SERVE,
			 0, 0, false },
	[MSG_APPEND_TELL] = { "append", answer_append, RECORD_MAX_BODY,
			      PHASE_SERVE, 0, 0, false },
};

/* ---- ends ---- */

static void end_if_alone(struct scribe *s)
{
	if (s->ending && s->n_writers == 0)
		loop_stop(s->loop, 0);
}

static void begin_end(struct scribe *s, int code)
{
	s->ending = true;
	s->code = code;
	s->urgent = true;
	if (loop_timer_set(s->loop, &s->linger,
			   loop_now_ns(s->loop) + LINGER_MS * NS_PER_MS) != 0)
		loop_stop(s->loop, 0);
	end_if_alone(s);
}

static int linger_over(struct loop_timer *t)
{
	struct scribe *s = t->owner;

	log_warn("%zu writers are still there; going", s->n_writers);
	loop_stop(s->loop, 0);
	return 0;
}

/* s->why says what @w did.  It is on the ledger, under its session. */
static void record_violation(struct writer *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out o = JSON_OUT(&b);
	struct scribe *s = w->scribe;

	log_error("a writer (%s) was ended: %s", record_role_name(w->role),
		  s->why.text);
	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&o, RECORD_PEER_KILLED, "deny", RECORD_KERNEL, NULL, 1);
	json_kstr(&o, "peer", str_of(record_role_name(w->role)));
	json_kstr(&o, "reason", str_of(s->why.text));
	record_end(&o);
	if (b.failed ||
	    add_record(w, clock_utc_ns(), buf_str(&b), true, NULL) != 0)
		log_error("and that could not be recorded");
}

/* @error: -EPIPE at its EOF, -EPROTO for a violation, or our trouble. */
static void writer_over(struct writer *w, int error)
{
	struct scribe *s = w->scribe;
	bool is_keeper = w->is_keeper;

	if (error == -EPROTO)
		record_violation(w);
	else if (error != -EPIPE)
		log_error("a writer (%s) was ended: %s",
			  record_role_name(w->role), strerror(-error));
	end_writer(w);
	if (is_keeper)
		begin_end(s, error == -EPIPE ? 0 : 2);
	end_if_alone(s);
}

static int read_message(struct writer *w)
{
	struct scribe *s = w->scribe;
	int r;

	diag_set(&s->why, 0, 0, "not a message");
	r = ipc_recv(w->fd, &s->msg, IPC_INLINE_MAX);
	if (r != 0)
		return r;
	return request_dispatch(w->is_keeper ? keeper_requests
					     : writer_requests,
				MSG_MAX_, &w->state, w, &s->msg, &s->why);
}

/* What it has sent until now; not once an answer is owed or a record held. */
static void read_burst(struct writer *w)
{
	int r = 0;

	for (unsigned i = 0;
	     r == 0 && i < READ_BURST && w->n_owed == 0 && w->held.len == 0;
	     i++)
		r = read_message(w);
	if (r != 0 && r != -EAGAIN)
		writer_over(w, r);
}

/*
 * The keeper closes a session when its other writers have ended: what they sent
 * before that is in their sockets, and comes first.
 */
static void read_others(struct writer *w)
{
	struct writer *next;

	for (struct writer *o = w->scribe->writers; o; o = next) {
		next = o->next;
		if (o != w && !o->is_keeper && o->role != RECORD_ROLE_KEEPER &&
		    str_eq(buf_str(&o->envelope), buf_str(&w->envelope)))
			read_burst(o);
	}
}

static int read_writer(struct loop_io *io, uint32_t events)
{
	struct writer *w = io->owner;

	if (w->n_owed > 0) {
		(void)events;
		send_owed(w);
		return update_interest(w);
	}
	if (w->role == RECORD_ROLE_KEEPER && !w->is_keeper)
		read_others(w);
	read_burst(w);
	return 0;
}

/* ---- life ---- */

static int add_start_record(struct scribe *s, const struct confine_report *c,
			    struct writer *keeper)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out o = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&o, RECORD_LEDGER_START, "none", RECORD_KERNEL, NULL, 1);
	json_kint(&o, "pid", getpid());
	json_kint(&o, "layer.landlock", c->landlock_abi);
	json_kbool(&o, "layer.seccomp", c->seccomp);
	record_end(&o);
	if (b.failed)
		return -ENOMEM;
	arm_flush(s, FLUSH_MS);
	return add_record(keeper, clock_utc_ns(), buf_str(&b), true, NULL);
}

/* Signals are for the keeper; we end when it does. */
static int ignore_signals(void)
{
	static const int all[] = { SIGTERM, SIGINT,  SIGHUP,
				   SIGPIPE, SIGQUIT, SIGXFSZ };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < N_ELEMS(all); i++) {
		if (sigaction(all[i], &ignore, NULL) == -1)
			return neg_errno();
	}
	return 0;
}

/* Whatever the daemon had open, its lock for instance, ends here. */
static int close_others(int keep)
{
	if (keep <= STDERR_FILENO)
		return -EBADF;
	if ((keep > STDERR_FILENO + 1 &&
	     close_range(STDERR_FILENO + 1, (unsigned)keep - 1, 0) == -1) ||
	    close_range((unsigned)keep + 1, ~0u, 0) == -1)
		return neg_errno();
	return 0;
}

static int open_ledger(struct scribe *s, const char *dir, struct diag *why)
{
	struct store_options o = { .lock_wait_ms = LOCK_WAIT_MS,
				   .in_pieces = true,
				   .written = on_written,
				   .owner = s };
	struct store_repair repair = { 0 };
	char limits[PATH_LIMIT + 16];
	int r;

	(void)snprintf(limits, sizeof(limits), "%s-limits", dir);
	r = store_limits_load(limits, &o.limits);
	if (r != 0) {
		diag_set(why, 0, 0, "%s: %s; 'bawn ledger limit' writes it",
			 limits, strerror(-r));
		return r;
	}
	r = store_open(&s->store, dir, &o, &repair);
	if (r != 0) {
		diag_set(why, 0, 0, "the ledger %s cannot be opened: %s%s", dir,
			 r == -EBUSY ? "another scribe has it" : strerror(-r),
			 error_advice(r));
		return r;
	}
	if (repair.torn_bytes > 0)
		log_warn("%" PRIu64 " bytes of unfinished records were cut",
			 repair.torn_bytes);
	if (repair.damage)
		log_error("the ledger is damaged: %s; see 'bawn ledger verify'",
			  repair.damage);
	return 0;
}

/* All isolation in one place; after it the first foreign byte is read. */
static int scribe_enter(struct scribe *s, int keeper_fd, const char *dir,
			struct diag *why)
{
	static const struct str none = { "", 0 };
	struct confine_report c = { 0 };
	struct writer *keeper = NULL;
	int r = close_others(keeper_fd);

	if (r == 0)
		r = ignore_signals();
	if (r == 0)
		r = fd_raise_limit();
	if (r == 0)
		r = loop_new(&s->loop, NULL);
	if (r == 0)
		r = open_ledger(s, dir, why);
	if (r == 0)
		r = confine_scribe(store_dirfd(s->store), &c);
	if (r == 0)
		r = add_writer(s, keeper_fd, RECORD_ROLE_KEEPER, &keeper);
	if (r != 0)
		return r;
	keeper->is_keeper = true;
	s->n_writers--;
	if (c.landlock_abi == 0)
		log_warn("this kernel has no Landlock: the scribe could open "
			 "other files");
	if (!word_envelope(keeper, none, none, none))
		return -ENOMEM;
	if (store_is_erasing(s->store))
		arm_amend(s, 0); /* the scribe before this one was cut short */
	return add_start_record(s, &c, keeper);
}

static int scribe_serve(struct scribe *s)
{
	bool over = false;
	int r = 0;

	while (!over) {
		r = loop_once(s->loop, -1);
		over = r != 0 || (s->ending && s->n_writers == 0) ||
		       (s->ending && s->linger.heap_pos == 0);
		if (s->urgent || over)
			commit(s);
		if (s->amend_due && !over)
			amend(s);
	}
	publish(s);
	if (r != 0 || s->sick)
		return 2;
	return s->code;
}

static void scribe_done(struct scribe *s)
{
	while (s->writers)
		end_writer(s->writers);
	ipc_msg_done(&s->msg);
	amend_done(&s->amend);
	free(s->asks);
	store_free(s->store);
	loop_free(s->loop);
}

/* The log is for who started us; the keeper tells all who wait for it. */
static void say_why(int keeper_fd, const char *dir, int error,
		    const struct diag *why)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out o = JSON_OUT(&b);
	char text[sizeof(why->text)];

	(void)snprintf(text, sizeof(text),
		       "the ledger %s cannot be written: %s%s", dir,
		       strerror(-error), error_advice(error));
	if (why->text[0])
		(void)snprintf(text, sizeof(text), "%s", why->text);
	log_error("%s", text);
	buf_init(&b, (size_t)16 * 1024);
	json_open(&o, '{');
	json_kstr(&o, "error", str_of(text));
	json_close(&o, '}');
	if (b.failed || ipc_send(keeper_fd, MSG_SCRIBE_FAILED, 0, buf_str(&b),
				 NULL, 0) != 0)
		log_warn("the keeper could not be told");
}

int scribe_run(int keeper_fd, const char *ledger_dir)
{
	struct scribe s = { .code = 0 };
	struct diag why = { 0 };
	int r;

	log_init("bawnd[scribe]", STDERR_FILENO, LOG_LEVEL_INFO);
	ipc_msg_init(&s.msg);
	s.flush = (struct loop_timer){ .run = flush_due, .owner = &s };
	s.publish = (struct loop_timer){ .run = publish_due, .owner = &s };
	s.amending = (struct loop_timer){ .run = amend_due, .owner = &s };
	amend_init(&s.amend);
	s.linger = (struct loop_timer){ .run = linger_over,
					.owner = &s,
					.patient = true };
	s.asks = calloc(ASKS_MAX, sizeof(*s.asks));
	r = s.asks ? scribe_enter(&s, keeper_fd, ledger_dir, &why) : -ENOMEM;
	if (r != 0)
		say_why(keeper_fd, ledger_dir, r, &why);
	r = r == 0 ? scribe_serve(&s) : 2;
	scribe_done(&s);
	return r;
}
