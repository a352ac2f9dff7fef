/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By HTTP: a body, an answer, the cursor, the next body.
 *
 *   taken    the cursor moves
 *   later    the same body again, after a pause that grows
 *   denied   the process ends, and the next one fetches the credential anew
 *   refused  half of it; a single record that is refused is set aside.  After
 *            WORKER_REJECTS of them in a row it cannot be the records: then it
 *            is as if it had been denied
 */
#include "export/post.h"
#include "export/worker.h"

static bool give_up(void *owner)
{
	return worker_is_late(owner);
}

static int begin_again(struct worker *w)
{
	frame_clear(w->frame);
	return feed_seek(w->feed, w->cursor.seq);
}

static int on_taken(struct worker *w, const struct answer *a)
{
	uint64_t n = frame_count(w->frame);
	int r;

	for (uint32_t i = 0; i < a->n_rejected; i++)
		worker_reject(w, w->seqs[a->rejected[i]], 1, a->why);
	if (a->n_unnamed > 0)
		worker_reject(w, feed_seq(w->feed), a->n_unnamed, a->why);
	r = worker_advance(w, feed_seq(w->feed), feed_at(w->feed));
	if (r != 0)
		return r;
	worker_well(w, n - a->n_rejected - a->n_unnamed);
	if (w->limit < w->sink->max_records)
		w->limit *= 2;
	if (w->limit > w->sink->max_records)
		w->limit = w->sink->max_records;
	frame_clear(w->frame);
	return 0;
}

static int on_refused(struct worker *w, const struct answer *a)
{
	uint32_t n = frame_count(w->frame);
	int r;

	if (n > 1) {
		w->limit = n / 2;
		return begin_again(w);
	}
	if (w->rejects >= WORKER_REJECTS) {
		worker_say(w, "denied", a->why);
		return WORKER_DENIED;
	}
	worker_reject(w, w->seqs[0], 1, a->why);
	r = worker_advance(w, feed_seq(w->feed), feed_at(w->feed));
	frame_clear(w->frame);
	return r;
}

/* Send what the frame holds until there is an answer to it. */
static int send_frame(struct worker *w, struct post *p)
{
	struct str body;
	int r = frame_finish(w->frame, &body);

	while (r == 0 && !worker_is_late(w)) {
		struct answer a;
		uint32_t after_s = 0;

		post_send(p, body, frame_count(w->frame), give_up, w, &a,
			  &after_s);
		switch (a.verdict) {
		case ANSWER_TAKEN:
			return on_taken(w, &a);
		case ANSWER_REFUSED:
			return on_refused(w, &a);
		case ANSWER_DENIED:
			worker_say(w, "denied", a.why);
			return WORKER_DENIED;
		case ANSWER_LATER:
		default:
			worker_back_off(w, a.why, after_s);
		}
	}
	return r;
}

int worker_post(struct worker *w)
{
	AUTO(post) struct post *p = NULL;
	int r = post_new(w->sink, w->token, &p);

	while (r == 0 && !worker_is_late(w)) {
		r = worker_fill(w);
		if (r != 0)
			break;
		if (frame_count(w->frame) > 0)
			r = send_frame(w, p);
		else if (worker_idle(w, &r))
			break;
	}
	return r;
}
