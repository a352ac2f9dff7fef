/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of the index; its theory is in index.c. */
#include <stdio.h>

#include "base/sip.h"
#include "ledger/erased.h"
#include "ledger/index-own.h"
#include "ledger/index-terms.h"

#define SEGMENT_SIZE ((uint64_t)INDEX_SEGMENT * INDEX_BUNDLE)
#define LINE_ARENA   ((size_t)1024 * 1024)

/* A segment in memory. */
struct slot {
	uint64_t term;
	struct bundle_set set;
	bool used, changed;
};

struct build {
	struct index *x;
	uint64_t segment;
	struct slot *slots;
	size_t n, size; /* @size is a power of 2 */
	struct times_blob blob;
	bool again; /* made anew: what was after it stays */
	uint64_t end, last_seq, last_at;
	sqlite3_stmt *put_post, *put_session;
};

static struct slot *slot_of(const struct build *b, uint64_t term)
{
	size_t at = (size_t)(term >> 7);

	while (b->slots[at & (b->size - 1)].used &&
	       b->slots[at & (b->size - 1)].term != term)
		at++;
	return &b->slots[at & (b->size - 1)];
}

static int grow(struct build *b)
{
	struct slot *old = b->slots;
	size_t old_size = b->size;

	b->size = old_size ? old_size * 2 : 4096;
	b->slots = calloc(b->size, sizeof(*b->slots));
	if (!b->slots) {
		b->slots = old;
		b->size = old_size;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old_size; i++) {
		if (old[i].used)
			*slot_of(b, old[i].term) = old[i];
	}
	free(old);
	return 0;
}

/* The slot of @term, made when there was none: *ret_new. */
static int take_slot(struct build *b, uint64_t term, struct slot **ret,
		     bool *ret_new)
{
	if (b->n * 2 >= b->size && grow(b) != 0)
		return -ENOMEM;
	*ret = slot_of(b, term);
	*ret_new = !(*ret)->used;
	if (*ret_new) {
		**ret = (struct slot){ .term = term, .used = true };
		b->n++;
	}
	return 0;
}

static int mark(struct build *b, uint64_t term, unsigned bundle, bool *ret_new)
{
	struct slot *s = NULL;
	int r = take_slot(b, term, &s, ret_new);

	if (r == 0 && !bundle_has(&s->set, bundle)) {
		bundle_add(&s->set, bundle);
		s->changed = true;
	}
	return r;
}

/* ---- what is there of a segment that was begun ---- */

static int load_posts(struct build *b)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(
		b->x->db, "SELECT term, bundles FROM post WHERE segment = ?",
		-1, &s, NULL);
	int r = index_error(code);

	if (r == 0)
		(void)sqlite3_bind_int64(s, 1, (int64_t)b->segment);
	while (r == 0 && (code = sqlite3_step(s)) == SQLITE_ROW) {
		uint64_t term = (uint64_t)sqlite3_column_int64(s, 0);
		struct str bytes = { sqlite3_column_blob(s, 1),
				     (size_t)sqlite3_column_bytes(s, 1) };
		struct slot *slot = NULL;
		bool is_new;

		r = take_slot(b, term, &slot, &is_new);
		if (r == 0 && !post_parse(b->segment, term, bytes, &slot->set))
			r = INDEX_E_DAMAGED;
	}
	if (r == 0 && code != SQLITE_DONE)
		r = index_error(code);
	(void)sqlite3_finalize(s);
	return r;
}

/* @b says which segment, from where on, and whether again. */
static int begin(struct build *b, struct index *x)
{
	int r;

	b->x = x;
	b->last_seq = x->last_seq;
	b->last_at = x->last_at;
	r = grow(b);
	if (r == 0 && !b->again && x->end % SEGMENT_SIZE != 0) {
		r = index_times(x, b->segment, b->blob.times);
		if (r == 0)
			r = load_posts(b);
	}
	if (r == 0)
		r = index_error(sqlite3_prepare_v2(
			x->db, "INSERT OR IGNORE INTO session VALUES(?)", -1,
			&b->put_session, NULL));
	if (r == 0)
		r = index_error(sqlite3_prepare_v2(
			x->db, "INSERT OR REPLACE INTO post VALUES(?, ?, ?)",
			-1, &b->put_post, NULL));
	return r;
}

static void end(struct build *b)
{
	(void)sqlite3_finalize(b->put_session);
	(void)sqlite3_finalize(b->put_post);
	free(b->slots);
}

/* ---- records ---- */

static int put_session(struct build *b, struct str id)
{
	int code;

	(void)sqlite3_bind_text(b->put_session, 1, id.ptr, (int)id.len,
				SQLITE_STATIC);
	code = sqlite3_step(b->put_session);
	(void)sqlite3_reset(b->put_session);
	return index_error(code);
}

static void widen(struct bundle_range *r, uint64_t v)
{
	if (r->max == 0 || v < r->min)
		r->min = v;
	if (v > r->max)
		r->max = v;
}

