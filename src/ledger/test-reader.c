/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>

#include "base/test.h"
#include "ledger/head.h"
#include "ledger/reader.h"
#include "ledger/record-parse.h"
#include "ledger/test-dir.h"

static void append(const struct test_dir *d, const char *name, struct str s)
{
	AUTO(fd) int dirfd = test_dir_open(d);
	AUTO(fd)
	int fd = openat(dirfd, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			0600);

	ASSERT(fd_write_full(fd, s.ptr, s.len) == 0);
}

static void cut(const struct test_dir *d, const char *name, off_t len)
{
	AUTO(fd) int dirfd = test_dir_open(d);
	AUTO(fd) int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);

	ASSERT(ftruncate(fd, len) == 0);
}

static bool next_is(struct reader *r, const char *want)
{
	struct reader_line l;

	return reader_next(r, &l) == 0 && str_eq(l.text, str_of(want));
}

static bool at_end(struct reader *r)
{
	struct reader_line l;

	return reader_next(r, &l) == READER_END;
}

static struct reader *open_reader(const struct test_dir *d)
{
	struct reader *r = NULL;

	CHECK_EQ(reader_open(&r, d->path), 0);
	ASSERT(r != NULL);
	return r;
}

static void test_forwards(void)
{
	struct test_dir d;
	struct reader_line l = { 0 };
	struct reader *none = NULL;

	test_dir_init(&d);
	CHECK_EQ(reader_open(&none, "/nonexistent/ledger"), -ENOENT);

	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK_EQ(at_end(r), true);
	append(&d, "000001.jsonl", STR("one\ntw"));
	CHECK_EQ(reader_next(r, &l), 0);
	CHECK_EQ(str_eq(l.text, STR("one")), true);
	CHECK_EQ(l.file == 1 && l.line == 1 && l.offset == 0, true);
	CHECK_EQ(at_end(r), true);
	CHECK_EQ(reader_torn_bytes(r), 2);
	append(&d, "000001.jsonl", STR("o\n\nthree\n"));
	CHECK_EQ(reader_next(r, &l), 0);
	CHECK_EQ(str_eq(l.text, STR("two")), true);
	CHECK_EQ(l.line == 2 && l.offset == 4, true);
	CHECK_EQ(next_is(r, ""), true);
	CHECK_EQ(next_is(r, "three"), true);
	CHECK_EQ(at_end(r), true);
	CHECK_EQ(reader_torn_bytes(r), 0);
	/* The next file, with a gap, and names that are none. */
	append(&d, "junk.jsonl", STR("junk\n"));
	append(&d, "000003.jsonl", STR("four\n"));
	append(&d, "000001.jsonl", STR("last of one\n"));
	CHECK_EQ(next_is(r, "last of one"), true);
	CHECK_EQ(reader_next(r, &l), 0);
	CHECK_EQ(l.file == 3 && l.line == 1 && l.offset == 0, true);
	CHECK_EQ(at_end(r), true);
	test_dir_done(&d);
}

/* The scribe takes back what it could not make durable. */
static void test_taken_back(void)
{
	struct test_dir d;

	test_dir_init(&d);
	append(&d, "000001.jsonl", STR("one\ntwo\nthr"));

	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK_EQ(next_is(r, "one"), true);
	CHECK_EQ(next_is(r, "two"), true);
	CHECK_EQ(at_end(r), true);
	cut(&d, "000001.jsonl", 4);
	CHECK_EQ(at_end(r), true);
	append(&d, "000001.jsonl", STR("2\n3\n"));
	CHECK_EQ(next_is(r, "2"), true);
	CHECK_EQ(next_is(r, "3"), true);
	test_dir_done(&d);
}

static void test_long_lines(void)
{
	static char big[RECORD_MAX_BYTES * 20];
	struct test_dir d;
	struct reader_line l;

	test_dir_init(&d);
	memset(big, 'x', sizeof(big));
	append(&d, "000001.jsonl", (struct str){ big, RECORD_MAX_BYTES });
	append(&d, "000001.jsonl", STR("\n"));
	append(&d, "000001.jsonl", (struct str){ big, RECORD_MAX_BYTES + 1 });
	append(&d, "000001.jsonl", STR("\nok\n"));
	append(&d, "000001.jsonl", (struct str){ big, sizeof(big) });
	append(&d, "000001.jsonl", STR("\nok\n"));

	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK_EQ(reader_next(r, &l), 0);
	CHECK_EQ(l.text.len, RECORD_MAX_BYTES);
	CHECK_EQ(reader_next(r, &l), READER_LONG);
	CHECK_EQ(next_is(r, "ok"), true);
	CHECK_EQ(reader_next(r, &l), READER_LONG);
	CHECK_EQ(reader_next(r, &l), 0);
	CHECK_EQ(str_eq(l.text, STR("ok")) && l.line == 5, true);
	CHECK_EQ(at_end(r), true);
	test_dir_done(&d);
}

