/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A crash leaves some prefix of what was written to the journal since the last
 * fdatasync, and after a power failure perhaps not even that: later blocks may
 * be on disk where earlier ones are not.  Each frame carries a hash over itself
 * and the frame before, so the first one that does not fit is where the journal
 * ends; nothing behind it was acknowledged.  The journal's first frame and the
 * rest give the tree back; bundles that became full since are written again.
 *
 * Then the last checkpoint is asked.  It never speaks of what was not durable,
 * so a shorter or other tree is damage: the ledger goes on, and says so.
 *
 * Whatever had to be mended is told by a ledger.torn record which comes with a
 * new journal, so that both are there or neither: a crash in between only
 * repeats the mending.  Torn bytes are kept under the number of the journal
 * they were in, which no other journal ever has.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/record-parse.h"
#include "ledger/recover.h"
#include "ledger/store-in.h"
#include "ledger/tiles.h"

#define LOAD_MAX    ((size_t)1024 * 1024 * 1024)
#define KEPT_PREFIX "torn-"
#define KEPT_SIZE   40u

struct opening {
	struct store_repair repair;
	char kept[KEPT_SIZE];
	bool fresh;        /* there was nothing at all */
	bool first;        /* files of the first form are there */
	bool renew;        /* a new journal is needed */
	uint64_t taken_in; /* lines of the first form */
	struct buf old;    /* the checkpoint that was there */
};

static bool exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void damaged(struct opening *o, const char *text)
{
	if (!o->repair.damage)
		o->repair.damage = text;
	o->renew = true;
}

/* ---- the journal ---- */

struct walk {
	struct str all, rest;
	struct digest last;
	uint64_t next;   /* index that follows */
	uint64_t number; /* seq that follows */
};

/* The next frame of @w that fits.  False: none does. */
static bool next_frame(struct store *s, struct walk *w,
		       struct journal_frame *ret, struct str *ret_body)
{
	struct digest d;

	if (!journal_parse(w->rest, ret) ||
	    w->rest.len - JOURNAL_HEAD_BYTES < ret->length)
		return false;
	*ret_body =
		(struct str){ w->rest.ptr + JOURNAL_HEAD_BYTES, ret->length };
	journal_digest(s->hash, &w->last, ret, *ret_body, &d);
	if (!digest_eq(&d, &ret->digest))
		return false;
	w->last = d;
	w->rest = str_skip(w->rest, JOURNAL_HEAD_BYTES + ret->length);
	return true;
}

/* 1: the frame is not what a store writes. */
static int take_records(struct store *s, struct walk *w,
			const struct journal_frame *f, struct str body)
{
	uint32_t n = 0;
	struct payload p;
	struct str leaf;
	int r = 0;

	if (f->type != JOURNAL_RECORDS || f->first != w->next)
		return 1;
	while (r == 0 && journal_next(&body, &leaf, &p)) {
		r = tree_add(&s->tree, leaf, &p);
		n++;
	}
	if (r == 0 && (body.len > 0 || n != f->count))
		return 1;
	w->next += n;
	w->number = f->number;
	/* What is full has no need to stay in memory. */
	return r == 0 && s->tree.n > 65536 ? tree_settle(&s->tree) : r;
}

/* 1: the first frame is not good, and so nothing is. */
static int walk_journal(struct store *s, struct walk *w)
{
	struct journal_frame f;
	struct str body;
	int r = 0;

	if (!next_frame(s, w, &f, &body) || f.type != JOURNAL_START ||
	    !tree_tiles_load(&s->tree, f.first, body))
		return 1;
	w->next = s->journal.first = f.first;
	w->number = f.number;
	while (r == 0 && next_frame(s, w, &f, &body))
		r = take_records(s, w, &f, body);
	return r < 0 ? r : 0;
}

