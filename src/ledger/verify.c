/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The checkpoint is read first, then the journal; whatever the scribe adds
 * meanwhile only makes the tree larger than the checkpoint says.  Bundles
 * before the journal's first record are looked at by two threads, each bundle
 * alone (verify-chunk.c).  Then one walk in order puts them together: numbers
 * and the chain of the first form go on from bundle to bundle, higher tiles
 * hold the roots of those below, and where a checkpoint ends, the one of now
 * and those of before, the root must be the one it says.  What the journal
 * holds comes last, and is compared with the files written from it.
 *
 * Whose signature counts: that of the key the caller or an earlier time knew;
 * without one, the first key that the ledger names.  A ledger.key record that
 * this key signed hands over to the next one.
 */
#include "ledger/verify.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/record-parse.h"
#include "ledger/store.h"
#include "ledger/tree.h"
#include "ledger/verify-in.h"

#define THREADS     2u
#define FEW_BUNDLES 16u /* not worth a thread */
#define TRIES       5u
#define VKEYS_MAX   ((size_t)1024 * 1024)
#define SEEN_MAX    (CHECKPOINT_MAX + NOTE_VKEY_SIZE + 2)
#define LOAD_MAX    ((size_t)1024 * 1024 * 1024)
#define ARENA_BYTES (RECORD_MAX_BYTES * 8)

/* A size at which the root must be this. */
struct mark {
	uint64_t size;
	struct digest root;
	const char *file;
	bool wanted, met;
};

enum {
	MARK_NOW,
	MARK_SEEN,
	MARK_SINCE,
	MARKS
};

struct verify {
	int dirfd;
	struct verify_report *out;
	const struct verify_options *o;
	verify_progress progress;
	void *progress_arg;
	struct checker checker;
	struct buf checkpoint; /* as it was when we began */
	struct note note;      /* in it */
	struct mark marks[MARKS];
	struct note_key key;
	bool has_key;
	/* The walk. */
	struct merkle_edge edge;
	struct digest tiles[TILE_LEVELS][TILE_WIDTH];
	uint64_t last_seq, erasable;
	struct digest last_line;
	bool v1; /* all so far are lines of the first form */
	struct buf journal;
	uint64_t first;    /* index of its first record */
	struct str frames; /* of records */
	bool moved; /* what is missing may have been replaced meanwhile */
};

static int broken(struct verify *v, const char *file, uint64_t index,
		  const char *text)
{
	(void)snprintf(v->out->file, sizeof(v->out->file), "%s", file);
	(void)snprintf(v->out->text, sizeof(v->out->text), "%s", text);
	v->out->line = index;
	return VERIFY_E_BROKEN;
}

/* ---- what is known before ---- */

static int load_checkpoint(struct verify *v)
{
	struct checkpoint c;
	int r;

	buf_init(&v->checkpoint, CHECKPOINT_MAX);
	r = file_load(v->dirfd, CHECKPOINT_NAME, &v->checkpoint);
	if (r == -ENOENT)
		return broken(v, CHECKPOINT_NAME, 0, "the file is missing");
	if (r == -EFBIG ||
	    (r == 0 && (!note_parse(buf_str(&v->checkpoint), &v->note) ||
			!checkpoint_parse(v->note.text, &c))))
		return broken(v, CHECKPOINT_NAME, 0, "no signed checkpoint");
	if (r != 0)
		return r;
	v->out->size = c.size;
	v->marks[MARK_NOW] = (struct mark){ .size = c.size,
					    .root = c.root,
					    .file = CHECKPOINT_NAME,
					    .wanted = true };
	return 0;
}

/* @text is a checkpoint of before.  False: it is none. */
static bool set_mark(struct verify *v, unsigned which, struct str text,
		     const char *file)
{
	struct checkpoint c, now;
	struct note n;

	if (!note_parse(text, &n) || !checkpoint_parse(n.text, &c) ||
	    !checkpoint_parse(v->note.text, &now) ||
	    !str_eq(c.origin, now.origin))
		return false;
	v->marks[which] = (struct mark){
		.size = c.size, .root = c.root, .file = file, .wanted = true
	};
	if (c.size > v->out->since)
		v->out->since = c.size;
	return true;
}

