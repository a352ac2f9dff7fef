/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/indexed.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

#define QUIET_NS (NS_PER_S / 2) /* shorter work shows no progress */
#define TRIES    4u

struct shown {
	uint64_t began;
	bool any;
};

static void show(void *owner, uint64_t done, uint64_t total)
{
	struct shown *s = owner;

	if (clock_mono_ns() - s->began < QUIET_NS)
		return;
	s->any = true;
	(void)fprintf(stderr, "\rindexing %3" PRIu64 " %%",
		      total ? done * 100 / total : 100);
	(void)fflush(stderr);
}

static int catch_up(struct indexed *x, struct reader *r, uint64_t lag)
{
	struct shown s = { .began = clock_mono_ns() };
	const struct index_progress p = { .report = x->progress ? show : NULL,
					  .owner = &s };
	int e = index_catch_up(x->index, r, lag, &p);

	if (s.any)
		(void)fprintf(stderr, "\r\x1b[K");
	return e;
}

static int open_once(struct indexed *x, struct reader *r, uint64_t lag)
{
	int e = index_open(&x->index, x->path);

	return e == 0 ? catch_up(x, r, lag) : e;
}

/* Without an index all is read, so nothing here ends a query. */
static void give_up(struct indexed *x, int e)
{
	index_free(TAKE(x->index));
	/* Of no use to know where a state cannot be written at all. */
	if (e != -EROFS && e != -EACCES && e != -EPERM)
		x->say("no index (%s): %s; reading everything", x->path,
		       e > 0 ? "it is damaged" : strerror(-e));
}

/*
 * A damaged one is made anew.  While somebody else does that the file goes away
 * below us, which has many names, so anything but waiting is tried again.
 */
static void open_or_mend(struct indexed *x, struct reader *r, uint64_t lag)
{
	int e = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		e = open_once(x, r, lag);
		if (e == 0)
			return;
		index_free(TAKE(x->index));
		if (e == INDEX_E_DAMAGED && index_remove(x->path) == 0)
			lag = 0;
		if (e == -EBUSY || e == -ENOSPC || e == -ENOMEM)
			break;
	}
	give_up(x, e);
}

/* A small ledger is read sooner than a file for its index is made. */
static bool is_worth_it(const struct indexed *x, struct reader *r, uint64_t lag)
{
	struct reader_line l = { 0 };

	if (lag == 0 || access(x->path, F_OK) == 0)
		return true;
	return reader_seek_last(r, 1) == 0 && reader_next(r, &l) == 0 &&
	       l.index + 1 >= lag;
}

int indexed_open(struct indexed *x, struct arena *a, const char *dir,
		 struct reader *r, uint64_t lag)
{
	x->index = NULL;
	x->path = index_path(a, dir);
	if (!x->path)
		return -ENOMEM;
	if (is_worth_it(x, r, lag))
		open_or_mend(x, r, lag);
	return 0;
}

void indexed_done(struct indexed *x)
{
	index_free(TAKE(x->index));
}

int indexed_find(struct indexed *x, struct reader *r, const struct query *q,
		 bool newest_first, struct find **ret)
{
	int e = find_new(ret, r, q, x->index, newest_first);

	if (e == 0 || !x->index)
		return e;
	index_free(TAKE(x->index));
	if (e == INDEX_E_DAMAGED && index_remove(x->path) == 0) {
		open_or_mend(x, r, 0);
		e = find_new(ret, r, q, x->index, newest_first);
	}
	return e == 0 ? 0 : find_new(ret, r, q, NULL, newest_first);
}
