/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger tail and query: records in order, for people or as they are. */
#include <poll.h>

#include "base/clock.h"
#include "cmd/bawn-ledger.h"
#include "ledger/query.h"
#include "ledger/reader.h"
#include "ledger/tell.h"

#define LINE_ARENA ((size_t)512 * 1024)
#define WAIT_MS    200 /* for the directory to be made */

struct show {
	const struct verb_opts *opts;
	const struct query *query; /* NULL: all records */
	struct reader *reader;
	uint64_t unreadable; /* lines that are no records */
};

/* 0 or an exit code. */
static int open_reader(const char *dir, bool wait, struct reader **ret)
{
	bool said = false;
	int r;

	while ((r = reader_open(ret, dir)) == -ENOENT && wait) {
		if (!said)
			ledger_error("no ledger in %s yet, waiting", dir);
		said = true;
		(void)poll(NULL, 0, WAIT_MS); /* early is as good */
	}
	if (r == -ENOENT)
		ledger_error("no ledger in %s yet; the first 'bawn run' makes "
			     "it",
			     dir);
	else if (r < 0)
		ledger_error("%s: %s", dir, strerror(-r));
	return r == 0 ? 0 : BAWN_EXIT_TROUBLE;
}

static int open_default(struct arena *a, bool wait, struct reader **ret)
{
	const char *dir = reader_default_dir(a);

	if (!dir) {
		ledger_error("neither HOME nor BAWN_STATE_DIR is set");
		return BAWN_EXIT_TROUBLE;
	}
	return open_reader(dir, wait, ret);
}

static int print(struct str s)
{
	return fwrite(s.ptr, 1, s.len, stdout) == s.len ? 0 : -EIO;
}

static int show_line(struct show *s, struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct record rec;
	int r;

	arena_init(&a, LINE_ARENA);
	r = record_read(&a, line, &rec);
	if (r != 0) {
		s->unreadable++;
		return r < 0 ? r : 0;
	}
	if (s->query && !query_matches(s->query, rec.fields))
		return 0;
	if (s->opts->json) {
		r = print(line);
		return r == 0 ? print(STR("\n")) : r;
	}

	const struct tell t = { .now_ns = clock_utc_ns(),
				.show_session = true };

	buf_init(&b, TELL_LINE_MAX);
	tell_record(&t, &rec, &b);
	return b.failed ? -ENOMEM : print(buf_str(&b));
}

/* Nothing new now.  0: something came; 1: done; -errno. */
static int wait_for_more(struct show *s)
{
	int r;

	if (fflush(stdout) != 0)
		return neg_errno();
	if (!s->opts->follow)
		return 1;
	do
		r = reader_wait(s->reader, -1);
	while (r == -EINTR || r == 1);
	return r;
}

static int show_all(struct show *s)
{
	int r = 0;

	while (r == 0) {
		struct reader_line l;

		r = reader_next(s->reader, &l);
		if (r == 0) {
			r = show_line(s, l.text);
		} else if (r == READER_LONG) {
			s->unreadable++;
			r = 0;
		} else if (r == READER_END) {
			r = wait_for_more(s);
		}
	}
	if (r < 0) {
		ledger_error("cannot go on: %s", strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	if (s->unreadable > 0) {
		ledger_error("%llu lines are no records; see 'bawn ledger "
			     "verify'",
			     (unsigned long long)s->unreadable);
		return BAWN_EXIT_TROUBLE;
	}
	return BAWN_EXIT_OK;
}

int verb_tail(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(reader) struct reader *rd = NULL;
	struct verb_opts o = { .lines = 10 };
	struct show s = { .opts = &o };
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, LINE_ARENA);
	r = open_default(&a, o.follow, &rd);
	if (r != 0)
		return r;
	r = reader_seek_last(rd, o.lines);
	if (r != 0) {
		ledger_error("cannot read: %s", strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	s.reader = rd;
	return show_all(&s);
}

/* The words from argv[@first] on, with spaces between. */
static int join(char *const argv[], int first, int argc, struct buf *b)
{
	for (int i = first; i < argc; i++) {
		if (i > first)
			(void)buf_addc(b, ' ');
		(void)buf_add(b, str_of(argv[i]));
	}
	if (!b->failed)
		return 0;
	ledger_error("query: the expression is too long");
	return BAWN_EXIT_USAGE;
}

static int parse_query(struct str text, struct query **ret)
{
	struct diag d = { 0 };
	int r = query_parse(text, ret, &d);

	if (r == 0)
		return 0;
	if (r < 0) {
		ledger_error("query: %s", strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	ledger_error("query, column %u: %s", d.column, d.text);
	return BAWN_EXIT_USAGE;
}

/* Who "@" is.  Without any session it stays nobody. */
static int set_newest(struct query *q, struct reader *rd)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str id;
	int r;

	arena_init(&a, LINE_ARENA);
	r = reader_find_session(rd, STR("@"), &a, &id);
	if (r == 0)
		r = query_set_newest(q, id);
	if (r < 0)
		ledger_error("cannot read: %s", strerror(-r));
	return r < 0 ? BAWN_EXIT_TROUBLE : 0;
}

int verb_query(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(reader) struct reader *rd = NULL;
	AUTO(query) struct query *q = NULL;
	struct verb_opts o = { 0 };
	struct show s = { .opts = &o };
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	buf_init(&text, QUERY_MAX_BYTES + 1);
	r = join(argv, first, argc, &text);
	if (r == 0)
		r = parse_query(buf_str(&text), &q);
	arena_init(&a, LINE_ARENA);
	if (r == 0)
		r = open_default(&a, false, &rd);
	if (r == 0 && query_needs_newest(q))
		r = set_newest(q, rd);
	if (r != 0)
		return r;
	/* From the beginning: finding "@" moved the position. */
	r = reader_seek_last(rd, UINT64_MAX - 1);
	if (r != 0) {
		ledger_error("cannot read: %s", strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	s.query = q;
	s.reader = rd;
	return show_all(&s);
}