/* The file o->seen: a vkey, an empty line, a checkpoint. */
static int load_seen(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str text, line, none;
	int r;

	if (!v->o->seen)
		return 0;
	buf_init(&b, SEEN_MAX);
	r = file_load(AT_FDCWD, v->o->seen, &b);
	if (r == -ENOENT)
		return 0;
	text = buf_str(&b);
	if (r != 0 || !str_cut(&text, '\n', &line) ||
	    !str_cut(&text, '\n', &none) || none.len > 0)
		return broken(v, v->o->seen, 0,
			      "what is remembered of the ledger is damaged");
	if (!v->has_key &&
	    note_vkey_parse(v->checker.hash, line, NOTE_ED25519, &v->key))
		v->has_key = v->out->key_was_told = true;
	if (!v->has_key || !set_mark(v, MARK_SEEN, text, CHECKPOINT_NAME))
		return broken(v, CHECKPOINT_NAME, 0,
			      "not of the ledger that was verified before");
	return 0;
}

static int load_vkeys(struct verify *v, struct buf *b)
{
	int r;

	buf_init(b, VKEYS_MAX);
	r = file_load(v->dirfd, "vkey", b);
	if (r == -ENOENT || r == -EFBIG)
		return broken(v, "vkey", 0, "the file is missing or too long");
	if (r == 0 && !str_ends(buf_str(b), STR("\n")))
		return broken(v, "vkey", 0, "its last line is cut");
	return r;
}

static int load_keys(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str text, line;
	int r;

	if (v->o->key.len > 0) {
		if (!note_vkey_parse(v->checker.hash, v->o->key, NOTE_ED25519,
				     &v->key))
			return -EINVAL;
		v->has_key = v->out->key_was_told = true;
	}
	r = load_seen(v);
	if (r == 0 && v->o->since.len > 0 &&
	    !set_mark(v, MARK_SINCE, v->o->since, CHECKPOINT_NAME))
		return broken(v, CHECKPOINT_NAME, 0,
			      "the other checkpoint is none of this ledger");
	if (r != 0)
		return r;
	r = load_vkeys(v, &b);
	if (r != 0 || v->has_key)
		return r;
	text = buf_str(&b);
	if (!str_cut(&text, '\n', &line) ||
	    !note_vkey_parse(v->checker.hash, line, NOTE_ED25519, &v->key))
		return broken(v, "vkey", 0, "no key");
	v->has_key = true;
	return 0;
}

/* The ledger names as its last key the one that we followed it to. */
static int check_vkeys(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct note_key k = { .id = 0 };
	struct str text, line;
	int r = load_vkeys(v, &b);

	text = buf_str(&b);
	while (r == 0 && str_cut(&text, '\n', &line)) {
		if (!note_vkey_parse(v->checker.hash, line, NOTE_ED25519, &k))
			r = broken(v, "vkey", 0, "no key");
	}
	if (r == 0 && !note_key_eq(&k, &v->key))
		r = broken(v, "vkey", 0,
			   "the last key is not the one that follows from "
			   "those before");
	return r;
}

/* ---- records that say something to us ---- */

static int follow_key(struct verify *v, const struct record *rec)
{
	struct str vkey = json_find_str(rec->fields, "vkey"), text, line, more;
	struct note_key next;
	struct note n;

	if (!note_vkey_parse(v->checker.hash, vkey, NOTE_ED25519, &next) ||
	    !note_parse(json_find_str(rec->fields, "note"), &n) ||
	    note_verify(&n, &v->key) != 0)
		return 0; /* not by the key that we trust: not heard */
	text = n.text;
	if (str_cut(&text, '\n', &line) && str_eq(line, STR(KEY_NOTE_FIRST)) &&
	    str_cut(&text, '\n', &more) && str_eq(more, vkey))
		v->key = next;
	return 0;
}

/* @before: the number before it. */
static int hear(struct verify *v, struct str text, uint64_t before,
		uint64_t index, const char *file)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;
	int64_t lost;

	arena_init(&a, ARENA_BYTES);
	if (record_read(&a, text, &rec) != 0)
		return broken(v, file, index, "no record");
	if (rec.head.kind == RECORD_LEDGER_KEY)
		return index < v->marks[MARK_NOW].size ? follow_key(v, &rec)
						       : 0;
	if (rec.head.kind == RECORD_LEDGER_ERASE)
		v->erasable += (uint64_t)json_find_int(rec.fields, "n", 0);
	if (rec.head.kind != RECORD_LEDGER_TORN)
		return 0;
	lost = json_find_int(rec.fields, "lost", -1);
	if (json_find_bool(rec.fields, "damage", true))
		return broken(v, file, index,
			      "a record of damage: what was durable was "
			      "missing or changed");
	if (lost != 0 || rec.head.seq != before + 1)
		return broken(v, file, index, "a number does not follow");
	v->out->repairs++;
	return 0;
}

