/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * One process for one sink: it may block, a receiver that hangs holds up
 * nobody else, and a credential is in no other process.  What it has in memory
 * is one body; all else is read again from the ledger, from the cursor on.
 *
 * Invariants
 *   1. The cursor is only moved over records that the receiver has taken, that
 *      the filter leaves out, or that were set aside and noted.
 *   2. What is sent follows the cursor without a gap, so a death at any moment
 *      means that something is sent twice, never that it is left out.
 */
#include "export/worker.h"

#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

#define LOCK_WAIT_MS   100
#define LEDGER_WAIT_MS 1000u
#define IDLE_WAIT_MS   5000u
#define YOUNG_WAIT_MS  100u
#define NOTE_MAX       ((size_t)2048)
#define LAZY_RECORDS   1000u /* passed over before the cursor follows */
#define STATUS_NS      (UINT64_C(1) * NS_PER_S)

/* ---- stopping, waiting ---- */

static bool is_ended(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	/* Nothing is ever sent to us, so it is the end, or nobody's mistake. */
	return recv(fd, &c, 1, MSG_DONTWAIT) <= 0;
}

bool worker_is_stopping(struct worker *w)
{
	if (w->stop_ns == 0 && is_ended(w->parent_fd, 0))
		w->stop_ns = clock_mono_ns() + WORKER_STOP_NS;
	return w->stop_ns != 0;
}

bool worker_is_late(struct worker *w)
{
	return worker_is_stopping(w) && clock_mono_ns() >= w->stop_ns;
}

void worker_wait(struct worker *w, unsigned ms, bool for_records)
{
	struct pollfd p[2] = { { .fd = w->parent_fd, .events = POLLIN },
			       { .fd = -1, .events = POLLIN } };

	if (worker_is_stopping(w)) {
		/* The last ones have to become old enough. */
		(void)poll(NULL, 0, ms < 50 ? (int)ms : 50);
		return;
	}
	if (for_records && feed_watch(w->feed, &p[1].fd) != 0)
		p[1].fd = -1;
	(void)poll(p, 2, (int)ms);
	if (p[1].revents)
		feed_watch_clear(w->feed);
}

/* ---- what is told ---- */

void worker_say(struct worker *w, const char *state, const char *why)
{
	uint64_t now = clock_utc_ns();
	bool same = w->status.state && strcmp(w->status.state, state) == 0 &&
		    strcmp(w->why, why) == 0;

	if (same &&
	    (now - w->status.at < STATUS_NS || w->told == w->status.sent))
		return;
	if (!same && *why)
		log_warn("%s: %s", w->name, why);
	else if (!same)
		log_info("%s: %s", w->name, state);
	if (why != w->why)
		str_sanitise(str_of(why), w->why, sizeof(w->why));
	w->status.state = state;
	w->status.why = w->why;
	w->status.at = now;
	w->told = w->status.sent;
	/* For people; that it cannot be written they see by its age. */
	(void)!sink_status_save(w->state_fd, w->name, &w->status);
}

void worker_back_off(struct worker *w, const char *why, uint32_t after_s)
{
	uint32_t jitter = 0, ms;

	if (w->backoff_ms == 0)
		w->backoff_ms = WORKER_BACKOFF_MIN_MS;
	(void)!getrandom(&jitter, sizeof(jitter), 0);
	ms = w->backoff_ms / 2 + jitter % (w->backoff_ms / 2 + 1);
	if (after_s * UINT64_C(1000) > ms)
		ms = after_s * 1000u;
	worker_say(w, "waiting", why);
	if (!worker_is_stopping(w))
		worker_wait(w, ms, false);
	else
		w->stop_ns = 1; /* not now: the next daemon will */
	w->backoff_ms *= 2;
	if (w->backoff_ms > WORKER_BACKOFF_MAX_MS)
		w->backoff_ms = WORKER_BACKOFF_MAX_MS;
}

void worker_well(struct worker *w, uint64_t sent)
{
	w->backoff_ms = 0;
	w->rejects = 0;
	w->status.sent += sent;
	worker_say(w, "ok", "");
}

int worker_advance(struct worker *w, uint64_t seq, uint64_t at)
{
	struct cursor c = { .seq = seq, .at = at };
	int r;

	if (seq <= w->cursor.seq)
		return 0;
	r = cursor_save(w->state_fd, w->name, &c);
	if (r == 0)
		w->cursor = c;
	return r;
}

void worker_reject(struct worker *w, uint64_t seq, uint64_t n, const char *why)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out o = JSON_OUT(&b);

	w->rejects++;
	w->status.rejected += n;
	log_warn("%s: record %llu is set aside: %s", w->name,
		 (unsigned long long)(seq & ~WORKER_OWN), why);
	if (seq & WORKER_OWN)
		return; /* a note about a note would never end */
	buf_init(&b, NOTE_MAX);
	json_open(&o, '{');
	json_kstr(&o, "sink", str_of(w->name));
	json_kuint(&o, "record", seq);
	json_kuint(&o, "n", n);
	json_kstr(&o, "reason", str_of(why));
	json_close(&o, '}');
	if (!b.failed &&
	    send(w->parent_fd, b.ptr + b.off, b.len, MSG_NOSIGNAL) == -1)
		log_warn("%s: that cannot be noted: %s", w->name,
			 strerror(errno));
}

/* ---- the body ---- */

