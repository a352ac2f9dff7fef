/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A group of records waits in memory as it came (struct waiting, then its
 * bytes).  A commit words them, since only then their numbers are known, as one
 * frame of the journal, writes that with one pwrite at the known end and syncs
 * once.  Only after that the end moves, and the records enter the tree, which
 * is memory and files that nobody waits for.
 *
 *   journal  --full bundles-->  files, unsynced  --switch-->  synced, and a new
 *   journal that begins with what is in no bundle yet
 *
 * Invariants
 *   1. journal.size is durable: its frames, and all before them.
 *   2. The journal has no byte beyond journal.size, unless it is dirty; a dirty
 *      one is cut before the next write.  A failed fdatasync leaves pages of
 *      unknown state, which are cut and written again.
 *   3. Every acknowledged record is in the journal, or in bundle, payload file
 *      and tiles that were synced before the journal was left.
 *   4. A checkpoint never speaks of a record that is not durable.
 *
 * Blocks are not preallocated: with FALLOC_FL_KEEP_SIZE a commit was measured
 * at 124 us against 128 us, since the size changes all the same; only files
 * whose size runs ahead (80 us) would gain, and they would end in zeros.
 */
#include "ledger/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/wall.h"
#include "ledger/record-parse.h"
#include "ledger/store-in.h"

#define BUF_KEEP_BYTES ((size_t)256 * 1024) /* memory kept between commits */
#define LINE_EXTRA     ((size_t)256) /* v, seq, at, payload, punctuation */
#define LOCK_STEP_MS   5u
#define SETTLE_AT      4096u /* records in memory: a commit settles them */
#define FRAME_MAX      (STORE_GROUP_BYTES * 8)
#define JOURNAL_NEW    "journal.new"

_Static_assert(FRAME_MAX <= JOURNAL_BODY_MAX, "a group is one frame");

struct waiting {
	uint64_t at;
	uint32_t envelope_len, body_len;
	bool keep;
};

static int real_create(int dirfd, const char *name)
{
	return openat(dirfd, name,
		      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		      0600);
}

static struct store_world real_world(const struct store_options *o)
{
	struct store_world w = {
		.pwrite = pwrite,
		.fdatasync = fdatasync,
		.ftruncate = ftruncate,
		.create = real_create,
	};

	if (!o || !o->world)
		return w;
	if (o->world->pwrite)
		w.pwrite = o->world->pwrite;
	if (o->world->fdatasync)
		w.fdatasync = o->world->fdatasync;
	if (o->world->ftruncate)
		w.ftruncate = o->world->ftruncate;
	if (o->world->create)
		w.create = o->world->create;
	return w;
}

int store_sync(struct store *s, int fd)
{
	while (WALL(LEDGER_SYNC) && s->world.fdatasync(fd) == -1) {
		if (errno != EINTR)
			return neg_errno();
	}
	return 0;
}

