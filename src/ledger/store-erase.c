/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A payload is gone when its place in the payload file of its bundle says so;
 * the leaf with its hash stays, so the tree does.  It goes in this order:
 *
 *   begin   the file `erasing` says, durably, what is meant; from here on it
 *           will be done
 *   count   how many there are, a bundle at a time
 *   say     the record ledger.erase is durable
 *   leave   a new journal begins, without them: a start writes bundles anew
 *           from a journal, and verify compares the two
 *   write   payload files are written anew, a bundle at a time
 *   end     the file `erased` says where (erased.h); `erasing` is removed
 *
 * A crash after begin is gone on with at the next start, from count on: what is
 * left is said once more, then erased.  So there may be more said than erased,
 * never less.  The index may have read meanwhile, so a start tells of all.
 *
 * Between two steps records are appended as ever.  What is meant was in the
 * ledger at begin (upto); bundles that fill up meanwhile are found in their
 * files.  The file systems' blocks are free then, not overwritten.
 */
#include <fcntl.h>

#include "base/fd.h"
#include "base/json.h"
#include "ledger/erased.h"
#include "ledger/record-parse.h"
#include "ledger/store-in.h"

#define ERASING_NAME "erasing"
#define ERASING_MAX  8192u
#define BUNDLE_MAX   ((size_t)TILE_WIDTH * (LEAF_MAX_BYTES + 2))
#define PAYLOADS_MAX ((size_t)TILE_WIDTH * (PAYLOAD_MAX_BYTES + 4))

static struct str session_of(const struct eraser *e)
{
	return (struct str){ e->session, e->session_len };
}

static struct str user_of(const struct eraser *e)
{
	return (struct str){ e->user, e->user_len };
}

static struct str why_of(const struct eraser *e)
{
	return (struct str){ e->why, e->why_len };
}

/* ---- which payloads ---- */

static bool is_meant(const struct eraser *e, uint64_t index, struct str leaf,
		     const struct payload *p)
{
	struct record_line l;

	if (index < e->from || index >= e->upto || p->erased ||
	    p->text.len == 0 || !record_line_scan(leaf, &l) ||
	    /* What the ledger says of itself is needed to verify it. */
	    memmem(leaf.ptr, leaf.len, ",\"kind\":\"ledger.", 16))
		return false;
	if (e->session_len > 0 && !str_eq(l.session, session_of(e)))
		return false;
	return e->before == 0 || l.at < e->before;
}

/* @payloads with those of @leaves that are meant erased, onto @b. */
static uint64_t erase_in(const struct eraser *e, uint64_t index,
			 struct str leaves, struct str payloads, struct buf *b)
{
	uint64_t n = 0;
	struct payload p;
	struct str leaf;

	while (tile_next_entry(&leaves, &leaf) && payload_next(&payloads, &p)) {
		if (is_meant(e, index++, leaf, &p)) {
			p = (struct payload){ .erased = true };
			n++;
		}
		payload_add(b, &p);
	}
	return n;
}

/* Of full bundle @n; with @write they go. */
static int erase_bundle(struct store *s, uint64_t n, bool write, uint64_t *ret)
{
	AUTO(buf) struct buf leaves = BUF_NULL;
	AUTO(buf) struct buf payloads = BUF_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	char path[TILE_PATH_SIZE];
	int r;

	buf_init(&leaves, BUNDLE_MAX);
	buf_init(&payloads, PAYLOADS_MAX);
	buf_init(&b, PAYLOADS_MAX);
	tile_entries_path(n, TILE_WIDTH, path);
	r = file_load(s->dirfd, path, &leaves);
	tile_payload_path(n, path);
	if (r == 0)
		r = file_load(s->dirfd, path, &payloads);
	if (r == -ENOENT)
		return 0; /* what is not there is gone; verify tells of it */
	if (r != 0)
		return r;
	*ret = erase_in(&s->eraser, n * TILE_WIDTH, buf_str(&leaves),
			buf_str(&payloads), &b);
	if (*ret == 0 || !write)
		return 0;
	return b.failed ? -ENOMEM
			: tree_save_synced(&s->tree, path, buf_str(&b));
}

/* Of what is in no bundle yet. */
static int erase_rest(struct store *s, bool write, uint64_t *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, TREE_WAITING_BYTES);
	*ret = erase_in(&s->eraser, s->tree.written, buf_str(&s->tree.leaves),
			buf_str(&s->tree.payloads), &b);
	if (*ret == 0 || !write)
		return 0;
	if (b.failed)
		return -ENOMEM;
	buf_done(&s->tree.payloads);
	s->tree.payloads = b;
	b = (struct buf)BUF_NULL;
	return 0;
}

/*
 * The bundle that is next, or all that is in none.  *ret_over: nothing is
 * behind it.
 */
