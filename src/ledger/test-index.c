/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index against reading everything: whatever is asked, of whatever ledger,
 * with whatever is left of the index's file, the answers are the same.
 */
#include "base/test.h"
#include "ledger/find.h"
#include "ledger/index-own.h"
#include "ledger/index-terms.h"
#include "ledger/test-dir.h"

#define ROOM ((size_t)64 * 1024 * 1024)

struct world {
	struct test_dir dir;
	struct arena arena;
	const char *path;
	struct reader *reader;
	uint64_t n; /* records so far */
};

static void begin(struct world *w)
{
	*w = (struct world){ 0 };
	test_dir_init(&w->dir);
	arena_init(&w->arena, ROOM);
	w->path = index_path(&w->arena, w->dir.path);
	ASSERT(w->path);
}

static void end(struct world *w)
{
	reader_free(w->reader);
	CHECK_EQ(index_remove(w->path), 0);
	test_dir_done(&w->dir);
	arena_done(&w->arena);
}

static void add_one(struct store *s, uint64_t n, unsigned sessions)
{
	static const char *const kinds[] = { "net.grant", "net.refuse",
					     "limit.hit" };
	char envelope[128], body[512];
	uint64_t x = (n + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	(void)snprintf(envelope, sizeof(envelope),
		       "\"session\":\"0s%03u\",\"user\":\"u%u\",\"task\":\"\"",
		       (unsigned)(n / 100 % sessions), (unsigned)(x % 7));
	(void)snprintf(body, sizeof(body),
		       "{\"kind\":\"%s\",\"verdict\":\"%s\",\"trust\":"
		       "\"kernel\",\"count\":1,\"host\":\"h%u%s\",\"port\":%u,"
		       "\"path\":\"/p/%" PRIu64 "\"}",
		       kinds[x % 3], x % 2 ? "deny" : "allow",
		       (unsigned)(x % 5000), x % 11 == 0 ? "\\\"\\udcff" : "",
		       (unsigned)(x % 50), n);
	ASSERT(store_add(s,
			 &(struct store_record){ .at = 1000000 + n * 1000,
						 .envelope = str_of(envelope),
						 .body = str_of(body) },
			 NULL) == 0);
}

static void fill(struct world *w, uint64_t n, unsigned sessions)
{
	AUTO(store) struct store *s = NULL;
	uint64_t seq = 0;

	ASSERT(store_open(&s, w->dir.path, NULL, NULL) == 0);
	for (uint64_t i = 0; i < n; i++) {
		add_one(s, w->n++, sessions);
		if (i % 4096 == 4095 || i + 1 == n)
			ASSERT(store_commit(s, &seq) == 0);
	}
	reader_free(w->reader);
	w->reader = NULL;
	ASSERT(reader_open(&w->reader, w->dir.path) == 0);
}

/* How many, and a sum that depends on which and in which order. */
struct answer {
	uint64_t n, sum;
};

static struct answer ask(struct world *w, const char *text, struct index *index,
			 bool newest_first)
{
	AUTO(query) struct query *q = NULL;
	AUTO(find) struct find *f = NULL;
	struct answer a = { 0 };
	struct str line;
	int e;

	ASSERT(query_parse(str_of(text), &q, NULL) == 0);
	e = find_new(&f, w->reader, q, index, newest_first);
	CHECK_EQ(e, 0);
	if (e != 0)
		return a;
	while ((e = find_next(f, &line)) == 0) {
		AUTO(arena) struct arena mem = ARENA_NULL;
		struct record r;

		arena_init(&mem, ROOM);
		if (record_read(&mem, line, &r) == 0 &&
		    query_matches(q, r.fields)) {
			a.n++;
			a.sum = a.sum * 31 + r.head.seq;
		}
	}
	CHECK_EQ(e, FIND_END);
	return a;
}

static const char *const queries[] = {
	"session = 0s003",
	"session = 0s003 and kind = limit.hit",
	"session = nobody",
	"host = h77 or host = h78 or host = h79",
	"host = \"h0\\\"\xff\"",
	"port = 7 and user = u3",
	"not (user = u3)",
	"not (user = u3) and verdict = deny and host ~ h1*",
	"path = /p/3 or path = /p/69999",
	"path ~ /p/6*9",
	"at > 50000000 and at < 51000000",
	"at < 1100000",
	"at > 5000000000000",
	"seq = 1 or seq = 66000",
	"seq > 69990",
	"user != u0 and verdict = allow and port = 49",
	"nothing = x",
};

/* Each @step-th query, so that a large ledger does not take long. */
static void same_of(struct world *w, struct index *x, size_t step)
{
	for (size_t i = 0; i < N_ELEMS(queries); i += step) {
		for (unsigned back = 0; back < 2; back++) {
			struct answer got = ask(w, queries[i], x, back != 0);
			struct answer want =
				ask(w, queries[i], NULL, back != 0);

			CHECK_EQ(got.n, want.n);
			CHECK_EQ(got.sum, want.sum);
			if (got.sum != want.sum)
				printf("# %s\n", queries[i]);
		}
	}
}

static struct index *open_index(struct world *w, uint64_t lag)
{
	struct index *x = NULL;

	CHECK_EQ(index_open(&x, w->path), 0);
	if (x)
		CHECK_EQ(index_catch_up(x, w->reader, lag, NULL), 0);
	return x;
}

static void same(struct world *w, struct index *x)
{
	same_of(w, x, 1);
}

/* Two segments, taken in at once, then piece by piece. */
/* The term of @path is somewhere in the index's files. */
static bool holds_path(const struct world *w, const char *path)
{
	static const char *const tails[] = { "", "-wal", "-journal", "-shm" };
	uint64_t term = term_of(STR("path"), str_of(path));
	uint8_t bytes[8]; /* as SQLite stores a large integer */

	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(term >> (56 - 8 * i));
	for (size_t i = 0; i < N_ELEMS(tails); i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		char name[256];

		(void)snprintf(name, sizeof(name), "%s%s", w->path, tails[i]);
		buf_init(&b, ROOM);
		if (file_load(AT_FDCWD, name, &b) == 0 &&
		    memmem(buf_str(&b).ptr, b.len, bytes, sizeof(bytes)))
			return true;
	}
	return false;
}

static void erase(struct world *w, const struct store_erase *e,
		  const struct store_options *o)
{
	AUTO(store) struct store *s = NULL;
	uint64_t n = 0;

	CHECK_EQ(store_open(&s, w->dir.path, o, NULL), 0);
	if (e) {
		CHECK_EQ(store_erase(s, e, &n), 0);
		CHECK(n > 0);
	}
}

static void test_same(void)
{
	AUTO(index) struct index *x = NULL;
	AUTO(index) struct index *y = NULL;
	struct answer a;
	struct world w;

	begin(&w);
	fill(&w, 70000, 40);
	x = open_index(&w, 0);
	CHECK_EQ(index_end(x), 70000);
	same_of(&w, x, 4);
	a = ask(&w, "session = 0s003", x, false);
	CHECK_EQ(a.n, 1800);

	/* Of two segments the one that an erasure touched. */
	erase(&w, &(struct store_erase){ .before = 1000000 + 200 * 1000 },
	      NULL);
	CHECK(holds_path(&w, "/p/100"));
	CHECK_EQ(index_catch_up(x, w.reader, INDEX_LAG, NULL), 0);
	CHECK(!holds_path(&w, "/p/100") && holds_path(&w, "/p/69999"));
	CHECK_EQ(ask(&w, "session = 0s003", x, false).n, 1800);
	CHECK_EQ(ask(&w, "path = /p/69999", x, false).n, 1);
	index_free(TAKE(x));
	CHECK_EQ(index_remove(w.path), 0);
	end(&w);

	begin(&w);
	for (unsigned i = 0; i < 4; i++) {
		fill(&w, 300 + 70 * i, 40);
		y = open_index(&w, 0);
		CHECK_EQ(index_end(y), w.n);
		same(&w, y);
		index_free(TAKE(y));
	}
	end(&w);
}

/* What is behind the index is read. */
static void test_lag(void)
{
	AUTO(index) struct index *x = NULL;
	struct world w;

	begin(&w);
	fill(&w, 1000, 4);
	x = open_index(&w, 0);
	fill(&w, 500, 9);
	CHECK_EQ(index_catch_up(x, w.reader, 501, NULL), 0);
	CHECK_EQ(index_end(x), 1000);
	same(&w, x);
	CHECK_EQ(index_catch_up(x, w.reader, 500, NULL), 0);
	CHECK_EQ(index_end(x), 1500);
	same(&w, x);
	end(&w);
}

static void test_empty(void)
{
	AUTO(index) struct index *x = NULL;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct world w;
	struct str id;

	begin(&w);
	fill(&w, 0, 1);
	x = open_index(&w, 0);
	CHECK_EQ(index_end(x), 0);
	same(&w, x);
	arena_init(&a, ROOM);
	CHECK_EQ(index_find_session(x, STR("0"), &a, &id), 1);
	end(&w);
}

static void test_sessions(void)
{
	AUTO(index) struct index *x = NULL;
	AUTO(arena) struct arena a = ARENA_NULL;
	struct world w;
	struct str id;

	begin(&w);
	fill(&w, 3000, 30);
	x = open_index(&w, 0);
	arena_init(&a, ROOM);
	CHECK_EQ(index_find_session(x, STR("0s017"), &a, &id), 0);
	CHECK_STR(id, STR("0s017"));
	CHECK_EQ(index_find_session(x, STR("0s01"), &a, &id), 2);
	CHECK_EQ(index_find_session(x, STR("0s03"), &a, &id), 1);
	CHECK_EQ(index_find_session(x, STR("zz"), &a, &id), 1);
	end(&w);
}

/* Another ledger in its place, or one whose end was cut. */
static void test_other_ledger(void)
{
	AUTO(index) struct index *x = NULL;
	struct world w;

	begin(&w);
	fill(&w, 1000, 4);
	x = open_index(&w, 0);
	index_free(TAKE(x));
	test_dir_empty(&w.dir);
	w.n = 5; /* the same numbers, other times */
	fill(&w, 1000, 4);
	CHECK_EQ(index_open(&x, w.path), 0);
	CHECK_EQ(index_catch_up(x, w.reader, 0, NULL), INDEX_E_DAMAGED);
	index_free(TAKE(x));
	CHECK_EQ(index_remove(w.path), 0);
	x = open_index(&w, 0);
	same(&w, x);
	index_free(TAKE(x));
	test_dir_empty(&w.dir);
	w.n = 5;
	fill(&w, 999, 4);
	CHECK_EQ(index_open(&x, w.path), 0);
	CHECK_EQ(index_catch_up(x, w.reader, 0, NULL), INDEX_E_DAMAGED);
	end(&w);
}

static void test_version(void)
{
	AUTO(index) struct index *x = NULL;
	struct world w;

	begin(&w);
	fill(&w, 300, 4);
	x = open_index(&w, 0);
	CHECK_EQ(sqlite3_exec(x->db, "PRAGMA user_version = 1", NULL, NULL,
			      NULL),
		 SQLITE_OK);
	index_free(TAKE(x));
	CHECK_EQ(index_open(&x, w.path), INDEX_E_DAMAGED);
	end(&w);
}

/* Never another answer: the same, or "damaged". */
static void check_damaged(struct world *w, uint64_t *ret_found)
{
	struct index *x = NULL;
	int e = index_open(&x, w->path);

	if (e == 0)
		e = index_catch_up(x, w->reader, 0, NULL);
	for (size_t i = 0; e == 0 && i < N_ELEMS(queries); i++) {
		AUTO(query) struct query *q = NULL;
		AUTO(find) struct find *f = NULL;

		ASSERT(query_parse(str_of(queries[i]), &q, NULL) == 0);
		e = find_new(&f, w->reader, q, x, false);
		if (e == 0) {
			struct answer got = ask(w, queries[i], x, false);
			struct answer want = ask(w, queries[i], NULL, false);

			CHECK_EQ(got.sum, want.sum);
		}
	}
	CHECK(e >= 0 || e == -EIO || e == -ENOSPC || e == -ENOMEM);
	*ret_found += e != 0;
	index_free(x);
}

static void test_damage(void)
{
	AUTO(index) struct index *x = NULL;
	AUTO(buf) struct buf whole = BUF_NULL;
	AUTO(fd) int fd = -1;
	uint64_t found = 0, rounds = 0;
	struct world w;

	begin(&w);
	fill(&w, 600, 4);
	x = open_index(&w, 0);
	index_free(TAKE(x));
	buf_init(&whole, ROOM);
	ASSERT(file_load(AT_FDCWD, w.path, &whole) == 0);
	fd = open(w.path, O_RDWR | O_CLOEXEC);
	for (size_t at = 0; at < whole.len; at += whole.len / 40 + 1) {
		char bad = (char)~buf_str(&whole).ptr[at];

		ASSERT(ftruncate(fd, 0) == 0 &&
		       pwrite(fd, buf_str(&whole).ptr, whole.len, 0) ==
			       (ssize_t)whole.len &&
		       pwrite(fd, &bad, 1, (off_t)at) == 1);
		check_damaged(&w, &found);
		/* Cut there: an early one is found, a late one too. */
		ASSERT(ftruncate(fd, (off_t)at) == 0);
		check_damaged(&w, &found);
		rounds += 2;
	}
	printf("# %" PRIu64 " of %" PRIu64 " damages were noticed\n", found,
	       rounds);
	CHECK(found > rounds / 4);
	ASSERT(ftruncate(fd, 0) == 0 &&
	       pwrite(fd,
		      "no database at all, but as long as one is wont to "
		      "be: a hundred bytes of a header, and more behind "
		      "them",
		      100, 0) == 100);
	CHECK_EQ(index_open(&x, w.path), INDEX_E_DAMAGED);
	end(&w);
}

/* Two that make it at once: both have all of it afterwards. */
static void test_two(void)
{
	AUTO(index) struct index *x = NULL;
	AUTO(index) struct index *y = NULL;
	AUTO(reader) struct reader *r = NULL;
	struct world w;

	begin(&w);
	fill(&w, 2000, 4);
	CHECK_EQ(index_open(&x, w.path), 0);
	CHECK_EQ(index_open(&y, w.path), 0);
	CHECK_EQ(index_catch_up(x, w.reader, 0, NULL), 0);
	CHECK_EQ(reader_open(&r, w.dir.path), 0);
	CHECK_EQ(index_end(y), 0);
	CHECK_EQ(index_catch_up(y, r, 0, NULL), 0);
	CHECK_EQ(index_end(y), 2000);
	same(&w, x);
	same(&w, y);
	end(&w);
}

static void test_link(void)
{
	struct index *x = NULL;
	struct world w;

	begin(&w);
	fill(&w, 1, 1);
	CHECK_EQ(symlink("/dev/null", w.path), 0);
	CHECK_EQ(index_open(&x, w.path), -ELOOP);
	CHECK_EQ(unlink(w.path), 0);
	CHECK_EQ(index_open(&x, "/nonexistent/index"), -ENOENT);
	end(&w);
}

/* The quick scanner says what the parser says. */
static void test_terms(void)
{
	static const struct str lines[] = {
		STR("{\"v\":1,\"seq\":7,\"at\":9,\"session\":\"0a\",\"user\":"
		    "\"u\",\"task\":\"\",\"kind\":\"x.y\",\"verdict\":\"none\","
		    "\"trust\":\"kernel\",\"count\":1,\"host\":\"h\",\"port\":"
		    "-5,\"tool\":true,\"prev\":\"00\"}"),
		STR("{\"v\":1,\"seq\":7,\"at\":9,\"session\":\"0a\",\"user\":"
		    "\"u\",\"task\":\"\",\"kind\":\"x.y\",\"verdict\":\"none\","
		    "\"trust\":\"kernel\",\"count\":1,\"host\":\"a\\\"b\","
		    "\"other\":\"c\\\\\\\",\\\"host\\\":\\\"x\","
		    "\"prev\":\"00\"}"),
	};
	static const struct str bad[] = {
		STR(""),
		STR("{}"),
		STR("{\"seq\":1"),
		STR("[1]"),
		STR("{\"seq\":1,\"at\":x}"),
		STR("{\"seq\":1,}"),
	};

	for (size_t i = 0; i < N_ELEMS(lines); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct terms t;
		struct record r;

		arena_init(&a, ROOM);
		CHECK(terms_read(&a, lines[i], &t));
		CHECK_EQ(record_read(&a, lines[i], &r), 0);
		CHECK_EQ(t.seq, 7);
		CHECK_EQ(t.at, 9);
		CHECK_STR(t.session, STR("0a"));
		JSON_EACH (f, r.fields) {
			bool found = false;

			if (f->type != JSON_STRING || !terms_has_field(f->key))
				continue;
			for (size_t k = 0; k < t.n; k++)
				found |= t.v[k] == term_of(f->key, f->string);
			CHECK(found);
		}
	}
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct terms t;

		arena_init(&a, ROOM);
		CHECK(!terms_read(&a, bad[i], &t));
	}
}