/* What the journal holds from @from on is kept aside. */
static int keep_torn(struct store *s, struct opening *o, uint32_t number,
		     struct str torn)
{
	(void)snprintf(o->kept, sizeof(o->kept), KEPT_PREFIX "journal-%06u",
		       number);
	o->repair.torn_bytes = torn.len;
	o->renew = true;
	return file_save(s->dirfd, o->kept, torn, 0600, true);
}

static int load_journal(struct store *s, uint32_t number, struct buf *b)
{
	char name[JOURNAL_NAME_SIZE];
	AUTO(fd) int fd = -1;
	struct stat st;
	char *p;
	int r;

	journal_name(number, name);
	fd = openat(s->dirfd, name,
		    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	buf_init(b, LOAD_MAX);
	p = buf_reserve(b, (size_t)st.st_size + 1);
	if (!p)
		return -EFBIG;
	r = fd_read_full(fd, p, (size_t)st.st_size);
	if (r != 0)
		return r;
	buf_added(b, (size_t)st.st_size);
	s->journal.fd = TAKE_FD(fd);
	s->journal.number = number;
	return 0;
}

/* 1: the journal cannot be used. */
static int open_journal(struct store *s, struct opening *o, uint32_t number)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct walk w = { .next = 0 };
	int r = load_journal(s, number, &b);

	if (r != 0)
		return r;
	w.all = buf_str(&b);
	w.rest = w.all;
	r = walk_journal(s, &w);
	if (r < 0)
		return r;
	if (r == 1) {
		damaged(o, "the journal is damaged");
		r = keep_torn(s, o, number, w.all);
		return r != 0 ? r : 1;
	}
	s->next_seq = w.number;
	s->journal.size = w.all.len - w.rest.len;
	s->journal.last = w.last;
	return w.rest.len > 0 ? keep_torn(s, o, number, w.rest) : 0;
}

/* ---- without a journal ---- */

/* 1: there is no such whole bundle. */
static int read_bundle(struct store *s, uint64_t n, struct buf *leaves,
		       struct buf *payloads)
{
	char path[TILE_PATH_SIZE];
	int r;

	buf_init(leaves, (size_t)TILE_WIDTH * (LEAF_MAX_BYTES + 2));
	buf_init(payloads, (size_t)TILE_WIDTH * (PAYLOAD_MAX_BYTES + 4));
	tile_entries_path(n, TILE_WIDTH, path);
	r = file_load(s->dirfd, path, leaves);
	if (r == -ENOENT)
		return 1;
	if (r != 0)
		return r;
	tile_payload_path(n, path);
	r = file_load(s->dirfd, path, payloads);
	if (r == -ENOENT || r == -EFBIG) {
		buf_clear(payloads);
		return 0;
	}
	return r;
}

/* A bundle that is none: others will be written in its place.  1. */
static int keep_bundle(struct store *s, uint64_t n)
{
	char path[TILE_PATH_SIZE], name[KEPT_SIZE];

	tile_entries_path(n, TILE_WIDTH, path);
	(void)snprintf(name, sizeof(name), KEPT_PREFIX "bundle-%llu",
		       (unsigned long long)n);
	if (renameat(s->dirfd, path, s->dirfd, name) == -1)
		return neg_errno();
	return 1;
}

static int take_bundle(struct store *s, uint64_t n)
{
	AUTO(buf) struct buf leaves = BUF_NULL;
	AUTO(buf) struct buf payloads = BUF_NULL;
	int r = read_bundle(s, n, &leaves, &payloads);
	struct str l = buf_str(&leaves), p = buf_str(&payloads), leaf;
	struct record_line line;

	for (unsigned i = 0; r == 0 && i < TILE_WIDTH; i++) {
		struct payload one;

		if (!tile_next_entry(&l, &leaf))
			return keep_bundle(s, n);
		if (!payload_next(&p, &one))
			one = (struct payload){ .erased = true };
		if (record_line_scan(leaf, &line))
			s->next_seq = line.seq + 1;
		r = tree_add(&s->tree, leaf, &one);
	}
	return r == 0 ? tree_settle(&s->tree) : r;
}

