/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * `head` is read first, then every line of every file in order.  Whatever the
 * scribe adds meanwhile only makes the ledger longer than head said, so the
 * record that head names must come by, with the hash that head gives.
 *
 * Checked of each line: its form and size, that it is one flat JSON object,
 * that its number follows, that its prev is the hash of the line before.  A
 * number may be left out only by a ledger.torn record that says so; that, and
 * any other damage such a record tells of, is reported too: the ledger goes on
 * after it, but is not whole.  Files must be there without gaps from the first.
 *
 * Not detected, since all is written by one user without a signature: a
 * rewriting of all lines and of head.
 */
#include "ledger/verify.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/hash.h"
#include "ledger/reader.h"
#include "ledger/record-parse.h"

#define HEAD_TRIES     5u    /* against reading head while it is written */
#define TAIL_TRIES     1u    /* against reading while lines are taken back */
#define PROGRESS_EVERY 4096u /* records */
#define ARENA_MAX      (RECORD_MAX_BYTES * 8)

struct verify {
	struct hash *hash;
	struct ledger_head head;
	uint64_t seq;
	char prev[LEDGER_HASH_LEN + 1];
	uint32_t file;
	uint64_t file_end; /* offset behind the last line seen of it */
	bool head_seen;
	bool behind_head; /* and it was right: the rest may be taken back */
	bool lost_said; /* the first damage told by a record is in the report */
	struct verify_report *out;
	verify_progress progress; /* may be NULL */
	void *progress_arg;
	uint64_t all; /* bytes */
};

static int broken(struct verify *v, const char *file, uint64_t line,
		  const char *text)
{
	struct verify_report *o = v->out;

	(void)snprintf(o->file, sizeof(o->file), "%s", file);
	(void)snprintf(o->text, sizeof(o->text), "%s", text);
	o->line = line;
	return VERIFY_E_BROKEN;
}

static int broken_line(struct verify *v, const struct reader_line *l,
		       const char *text)
{
	char name[LEDGER_NAME_SIZE];

	ledger_file_name(l->file, name);
	return broken(v, name, l->line, text);
}

static int load_head(struct verify *v, int dirfd)
{
	for (unsigned i = 0; i < HEAD_TRIES; i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		int r;

		buf_init(&b, LEDGER_HEAD_BYTES);
		r = file_load(dirfd, LEDGER_HEAD_NAME, &b);
		if (r == -ENOENT)
			return broken(v, LEDGER_HEAD_NAME, 0,
				      "the file is missing, so nobody can tell "
				      "whether the last records are");
		if (r != 0 && r != -EFBIG)
			return r;
		if (r == 0 && ledger_head_parse(buf_str(&b), &v->head))
			return 0;
		(void)usleep(1000); /* longer or shorter is as good */
	}
	return broken(v, LEDGER_HEAD_NAME, 0, "the file is damaged");
}

/* What a ledger.torn record says.  0 or VERIFY_E_BROKEN. */
static int check_torn(struct verify *v, const struct reader_line *l,
		      const struct record *rec, uint64_t skipped)
{
	int64_t lost = json_find_int(rec->fields, "lost", 0);
	bool damage = json_find_bool(rec->fields, "damage", false);
	char text[120], why[80];

	if (lost < 0 || (uint64_t)lost != skipped)
		return broken_line(v, l,
				   "numbers were left out before this "
				   "record");
	if (!damage && lost == 0) {
		v->out->repairs++;
		return 0;
	}
	if (v->lost_said)
		return 0;
	v->lost_said = true;
	str_sanitise(json_find_str(rec->fields, "reason"), why, sizeof(why));
	(void)snprintf(text, sizeof(text),
		       "the scribe found here, and wrote down: %s", why);
	(void)broken_line(v, l, text);
	return 0; /* look on: a break in the chain would be worse */
}

static int check_order(struct verify *v, const struct reader_line *l,
		       const struct record_line *rl, const struct record *rec)
{
	if (!str_eq(rl->prev, str_of(v->prev)))
		return broken_line(v, l,
				   v->seq == 0
					   ? "the chain does not begin here: "
					     "prev is not all zeros"
					   : "prev is not the hash of the "
					     "record before: one of the two "
					     "was changed, or one between "
					     "them removed");
	if (rl->seq <= v->seq)
		return broken_line(v, l, "the number was given before");
	if (rec->head.kind == RECORD_LEDGER_TORN)
		return check_torn(v, l, rec, rl->seq - v->seq - 1);
	if (rl->seq != v->seq + 1)
		return broken_line(v, l,
				   "numbers were left out before this record");
	return 0;
}

/* @l has the number that head names. */
static int check_named(struct verify *v, const struct reader_line *l)
{
	v->head_seen = true;
	if (strcmp(v->prev, v->head.hash) != 0)
		return broken_line(v, l,
				   "not the record that the file head names: "
				   "it was changed after it was durable");
	if (l->file != v->head.file ||
	    l->offset + l->text.len + 1 != v->head.size)
		return broken(v, LEDGER_HEAD_NAME, 0,
			      "its record is not where it says");
	v->behind_head = true;
	return 0;
}