static void test_post(void)
{
	for (unsigned n = 1; n <= INDEX_SEGMENT; n++) {
		struct bundle_set s = { 0 }, back;
		uint8_t bytes[POST_MAX];
		size_t len;

		for (unsigned i = 0; i < n; i++)
			bundle_add(&s, i * 7 % INDEX_SEGMENT);
		len = post_format(3, n, &s, bytes);
		CHECK(len <= sizeof(bytes));
		CHECK(post_parse(3, n, (struct str){ (char *)bytes, len },
				 &back));
		CHECK_EQ(memcmp(&s, &back, sizeof(s)), 0);
		/* In another place it is another's. */
		CHECK(!post_parse(4, n, (struct str){ (char *)bytes, len },
				  &back));
		CHECK(!post_parse(3, n, (struct str){ (char *)bytes, len - 1 },
				  &back));
		bytes[len - 1] ^= 1;
		CHECK(!post_parse(3, n, (struct str){ (char *)bytes, len },
				  &back));
	}
	CHECK(!post_parse(0, 0, (struct str){ 0 }, &(struct bundle_set){ 0 }));
}

/* ---- erased payloads ---- */

/* What is erased is not found by its terms, which are in no byte any more. */
static void test_erased(void)
{
	const struct store_erase early = { .before = 1000000 + 2000 * 1000 };
	AUTO(index) struct index *x = NULL;
	struct world w;

	begin(&w);
	fill(&w, 6000, 50);
	x = open_index(&w, 0);
	CHECK(holds_path(&w, "/p/0") && holds_path(&w, "/p/1999"));

	/* The index is open, and its reader has read. */
	erase(&w, &early, NULL);
	CHECK_EQ(index_catch_up(x, w.reader, INDEX_LAG, NULL), 0);
	CHECK(!holds_path(&w, "/p/0") && !holds_path(&w, "/p/1999"));
	CHECK(holds_path(&w, "/p/2000") && holds_path(&w, "/p/5999"));
	CHECK_EQ(ask(&w, "path = /p/550", x, false).n, 0);
	CHECK_EQ(ask(&w, "session = 0s005", x, false).n, 200);
	same_of(&w, x, 4);
	index_free(TAKE(x));

	/* By a limit, of the oldest bundles that no journal has. */
	erase(&w, NULL,
	      &(struct store_options){ .limits = { .bytes = 100000 } });
	x = open_index(&w, INDEX_LAG);
	CHECK(!holds_path(&w, "/p/2100") && !holds_path(&w, "/p/3000"));
	CHECK(holds_path(&w, "/p/5999"));
	same_of(&w, x, 4);

	/* Who reads it by damaged marks does without; the next one mends. */
	test_file_write(&w.dir, "erased", STR("1 0\n"));
	CHECK_EQ(index_catch_up(x, w.reader, INDEX_LAG, NULL), -EIO);
	erase(&w, &(struct store_erase){ .session = STR("0s008") }, NULL);
	CHECK_EQ(index_catch_up(x, w.reader, INDEX_LAG, NULL), 0);
	CHECK(!holds_path(&w, "/p/5850") && holds_path(&w, "/p/5999"));

	/* Another ledger in its place, with fewer erasures. */
	test_file_write(&w.dir, "erased", STR("1 0 256\n"));
	CHECK_EQ(index_catch_up(x, w.reader, INDEX_LAG, NULL), INDEX_E_DAMAGED);
	end(&w);
}

int main(void)
{
	static const struct test tests[] = {
		{ "erased payloads", test_erased },
		{ "with it and without it: the same", test_same },
		{ "what is behind it is read", test_lag },
		{ "an empty ledger", test_empty },
		{ "sessions by the beginning of their id", test_sessions },
		{ "another ledger", test_other_ledger },
		{ "another version", test_version },
		{ "damaged anywhere", test_damage },
		{ "two at once", test_two },
		{ "links and no place", test_link },
		{ "terms", test_terms },
		{ "postings", test_post },
	};

	return test_main(tests, N_ELEMS(tests));
}