/* From the bundles alone, as far as they go. */
static int rebuild(struct store *s)
{
	int r = 0;

	s->next_seq = 1;
	s->tree.written = s->tree.synced = 0;
	for (uint64_t n = 0; r == 0; n++)
		r = take_bundle(s, n);
	return r < 0 ? r : 0;
}

/* ---- the checkpoint ---- */

/* 0: it is that of the tree's beginning; 1: it is not. */
static int compare_root(struct store *s, const struct checkpoint *c)
{
	struct merkle_source source;
	struct merkle_edge edge;
	struct tiles *t;
	struct digest root;
	int r;

	if (c->size == tree_size(&s->tree)) {
		tree_edge(&s->tree, &edge);
		merkle_root(&edge, s->hash, &root);
		return digest_eq(&root, &c->root) ? 0 : 1;
	}
	/* What it needs may be in no file yet. */
	r = tree_settle(&s->tree);
	if (r == 0)
		r = tree_write_partial(&s->tree);
	if (r != 0)
		return r;
	t = malloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	tiles_init(t, s->dirfd, tree_size(&s->tree), s->hash);
	source = tiles_source(t);
	r = merkle_root_at(&source, c->size, &root);
	free(t);
	if (r == -ENOENT || r == -EBADMSG || r == -EINVAL)
		return 1;
	return r == 0 && !digest_eq(&root, &c->root) ? 1 : r;
}

static bool is_signed(struct store *s, const struct note *n)
{
	for (size_t i = 0; i < s->n_signers; i++) {
		if (note_verify(n, note_signer_key(s->signers[i])) == 0)
			return true;
	}
	return false;
}

static int check_checkpoint(struct store *s, struct opening *o)
{
	struct checkpoint c;
	struct note n;
	int r;

	buf_init(&o->old, CHECKPOINT_MAX);
	r = file_load(s->dirfd, CHECKPOINT_NAME, &o->old);
	if (r == -ENOENT) {
		/* The first one comes before anything is acknowledged. */
		if (tree_size(&s->tree) > 0 && !o->first)
			damaged(o, "the checkpoint is missing");
		return 0;
	}
	if (r != 0 && r != -EFBIG)
		return r;
	if (r != 0 || !note_parse(buf_str(&o->old), &n) ||
	    !checkpoint_parse(n.text, &c) || !is_signed(s, &n)) {
		damaged(o, "the checkpoint is damaged");
		return 0;
	}
	if (c.size > tree_size(&s->tree)) {
		o->repair.lost = c.size - tree_size(&s->tree);
		damaged(o, "records that were durable are missing");
		return 0;
	}
	r = compare_root(s, &c);
	if (r == 1) {
		damaged(o, "the tree is not that of the checkpoint");
		return 0;
	}
	s->published = r == 0;
	s->published_size = c.size;
	return r;
}

/* ---- what is told of it ---- */

static int add_torn(struct store *s, const struct opening *o)
{
	const struct store_repair *p = &o->repair;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&w, RECORD_LEDGER_TORN, "none", RECORD_KERNEL, NULL, 1);
	json_kuint(&w, "bytes", p->torn_bytes);
	json_kstr(&w, "kept", str_of(o->kept));
	json_kuint(&w, "lost", p->lost);
	json_kbool(&w, "damage", p->damage != NULL);
	json_kstr(&w, "reason",
		  str_of(p->damage ? p->damage : "a write was cut short"));
	if (p->damage && o->old.len > 0 && o->old.len < RECORD_MAX_BODY / 8)
		json_kstr(&w, "checkpoint", buf_str(&o->old));
	record_end(&w);
	if (b.failed)
		return -ENOMEM;
	s->next_seq += p->lost; /* no number is given twice */
	return store_add_own(s, buf_str(&b));
}

