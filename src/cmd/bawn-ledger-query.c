/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger query and index: the records that are wanted, and how fast. */
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/bawn-ledger.h"
#include "cmd/indexed.h"

#define LINE_ARENA ((size_t)512 * 1024)

struct asked {
	struct verb_opts o;
	struct query *q;
	struct reader *reader;
	struct indexed index;
	uint64_t found, unreadable;
};

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

static struct query_clock clock_here(void)
{
	struct query_clock c = { .utc_ns = clock_utc_ns() };
	time_t now = (time_t)(c.utc_ns / NS_PER_S);
	struct tm t = { 0 };

	if (localtime_r(&now, &t))
		c.east_s = t.tm_gmtoff;
	return c;
}

static int parse_query(struct str text, struct query **ret)
{
	const struct query_clock now = clock_here();
	struct diag d = { 0 };
	int r = query_parse_at(text, &now, ret, &d);

	if (r == 0)
		return 0;
	if (r < 0) {
		ledger_error("query: %s", strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	ledger_error("query, column %u: %s", d.column, d.text);
	return BAWN_EXIT_USAGE;
}

static int trouble(int r)
{
	ledger_error("cannot go on: %s", strerror(-r));
	return BAWN_EXIT_TROUBLE;
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
	return r < 0 ? trouble(r) : 0;
}

static int judge(struct asked *s, struct str line)
{
	int r = ledger_show(line, s->q, !s->o.count, s->o.json);

	s->unreadable += r == LEDGER_NO_RECORD;
	s->found += r == 0;
	return r < 0 ? r : 0;
}

static int all_found(struct asked *s, struct find *f)
{
	int r = 0;

	while (r == 0 && (s->o.limit == 0 || s->found < s->o.limit)) {
		struct str line;

		r = find_next(f, &line);
		if (r == 0)
			r = judge(s, line);
		else if (r == FIND_UNREADABLE) {
			s->unreadable++;
			r = 0;
		}
	}
	if (s->o.count && r >= 0)
		printf("%" PRIu64 "\n", s->found);
	if (r >= 0 && fflush(stdout) != 0)
		r = neg_errno();
	if (r < 0)
		return trouble(r);
	if (s->unreadable > 0) {
		ledger_error("%" PRIu64 " lines are no records; see 'bawn "
			     "ledger verify'",
			     s->unreadable);
		return BAWN_EXIT_TROUBLE;
	}
	return BAWN_EXIT_OK;
}

static int answer(struct asked *s, struct arena *a, const char *dir)
{
	AUTO(find) struct find *f = NULL;
	int r = 0;

	s->index = (struct indexed){ .say = ledger_error,
				     .progress = isatty(STDERR_FILENO) };
	if (!s->o.scan)
		r = indexed_open(&s->index, a, dir, s->reader, INDEX_LAG);
	if (r == 0)
		r = indexed_find(&s->index, s->reader, s->q, s->o.reverse, &f);
	r = r < 0 ? trouble(r) : all_found(s, f);
	indexed_done(&s->index);
	return r;
}

int verb_query(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(reader) struct reader *rd = NULL;
	AUTO(query) struct query *q = NULL;
	struct asked s = { 0 };
	const char *dir = NULL;
	int first = 0;
	int r = verb_parse(v, argc, argv, &s.o, &first);

	if (r >= 0)
		return r;
	buf_init(&text, QUERY_MAX_BYTES + 1);
	r = join(argv, first, argc, &text);
	if (r == 0)
		r = parse_query(buf_str(&text), &q);
	arena_init(&a, LINE_ARENA);
	if (r == 0)
		r = ledger_open(&a, false, &dir, &rd);
	if (r == 0 && query_needs_newest(q))
		r = set_newest(q, rd);
	if (r != 0)
		return r;
	s.q = q;
	s.reader = rd;
	return answer(&s, &a, dir);
}

/* ---- index ---- */

static int tell_index(const struct indexed *x, bool json)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct stat st = { 0 };

	if (stat(x->path, &st) == -1)
		return trouble(neg_errno());
	buf_init(&b, LINE_ARENA);
	if (json) {
		json_open(&w, '{');
		json_kstr(&w, "file", str_of(x->path));
		json_kuint(&w, "records", index_end(x->index));
		json_kuint(&w, "bytes", (uint64_t)st.st_size);
		json_close(&w, '}');
		(void)buf_addc(&b, '\n');
	} else {
		(void)buf_printf(&b,
				 "%" PRIu64
				 " records are in the index, %" PRIu64
				 " kB in %s\n",
				 index_end(x->index),
				 (uint64_t)st.st_size / 1000, x->path);
	}
	if (b.failed || fwrite(buf_str(&b).ptr, 1, b.len, stdout) != b.len ||
	    fflush(stdout) != 0)
		return BAWN_EXIT_TROUBLE;
	return BAWN_EXIT_OK;
}

int verb_index(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(reader) struct reader *rd = NULL;
	struct indexed x = { .say = ledger_error,
			     .progress = isatty(STDERR_FILENO) };
	struct verb_opts o = { 0 };
	const char *dir = NULL;
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, LINE_ARENA);
	r = ledger_open(&a, false, &dir, &rd);
	if (r != 0)
		return r;
	if (o.rebuild) {
		const char *path = index_path(&a, dir);

		r = path ? index_remove(path) : -ENOMEM;
	}
	if (r == 0)
		r = indexed_open(&x, &a, dir, rd, 0);
	if (r < 0)
		return trouble(r);
	/* Said already, unless nobody but the reader would mind. */
	if (!x.index) {
		ledger_error("no index could be made in %s", x.path);
		return BAWN_EXIT_TROUBLE;
	}
	r = tell_index(&x, o.json);
	indexed_done(&x);
	return r;
}