static int take_line(struct build *b, const struct reader_line *l)
{
	unsigned bundle = (unsigned)(l->index / INDEX_BUNDLE % INDEX_SEGMENT);
	AUTO(arena) struct arena a = ARENA_NULL;
	struct terms t;
	bool is_new = false;
	int r = 0;

	arena_init(&a, LINE_ARENA);
	if (!terms_read(&a, l->text, &t))
		return mark(b, TERM_UNREAD, bundle, &is_new);
	widen(&b->blob.times[bundle].at, t.at);
	widen(&b->blob.times[bundle].seq, t.seq);
	for (size_t i = 0; r == 0 && i < t.n; i++) {
		bool is_first = false;

		r = mark(b, t.v[i], bundle, &is_first);
		if (r == 0 && is_first && t.session.len > 0 &&
		    t.v[i] == term_of(STR("session"), t.session))
			r = put_session(b, t.session);
	}
	b->end = l->index + 1;
	b->last_seq = t.seq;
	b->last_at = t.at;
	return r;
}

static int take_lines(struct build *b, struct reader *r)
{
	uint64_t stop = (b->segment + 1) * SEGMENT_SIZE;
	int e = reader_seek_index(r, b->end);

	if (b->again && stop > b->x->end)
		stop = b->x->end;
	while (e == 0) {
		struct reader_line l;

		e = reader_next(r, &l);
		if (e == READER_LONG) {
			bool is_new;

			/* Belongs to where we are; its place is not known. */
			e = mark(b, TERM_UNREAD,
				 (unsigned)(b->end / INDEX_BUNDLE %
					    INDEX_SEGMENT),
				 &is_new);
			continue;
		}
		if (e == 0 && l.index >= stop) {
			/* The next segment may be further on. */
			if (b->end < stop)
				b->end = stop;
			return 0;
		}
		if (e == 0 && l.index >= b->end)
			e = take_line(b, &l);
	}
	return e == READER_END ? 0 : e;
}

/* ---- writing ---- */

static int by_term(const void *a, const void *b)
{
	const struct slot *x = *(const struct slot *const *)a;
	const struct slot *y = *(const struct slot *const *)b;
	int64_t p = (int64_t)x->term, q = (int64_t)y->term;

	return p < q ? -1 : p > q;
}

static int put_slot(struct build *b, const struct slot *s)
{
	uint8_t bytes[POST_MAX];
	size_t n = post_format(b->segment, s->term, &s->set, bytes);
	int code;

	(void)sqlite3_bind_int64(b->put_post, 1, (int64_t)b->segment);
	(void)sqlite3_bind_int64(b->put_post, 2, (int64_t)s->term);
	(void)sqlite3_bind_blob(b->put_post, 3, bytes, (int)n, SQLITE_STATIC);
	code = sqlite3_step(b->put_post);
	(void)sqlite3_reset(b->put_post);
	return index_error(code);
}

static int put_posts(struct build *b)
{
	const struct slot **v = calloc(b->n + 1, sizeof(*v));
	size_t n = 0;
	int r = v ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < b->size; i++) {
		if (b->slots[i].changed)
			v[n++] = &b->slots[i];
	}
	if (n > 0) /* in the order of the table */
		qsort(v, n, sizeof(*v), by_term);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_slot(b, v[i]);
	free(v);
	return r;
}

static int put_times(struct build *b)
{
	sqlite3_stmt *s = NULL;
	int code;

	b->blob.check = times_check(b->segment, &b->blob);
	code = sqlite3_prepare_v2(b->x->db,
				  "INSERT OR REPLACE INTO segment VALUES(?, ?)",
				  -1, &s, NULL);
	if (code == SQLITE_OK) {
		(void)sqlite3_bind_int64(s, 1, (int64_t)b->segment);
		(void)sqlite3_bind_blob(s, 2, &b->blob, (int)sizeof(b->blob),
					SQLITE_STATIC);
		code = sqlite3_step(s);
	}
	(void)sqlite3_finalize(s);
	return index_error(code);
}

static int put_state(const struct build *b)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(
		b->x->db, "UPDATE state SET end = ?, seq = ?, at = ?", -1, &s,
		NULL);

	if (code == SQLITE_OK) {
		(void)sqlite3_bind_int64(s, 1, (int64_t)b->end);
		(void)sqlite3_bind_int64(s, 2, (int64_t)b->last_seq);
		(void)sqlite3_bind_int64(s, 3, (int64_t)b->last_at);
		code = sqlite3_step(s);
	}
	(void)sqlite3_finalize(s);
	return index_error(code);
}

static int build(struct build *b, struct index *x, struct reader *r)
{
	int e = begin(b, x);

	if (e == 0)
		e = take_lines(b, r);
	if (e == 0)
		e = put_posts(b);
	if (e == 0)
		e = put_times(b);
	if (e == 0 && !b->again)
		e = put_state(b);
	end(b);
	return e;
}

/* One segment, or the rest of one, as one transaction that has begun. */
static int take_segment(struct index *x, struct reader *r)
{
	struct build b = { .segment = x->end / SEGMENT_SIZE, .end = x->end };

	return build(&b, x, r);
}