static int add(struct worker *w, const struct event *e)
{
	int r = frame_add(w->frame, e, clock_utc_ns());

	if (r == FRAME_TOO_LARGE) {
		worker_reject(w, e->head.seq, 1, "larger than a body may be");
		return 0;
	}
	if (r == FRAME_FULL)
		feed_again(w->feed);
	if (r == 0)
		w->seqs[frame_count(w->frame) - 1] =
			e->head.seq |
			(str_eq(e->kind, STR("sink.reject")) ? WORKER_OWN : 0);
	return r;
}

bool worker_idle(struct worker *w, int *ret)
{
	bool stopping = worker_is_stopping(w);
	uint64_t passed = feed_seq(w->feed) - w->cursor.seq;

	*ret = 0;
	if (w->told != w->status.sent)
		worker_say(w, w->status.state, w->why);
	if (passed > 0 && (stopping || passed >= LAZY_RECORDS))
		*ret = worker_advance(w, feed_seq(w->feed), feed_at(w->feed));
	if (*ret != 0 || (stopping && !feed_is_pending(w->feed)))
		return true;
	worker_wait(w, feed_is_pending(w->feed) ? YOUNG_WAIT_MS : IDLE_WAIT_MS,
		    true);
	return false;
}

int worker_fill(struct worker *w)
{
	uint64_t until = clock_mono_ns() + w->sink->wait_s * NS_PER_S;
	int r = 0;

	while (r == 0 && !worker_is_late(w)) {
		struct event e;
		uint64_t now;

		if (frame_count(w->frame) >= w->limit)
			return 0;
		r = feed_next(w->feed, &e);
		if (r == 0)
			r = add(w, &e);
		if (r == FRAME_FULL && frame_count(w->frame) > 0)
			return 0;
		_Static_assert((int)FEED_END == (int)FRAME_FULL, "both end it");
		if (r != FEED_END)
			continue;
		now = clock_mono_ns();
		if (frame_count(w->frame) == 0 || now >= until ||
		    worker_is_stopping(w))
			return 0;
		worker_wait(w, (unsigned)((until - now) / NS_PER_MS) + 1, true);
		r = 0;
	}
	return r;
}

/* ---- beginning ---- */

/* As long as the process before us still has it, we wait. */
static int take_lock(struct worker *w)
{
	char file[96];
	int fd;

	(void)snprintf(file, sizeof(file), "%s.lock", w->name);
	fd = openat(w->state_fd, file,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return neg_errno();
	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK) {
			int r = neg_errno();

			(void)close(fd);
			return r;
		}
		if (is_ended(w->parent_fd, LOCK_WAIT_MS)) {
			(void)close(fd);
			return -ECANCELED;
		}
	}
	return 0; /* held until we end */
}

static int open_feed(struct worker *w)
{
	int r;

	while ((r = feed_open(&w->feed, w->ledger_dir, w->filter, w->from)) ==
	       -ENOENT) {
		if (worker_is_stopping(w))
			return -ECANCELED;
		(void)is_ended(w->parent_fd, (int)LEDGER_WAIT_MS);
	}
	return r;
}

static int find_place(struct worker *w)
{
	uint64_t last = 0;
	int r = cursor_load(w->state_fd, w->name, &w->cursor);

	if (r < 0)
		return r;
	if (r == 2)
		log_warn("%s: its cursor makes no sense: everything is sent "
			 "again",
			 w->name);
	if (feed_last(w->feed, &last) == 0 && r == 0 && last > 0 &&
	    last < w->cursor.seq) {
		log_warn("%s: the ledger is another one: all of it is sent",
			 w->name);
		w->cursor = (struct cursor){ .seq = 0 };
	}
	if (r == 1 && w->sink->begin_now) {
		r = worker_advance(w, last, clock_utc_ns());
		if (r != 0)
			return r;
	}
	return feed_seek(w->feed, w->cursor.seq);
}

static int open_all(struct worker *w)
{
	const struct frame_config c = {
		.type = w->sink->frame,
		.form = w->sink->form,
		.index = str_of(w->sink->index),
		.source = str_of(w->sink->source),
		.from = w->from,
		.max_bytes = w->sink->max_bytes,
		.max_events = w->sink->max_records,
	};
	int r = take_lock(w);

	w->seqs = calloc(w->sink->max_records, sizeof(*w->seqs));
	if (r == 0 && !w->seqs)
		r = -ENOMEM;
	if (r == 0 && w->sink->filter)
		r = query_parse(str_of(w->sink->filter), &w->filter, NULL);
	if (r > 0)
		r = -EINVAL; /* it was parsed before */
	if (r == 0)
		r = frame_new(&c, &w->frame);
	if (r == 0)
		r = open_feed(w);
	return r == 0 ? find_place(w) : r;
}

static void close_all(struct worker *w)
{
	feed_free(w->feed);
	frame_free(w->frame);
	query_free(w->filter);
	free(w->seqs);
}

int worker_run(struct worker *w)
{
	int r = open_all(w);

	w->limit = w->sink->max_records;
	if (r == 0) {
		worker_say(w, "ok", "");
		if (w->sink->type == SINK_SYSLOG)
			r = worker_syslog(w);
		else if (w->sink->type == SINK_FILE)
			r = worker_file(w);
		else
			r = worker_post(w);
	}
	if (r < 0 && r != -ECANCELED)
		worker_say(w, "failed", strerror(-r));
	close_all(w);
	if (r < 0)
		return r == -ECANCELED ? WORKER_DONE : WORKER_TROUBLE;
	return r;
}
