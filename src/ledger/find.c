/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Bundles below the end of the index are wanted when the plan says so; what is
 * behind it always.  Forwards, the reader goes on from line to line and jumps
 * where the next wanted bundle is not the next one.  Backwards, a bundle is
 * read forwards into memory and given out from its end: 256 lines at most.
 */
#include "ledger/find.h"

/* A damaged ledger may give one place to several lines. */
#define HELD_LINES (4u * INDEX_BUNDLE)
#define HELD_MAX   ((size_t)HELD_LINES * RECORD_MAX_BYTES)

struct find {
	struct reader *r;
	const struct query *q;
	uint64_t *bits;   /* NULL: all are wanted */
	uint64_t n_known; /* bundles that @bits is right about */
	bool newest_first;
	uint64_t bundle; /* to be read next */
	bool jump, over;
	/* backwards: */
	struct buf held;
	size_t starts[HELD_LINES];
	size_t n_held;
	uint64_t n_unreadable; /* still to be told */
};

void find_free(struct find *f)
{
	if (!f)
		return;
	buf_done(&f->held);
	free(f->bits);
	free(f);
}

static bool is_wanted(const struct find *f, uint64_t bundle)
{
	return !f->bits || bundle >= f->n_known ||
	       (f->bits[bundle / 64] >> bundle % 64 & 1) != 0;
}

static int last_bundle(struct find *f)
{
	struct reader_line l = { 0 };
	int e = reader_seek_last(f->r, 1);

	f->over = true; /* an empty ledger */
	while (e == 0 || e == READER_LONG) {
		e = reader_next(f->r, &l);
		if (e == 0) {
			f->bundle = l.index / INDEX_BUNDLE;
			f->over = false;
		}
	}
	return e == READER_END ? 0 : e;
}

int find_new(struct find **ret, struct reader *r, const struct query *q,
	     struct index *index, bool newest_first)
{
	AUTO(find) struct find *f = calloc(1, sizeof(*f));
	size_t n = 0;
	int e = 0;

	if (!f)
		return -ENOMEM;
	f->r = r;
	f->q = q;
	f->newest_first = newest_first;
	f->jump = true;
	buf_init(&f->held, HELD_MAX);
	if (index) {
		e = index_plan(index, q, &f->bits, &n);
		f->n_known = index_end(index) / INDEX_BUNDLE;
	}
	if (e == 0 && newest_first)
		e = last_bundle(f);
	if (e == 0)
		*ret = TAKE(f);
	return e;
}

/* What is no record is not for the text to judge. */
static bool may_match(const struct find *f, const struct reader_line *l)
{
	return l->seq == 0 || query_may_match(f->q, l->text);
}

static int next_forwards(struct find *f, struct str *ret)
{
	struct reader_line l;

	for (;;) {
		int e = 0;

		if (f->jump) {
			while (!is_wanted(f, f->bundle))
				f->bundle++;
			e = reader_seek_index(f->r, f->bundle * INDEX_BUNDLE);
			f->jump = false;
		}
		if (e == 0)
			e = reader_next(f->r, &l);
		if (e != 0)
			return e == READER_END    ? FIND_END
			       : e == READER_LONG ? FIND_UNREADABLE
						  : e;
		f->bundle = l.index / INDEX_BUNDLE;
		if (!is_wanted(f, f->bundle)) {
			f->jump = true;
		} else if (may_match(f, &l)) {
			*ret = l.text;
			return 0;
		}
	}
}

/* The lines of f->bundle that may be wanted. */
static int hold_bundle(struct find *f)
{
	uint64_t from = f->bundle * INDEX_BUNDLE;
	struct reader_line l = { .index = from };
	int e = reader_seek_index(f->r, from);

	buf_clear(&f->held);
	while (e == 0 || e == READER_LONG) {
		e = reader_next(f->r, &l);
		if (e == 0 && l.index >= from + INDEX_BUNDLE)
			break;
		if (e == READER_LONG)
			f->n_unreadable++;
		if (e != 0 || !may_match(f, &l))
			continue;
		if (f->n_held == HELD_LINES || !buf_add(&f->held, l.text))
			return -ENOMEM;
		f->starts[f->n_held++] = f->held.len - l.text.len;
	}
	return e == READER_END ? 0 : e;
}

static int next_backwards(struct find *f, struct str *ret)
{
	while (f->n_held == 0 && f->n_unreadable == 0) {
		int e = 0;

		if (f->over)
			return FIND_END;
		if (is_wanted(f, f->bundle))
			e = hold_bundle(f);
		if (e != 0)
			return e;
		f->over = f->bundle == 0;
		f->bundle -= f->bundle > 0;
	}
	if (f->n_unreadable > 0) {
		f->n_unreadable--;
		return FIND_UNREADABLE;
	}

	size_t from = f->starts[--f->n_held];

	*ret = (struct str){ buf_str(&f->held).ptr + from, f->held.len - from };
	f->held.len = from;
	return 0;
}

int find_next(struct find *f, struct str *ret)
{
	return f->newest_first ? next_backwards(f, ret) : next_forwards(f, ret);
}
