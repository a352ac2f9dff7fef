/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A crash leaves some prefix of what was written since the last fdatasync, and
 * after a power failure perhaps not even a prefix: later blocks may be on disk
 * where earlier ones are not.  `head` names a record that was durable before.
 * So from the record named there (the anchor) we walk forward as long as each
 * line is a record that follows from the one before; the rest of the file was
 * never acknowledged and is torn.
 *
 * `head` is written after the data it speaks of.  When its record is not where
 * it says, durable data was lost or changed, or `head` itself was.  That is
 * damage: recovery says so and cuts nothing but what follows the last pair of
 * lines that belong together, so that no good record is lost over a bad one
 * before it; `ledger verify` finds the bad one.
 *
 * Torn bytes are kept in torn-SEQ, where SEQ is the number of the record that
 * will tell of them.  The order is: copy, sync, cut, sync.  The record itself
 * comes with the first commit; as long as it is missing, torn-SEQ for the next
 * SEQ exists, and so a crash at any point in between only repeats the rest.
 *
 * Numbers are never given twice to acknowledged records: after a loss the
 * next one is head.seq + 1.  Where head is lost as well, a torn file still shows
 * that all numbers below its own were given.
 */
#include "ledger/recover.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/record-parse.h"

#define TORN_MAX   100u /* files of one number */
#define COPY_BYTES ((size_t)64 * 1024)
/* A file may exceed its nominal size by one group. */
#define FILE_MAX ((size_t)256 * 1024 * 1024)

struct walk {
	int dirfd;
	struct hash *hash;
	struct ledger_head head; /* as read; seq 0 unless HEAD_GOOD */
	struct recovered *out;
};

static int open_file(int dirfd, uint32_t number, int flags, uint64_t *ret_size)
{
	char name[LEDGER_NAME_SIZE];
	AUTO(fd) int fd = -1;
	struct stat st;

	ledger_file_name(number, name);
	fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uintmax_t)st.st_size > FILE_MAX)
		return -EFBIG;
	*ret_size = (uint64_t)st.st_size;
	return TAKE_FD(fd);
}

/* Bytes from @from to the end of file @number into @b. */
static int load_from(int dirfd, uint32_t number, uint64_t from, struct buf *b)
{
	AUTO(fd) int fd = -1;
	uint64_t size = 0;

	fd = open_file(dirfd, number, O_RDONLY, &size);
	if (fd < 0)
		return fd;
	if (from >= size)
		return 0;

	size_t len = (size_t)(size - from);
	char *p = buf_reserve(b, len);

	if (!p)
		return -ENOMEM;
	if (lseek(fd, (off_t)from, SEEK_SET) == -1)
		return neg_errno();

	int r = fd_read_full(fd, p, len);

	if (r == 0)
		buf_added(b, len);
	return r;
}

/* torn-SEQ, torn-SEQ.1, ... */
static void torn_name(uint64_t seq, unsigned i, char dst[RECOVER_KEPT_SIZE])
{
	int n = snprintf(dst, RECOVER_KEPT_SIZE, "torn-%012llu",
			 (unsigned long long)seq);

	if (i > 0)
		(void)snprintf(dst + n, RECOVER_KEPT_SIZE - (size_t)n, ".%u",
			       i);
}

/* SEQ of the name of a torn file; 0: it is none. */
static uint64_t torn_seq(struct str name)
{
	static const struct str prefix = STR("torn-");
	struct str digits;
	uint64_t seq = 0;

	if (!str_starts(name, prefix))
		return 0;
	name = str_skip(name, prefix.len);
	if (!str_cut(&name, '.', &digits))
		return 0;
	while (str_starts(digits, STR("0")))
		digits = str_skip(digits, 1);
	if (!str_u64(digits, 1, UINT64_MAX / 2, &seq))
		return 0;
	return seq;
}

struct last {
	uint32_t file;
	uint64_t torn;
};

static int look_at(void *owner, const char *name)
{
	struct last *l = owner;
	uint64_t torn = torn_seq(str_of(name));
	uint32_t n = 0;

	if (ledger_file_parse(str_of(name), &n) && n > l->file)
		l->file = n;
	if (torn > l->torn)
		l->torn = torn;
	return 0;
}

/* The highest numbers of a file and of a torn one; 0: there is none. */
static int find_last(int dirfd, uint32_t *ret_file, uint64_t *ret_torn)
{
	struct last l = { .file = 0 };
	int r = dir_each(dirfd, look_at, &l);

	*ret_file = l.file;
	*ret_torn = l.torn;
	return r;
}

