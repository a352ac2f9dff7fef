/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * RFC 5425 has no acknowledgement.  A connection is ended in order after a
 * second or some thousand records (tls-out.c): then the receiver has read them.
 * Reading is not storing: what a receiver had in its memory is gone when it is
 * killed.  So the cursor follows only SETTLE_NS after that, and whenever
 * anything breaks, all since the cursor is sent again.  A receiver that is
 * killed breaks the connection, or the next one: it has to be away or to come
 * back within SETTLE_NS without a connection of ours being open, and to lose
 * what it read before, for a record to be lost.
 *
 *   sending   -> a connection, records of the open stretch
 *   read[]    stretches that the receiver has read, waiting for SETTLE_NS
 *   cursor    durable
 *
 * At the end of the daemon what has not settled stays behind the cursor and is
 * sent again by the next.
 */
#include "base/clock.h"
#include "export/tls-out.h"
#include "export/worker.h"

#define STRETCH_NS      (UINT64_C(1) * NS_PER_S)
#define STRETCH_RECORDS 10000u
#define SETTLE_NS       (UINT64_C(5) * NS_PER_S)
#define LIMIT_NS        (UINT64_C(10) * NS_PER_S) /* of each step */
#define SILENT_MAX      3u /* times; then it is the receiver's way */
#define READ_MAX        16u
#define STEP_WAIT_MS    100u

struct stretch {
	uint64_t seq, at, read_ns;
};

struct out {
	struct worker *w;
	struct tls_out *tls;
	uint64_t began_ns; /* of the open stretch */
	uint64_t n, seq, at;
	struct stretch read[READ_MAX];
	size_t n_read;
	unsigned silent;
};

static uint64_t limit(struct worker *w)
{
	uint64_t at = clock_mono_ns() + LIMIT_NS;

	return worker_is_stopping(w) && w->stop_ns < at ? w->stop_ns : at;
}

/* All since the cursor again. */
static int go_back(struct out *o, const char *why)
{
	tls_out_free(o->tls);
	o->tls = NULL;
	o->n = 0;
	o->n_read = 0;
	frame_clear(o->w->frame);
	worker_back_off(o->w, why, 0);
	return feed_seek(o->w->feed, o->w->cursor.seq);
}

static int settle(struct out *o)
{
	uint64_t now = clock_mono_ns();
	size_t n = 0;
	int r;

	while (n < o->n_read && now - o->read[n].read_ns >= SETTLE_NS)
		n++;
	if (n == 0)
		return 0;
	r = worker_advance(o->w, o->read[n - 1].seq, o->read[n - 1].at);
	memmove(o->read, o->read + n, (o->n_read - n) * sizeof(o->read[0]));
	o->n_read -= n;
	return r;
}

static void note_read(struct out *o)
{
	if (o->n_read == READ_MAX)
		o->n_read--; /* the last two become one that is younger */
	o->read[o->n_read++] = (struct stretch){ .seq = o->seq,
						 .at = o->at,
						 .read_ns = clock_mono_ns() };
	worker_well(o->w, o->n);
	o->n = 0;
}

static int end_stretch(struct out *o)
{
	struct diag d = { 0 };
	int r = tls_out_end(o->tls, limit(o->w), &d);

	if (r < 0)
		return r;
	if (r == TLS_OUT_E_SILENT && ++o->silent >= SILENT_MAX) {
		/* It answered the handshake each time, so it is alive. */
		worker_say(o->w, "ok",
			   "the receiver never ends a connection: "
			   "what it has read is not known");
		r = 0;
	}
	if (r != 0)
		return go_back(o, d.text);
	tls_out_free(o->tls);
	o->tls = NULL;
	note_read(o);
	return 0;
}

/* 0; 1: it went wrong and is over, from the cursor again; -errno. */
static int connect_to(struct out *o)
{
	struct diag d = { 0 };
	int r;

	if (o->tls)
		return 0;
	r = tls_out_open(o->w->sink, limit(o->w), &o->tls, &d);
	o->began_ns = clock_mono_ns();
	if (r <= 0)
		return r;
	r = go_back(o, d.text[0] ? d.text : "no answer in time");
	return r < 0 ? r : 1;
}

static int send_frame(struct out *o)
{
	struct worker *w = o->w;
	struct diag d = { 0 };
	struct str body;
	int r = connect_to(o);

	if (r != 0)
		return r < 0 ? r : 0;
	r = frame_finish(w->frame, &body);
	if (r == 0)
		r = tls_out_send(o->tls, body, limit(w), &d);
	if (r > 0)
		return go_back(o, d.text[0] ? d.text : "no answer in time");
	o->n += frame_count(w->frame);
	o->seq = feed_seq(w->feed);
	o->at = feed_at(w->feed);
	frame_clear(w->frame);
	return r;
}

static bool is_due(struct out *o)
{
	return o->tls && (o->n >= STRETCH_RECORDS || worker_is_stopping(o->w) ||
			  clock_mono_ns() - o->began_ns >= STRETCH_NS);
}

/* Nothing to send.  True: this is the end. */
static bool rest(struct out *o, int *ret)
{
	struct worker *w = o->w;

	*ret = 0;
	if (!o->tls && o->n_read == 0)
		return worker_idle(w, ret);
	if (worker_is_stopping(w) && !o->tls && !feed_is_pending(w->feed))
		return true;
	worker_wait(w, STEP_WAIT_MS, true);
	return false;
}

int worker_syslog(struct worker *w)
{
	struct out o = { .w = w };
	int r = 0;

	while (r == 0 && !worker_is_late(w)) {
		r = worker_fill(w);
		if (r != 0)
			break;
		if (frame_count(w->frame) > 0)
			r = send_frame(&o);
		else if (!is_due(&o) && rest(&o, &r))
			break;
		if (r == 0 && is_due(&o))
			r = end_stretch(&o);
		if (r == 0)
			r = settle(&o);
	}
	tls_out_free(o.tls);
	return r;
}