static int hear_all(struct verify *v, struct str leaves, struct str payloads,
		    uint64_t index, const char *file)
{
	uint64_t before = v->last_seq;
	struct record_line l;
	struct payload p;
	struct str leaf;
	int r = 0;

	while (r == 0 && tile_next_entry(&leaves, &leaf) &&
	       payload_next(&payloads, &p)) {
		AUTO(buf) struct buf b = BUF_NULL;

		buf_init(&b, RECORD_MAX_BYTES * 4);
		if (memmem(leaf.ptr, leaf.len, ",\"kind\":\"ledger.", 16)) {
			record_join(leaf, &p, &b);
			r = b.failed
				    ? -ENOMEM
				    : hear(v, buf_str(&b), before, index, file);
		}
		if (record_line_scan(leaf, &l))
			before = l.seq;
		index++;
	}
	return r;
}

/* ---- the walk ---- */

static void tell_progress(struct verify *v, uint64_t done, uint64_t all)
{
	if (v->progress)
		v->progress(v->progress_arg, done, all);
}

static int bad_chunk(struct verify *v, const struct chunk *k, uint64_t n,
		     bool in_journal)
{
	char path[TILE_PATH_SIZE];

	if (k->error)
		return k->error;
	if (in_journal)
		(void)snprintf(path, sizeof(path), "journal");
	else if (strcmp(k->file, "payload") == 0)
		tile_payload_path(n, path);
	else if (strcmp(k->file, "tile") == 0)
		tile_path(0, n, TILE_WIDTH, path);
	else
		tile_entries_path(n, TILE_WIDTH, path);
	return broken(v, path, n * TILE_WIDTH + k->at, k->wrong);
}

/* That it goes on where the one before ended. */
static int join_chunk(struct verify *v, const struct chunk *k, uint64_t n,
		      const char *file)
{
	static const struct digest zero;
	uint64_t index = n * TILE_WIDTH;

	if (k->first_seq != v->last_seq + 1 && !k->first_is_torn)
		return broken(v, file, index, "a number does not follow");
	if (k->first_is_v1) {
		if (!v->v1 || !digest_eq(&k->first_prev,
					 index == 0 ? &zero : &v->last_line))
			return broken(v, file, index,
				      "prev is not the hash of the line "
				      "before");
	}
	v->v1 = v->v1 && k->last_is_v1;
	v->last_line = k->last_line;
	v->last_seq = k->last_seq;
	v->out->bytes += k->bytes;
	v->out->erased += k->erased;
	v->out->first_form += k->v1;
	return 0;
}

/* File @path begins with, or when @whole is, @want.  1: it is not there. */
static int compare_file(struct verify *v, const char *path, struct str want)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, (size_t)TILE_WIDTH * (PAYLOAD_MAX_BYTES + 4));
	r = file_load(v->dirfd, path, &b);
	if (r == -ENOENT)
		return 1 + VERIFY_E_BROKEN;
	if (r == -EFBIG || r == -EINVAL ||
	    (r == 0 && !str_eq(buf_str(&b), want)))
		return broken(v, path, 0, "not what follows from the records");
	return r;
}

#define MISSING (1 + VERIFY_E_BROKEN)

static int must_compare(struct verify *v, const char *path, struct str want)
{
	int r = compare_file(v, path, want);

	if (r != MISSING)
		return r;
	v->moved = true;
	return broken(v, path, 0, "the file is missing");
}

/* A partial tile may be gone when the whole one is there. */
static int compare_partial(struct verify *v, const char *path,
			   const char *whole, struct str want)
{
	struct stat st;
	int r = compare_file(v, path, want);

	if (r != MISSING)
		return r;
	if (fstatat(v->dirfd, whole, &st, 0) == 0)
		return 0;
	v->moved = true;
	return broken(v, path, 0, "the file is missing");
}

