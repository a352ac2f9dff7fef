/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>

#include "base/test.h"
#include "ledger/journal.h"
#include "ledger/reader.h"
#include "ledger/record-parse.h"
#include "ledger/test-dir.h"

#define SMALL_JOURNAL ((uint64_t)20000)

static struct store *open_store(const struct test_dir *d)
{
	const struct store_options o = { .file_bytes = SMALL_JOURNAL };
	struct store *s = NULL;

	CHECK_EQ(store_open(&s, d->path, &o, NULL), 0);
	ASSERT(s != NULL);
	return s;
}

static struct reader *open_reader(const struct test_dir *d)
{
	struct reader *r = NULL;

	CHECK_EQ(reader_open(&r, d->path), 0);
	ASSERT(r != NULL);
	return r;
}

/* The member "n" of the next record; 0: there is none. */
static uint64_t next_n(struct reader *r)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct reader_line l;
	struct record rec;
	int x = reader_next(r, &l);

	if (x != 0) {
		CHECK_EQ(x, READER_END);
		return 0;
	}
	arena_init(&a, RECORD_MAX_BYTES * 8);
	CHECK_EQ(record_read(&a, l.text, &rec), 0);
	CHECK_EQ(rec.head.seq, l.seq);
	CHECK_EQ(l.index, l.seq - 1);
	CHECK(!json_find(rec.fields, "salt") &&
	      !json_find(rec.fields, "payload") &&
	      !json_find(rec.fields, "erased"));
	return (uint64_t)json_find_int(rec.fields, "n", 0);
}

static bool at_end(struct reader *r)
{
	struct reader_line l;

	return reader_next(r, &l) == READER_END;
}

/* A reader that was there from the start sees each record once, in order. */
static void test_forwards(void)
{
	struct test_dir d;
	struct reader *none = NULL;
	uint64_t n = 0;

	test_dir_init(&d);
	CHECK_EQ(reader_open(&none, "/nonexistent/ledger"), -ENOENT);

	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK(at_end(r));
	for (uint64_t round = 0; round < 40; round++) {
		AUTO(store) struct store *s = open_store(&d);

		CHECK_EQ(test_append(s, n + 1, n + 33), 0);
		/* Before the bundles are written, or after, or in between. */
		if (round % 3 == 0)
			CHECK_EQ(store_publish(s), 0);
		for (uint64_t i = 1; i <= 33; i++)
			CHECK_EQ(next_n(r), n + i);
		if (round % 2 == 0)
			CHECK(at_end(r));
		if (round % 3 == 1)
			CHECK_EQ(store_settle(s), 0);
		n += 33;
	}
	CHECK(at_end(r));

	AUTO(reader) struct reader *two = open_reader(&d);

	for (uint64_t i = 1; i <= n; i++)
		CHECK_EQ(next_n(two), i);
	CHECK(at_end(two));
	CHECK_EQ(reader_torn_bytes(two), 0);
	test_dir_done(&d);
}

/* The one journal there is. */
static void journal_of(const struct test_dir *d, char name[JOURNAL_NAME_SIZE])
{
	AUTO(fd) int fd = test_dir_open(d);
	uint32_t number = 0;

	ASSERT(journal_newest(fd, &number) == 0 && number > 0);
	journal_name(number, name);
}

