/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger tail: records in order, for people or as they are. */
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
	struct reader *reader;
	uint64_t unreadable; /* lines that are no records */
};

int ledger_open_dir(const char *dir, bool wait, struct reader **ret)
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
	if (r != 0)
		return BAWN_EXIT_TROUBLE;
	if (!reader_is_first_form(*ret))
		return 0;
	ledger_error("%s is of an older form; the next 'bawn run' takes it in",
		     dir);
	return BAWN_EXIT_TROUBLE;
}

int ledger_open(struct arena *a, bool wait, const char **ret_dir,
		struct reader **ret)
{
	const char *dir = reader_default_dir(a);

	*ret_dir = dir;
	if (!dir) {
		ledger_error("neither HOME nor BAWN_STATE_DIR is set");
		return BAWN_EXIT_TROUBLE;
	}
	return ledger_open_dir(dir, wait, ret);
}

static int print(struct str s)
{
	return fwrite(s.ptr, 1, s.len, stdout) == s.len ? 0 : -EIO;
}

static int print_record(const struct record *rec, struct str line, bool json)
{
	const struct tell t = { .now_ns = clock_utc_ns(),
				.show_session = true };
	AUTO(buf) struct buf b = BUF_NULL;

	if (json) {
		int r = print(line);

		return r == 0 ? print(STR("\n")) : r;
	}
	buf_init(&b, TELL_LINE_MAX);
	tell_record(&t, rec, &b);
	return b.failed ? -ENOMEM : print(buf_str(&b));
}

int ledger_show(struct str line, const struct query *q, bool print, bool json)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;
	int r;

	arena_init(&a, LINE_ARENA);
	r = record_read(&a, line, &rec);
	if (r != 0)
		return r < 0 ? r : LEDGER_NO_RECORD;
	if (q && !query_matches(q, rec.fields))
		return LEDGER_NO_MATCH;
	return print ? print_record(&rec, line, json) : 0;
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
			r = ledger_show(l.text, NULL, true, s->opts->json);
			s->unreadable += r == LEDGER_NO_RECORD;
			r = r < 0 ? r : 0;
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
	const char *dir = NULL;
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, LINE_ARENA);
	r = ledger_open(&a, o.follow, &dir, &rd);
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