static void test_seek_last(void)
{
	struct test_dir d;
	unsigned n = 0;

	test_dir_init(&d);
	for (unsigned f = 1; f <= 4; f++) {
		char name[LEDGER_NAME_SIZE], line[16];

		ledger_file_name(f, name);
		append(&d, name, (struct str){ 0 });
		for (unsigned i = 0; f != 3 && i < 3; i++) {
			int len = snprintf(line, sizeof(line), "%u\n", ++n);

			append(&d, name, (struct str){ line, (size_t)len });
		}
	}
	append(&d, "000004.jsonl", STR("torn"));

	AUTO(reader) struct reader *r = open_reader(&d);

	for (unsigned last = 0; last <= 12; last++) {
		struct reader_line l;
		unsigned from = last >= n ? 1 : n - last + 1, seen = from;
		char want[16];

		CHECK_EQ(reader_seek_last(r, last), 0);
		while (reader_next(r, &l) == 0) {
			(void)snprintf(want, sizeof(want), "%u", seen++);
			CHECK_EQ(str_eq(l.text, str_of(want)), true);
		}
		CHECK_EQ(seen, n + 1);
	}
	CHECK_EQ(reader_seek_last(r, UINT64_MAX), 0);
	CHECK_EQ(next_is(r, "1"), true);
	test_dir_done(&d);
}

static void test_seek_in_large_files(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct test_dir d;
	char want[32];

	test_dir_init(&d);
	buf_init(&b, 4000000);
	for (unsigned i = 1; i <= 50000; i++)
		(void)buf_printf(&b, "line %u\n", i);
	append(&d, "000001.jsonl", buf_str(&b));

	AUTO(reader) struct reader *r = open_reader(&d);

	for (unsigned n = 1; n <= 50000; n = n * 7 + 3) {
		CHECK_EQ(reader_seek_last(r, n), 0);
		(void)snprintf(want, sizeof(want), "line %u", 50001 - n);
		CHECK_EQ(next_is(r, want), true);
	}
	test_dir_done(&d);
}

static void test_follows(void)
{
	struct test_dir d;
	pid_t pid;
	int n = 0, status;

	test_dir_init(&d);
	append(&d, "000001.jsonl", STR("1\n"));

	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK_EQ(next_is(r, "1"), true);
	CHECK_EQ(at_end(r), true);
	CHECK_EQ(reader_wait(r, 0), 0); /* the watch is new: look again */
	CHECK_EQ(at_end(r), true);
	CHECK_EQ(reader_wait(r, 10), 1);

	pid = fork();
	if (pid == 0) {
		append(&d, "000001.jsonl", STR("2"));
		(void)usleep(20000);
		append(&d, "000001.jsonl", STR("\n"));
		(void)usleep(20000);
		append(&d, "000002.jsonl", STR("3\n4\n"));
		_exit(0);
	}
	while (n < 3 && !test_failures) {
		struct reader_line l;
		int x = reader_next(r, &l);

		if (x == 0) {
			CHECK_EQ(l.text.len == 1 && l.text.ptr[0] == '2' + n,
				 true);
			n++;
		} else {
			CHECK_EQ(x, READER_END);
			CHECK_EQ(reader_wait(r, 10000), 0);
		}
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	test_dir_done(&d);
}

static void add_record(const struct test_dir *d, const char *name,
		       const char *session, const char *kind)
{
	char line[512];
	int n = snprintf(line, sizeof(line),
			 "{\"v\":1,\"seq\":1,\"at\":1,\"session\":\"%s\","
			 "\"user\":\"\",\"task\":\"\",\"kind\":\"%s\","
			 "\"count\":1,\"prev\":\"%s\"}\n",
			 session, kind, LEDGER_HASH_ZERO);

	append(d, name, (struct str){ line, (size_t)n });
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

	AUTO(reader) struct reader *r = open_reader(&d);

	CHECK_EQ(find(r, "@", ""), 1);
	CHECK_EQ(find(r, "0a", ""), 1);
	add_record(&d, "000001.jsonl", "", "daemon.start");
	CHECK_EQ(find(r, "@", ""), 1);
	add_record(&d, "000001.jsonl", "0abc", "session.open");
	CHECK_EQ(find(r, "@", "0abc"), 0);
	for (unsigned i = 0; i < 600; i++)
		add_record(&d, "000001.jsonl", "0abc", "net.grant");
	add_record(&d, "000002.jsonl", "0abd", "session.open");
	add_record(&d, "000002.jsonl", "0abc", "session.close");
	CHECK_EQ(find(r, "@", "0abd"), 0);
	for (unsigned i = 0; i < 600; i++)
		add_record(&d, "000002.jsonl", "", "net.grant");
	append(&d, "000002.jsonl", STR("not a record\n{}\ntorn"));
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
		{ "forwards, over files", test_forwards },
		{ "what is taken back", test_taken_back },
		{ "lines that are too long", test_long_lines },
		{ "the last n", test_seek_last },
		{ "the last n of many", test_seek_in_large_files },
		{ "follows", test_follows },
		{ "finds sessions", test_finds_sessions },
		{ "where the ledger is", test_default_dir },
	};

	return test_main(tests, N_ELEMS(tests));
}