static void write_journal(const struct test_dir *d, struct str s)
{
	char name[JOURNAL_NAME_SIZE];
	AUTO(fd) int dirfd = test_dir_open(d);
	AUTO(fd) int fd = -1;

	journal_of(d, name);
	fd = openat(dirfd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ASSERT(fd_write_full(fd, s.ptr, s.len) == 0);
}

/* The scribe takes back what it could not make durable. */
static void test_taken_back(void)
{
	AUTO(buf) struct buf one = BUF_NULL;
	AUTO(buf) struct buf two = BUF_NULL;
	char name[JOURNAL_NAME_SIZE];
	struct test_dir d;

	test_dir_init(&d);

	AUTO(store) struct store *s = open_store(&d);
	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK_EQ(test_append(s, 1, 1), 0);
	journal_of(&d, name);
	test_file_read(&d, name, &one);
	CHECK_EQ(test_append(s, 2, 3), 0);
	test_file_read(&d, name, &two);
	CHECK_EQ(next_n(r), 1);
	/* A frame that is not wholly there is not shown. */
	for (size_t len = one.len; len < two.len; len++) {
		write_journal(&d, (struct str){ buf_str(&two).ptr, len });
		CHECK(at_end(r));
		CHECK_EQ(reader_torn_bytes(r), len - one.len);
	}
	write_journal(&d, buf_str(&two));
	CHECK_EQ(next_n(r), 2);
	CHECK_EQ(next_n(r), 3);
	CHECK(at_end(r));
	write_journal(&d, buf_str(&one));
	CHECK(at_end(r));
	write_journal(&d, buf_str(&two));
	CHECK_EQ(next_n(r), 2);
	/* Rubbish behind it. */
	(void)buf_add(&two, STR("and 64 bytes or more, which are no frame, as "
				"a torn disk may leave them"));
	write_journal(&d, buf_str(&two));
	CHECK_EQ(next_n(r), 3);
	CHECK(at_end(r));
	CHECK(reader_torn_bytes(r) > 64);
	test_dir_done(&d);
}

static void test_seeks(void)
{
	static const uint64_t many[] = { 1,   2,   255, 256, 257,
					 512, 700, 999, 1000 };
	struct test_dir d;
	uint64_t count = 0;

	test_dir_init(&d);

	AUTO(store) struct store *s = open_store(&d);
	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK_EQ(reader_seek_last(r, 5), 0);
	CHECK_EQ(reader_seek(r, 5), 0);
	CHECK(at_end(r));
	for (uint64_t n = 1; n <= 1000; n += 50) {
		CHECK_EQ(test_append(s, n, n + 49), 0);
		if (n > 600)
			continue; /* some in the journal only */
		CHECK_EQ(store_settle(s), 0);
	}
	CHECK_EQ(reader_count(r, &count), 0);
	CHECK_EQ(count, 1000);
	for (size_t i = 0; i < N_ELEMS(many); i++) {
		CHECK_EQ(reader_seek_last(r, many[i]), 0);
		CHECK_EQ(next_n(r), 1001 - many[i]);
		CHECK_EQ(reader_seek(r, many[i]), 0);
		CHECK_EQ(next_n(r), many[i]);
		CHECK_EQ(reader_seek_index(r, many[i] - 1), 0);
		CHECK_EQ(next_n(r), many[i]);
		CHECK_EQ(next_n(r), many[i] < 1000 ? many[i] + 1 : 0);
	}
	CHECK_EQ(reader_seek_last(r, 0), 0);
	CHECK(at_end(r));
	CHECK_EQ(reader_seek_last(r, UINT64_MAX), 0);
	CHECK_EQ(next_n(r), 1);
	CHECK_EQ(reader_seek(r, 0), 0);
	CHECK_EQ(next_n(r), 1);
	CHECK_EQ(reader_seek(r, 1001), 0);
	CHECK(at_end(r));
	CHECK_EQ(reader_seek_index(r, 5000), 0);
	CHECK(at_end(r));
	CHECK_EQ(test_append(s, 1001, 1001), 0);
	CHECK_EQ(next_n(r), 1001);
	test_dir_done(&d);
}

static void test_follows(void)
{
	struct test_dir d;
	uint64_t n = 1;
	int status;
	pid_t pid;

	test_dir_init(&d);

	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK(at_end(r));
	CHECK_EQ(reader_wait(r, 0), 0); /* the watch is new: look again */
	CHECK(at_end(r));
	CHECK_EQ(reader_wait(r, 10), 1);

	pid = fork();
	if (pid == 0) {
		struct store *s = open_store(&d);

		for (uint64_t i = 1; i <= 2000; i += 20) {
			if (test_append(s, i, i + 19) != 0 ||
			    store_publish(s) != 0)
				_exit(1);
		}
		_exit(0);
	}
	while (n <= 2000 && !test_failures) {
		uint64_t got = next_n(r);

		if (got > 0)
			CHECK_EQ(got, n++);
		else
			CHECK_EQ(reader_wait(r, 10000), 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	test_dir_done(&d);
}

static void add_record(struct store *s, const char *session, const char *kind)
{
	char envelope[128], body[128];
	uint64_t seq;

	(void)snprintf(envelope, sizeof(envelope),
		       "\"session\":\"%s\",\"user\":\"\",\"task\":\"\"",
		       session);
	(void)snprintf(body, sizeof(body),
		       "{\"kind\":\"%s\",\"verdict\":\"none\","
		       "\"trust\":\"kernel\",\"count\":1}",
		       kind);
	CHECK_EQ(store_add(s,
			   &(struct store_record){ .at = 1,
						   .envelope = str_of(envelope),
						   .body = str_of(body) },
			   NULL),
		 0);
	CHECK_EQ(store_commit(s, &seq), 0);
}

static int find(struct reader *r, const char *name, const char *want)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str id;
	int x;

	arena_init(&a, 4096);
	x = reader_find_session(r, str_of(name), &a, &id);
	if (x == 0)
		CHECK_EQ(str_eq(id, str_of(want)), true);
	return x;
}

static void test_finds_sessions(void)
{
	struct test_dir d;

	test_dir_init(&d);

	AUTO(store) struct store *s = open_store(&d);
	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK_EQ(find(r, "@", ""), 1);
	CHECK_EQ(find(r, "0a", ""), 1);
	add_record(s, "", "daemon.start");
	CHECK_EQ(find(r, "@", ""), 1);
	add_record(s, "0abc", "session.open");
	CHECK_EQ(find(r, "@", "0abc"), 0);
	for (unsigned i = 0; i < 600; i++)
		add_record(s, "0abc", "net.grant");
	add_record(s, "0abd", "session.open");
	add_record(s, "0abc", "session.close");
	CHECK_EQ(store_settle(s), 0);
	CHECK_EQ(find(r, "@", "0abd"), 0);
	for (unsigned i = 0; i < 600; i++)
		add_record(s, "", "net.grant");
	CHECK_EQ(find(r, "@", "0abd"), 0);
	CHECK_EQ(find(r, "0abc", "0abc"), 0);
	CHECK_EQ(find(r, "0abd", "0abd"), 0);
	CHECK_EQ(find(r, "0ab", ""), 2);
	CHECK_EQ(find(r, "0", ""), 2);
	CHECK_EQ(find(r, "1", ""), 1);
	CHECK_EQ(find(r, "", ""), 1);
	CHECK_EQ(find(r, "0abcd", ""), 1);
	test_dir_done(&d);
}

static void test_default_dir(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	const char *dir;

	arena_init(&a, 65536);
	CHECK_EQ(setenv("BAWN_STATE_DIR", "/s", 1), 0);
	dir = reader_default_dir(&a);
	CHECK_EQ(dir && strcmp(dir, "/s/ledger") == 0, true);
	CHECK_EQ(setenv("BAWN_STATE_DIR", "", 1), 0);
	CHECK_EQ(setenv("HOME", "/h", 1), 0);
	dir = reader_default_dir(&a);
	CHECK_EQ(dir && strcmp(dir, "/h/.local/state/bawn/ledger") == 0, true);
	CHECK_EQ(unsetenv("HOME"), 0);
	CHECK_EQ(reader_default_dir(&a) == NULL, true);
}

int main(void)
{
	static const struct test tests[] = {
		{ "forwards, while files come and go", test_forwards },
		{ "what is taken back", test_taken_back },
		{ "seeks", test_seeks },
		{ "follows", test_follows },
		{ "finds sessions", test_finds_sessions },
		{ "where the ledger is", test_default_dir },
	};

	return test_main(tests, N_ELEMS(tests));
}