/* The files of the checkpoint's last tiles; @n entries of it in @leaves. */
static int check_partials(struct verify *v, uint64_t size, struct str leaves)
{
	char path[TILE_PATH_SIZE], whole[TILE_PATH_SIZE];
	int r = 0;

	for (unsigned level = 0; r == 0 && level < TILE_LEVELS; level++) {
		unsigned width = tile_partial(size, level);
		uint64_t n = tile_last(size, level);
		struct str want = { (const char *)(level == 0
							   ? v->checker.hashes
							   : v->tiles[level]),
				    (size_t)width * DIGEST_BYTES };

		if (width == 0)
			continue;
		tile_path(level, n, width, path);
		tile_path(level, n, TILE_WIDTH, whole);
		r = compare_partial(v, path, whole, want);
	}
	if (r != 0 || tile_partial(size, 0) == 0)
		return r;
	tile_entries_path(size / TILE_WIDTH, tile_partial(size, 0), path);
	tile_entries_path(size / TILE_WIDTH, TILE_WIDTH, whole);
	return compare_partial(v, path, whole, leaves);
}

/* The first @n entries of @leaves. */
static struct str first_entries(struct str leaves, unsigned n)
{
	struct str rest = leaves, leaf;

	for (unsigned i = 0; i < n && tile_next_entry(&rest, &leaf); i++)
		;
	return (struct str){ leaves.ptr, leaves.len - rest.len };
}

/*
 * The checkpoints that end in these @n entries, which come behind v->edge.
 * checker.hashes are theirs.
 */
static int check_marks(struct verify *v, struct str leaves, unsigned n)
{
	for (unsigned i = 0; i < MARKS; i++) {
		struct mark *m = &v->marks[i];
		struct merkle_edge e = v->edge;
		struct digest root;
		int r = 0;

		if (!m->wanted || m->met || m->size < e.size ||
		    m->size - e.size > n)
			continue;
		for (unsigned k = 0; e.size < m->size; k++)
			merkle_add(&e, v->checker.hash, &v->checker.hashes[k]);
		merkle_root(&e, v->checker.hash, &root);
		m->met = true;
		if (!digest_eq(&root, &m->root))
			return broken(v, m->file, 0,
				      i == MARK_NOW
					      ? "the records are not those "
						"that it speaks of"
					      : "history is not as it was "
						"when it was verified "
						"before");
		/* With a size of whole bundles it is looked at in the next. */
		if (i == MARK_NOW && m->size - v->edge.size < TILE_WIDTH)
			r = check_partials(
				v, m->size,
				first_entries(leaves,
					      tile_partial(m->size, 0)));
		if (r != 0)
			return r;
	}
	return 0;
}

/* Whether check_marks() has something to do in @n entries. */
static bool has_mark(const struct verify *v, unsigned n)
{
	for (unsigned i = 0; i < MARKS; i++) {
		const struct mark *m = &v->marks[i];

		if (m->wanted && !m->met && m->size >= v->edge.size &&
		    m->size - v->edge.size <= n)
			return true;
	}
	return false;
}

/* The root of bundle @n goes into the tiles above. */
static int raise(struct verify *v, uint64_t n, const struct digest *bundle)
{
	struct digest root = *bundle;
	char path[TILE_PATH_SIZE];
	int r;

	merkle_add_subtree(&v->edge, v->checker.hash, TILE_HEIGHT, bundle);
	for (unsigned level = 1; level < TILE_LEVELS; level++) {
		v->tiles[level][n % TILE_WIDTH] = root;
		if (n % TILE_WIDTH != TILE_WIDTH - 1)
			return 0;
		n /= TILE_WIDTH;
		tile_path(level, n, TILE_WIDTH, path);
		r = must_compare(v, path,
				 (struct str){ (const char *)v->tiles[level],
					       sizeof(v->tiles[level]) });
		if (r != 0)
			return r;
		tile_root(v->checker.hash, v->tiles[level], &root);
	}
	return 0;
}

/* Bundle @n, which @k is about. */
static int take_bundle(struct verify *v, const struct chunk *k, uint64_t n)
{
	char path[TILE_PATH_SIZE];
	struct chunk again;
	int r;

	if (k->wrong || k->error)
		return bad_chunk(v, k, n, false);
	tile_entries_path(n, TILE_WIDTH, path);
	if (k->special || has_mark(v, TILE_WIDTH - 1)) {
		check_bundle(&v->checker, v->dirfd, n, &again);
		if (again.wrong || again.error)
			return bad_chunk(v, &again, n, false);
		r = hear_all(v, buf_str(&v->checker.leaves),
			     buf_str(&v->checker.payloads), n * TILE_WIDTH,
			     path);
		if (r == 0)
			r = check_marks(v, buf_str(&v->checker.leaves),
					TILE_WIDTH - 1);
		if (r != 0)
			return r;
	}
	r = join_chunk(v, k, n, path);
	v->out->records += TILE_WIDTH;
	return r == 0 ? raise(v, n, &k->hashes_root) : r;
}