static int add_first(struct store *s, uint64_t lines)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&w, RECORD_LEDGER_FIRST, "none", RECORD_KERNEL, NULL, 1);
	json_kuint(&w, "lines", lines);
	record_end(&w);
	return b.failed ? -ENOMEM : store_add_own(s, buf_str(&b));
}

static int tell(struct store *s, struct opening *o)
{
	int r = 0;

	if (o->repair.damage || o->kept[0])
		r = add_torn(s, o);
	if (r == 0 && o->taken_in > 0)
		r = add_first(s, o->taken_in);
	if (r == 0 && o->renew)
		r = store_switch(s);
	return r;
}

/* ---- in order ---- */

static int take_in(struct store *s, struct opening *o)
{
	struct first_form f;
	int r = first_take_in(s, &f);

	if (r != 0)
		return r;
	s->next_seq = f.next_seq - f.repair.lost; /* add_torn() adds it */
	o->repair = f.repair;
	o->taken_in = f.lines;
	o->renew = true;
	memcpy(o->kept, f.kept, sizeof(f.kept));
	/* What an attempt before this one signed is of no account. */
	(void)unlinkat(s->dirfd, CHECKPOINT_NAME, 0);
	return 0;
}

static int look_at(void *owner, const char *file)
{
	struct str name = str_of(file);
	uint32_t *last = owner, n;

	if (str_starts(name, STR(KEPT_PREFIX)))
		name = str_skip(name, sizeof(KEPT_PREFIX) - 1);
	if (journal_name_parse(name, &n) && n > *last)
		*last = n;
	return 0;
}

/* Numbers of journals are never used again: torn files have them. */
static int last_number(struct store *s, uint32_t *ret)
{
	*ret = 0;
	return dir_each(s->dirfd, look_at, ret);
}

static int load(struct store *s, struct opening *o, uint32_t newest)
{
	int r = 0;

	s->next_seq = 1;
	if (newest > 0) {
		r = open_journal(s, o, newest);
		if (r != 1)
			return r;
		return rebuild(s);
	}
	o->renew = true;
	r = last_number(s, &s->journal.number);
	if (r != 0)
		return r;
	if (o->first)
		return take_in(s, o);
	if (o->fresh)
		return 0;
	damaged(o, "the journal is missing");
	return rebuild(s);
}

/* Journals that the one in use has taken the place of. */
static void remove_old(struct store *s)
{
	char name[JOURNAL_NAME_SIZE];

	for (uint32_t n = s->journal.number; n > 1; n--) {
		journal_name(n - 1, name);
		if (unlinkat(s->dirfd, name, 0) == -1)
			return;
	}
}

static int start(struct store *s, struct opening *o)
{
	uint32_t newest = 0;
	int r = journal_newest(s->dirfd, &newest);

	if (r == 0)
		r = first_is_there(s->dirfd, &o->first);
	if (r != 0)
		return r;
	o->fresh = newest == 0 && !o->first &&
		   !exists(s->dirfd, CHECKPOINT_NAME) &&
		   !exists(s->dirfd, "tile");
	r = key_open(s, newest == 0 && (o->fresh || o->first));
	if (r < 0)
		return r;
	if (r == 1)
		damaged(o, "the key is missing");
	r = load(s, o, newest);
	if (r == 0)
		r = check_checkpoint(s, o);
	if (r == 0)
		r = tell(s, o);
	if (r != 0)
		return r;
	remove_old(s);
	/* Before anything is acknowledged there is a checkpoint. */
	if (!s->published)
		r = store_publish(s);
	if (r == 0 && o->first)
		r = first_move_away(s->dirfd);
	if (r == 0)
		r = key_finish_change(s);
	if (r == 0)
		r = erase_resume(s);
	return r == 0 ? store_retain(s) : r;
}

int store_start(struct store *s, struct store_repair *ret)
{
	struct opening o = { .fresh = false };
	int r = start(s, &o);

	buf_done(&o.old);
	*ret = o.repair;
	return r;
}