static int load_head(struct walk *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, LEDGER_HEAD_BYTES);
	r = file_load(w->dirfd, LEDGER_HEAD_NAME, &b);
	ledger_head_init(&w->head);
	if (r == -ENOENT)
		w->out->head = HEAD_ABSENT;
	else if (r == 0 && ledger_head_parse(buf_str(&b), &w->head))
		w->out->head = HEAD_GOOD;
	else if (r == 0 || r == -EFBIG)
		w->out->head = HEAD_DAMAGED;
	else
		return r;
	return 0;
}

/* How many acknowledged records this ledger.torn record says are missing. */
static uint64_t lost_before(struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;
	int64_t lost = 0;

	arena_init(&a, RECORD_MAX_BYTES * 8);
	if (record_read(&a, line, &rec) == 0 &&
	    rec.head.kind == RECORD_LEDGER_TORN)
		lost = json_find_int(rec.fields, "lost", 0);
	return lost > 0 ? (uint64_t)lost : 0;
}

static bool is_record(struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;

	arena_init(&a, RECORD_MAX_BYTES * 8);
	return record_read(&a, line, &rec) == 0;
}

/* @line is the record after @at; then @at becomes its end. */
static bool follows(struct walk *w, struct str line, struct ledger_head *at)
{
	struct record_line l;
	char hash[LEDGER_HASH_LEN + 1];

	if (!record_line_scan(line, &l) || !is_record(line) ||
	    !str_eq(l.prev, str_of(at->hash)))
		return false;
	if (l.seq != at->seq + 1 && l.seq != at->seq + 1 + lost_before(line))
		return false;
	if (hash_hex(w->hash, line, hash) != 0)
		return false;
	at->seq = l.seq;
	memcpy(at->hash, hash, sizeof(hash));
	at->size += line.len + 1;
	return true;
}

/* The anchor is where head says.  1: it is not. */
static int check_anchor(struct walk *w, uint32_t last)
{
	AUTO(buf) struct buf b = BUF_NULL;
	const struct ledger_head *h = &w->head;
	char hash[LEDGER_HASH_LEN + 1];
	struct record_line l;
	uint64_t from = 0;
	int r;

	if (w->out->head != HEAD_GOOD)
		return 1;
	if (h->seq == 0) /* nothing was durable: all there is, is a tail */
		return last == 1 && h->file == 1 && h->size == 0 ? 0 : 1;
	if (h->file > last)
		return 1;
	if (h->size > RECORD_MAX_BYTES + 1)
		from = h->size - RECORD_MAX_BYTES - 1;

	buf_init(&b, FILE_MAX);
	r = load_from(w->dirfd, h->file, from, &b);
	if (r != 0)
		return r == -ENOENT ? 1 : r;

	struct str text = buf_str(&b);

	if (text.len < h->size - from || h->size < 2)
		return 1;
	text.len = (size_t)(h->size - from) - 1;
	if (text.ptr[text.len] != '\n')
		return 1;

	const char *lf = memrchr(text.ptr, '\n', text.len);

	if (lf)
		text = str_skip(text, (size_t)(lf - text.ptr) + 1);
	if (!record_line_scan(text, &l) || l.seq != h->seq)
		return 1;
	r = hash_hex(w->hash, text, hash);
	if (r != 0)
		return r;
	return memcmp(hash, h->hash, sizeof(hash)) == 0 ? 0 : 1;
}

/* Walks file @at->file from @at->size on; 1: a line does not follow. */
static int walk_file(struct walk *w, struct ledger_head *at)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str text, line;
	int r;

	buf_init(&b, FILE_MAX);
	r = load_from(w->dirfd, at->file, at->size, &b);
	if (r != 0)
		return r == -ENOENT ? 1 : r;
	text = buf_str(&b);
	while (str_cut_line(&text, &line)) {
		if (!follows(w, line, at))
			return 1;
	}
	return text.len == 0 ? 0 : 1;
}

/*
 * From the anchor on, as far as records follow from each other.  head may be
 * some files behind after a power failure, but all files but the last were
 * durable when they were left: 1 = one of them is broken.
 */
static int walk_forward(struct walk *w, uint32_t last)
{
	struct ledger_head at = w->head;
	int r = 0;

	while (at.file < last) {
		r = walk_file(w, &at);
		if (r != 0)
			return r;
		at.file++;
		at.size = 0;
	}
	r = walk_file(w, &at);
	if (r < 0)
		return r;
	w->out->end = at;
	return 0;
}

/*
 * Without an anchor: the end of the last line of file @number that follows
 * from the line before it, or of the first line.  1: the file has none.
 */