static int erase_next(struct store *s, uint64_t end, bool write, uint64_t *ret,
		      bool *ret_over)
{
	struct eraser *e = &s->eraser;
	bool rest = e->at >= s->tree.written / TILE_WIDTH;
	int r = 0;

	*ret = 0;
	if (e->at * TILE_WIDTH < end)
		r = rest ? erase_rest(s, write, ret)
			 : erase_bundle(s, e->at, write, ret);
	*ret_over = rest || (e->at + 1) * TILE_WIDTH >= end;
	return r;
}

/* ---- what is said of it ---- */

static int save_erasing(struct store *s)
{
	const struct eraser *e = &s->eraser;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, ERASING_MAX);
	json_open(&w, '{');
	json_kstr(&w, "session", session_of(e));
	json_kuint(&w, "before", e->before);
	json_kuint(&w, "from", e->from);
	json_kuint(&w, "upto", e->upto);
	json_kbool(&w, "limit", e->limit);
	json_kstr(&w, "user", user_of(e));
	json_kstr(&w, "why", why_of(e));
	json_close(&w, '}');
	return b.failed ? -ENOMEM
			: file_save(s->dirfd, ERASING_NAME, buf_str(&b), 0600,
				    true);
}

static int say(struct store *s)
{
	const struct eraser *e = &s->eraser;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&w, RECORD_LEDGER_ERASE, "none", RECORD_KERNEL, NULL, 1);
	json_kuint(&w, "n", e->n);
	if (e->session_len > 0)
		json_kstr(&w, "of", session_of(e));
	if (e->before > 0)
		json_kuint(&w, "before", e->before);
	if (e->limit)
		json_kstr(&w, "reason", STR("limit"));
	if (e->why_len > 0)
		json_kstr(&w, "why", why_of(e));
	record_end(&w);
	return b.failed ? -ENOMEM : store_say(s, user_of(e), buf_str(&b));
}

/* The file `erased`: who made something of them looks again. */
static int save_erased(struct store *s)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct erased done;
	uint64_t from = s->eraser.first;
	int r = erased_load(s->dirfd, &done);

	if (r == -EINVAL) {
		/* A number that none had before: each erasure was a record. */
		done.n = 1;
		done.v[0] = (struct erased_mark){ tree_size(&s->tree), 0, 1 };
		from = 0;
		r = 0;
	}
	if (r != 0)
		return r;
	erased_add(&done, from, s->eraser.end);
	buf_init(&b, ERASED_BYTES);
	erased_format(&done, &b);
	return b.failed ? -ENOMEM
			: file_save(s->dirfd, ERASED_NAME, buf_str(&b), 0600,
				    true);
}

/* ---- the steps ---- */

static int step_count(struct store *s)
{
	struct eraser *e = &s->eraser;
	uint64_t one = 0;
	bool over = false;
	int r = erase_next(s, e->upto, false, &one, &over);

	if (r != 0)
		return r;
	if (one > 0) {
		if (e->n == 0 && !e->resumed)
			e->first = e->at * TILE_WIDTH;
		/* What is in no bundle is in several when it is written. */
		e->end = over ? e->upto : (e->at + 1) * TILE_WIDTH;
		e->n += one;
	}
	e->at++;
	if (!over)
		return 0;
	if (e->resumed)
		e->end = e->upto;
	e->step = e->n > 0 ? ERASE_SAY : e->resumed ? ERASE_LEAVE : ERASE_END;
	return 0;
}

static int step_say(struct store *s)
{
	struct eraser *e = &s->eraser;
	int r = say(s);

	if (r != 0)
		return r;
	e->step = ERASE_LEAVE;
	return 0;
}

static int step_leave(struct store *s)
{
	struct eraser *e = &s->eraser;
	uint64_t n = 0;
	int r = 0;

	if (e->end > s->journal.first) {
		/*
		 * What fills bundles goes to their files as the old journal has
		 * it, which is the one that counts until there is another.
		 */
		r = tree_settle(&s->tree);
		if (r == 0)
			r = erase_rest(s, true, &n);
		if (r == 0)
			r = store_switch(s);
	}
	if (r != 0)
		return r;
	e->at = e->first / TILE_WIDTH;
	e->step = ERASE_WRITE;
	return 0;
}

static int step_write(struct store *s)
{
	struct eraser *e = &s->eraser;
	uint64_t one = 0;
	bool over = false;
	int r = erase_next(s, e->end, true, &one, &over);

	if (r != 0)
		return r;
	e->at++;
	if (over)
		e->step = ERASE_END;
	return 0;
}

/* STORE_ERASED. */
static int step_end(struct store *s, uint64_t *ret)
{
	struct eraser *e = &s->eraser;
	int r = e->end > e->first ? save_erased(s) : 0;

	if (r != 0)
		return r;
	if (unlinkat(s->dirfd, ERASING_NAME, 0) == -1 && errno != ENOENT)
		return neg_errno();
	*ret = e->n;
	*e = (struct eraser){ .step = ERASE_NOTHING };
	return STORE_ERASED;
}