int store_write_at(struct store *s, int fd, struct str data, uint64_t at)
{
	while (data.len > 0) {
		ssize_t n = s->world.pwrite(fd, data.ptr, data.len, (off_t)at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return neg_errno();
		if (n == 0)
			return -EIO;
		data = str_skip(data, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

/* Our own writers are told apart by a lock on the directory. */
static int lock_dir(int dirfd, uint32_t wait_ms)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * NS_PER_MS };

	for (uint32_t waited = 0;; waited += LOCK_STEP_MS) {
		if (!WALL(LEDGER_LOCK) || flock(dirfd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return neg_errno();
		if (waited >= wait_ms)
			return -EBUSY;
		(void)nanosleep(&step, NULL); /* early is as good */
	}
}

int store_open(struct store **ret, const char *dir,
	       const struct store_options *o, struct store_repair *ret_repair)
{
	AUTO(store) struct store *s = calloc(1, sizeof(*s));
	struct store_repair repair = { 0 };
	int r;

	if (!s)
		return -ENOMEM;
	s->dirfd = s->journal.fd = -1;
	s->world = real_world(o);
	if (o) {
		s->written = o->written;
		s->owner = o->owner;
	}
	if (o) {
		s->limits = o->limits;
		s->in_pieces = o->in_pieces;
	}
	s->file_bytes = o && o->file_bytes ? o->file_bytes : STORE_FILE_BYTES;
	buf_init(&s->group, STORE_GROUP_BYTES);
	buf_init(&s->frame, FRAME_MAX);
	buf_init(&s->leaf, RECORD_MAX_BYTES);
	buf_init(&s->payload, RECORD_MAX_BYTES);
	buf_init(&s->common, RECORD_MAX_BYTES);

	r = dir_make_private(dir);
	if (r != 0)
		return r;
	s->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->dirfd == -1)
		return neg_errno();
	r = lock_dir(s->dirfd, o ? o->lock_wait_ms : 0);
	if (r == 0)
		r = hash_new(&s->hash);
	if (r != 0)
		return r;
	tree_init(&s->tree, s->dirfd, &s->world, s->hash);
	r = store_start(s, &repair);
	if (r != 0)
		return r;
	if (ret_repair)
		*ret_repair = repair;
	*ret = TAKE(s);
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	if (s->journal.fd != -1)
		(void)close(s->journal.fd);
	if (s->dirfd != -1)
		(void)close(s->dirfd); /* and the lock with it */
	for (size_t i = 0; i < s->n_signers; i++)
		note_signer_free(s->signers[i]);
	if (s->hash)
		tree_done(&s->tree);
	hash_free(s->hash);
	buf_done(&s->group);
	buf_done(&s->frame);
	buf_done(&s->leaf);
	buf_done(&s->payload);
	buf_done(&s->common);
	free(s);
}

int store_dirfd(const struct store *s)
{
	return s->dirfd;
}

size_t store_waiting(const struct store *s)
{
	return s->n_waiting;
}

size_t store_waiting_bytes(const struct store *s)
{
	return s->group.len;
}

int store_add(struct store *s, const struct store_record *r, size_t *ret_index)
{
	struct waiting w = {
		.at = r->at,
		.envelope_len = (uint32_t)r->envelope.len,
		.body_len = (uint32_t)r->body.len,
		.keep = r->keep,
	};
	char *p;

	/* Both bounds keep a line within RECORD_MAX_BYTES. */
	if (r->envelope.len > RECORD_MAX_ENVELOPE - LINE_EXTRA ||
	    r->body.len > RECORD_MAX_BODY || r->body.len < 2)
		return -EMSGSIZE;

	size_t need = sizeof(w) + r->envelope.len + r->body.len;

	if (need > s->group.max - s->group.len)
		return -ENOBUFS;
	p = buf_reserve(&s->group, need);
	if (!p) {
		s->group.failed = false; /* what waits is untouched */
		return -ENOMEM;
	}
	memcpy(p, &w, sizeof(w));
	memcpy(p + sizeof(w), r->envelope.ptr, r->envelope.len);
	memcpy(p + sizeof(w) + r->envelope.len, r->body.ptr, r->body.len);
	buf_added(&s->group, need);
	if (ret_index)
		*ret_index = s->n_waiting;
	s->n_waiting++;
	return 0;
}

/* Cut the next of the group. */
static bool next_waiting(struct str *group, struct waiting *ret,
			 struct str *ret_envelope, struct str *ret_body)
{
	if (group->len == 0)
		return false;
	ASSERT(group->len >= sizeof(*ret));
	memcpy(ret, group->ptr, sizeof(*ret));
	*group = str_skip(*group, sizeof(*ret));
	*ret_envelope = (struct str){ group->ptr, ret->envelope_len };
	*group = str_skip(*group, ret->envelope_len);
	*ret_body = (struct str){ group->ptr, ret->body_len };
	*group = str_skip(*group, ret->body_len);
	return true;
}

/* ---- wording ---- */

static char *put(char *p, struct str s)
{
	memcpy(p, s.ptr, s.len);
	return p + s.len;
}

static char *put_uint(char *p, uint64_t v)
{
	char text[20];
	size_t n = sizeof(text);

	do {
		text[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return put(p, (struct str){ text + n, sizeof(text) - n });
}

static int add_salt(struct store *s, struct buf *b)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *salt;
	char text[RECORD_SALT_LEN];

	_Static_assert(RECORD_SALT_LEN == 2 * SALT_BYTES, "all of it");
	if (s->salts_left == 0) {
		size_t n = 0;

		while (n < sizeof(s->salts)) {
			ssize_t got = getrandom(s->salts + n,
						sizeof(s->salts) - n, 0);

			if (got == -1 && errno != EINTR)
				return neg_errno();
			n += got > 0 ? (size_t)got : 0;
		}
		s->salts_left = SALTS;
	}
	salt = s->salts + --s->salts_left * SALT_BYTES;
	for (size_t i = 0; i < SALT_BYTES; i++) {
		text[2 * i] = hex[salt[i] >> 4];
		text[2 * i + 1] = hex[salt[i] & 15];
	}
	(void)buf_add(b, STR("{\"salt\":\""));
	(void)buf_add(b, (struct str){ text, sizeof(text) });
	(void)buf_addc(b, '"');
	return 0;
}

/* Of s->common and s->payload, into s->leaf. */
static int word_leaf(struct store *s, uint64_t at, struct str envelope,
		     uint64_t seq)
{
	struct str common = buf_str(&s->common);
	char *begin =
		buf_reserve(&s->leaf, envelope.len + common.len + LINE_EXTRA);
	char *p = begin;

	if (!p)
		return -ENOMEM;
	p = put(p, STR("{\"v\":2,\"seq\":"));
	p = put_uint(p, seq);
	p = put(p, STR(",\"at\":"));
	p = put_uint(p, at);
	*p++ = ',';
	p = put(p, envelope);
	p = put(p, common);
	if (s->payload.len > 0) {
		char hex[LEDGER_HASH_LEN + 1];
		struct digest d;

		hash_raw(s->hash, buf_str(&s->payload), &d);
		digest_hex(&d, hex);
		p = put(p, STR(",\"payload\":\""));
		p = put(p, (struct str){ hex, LEDGER_HASH_LEN });
		*p++ = '"';
	}
	*p++ = '}';
	buf_added(&s->leaf, (size_t)(p - begin));
	return 0;
}

int store_word(struct store *s, uint64_t at, struct str envelope,
	       struct str body, uint64_t seq)
{
	size_t salted;
	int r;

	buf_clear(&s->leaf);
	buf_clear(&s->payload);
	buf_clear(&s->common);
	r = add_salt(s, &s->payload);
	if (r != 0)
		return r;
	salted = s->payload.len;
	record_split(body, &s->common, &s->payload);
	if (s->payload.len == salted)
		buf_clear(&s->payload); /* it has no members of its own */
	else
		(void)buf_addc(&s->payload, '}');
	if (s->common.failed || s->payload.failed)
		return -ENOMEM;
	return word_leaf(s, at, envelope, seq);
}

/* One record onto s->frame. */
static int word_record(struct store *s, const struct waiting *w,
		       struct str envelope, struct str body, uint64_t seq)
{
	int r = store_word(s, w->at, envelope, body, seq);
	struct payload p = { .text = buf_str(&s->payload) };

	if (r != 0)
		return r;
	tile_add_entry(&s->frame, buf_str(&s->leaf));
	payload_add(&s->frame, &p);
	return s->frame.failed ? -ENOMEM : 0;
}

static int word_group(struct store *s)
{
	struct str group = buf_str(&s->group), envelope, body;
	static const char head[JOURNAL_HEAD_BYTES];
	uint64_t seq = s->next_seq;
	struct waiting w;
	int r = 0;

	buf_clear(&s->frame);
	(void)buf_add(&s->frame, (struct str){ head, sizeof(head) });
	while (r == 0 && next_waiting(&group, &w, &envelope, &body))
		r = word_record(s, &w, envelope, body, seq++);
	return r;
}

int store_add_own(struct store *s, struct str body)
{
	static const struct str envelope =
		STR("\"session\":\"\",\"user\":\"\",\"task\":\"\"");
	int r = store_word(s, clock_utc_ns(), envelope, body, s->next_seq);
	struct payload p = { .text = buf_str(&s->payload) };

	if (r == 0)
		r = tree_add(&s->tree, buf_str(&s->leaf), &p);
	if (r == 0)
		s->next_seq++;
	return r;
}

/* ---- the journal ---- */

/* Fills in the head of the frame in @b, whose body follows it. */
static void seal_frame(struct store *s, struct buf *b, enum journal_type type,
		       uint64_t first, uint64_t number, size_t count,
		       struct digest *last)
{
	struct str body = str_skip(buf_str(b), JOURNAL_HEAD_BYTES);
	struct journal_frame f = { .type = type,
				   .length = (uint32_t)body.len,
				   .count = (uint32_t)count,
				   .first = first,
				   .number = number };

	journal_digest(s->hash, last, &f, body, &f.digest);
	journal_format(&f, b->ptr + b->off);
	*last = f.digest;
}

/* The group did not become durable. */
static void forget_refused(struct store *s)
{
	struct str group = buf_str(&s->group), envelope, body;
	char *p = s->group.ptr + s->group.off;
	size_t kept = 0, n = 0;
	struct waiting w;

	for (const char *at = group.ptr;
	     next_waiting(&group, &w, &envelope, &body); at = group.ptr) {
		size_t len = sizeof(w) + envelope.len + body.len;

		if (!w.keep)
			continue;
		memmove(p + kept, at, len);
		kept += len;
		n++;
	}
	s->group.len = kept;
	s->n_waiting = n;
}

static void forget_written(struct store *s)
{
	buf_clear(&s->group);
	s->n_waiting = 0;
	if (s->group.size > BUF_KEEP_BYTES)
		buf_done(&s->group);
	if (s->frame.size > BUF_KEEP_BYTES)
		buf_done(&s->frame);
}

static int make_clean(struct store *s)
{
	struct journal *j = &s->journal;

	while (j->dirty) {
		if (s->world.ftruncate(j->fd, (off_t)j->size) == 0)
			j->dirty = false;
		else if (errno != EINTR)
			return neg_errno();
	}
	return 0;
}

/* What is durable now enters the tree; room for it was reserved. */
static void enter_tree(struct store *s)
{
	struct str body = str_skip(buf_str(&s->frame), JOURNAL_HEAD_BYTES);
	struct payload p;
	struct str leaf;

	while (journal_next(&body, &leaf, &p))
		ASSERT(tree_add(&s->tree, leaf, &p) == 0);
}

static int try_commit(struct store *s)
{
	struct journal *j = &s->journal;
	struct digest last = j->last;
	int r = make_clean(s);

	if (r == 0)
		r = word_group(s);
	if (r == 0)
		r = tree_reserve(&s->tree, s->n_waiting, s->frame.len);
	if (r != 0)
		return r;
	seal_frame(s, &s->frame, JOURNAL_RECORDS, tree_size(&s->tree),
		   s->next_seq + s->n_waiting, s->n_waiting, &last);
	j->dirty = true;
	r = store_write_at(s, j->fd, buf_str(&s->frame), j->size);
	if (r == 0 && s->written)
		s->written(s->owner);
	if (r == 0)
		r = store_sync(s, j->fd);
	if (r != 0)
		return r;
	j->dirty = false;
	j->size += s->frame.len;
	j->last = last;
	enter_tree(s);
	return 0;
}

static int settle_files(struct store *s)
{
	int r = tree_settle(&s->tree);

	if (r != 0 || s->journal.size < s->file_bytes || s->journal.dirty)
		return r;
	return store_switch(s);
}

/*
 * What nobody settled meanwhile.  Only too much of it is a failure.  Limits are
 * not looked at: what they erase is a record, and a group is being committed.
 */
static int settle_late(struct store *s)
{
	int r = s->tree.n >= SETTLE_AT || s->journal.size >= 2 * s->file_bytes
			? settle_files(s)
			: 0;

	return s->tree.leaves.len > TREE_WAITING_BYTES / 2 ||
			       s->tree.payloads.len > TREE_WAITING_BYTES / 2
		       ? r
		       : 0;
}

int store_commit(struct store *s, uint64_t *ret_first_seq)
{
	uint64_t first = s->next_seq;
	int r;

	*ret_first_seq = first;
	if (s->n_waiting == 0)
		return 0;
	r = settle_late(s);
	if (r == 0)
		r = try_commit(s);
	if (r != 0) {
		forget_refused(s);
		(void)make_clean(s); /* else before the next write */
		return r;
	}
	s->next_seq += s->n_waiting;
	forget_written(s);
	return 0;
}

int store_say(struct store *s, struct str user, struct str body)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct str envelope;
	uint64_t seq;
	int r;

	ASSERT(s->n_waiting == 0);
	buf_init(&b, RECORD_MAX_ENVELOPE);
	json_open(&w, '{');
	json_kstr(&w, "session", (struct str){ "", 0 });
	json_kstr(&w, "user", user);
	json_kstr(&w, "task", (struct str){ "", 0 });
	json_close(&w, '}');
	if (b.failed)
		return -ENOMEM;
	envelope = buf_str(&b);
	envelope = (struct str){ envelope.ptr + 1, envelope.len - 2 };
	r = store_add(s,
		      &(struct store_record){ .at = clock_utc_ns(),
					      .envelope = envelope,
					      .body = body },
		      NULL);
	return r == 0 ? store_commit(s, &seq) : r;
}

/* ---- what nobody waits for ---- */

/* The records that are in no bundle, as the second frame of a journal. */
static int add_rest(struct store *s, struct buf *b)
{
	struct str leaves = buf_str(&s->tree.leaves), leaf;
	struct str payloads = buf_str(&s->tree.payloads);
	struct payload p;

	while (tile_next_entry(&leaves, &leaf) && payload_next(&payloads, &p)) {
		tile_add_entry(b, leaf);
		payload_add(b, &p);
	}
	return b->failed ? -ENOMEM : 0;
}

/* All of a new journal's first bytes into @b; *last is of its last frame. */
static int word_journal(struct store *s, struct buf *b, struct digest *last)
{
	static const char head[JOURNAL_HEAD_BYTES];
	AUTO(buf) struct buf rest = BUF_NULL;
	int r;

	*last = (struct digest){ { 0 } };
	(void)buf_add(b, (struct str){ head, sizeof(head) });
	tree_tiles_add(&s->tree, b);
	if (b->failed)
		return -ENOMEM;
	seal_frame(s, b, JOURNAL_START, s->tree.written, s->next_seq,
		   tree_tiles_count(&s->tree), last);
	if (s->tree.n == 0)
		return 0;
	buf_init(&rest, FRAME_MAX);
	(void)buf_add(&rest, (struct str){ head, sizeof(head) });
	r = add_rest(s, &rest);
	if (r != 0)
		return r;
	seal_frame(s, &rest, JOURNAL_RECORDS, s->tree.written, s->next_seq,
		   s->tree.n, last);
	return buf_add(b, buf_str(&rest)) ? 0 : -ENOMEM;
}

/* Takes the place of s->journal, and its file. */
static int replace_journal(struct store *s, struct journal *take)
{
	char name[JOURNAL_NAME_SIZE];
	struct journal before = s->journal;

	journal_name(take->number, name);
	if (renameat(s->dirfd, JOURNAL_NEW, s->dirfd, name) == -1)
		return neg_errno();
	s->journal = *take;
	if (before.fd != -1)
		(void)close(before.fd);
	if (fsync(s->dirfd) == -1)
		return neg_errno(); /* the old one stays: either will do */
	if (before.number > 0) {
		journal_name(before.number, name);
		(void)unlinkat(s->dirfd, name, 0); /* else at the next start */
	}
	return 0;
}

int store_switch(struct store *s)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct journal j = { .number = s->journal.number + 1 };
	AUTO(fd) int fd = -1;
	int r = tree_settle(&s->tree);

	if (r == 0)
		r = tree_sync(&s->tree);
	buf_init(&b, FRAME_MAX * 2);
	if (r == 0)
		r = word_journal(s, &b, &j.last);
	if (r != 0)
		return r;
	if (j.number > JOURNAL_MAX)
		return -EFBIG;
	(void)unlinkat(s->dirfd, JOURNAL_NEW, 0); /* what a failure left */
	fd = s->world.create(s->dirfd, JOURNAL_NEW);
	if (fd == -1)
		return neg_errno();
	r = store_write_at(s, fd, buf_str(&b), 0);
	if (r == 0)
		r = store_sync(s, fd);
	if (r != 0)
		return r;
	j.size = b.len;
	j.first = s->tree.written;
	j.fd = fd;
	r = replace_journal(s, &j);
	if (s->journal.fd == fd) {
		(void)TAKE_FD(fd);
		s->retain_due = true;
	}
	return r;
}

int store_settle(struct store *s)
{
	int r = settle_files(s);

	return r == 0 && s->retain_due ? store_retain(s) : r;
}

static int save_checkpoint(struct store *s)
{
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(buf) struct buf note = BUF_NULL;
	struct checkpoint c = {
		.origin = str_of(note_signer_key(s->signers[0])->name),
		.size = tree_size(&s->tree),
	};
	struct merkle_edge edge;
	int r;

	tree_edge(&s->tree, &edge);
	ASSERT(edge.size == c.size);
	merkle_root(&edge, s->hash, &c.root);
	buf_init(&text, CHECKPOINT_MAX);
	buf_init(&note, CHECKPOINT_MAX);
	checkpoint_add(&text, &c);
	r = note_sign(buf_str(&text), s->signers, s->n_signers, &note);
	if (r == 0 && (text.failed || note.failed))
		r = -ENOMEM;
	if (r == 0)
		r = tree_save_synced(&s->tree, CHECKPOINT_NAME, buf_str(&note));
	return r;
}

bool store_is_behind(const struct store *s)
{
	return !s->published || s->published_size != tree_size(&s->tree);
}

uint64_t store_size(const struct store *s)
{
	return tree_size(&s->tree);
}

int store_publish(struct store *s)
{
	int r = store_settle(s);

	if (r != 0 || !store_is_behind(s))
		return r;
	r = tree_write_partial(&s->tree);
	if (r == 0)
		r = save_checkpoint(s);
	if (r == 0) {
		s->published = true;
		s->published_size = tree_size(&s->tree);
	}
	return r;
}