static int walk_pairs(struct walk *w, uint32_t number, struct ledger_head *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct ledger_head at = { .file = number };
	struct record_line l;
	struct str text, line;
	bool found = false;
	uint64_t end = 0;
	int r;

	buf_init(&b, FILE_MAX);
	r = load_from(w->dirfd, number, 0, &b);
	if (r != 0)
		return r == -ENOENT ? 1 : r;
	text = buf_str(&b);
	while (str_cut_line(&text, &line)) {
		bool good = follows(w, line, &at);

		end += line.len + 1;
		if (!good && record_line_scan(line, &l)) {
			/* Perhaps the next one follows from this one. */
			r = hash_hex(w->hash, line, at.hash);
			if (r != 0)
				return r;
			at.seq = l.seq;
		}
		at.size = end;
		if (good || (!found && at.seq > 0 && is_record(line))) {
			*ret = at;
			found = true;
		}
	}
	return found ? 0 : 1;
}

static int walk_without_anchor(struct walk *w, uint32_t last)
{
	struct store_repair *p = &w->out->repair;
	struct ledger_head at;
	int r = 1;

	ledger_head_init(&at);
	for (uint32_t n = last; r == 1 && n >= 1; n--)
		r = walk_pairs(w, n, &at);
	if (r < 0)
		return r;
	if (at.file != last) {
		at.file = last > 0 ? last : 1;
		at.size = 0;
	}
	w->out->end = at;

	if (w->head.seq > at.seq) {
		p->lost = w->head.seq - at.seq;
		p->damage = "records that were durable are missing";
	} else if (w->out->head == HEAD_GOOD && at.seq > 0) {
		p->damage = "a durable record is not as it was";
	} else if (w->out->head == HEAD_DAMAGED) {
		p->damage = "the file head is damaged";
	} else if (at.seq > 0) {
		p->damage = "the file head is missing";
	}
	return 0;
}

/* The file ends in what follows the last good record: keep, then cut it. */
static int cut_tail(struct walk *w)
{
	AUTO(buf) struct buf b = BUF_NULL;
	const struct ledger_head *end = &w->out->end;
	char name[RECOVER_KEPT_SIZE];
	AUTO(fd) int fd = -1;
	uint64_t size = 0;
	struct stat st;
	unsigned i = 0;
	int r;

	fd = open_file(w->dirfd, end->file, O_RDWR, &size);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	if (size <= end->size)
		return 0;

	buf_init(&b, FILE_MAX);
	r = load_from(w->dirfd, end->file, end->size, &b);
	if (r != 0)
		return r;
	do {
		if (i == TORN_MAX)
			return -EEXIST;
		torn_name(w->out->next_seq, i++, name);
	} while (fstatat(w->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0);

	r = file_save(w->dirfd, name, buf_str(&b), 0600, true);
	if (r != 0)
		return r;
	if (ftruncate(fd, (off_t)end->size) == -1 || fsync(fd) == -1)
		return neg_errno();
	return 0;
}

/* What was kept and is on no record yet, now or by a start that was cut off. */
static int find_kept(struct walk *w)
{
	struct recovered *o = w->out;
	char name[RECOVER_KEPT_SIZE];
	struct stat st;

	for (unsigned i = 0; i < TORN_MAX; i++) {
		torn_name(o->next_seq, i, name);
		if (fstatat(w->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return errno == ENOENT ? 0 : neg_errno();
		if (i == 0)
			memcpy(o->kept, name, sizeof(name));
		o->repair.torn_bytes += (uint64_t)st.st_size;
	}
	return 0;
}

/*
 * A torn file whose number was not reached: what it was cut from, and head, are
 * gone.  Its own number is the one that is not known to have been given.
 */
static void count_from_torn(struct recovered *o, uint64_t torn)
{
	if (torn <= o->next_seq)
		return;
	o->repair.lost += torn - o->next_seq;
	o->next_seq = torn;
	if (!o->repair.damage)
		o->repair.damage = "records that were durable are missing";
}

int recover_dir(int dirfd, struct hash *h, struct recovered *ret)
{
	struct walk w = { .dirfd = dirfd, .hash = h, .out = ret };
	uint64_t torn = 0;
	int r;

	*ret = (struct recovered){ .files = 0 };
	r = find_last(dirfd, &ret->files, &torn);
	if (r == 0)
		r = load_head(&w);
	if (r != 0)
		return r;

	r = check_anchor(&w, ret->files);
	if (r == 0)
		r = walk_forward(&w, ret->files);
	if (r == 1)
		r = walk_without_anchor(&w, ret->files);
	if (r != 0)
		return r;

	ret->next_seq = ret->end.seq + ret->repair.lost + 1;
	count_from_torn(ret, torn);
	r = cut_tail(&w);
	return r == 0 ? find_kept(&w) : r;
}
