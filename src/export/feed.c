/* SPDX-License-Identifier: Apache-2.0 */
#include "export/feed.h"

#include "base/clock.h"
#include "ledger/reader.h"

struct feed {
	struct reader *reader;
	const struct query *filter;
	const struct event_origin *from;
	struct arena arena; /* of the event that is out, or waits */
	struct event event;
	uint64_t after;             /* nothing up to here is wanted */
	uint64_t seq, at;           /* passed */
	uint64_t held_seq, held_at; /* before the event that is out */
	bool again, pending;        /* the event comes again; is too young */
};

int feed_open(struct feed **ret, const char *dir, const struct query *filter,
	      const struct event_origin *from)
{
	AUTO(feed) struct feed *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	arena_init(&f->arena, EVENT_ARENA);
	f->filter = filter;
	f->from = from;
	r = reader_open(&f->reader, dir);
	if (r != 0)
		return r;
	*ret = TAKE(f);
	return 0;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	reader_free(f->reader);
	arena_done(&f->arena);
	free(f);
}

int feed_seek(struct feed *f, uint64_t seq)
{
	f->after = seq;
	f->seq = seq;
	f->again = false;
	f->pending = false;
	return reader_seek(f->reader, seq + 1);
}

uint64_t feed_seq(const struct feed *f)
{
	return f->seq;
}

uint64_t feed_at(const struct feed *f)
{
	return f->at;
}

bool feed_is_pending(const struct feed *f)
{
	return f->pending;
}

int feed_watch(struct feed *f, int *ret_fd)
{
	return reader_watch(f->reader, ret_fd);
}

void feed_watch_clear(struct feed *f)
{
	reader_watch_clear(f->reader);
}

void feed_again(struct feed *f)
{
	f->again = true;
	f->seq = f->held_seq;
	f->at = f->held_at;
}

/* The next record, whether it is wanted or not.  0; FEED_END; -errno. */
static int next_record(struct feed *f)
{
	struct reader_line l;
	int r;

	for (;;) {
		r = reader_next(f->reader, &l);
		if (r == READER_END)
			return FEED_END;
		if (r < 0)
			return r;
		if (r == READER_LONG || l.seq <= f->after)
			continue;
		arena_done(&f->arena);
		arena_init(&f->arena, EVENT_ARENA);
		r = event_read(&f->arena, l.text, f->from, &f->event);
		if (r <= 0)
			return r;
	}
}

static bool is_young(const struct event *e)
{
	uint64_t now = clock_utc_ns();

	return e->head.at <= now && now - e->head.at < FEED_SETTLE_NS;
}

static bool is_wanted(const struct feed *f)
{
	return !f->filter || query_matches(f->filter, f->event.fields);
}

static void pass(struct feed *f)
{
	f->held_seq = f->seq;
	f->held_at = f->at;
	f->seq = f->event.head.seq;
	f->at = f->event.head.at;
}

int feed_next(struct feed *f, struct event *ret)
{
	bool found = f->again;

	if (found)
		pass(f);
	f->again = false;
	while (!found) {
		int r = f->pending ? 0 : next_record(f);

		if (r != 0)
			return r;
		f->pending = is_young(&f->event);
		if (f->pending)
			return FEED_END;
		pass(f);
		found = is_wanted(f);
	}
	*ret = f->event;
	return 0;
}

int feed_last(struct feed *f, uint64_t *ret)
{
	struct reader_line l;
	int r = reader_seek_last(f->reader, 1);

	*ret = 0;
	while (r == 0 || r == READER_LONG) {
		r = reader_next(f->reader, &l);
		if (r == 0 && l.seq > 0)
			*ret = l.seq;
	}
	return r == READER_END ? 0 : r;
}