static int check_line(struct verify *v, const struct reader_line *l)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record_line rl;
	struct record rec;
	int r;

	arena_init(&a, ARENA_MAX);
	if (!record_line_scan(l->text, &rl))
		return broken_line(v, l, "this is not a record");
	r = record_read(&a, l->text, &rec);
	if (r < 0)
		return r;
	if (r > 0)
		return broken_line(v, l, "this is not a record");
	r = check_order(v, l, &rl, &rec);
	if (r != 0)
		return r;
	r = hash_hex(v->hash, l->text, v->prev);
	if (r != 0)
		return r;

	v->seq = rl.seq;
	v->out->last_seq = rl.seq;
	v->out->records++;
	v->out->bytes += l->text.len + 1;
	return rl.seq == v->head.seq ? check_named(v, l) : 0;
}

/* A file ends where its last line does, and the next has the next number. */
static int check_file(struct verify *v, int dirfd, const struct reader_line *l)
{
	char name[LEDGER_NAME_SIZE];
	struct stat st;

	if (l->file == v->file)
		return 0;
	if (l->file != v->file + 1) {
		ledger_file_name(v->file + 1, name);
		return broken(v, name, 0, "the file is missing");
	}
	if (v->file > 0) {
		ledger_file_name(v->file, name);
		if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return neg_errno();
		if ((uint64_t)st.st_size != v->file_end)
			return broken(v, name, 0,
				      "its last line is not whole, though "
				      "another file follows");
	}
	v->file = l->file;
	v->out->files++;
	return 0;
}

static int check_end(struct verify *v, struct reader *rd)
{
	v->out->torn_bytes = reader_torn_bytes(rd);
	if (v->head.seq > v->seq)
		return broken(v, LEDGER_HEAD_NAME, 0,
			      "durable records are missing at the end");
	if (v->head.seq > 0 && !v->head_seen)
		return broken(v, LEDGER_HEAD_NAME, 0,
			      "the record it names is missing");
	v->behind_head = false;
	return v->lost_said ? VERIFY_E_BROKEN : 0;
}

static int check_all(struct verify *v, struct reader *rd, int dirfd)
{
	struct reader_line l;
	int r;

	for (;;) {
		r = reader_next(rd, &l);
		if (r == READER_END)
			return check_end(v, rd);
		if (r == READER_LONG)
			return broken(v, "", 0,
				      "a line is longer than any "
				      "record");
		if (r == 0)
			r = check_file(v, dirfd, &l);
		if (r == 0)
			r = check_line(v, &l);
		if (r != 0)
			return r;
		v->file_end = l.offset + l.text.len + 1;
		if (v->progress && v->out->records % PROGRESS_EVERY == 0)
			v->progress(v->progress_arg, v->out->bytes, v->all);
	}
}

/* The size of all files, for the progress; nothing depends on it. */
static uint64_t total_size(int dirfd)
{
	char name[LEDGER_NAME_SIZE];
	uint64_t all = 0;
	struct stat st;

	for (uint32_t n = 1; n <= LEDGER_FILES_MAX; n++) {
		ledger_file_name(n, name);
		if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			break;
		all += (uint64_t)st.st_size;
	}
	return all;
}

/* A directory with neither records nor head: nothing has happened yet. */
static bool is_fresh(int dirfd)
{
	struct stat st;

	return fstatat(dirfd, LEDGER_HEAD_NAME, &st, AT_SYMLINK_NOFOLLOW) ==
		       -1 &&
	       errno == ENOENT && total_size(dirfd) == 0;
}

static int verify_once(const char *dir, int dirfd, struct verify *v)
{
	AUTO(reader) struct reader *rd = NULL;
	int r = reader_open(&rd, dir);

	if (r != 0)
		return r;
	*v->out = (struct verify_report){ .files = 0 };
	memcpy(v->prev, LEDGER_HASH_ZERO, sizeof(v->prev));
	r = load_head(v, dirfd);
	return r == 0 ? check_all(v, rd, dirfd) : r;
}

int verify_dir(const char *dir, verify_progress progress, void *arg,
	       struct verify_report *ret)
{
	AUTO(hash) struct hash *h = NULL;
	AUTO(fd) int dirfd = -1;
	int r = hash_new(&h);

	if (r != 0)
		return r;
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return neg_errno();
	if (is_fresh(dirfd))
		return -ENOENT;
	for (unsigned i = 0;; i++) {
		struct verify v = { .hash = h,
				    .out = ret,
				    .progress = progress,
				    .progress_arg = arg };

		v.all = progress ? total_size(dirfd) : 0;
		r = verify_once(dir, dirfd, &v);
		/*
		 * Behind head the scribe may have taken lines back while we
		 * read them, when the disk was full.  What is broken stays so.
		 */
		if (r != VERIFY_E_BROKEN || !v.behind_head || i == TAIL_TRIES)
			return r;
		(void)usleep(1000);
	}
}