/* ---- all bundles before the journal ---- */

struct work {
	struct verify *v;
	struct chunk *chunks;
	uint64_t n;
	atomic_uint_fast64_t next;
	atomic_int error;
};

static void work_on(struct work *w, struct checker *c, bool tell)
{
	for (;;) {
		uint64_t i = atomic_fetch_add(&w->next, 1);

		if (i >= w->n)
			return;
		check_bundle(c, w->v->dirfd, i, &w->chunks[i]);
		if (tell && i % 64 == 0)
			tell_progress(w->v, i * TILE_WIDTH, w->n * TILE_WIDTH);
	}
}

static void *helper(void *arg)
{
	struct work *w = arg;
	struct checker c;
	int r = checker_init(&c);

	if (r == 0)
		work_on(w, &c, false);
	else
		atomic_store(&w->error, r);
	checker_done(&c);
	return NULL;
}

static int check_bundles(struct verify *v)
{
	struct work w = { .v = v, .n = v->first / TILE_WIDTH };
	pthread_t others[THREADS];
	unsigned n = 0;
	int r = 0;

	if (w.n == 0)
		return 0;
	w.chunks = calloc(w.n, sizeof(*w.chunks));
	if (!w.chunks)
		return -ENOMEM;
	while (w.n > FEW_BUNDLES && n < THREADS - 1 &&
	       pthread_create(&others[n], NULL, helper, &w) == 0)
		n++; /* without it we do all */
	work_on(&w, &v->checker, true);
	while (n > 0)
		(void)pthread_join(others[--n], NULL);
	r = atomic_load(&w.error);
	for (uint64_t i = 0; r == 0 && i < w.n; i++)
		r = take_bundle(v, &w.chunks[i], i);
	free(w.chunks);
	return r;
}

/* ---- the journal ---- */