static int sql(struct index *x, const char *text)
{
	return index_error(sqlite3_exec(x->db, text, NULL, NULL, NULL));
}

/* ---- what was erased ---- */

/* For statements with one number. */
static int put_number(struct index *x, const char *text, uint64_t n)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(x->db, text, -1, &s, NULL);

	if (code == SQLITE_OK) {
		(void)sqlite3_bind_int64(s, 1, (int64_t)n);
		code = sqlite3_step(s);
	}
	(void)sqlite3_finalize(s);
	return index_error(code);
}

static int make_anew(struct index *x, struct reader *r, uint64_t segment)
{
	struct build b = { .segment = segment,
			   .end = segment * SEGMENT_SIZE,
			   .again = true };
	int e = put_number(x, "DELETE FROM post WHERE segment = ?", segment);

	return e == 0 ? build(&b, x, r) : e;
}

static bool is_touched(const struct index *x, const struct erased *e,
		       uint64_t segment)
{
	uint64_t from = segment * SEGMENT_SIZE, to = from + SEGMENT_SIZE;

	for (size_t i = 0; i < e->n; i++) {
		if (e->v[i].n > x->erased && e->v[i].from < to &&
		    e->v[i].to > from)
			return true;
	}
	return false;
}

/* All in one transaction, which has begun: who comes next finds it done. */
static int forget_in(struct index *x, struct reader *r, const struct erased *e,
		     const struct index_progress *p)
{
	int a = index_load(x); /* somebody else may have done it */

	for (uint64_t n = 0; a == 0 && n * SEGMENT_SIZE < x->end; n++) {
		if (is_touched(x, e, n))
			a = make_anew(x, r, n);
		if (p && p->report)
			p->report(p->owner, n * SEGMENT_SIZE, x->end);
	}
	return a == 0 ? put_number(x, "UPDATE state SET erased = ?",
				   erased_last(e))
		      : a;
}

/* What of erased payloads is still in it goes. */
static int forget_erased(struct index *x, struct reader *r,
			 const struct index_progress *p)
{
	struct erased e;
	int a = reader_erased(r, &e);

	if (a == -EINVAL)
		return -EIO; /* who knows: it is not used until the next one */
	if (a != 0 || erased_last(&e) == x->erased)
		return a;
	if (erased_last(&e) < x->erased)
		return INDEX_E_DAMAGED; /* of another ledger */
	a = sql(x, "BEGIN IMMEDIATE");
	if (a != 0)
		return a;
	a = forget_in(x, r, &e, p);
	if (a == 0)
		a = sql(x, "COMMIT");
	if (a != 0)
		(void)sql(x, "ROLLBACK"); /* or it did so itself */
	return a == 0 ? index_load(x) : a;
}

/* Is the record that was the last one still there? */
static int check_same(const struct index *x, struct reader *r)
{
	struct reader_line l = { 0 };
	struct terms t = { 0 };
	AUTO(arena) struct arena a = ARENA_NULL;
	int e;

	if (x->last_seq == 0)
		return x->end == 0 ? 0 : INDEX_E_DAMAGED;
	e = reader_seek(r, x->last_seq);
	if (e == 0)
		e = reader_next(r, &l);
	if (e != 0)
		return e < 0 ? e : INDEX_E_DAMAGED;
	arena_init(&a, LINE_ARENA);
	return terms_read(&a, l.text, &t) && t.seq == x->last_seq &&
			       t.at == x->last_at && l.index < x->end
		       ? 0
		       : INDEX_E_DAMAGED;
}

static int last_place(struct reader *r, uint64_t *ret_total)
{
	struct reader_line l = { 0 };
	int e = reader_seek_last(r, 1);

	*ret_total = 0;
	while (e == 0 || e == READER_LONG) {
		e = reader_next(r, &l);
		if (e == 0)
			*ret_total = l.index + 1;
	}
	return e == READER_END ? 0 : e;
}

int index_catch_up(struct index *x, struct reader *r, uint64_t lag,
		   const struct index_progress *p)
{
	uint64_t total = 0;
	int e = check_same(x, r);

	if (e == 0)
		e = forget_erased(x, r, p);

	if (e == 0)
		e = last_place(r, &total);
	if (e != 0 || total < x->end + lag)
		return e;
	while (e == 0 && x->end < total) {
		uint64_t before;

		e = sql(x, "BEGIN IMMEDIATE");
		if (e != 0)
			return e;
		e = index_load(x); /* somebody else may have come further */
		before = x->end;
		if (e == 0 && x->end < total)
			e = take_segment(x, r);
		if (e == 0)
			e = sql(x, "COMMIT");
		if (e != 0) {
			(void)sql(x, "ROLLBACK"); /* or it did so itself */
			if (index_load(x) != 0)
				x->end = 0; /* all is read */
			return e;
		}
		e = index_load(x);
		if (p && p->report)
			p->report(p->owner, x->end, total);
		if (x->end == before) /* what came was taken back */
			break;
	}
	return e;
}