int store_erase_step(struct store *s, uint64_t *ret)
{
	static int (*const steps[])(struct store * s) = {
		[ERASE_COUNT] = step_count,
		[ERASE_SAY] = step_say,
		[ERASE_LEAVE] = step_leave,
		[ERASE_WRITE] = step_write,
	};

	*ret = 0;
	ASSERT(s->eraser.step != ERASE_NOTHING);
	return s->eraser.step == ERASE_END ? step_end(s, ret)
					   : steps[s->eraser.step](s);
}

bool store_is_erasing(const struct store *s)
{
	return s->eraser.step != ERASE_NOTHING;
}

static bool copy(char *dst, size_t size, size_t *ret_len, struct str s)
{
	if (s.len > size)
		return false;
	if (s.len > 0)
		memcpy(dst, s.ptr, s.len);
	*ret_len = s.len;
	return true;
}

/* False: something in it is too long. */
static bool set_eraser(struct eraser *e, const struct store_erase *what)
{
	*e = (struct eraser){ .before = what->before };
	return copy(e->session, sizeof(e->session), &e->session_len,
		    what->session) &&
	       copy(e->user, sizeof(e->user), &e->user_len, what->by.user) &&
	       copy(e->why, sizeof(e->why), &e->why_len, what->by.why);
}

static int begin(struct store *s)
{
	struct eraser *e = &s->eraser;
	int r;

	e->at = e->from / TILE_WIDTH;
	r = save_erasing(s);
	if (r != 0) {
		(void)unlinkat(s->dirfd, ERASING_NAME, 0);
		return r;
	}
	e->step = ERASE_COUNT;
	return 0;
}

int store_erase_begin(struct store *s, const struct store_erase *what)
{
	if (store_is_erasing(s))
		return -EBUSY;
	if (!set_eraser(&s->eraser, what))
		return -EINVAL;
	s->eraser.upto = tree_size(&s->tree);
	return begin(s);
}

static int finish(struct store *s, uint64_t *ret)
{
	int r = 0;

	*ret = 0;
	while (r == 0 && store_is_erasing(s))
		r = store_erase_step(s, ret);
	return r == STORE_ERASED ? 0 : r;
}

int store_erase(struct store *s, const struct store_erase *what, uint64_t *ret)
{
	int r = finish(s, ret);

	if (r == 0)
		r = store_settle(s);
	if (r == 0)
		r = store_erase_begin(s, what);
	if (r == 0)
		r = finish(s, ret);
	return r == 0 ? store_publish(s) : r;
}

int erase_by_limit(struct store *s, uint64_t from, uint64_t upto)
{
	uint64_t n;
	int r;

	ASSERT(!store_is_erasing(s));
	s->eraser = (struct eraser){ .from = from, .upto = upto };
	s->eraser.limit = true;
	r = begin(s);
	return r == 0 && !s->in_pieces ? finish(s, &n) : r;
}

/* ---- after a crash ---- */

static bool read_erasing(struct str text, struct eraser *ret)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct store_erase what = { .before = 0 };
	struct json *o = NULL;
	int64_t before, from, upto;

	arena_init(&a, (size_t)ERASING_MAX * 8);
	if (json_parse(&a, text, &o, NULL) != 0 || !json_is(o, JSON_OBJECT))
		return false;
	before = json_find_int(o, "before", -1);
	from = json_find_int(o, "from", -1);
	upto = json_find_int(o, "upto", -1);
	what.session = json_find_str(o, "session");
	what.by.user = json_find_str(o, "user");
	what.by.why = json_find_str(o, "why");
	if (before < 0 || from < 0 || upto < from || !what.session.ptr ||
	    !set_eraser(ret, &what))
		return false;
	ret->before = (uint64_t)before;
	ret->from = (uint64_t)from;
	ret->upto = (uint64_t)upto;
	ret->limit = json_find_bool(o, "limit", false);
	return true;
}

int erase_resume(struct store *s)
{
	struct eraser *e = &s->eraser;
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, ERASING_MAX);
	r = file_load(s->dirfd, ERASING_NAME, &b);
	if (r == -ENOENT)
		return 0;
	if (r != 0 && r != -EFBIG)
		return r;
	/* Whole, as file_save() leaves it; else it is not ours to obey. */
	if (r != 0 || !read_erasing(buf_str(&b), e)) {
		*e = (struct eraser){ .step = ERASE_NOTHING };
		return unlinkat(s->dirfd, ERASING_NAME, 0) == -1 ? neg_errno()
								 : 0;
	}
	if (e->upto > tree_size(&s->tree))
		e->upto = tree_size(&s->tree);
	e->resumed = true;
	e->first = e->from;
	e->end = e->upto;
	e->at = e->from / TILE_WIDTH;
	e->step = ERASE_COUNT;
	return 0;
}