/* All of it into v->journal; 1: it was replaced before we had it. */
static int read_journal(struct verify *v)
{
	char name[JOURNAL_NAME_SIZE];
	AUTO(fd) int fd = -1;
	uint32_t number = 0;
	struct stat st;
	char *p;
	int r = journal_newest(v->dirfd, &number);

	if (r != 0)
		return r;
	if (number == 0)
		return broken(v, "journal", 0, "there is none");
	journal_name(number, name);
	fd = openat(v->dirfd, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return errno == ENOENT ? 1 + VERIFY_E_BROKEN : neg_errno();
	if (fstat(fd, &st) == -1)
		return neg_errno();
	buf_init(&v->journal, LOAD_MAX);
	p = S_ISREG(st.st_mode)
		    ? buf_reserve(&v->journal, (size_t)st.st_size + 1)
		    : NULL;
	if (!p)
		return -EFBIG;
	r = fd_read_full(fd, p, (size_t)st.st_size);
	if (r == -EPIPE) /* it became shorter: written right now */
		return 1 + VERIFY_E_BROKEN;
	buf_added(&v->journal, (size_t)st.st_size);
	return r;
}

static bool cut_frame(struct verify *v, struct str *all, struct digest *last,
		      struct journal_frame *f, struct str *body)
{
	struct digest d;

	if (!journal_parse(*all, f) ||
	    all->len - JOURNAL_HEAD_BYTES < f->length)
		return false;
	*body = (struct str){ all->ptr + JOURNAL_HEAD_BYTES, f->length };
	journal_digest(v->checker.hash, last, f, *body, &d);
	if (!digest_eq(&d, &f->digest))
		return false;
	*last = d;
	*all = str_skip(*all, JOURNAL_HEAD_BYTES + f->length);
	return true;
}

/* Its frames; entries as those of a bundle. */
static int walk_journal(struct verify *v, struct buf *leaves,
			struct buf *payloads, uint64_t *ret_n)
{
	struct str all = buf_str(&v->journal), body, leaf;
	struct digest last = { { 0 } };
	struct journal_frame f;
	struct payload p;

	*ret_n = 0;
	if (!cut_frame(v, &all, &last, &f, &body) || f.type != JOURNAL_START)
		return broken(v, "journal", 0, "the journal is damaged");
	v->first = f.first;
	v->frames = body; /* compared with what the bundles give */
	while (cut_frame(v, &all, &last, &f, &body)) {
		uint32_t n = 0;

		if (f.type != JOURNAL_RECORDS || f.first != v->first + *ret_n)
			return broken(v, "journal", f.first,
				      "records do not follow");
		for (; journal_next(&body, &leaf, &p); n++) {
			tile_add_entry(leaves, leaf);
			payload_add(payloads, &p);
		}
		if (n != f.count || body.len > 0)
			return broken(v, "journal", f.first, "a bad frame");
		*ret_n += n;
	}
	v->out->torn_bytes = all.len;
	return leaves->failed || payloads->failed ? -ENOMEM : 0;
}

static struct str cut_entries(struct str *all, unsigned n)
{
	struct str from = *all, leaf;

	for (unsigned i = 0; i < n && tile_next_entry(all, &leaf); i++)
		;
	return (struct str){ from.ptr, from.len - all->len };
}

static struct str cut_payloads(struct str *all, unsigned n)
{
	struct str from = *all;
	struct payload p;

	for (unsigned i = 0; i < n && payload_next(all, &p); i++)
		;
	return (struct str){ from.ptr, from.len - all->len };
}

/* The files of a bundle that the journal still has. */
static int compare_bundle(struct verify *v, uint64_t n, struct str leaves,
			  struct str payloads)
{
	/* Below a checkpoint they are there; else they may be. */
	bool must = (n + 1) * TILE_WIDTH <= v->marks[MARK_NOW].size;
	int (*compare)(struct verify *, const char *, struct str) =
		must ? must_compare : compare_file;
	char path[TILE_PATH_SIZE];
	int r;

	tile_entries_path(n, TILE_WIDTH, path);
	r = compare(v, path, leaves);
	tile_payload_path(n, path);
	if (r == 0)
		r = compare(v, path, payloads);
	tile_path(0, n, TILE_WIDTH, path);
	if (r == 0)
		r = compare(v, path,
			    (struct str){ (const char *)v->checker.hashes,
					  sizeof(v->checker.hashes) });
	return r == MISSING ? 0 : r;
}

static int take_rest(struct verify *v, struct str *leaves, struct str *payloads,
		     uint64_t index, unsigned n)
{
	struct str l = cut_entries(leaves, n), p = cut_payloads(payloads, n);
	struct chunk k;
	int r;

	check_entries(&v->checker, l, p, n, &k);
	if (k.wrong || k.error)
		return bad_chunk(v, &k, index / TILE_WIDTH, true);
	r = hear_all(v, l, p, index, "journal");
	if (r == 0)
		r = check_marks(v, l, n < TILE_WIDTH ? n : TILE_WIDTH - 1);
	if (r == 0)
		r = join_chunk(v, &k, index / TILE_WIDTH, "journal");
	v->out->records += n;
	if (r != 0 || n < TILE_WIDTH)
		return r;
	r = compare_bundle(v, index / TILE_WIDTH, l, p);
	return r == 0 ? raise(v, index / TILE_WIDTH, &k.hashes_root) : r;
}

/* The journal's first frame is what the bundles before it give. */
static int check_start(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, sizeof(v->tiles));
	for (unsigned level = 1; level < TILE_LEVELS; level++)
		(void)buf_add(&b, (struct str){ (const char *)v->tiles[level],
						(size_t)tile_partial(v->first,
								     level) *
							DIGEST_BYTES });
	if (b.failed)
		return -ENOMEM;
	if (!str_eq(buf_str(&b), v->frames))
		return broken(v, "journal", 0,
			      "it does not go on where the bundles end");
	return 0;
}

static int check_journal(struct verify *v, struct str leaves,
			 struct str payloads, uint64_t n)
{
	uint64_t index = v->first;
	int r = check_start(v);

	while (r == 0 && n > 0) {
		unsigned m = n < TILE_WIDTH ? (unsigned)n : TILE_WIDTH;

		r = take_rest(v, &leaves, &payloads, index, m);
		index += m;
		n -= m;
	}
	/* A checkpoint of whole bundles, or of nothing, ends here. */
	return r == 0 ? check_marks(v, (struct str){ 0 }, 0) : r;
}

/* ---- in the end ---- */

static int check_signature(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r = note_verify(&v->note, &v->key);

	buf_init(&b, NOTE_VKEY_SIZE - 1);
	note_vkey_add(&b, &v->key);
	(void)snprintf(v->out->key, sizeof(v->out->key), "%.*s",
		       STR_ARG(buf_str(&b)));
	if (r == NOTE_UNKNOWN)
		return broken(v, CHECKPOINT_NAME, 0,
			      "not signed by the key of this ledger");
	if (r == NOTE_FORGED)
		return broken(v, CHECKPOINT_NAME, 0, "the signature is wrong");
	return r;
}

static int check_end(struct verify *v)
{
	for (unsigned i = 0; i < MARKS; i++) {
		if (v->marks[i].wanted && !v->marks[i].met)
			return broken(v, v->marks[i].file, 0,
				      "it speaks of records that are not "
				      "there: the end was cut off");
	}
	if (v->out->erased > v->erasable)
		return broken(v, "payload", 0,
			      "payloads are gone that no record speaks of");
	return check_signature(v);
}

static int save_seen(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;

	if (!v->o->seen)
		return 0;
	buf_init(&b, SEEN_MAX);
	(void)buf_add(&b, str_of(v->out->key));
	(void)buf_add(&b, STR("\n\n"));
	(void)buf_add(&b, buf_str(&v->checkpoint));
	if (b.failed)
		return -ENOMEM;
	return file_save(AT_FDCWD, v->o->seen, buf_str(&b), 0600, true);
}

static int verify_once(struct verify *v)
{
	AUTO(buf) struct buf leaves = BUF_NULL;
	AUTO(buf) struct buf payloads = BUF_NULL;
	uint64_t n = 0;
	int r = load_checkpoint(v);

	buf_init(&leaves, LOAD_MAX);
	buf_init(&payloads, LOAD_MAX);
	if (r == 0)
		r = load_keys(v);
	if (r == 0)
		r = read_journal(v);
	if (r == 0)
		r = walk_journal(v, &leaves, &payloads, &n);
	if (r == 0)
		r = check_bundles(v);
	if (r == 0)
		r = check_journal(v, buf_str(&leaves), buf_str(&payloads), n);
	v->out->last_seq = v->last_seq;
	if (r == 0)
		r = check_end(v);
	return r == 0 ? check_vkeys(v) : r;
}

static bool exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* While we looked the scribe went on, and took away what it had replaced. */
static bool has_changed(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, CHECKPOINT_MAX);
	return file_load(v->dirfd, CHECKPOINT_NAME, &b) != 0 ||
	       !str_eq(buf_str(&b), buf_str(&v->checkpoint));
}

static void verify_done(struct verify *v)
{
	checker_done(&v->checker);
	buf_done(&v->checkpoint);
	buf_done(&v->journal);
	free(v);
}

static int try_verify(int dirfd, const struct verify_options *o,
		      verify_progress progress, void *arg, bool last,
		      struct verify_report *ret)
{
	struct verify *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	*ret = (struct verify_report){ .records = 0 };
	v->dirfd = dirfd;
	v->o = o;
	v->out = ret;
	v->v1 = true;
	v->progress = progress;
	v->progress_arg = arg;
	r = checker_init(&v->checker);
	if (r == 0)
		r = verify_once(v);
	if (r > 0 && !last && (r == MISSING || has_changed(v)))
		r = MISSING; /* again */
	else if (r == MISSING)
		r = broken(v, "journal", 0, "it cannot be read");
	if (r == 0)
		ret->unseen = save_seen(v);
	verify_done(v);
	return r;
}

int verify_ledger(const char *dir, const struct verify_options *o,
		  verify_progress progress, void *arg,
		  struct verify_report *ret)
{
	AUTO(fd) int dirfd = -1;
	uint32_t number = 0;
	int r;

	*ret = (struct verify_report){ .records = 0 };
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return neg_errno();
	r = journal_newest(dirfd, &number);
	if (r != 0)
		return r;
	/* Nothing has happened yet. */
	if (number == 0 && !exists(dirfd, CHECKPOINT_NAME) &&
	    !exists(dirfd, "tile"))
		return -ENOENT;
	for (unsigned i = 0;; i++) {
		r = try_verify(dirfd, o, progress, arg, i == TRIES, ret);
		if (r != MISSING)
			return r;
		(void)usleep(1000);
	}
}

int verify_dir(const char *dir, verify_progress progress, void *arg,
	       struct verify_report *ret)
{
	static const struct verify_options none = { .seen = NULL };

	return verify_ledger(dir, &none, progress, arg, ret);
}
