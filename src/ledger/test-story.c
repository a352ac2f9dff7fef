/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/test.h"
#include "ledger/html.h"
#include "ledger/story-view.h"

#define ID "0abcdefghijklmnopqrs"
#define AT UINT64_C(1795206082000000000) /* 2026-11-20 20:21:22 UTC */

struct teller {
	struct story s;
	struct buf out;
	uint64_t seq;
};

static void begin(struct teller *t)
{
	*t = (struct teller){ 0 };
	CHECK_EQ(story_init(&t->s, STR(ID)), 0);
	buf_init(&t->out, (size_t)64 * 1024 * 1024);
}

static void end(struct teller *t)
{
	story_done(&t->s);
	buf_done(&t->out);
}

/* @rest: verdict and what follows kind. */
static void add_of(struct teller *t, const char *session, const char *kind,
		   const char *verdict, uint64_t count, const char *rest)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, RECORD_MAX_BYTES * 2);
	t->seq++;
	(void)buf_printf(&b,
			 "{\"v\":1,\"seq\":%" PRIu64 ",\"at\":%" PRIu64
			 ",\"session\":\"%s\",\"user\":\"u\",\"task\":\"t-1\","
			 "\"kind\":\"%s\",\"verdict\":\"%s\","
			 "\"trust\":\"kernel\",\"count\":%" PRIu64
			 "%s%s,\"prev\":\"0\"}",
			 t->seq, AT + t->seq * NS_PER_MS, session, kind,
			 verdict, count, rest[0] ? "," : "", rest);
	CHECK_EQ(story_add(&t->s, buf_str(&b)), 0);
}

static void add(struct teller *t, const char *kind, const char *rest)
{
	add_of(t, ID, kind, "allow", 1, rest);
}

static void open_session(struct teller *t)
{
	add(t, "session.open",
	    "\"cwd\":\"/p\",\"argv\":\"make -j2\",\"policy\":\"abcdef\"");
	add(t, "session.start", "\"pid\":7,\"layer.landlock\":7");
}

static void close_session(struct teller *t)
{
	add(t, "session.close",
	    "\"code\":0,\"signal\":0,\"ms\":61500,\"utime_us\":1000000,"
	    "\"stime_us\":230000,\"maxrss_kb\":46080,\"bytes_in\":12000,"
	    "\"bytes_out\":300");
}

static struct story_view view_of(const struct teller *t, bool all)
{
	return (struct story_view){
		.now_ns = AT + (t->seq + 5000) * NS_PER_MS,
		.width = 80,
		.all = all,
	};
}

static bool holds(const struct teller *t, const char *part)
{
	return memmem(buf_str(&t->out).ptr, t->out.len, part, strlen(part)) !=
	       NULL;
}

static void text(struct teller *t, bool all)
{
	const struct story_view v = view_of(t, all);

	buf_clear(&t->out);
	story_text(&t->s, &v, &t->out);
	CHECK(!t->out.failed);
}

static void page(struct teller *t)
{
	const struct story_view v = view_of(t, false);

	buf_clear(&t->out);
	story_html(&t->s, &v, &t->out);
	CHECK(!t->out.failed);
}

/* The JSON form must be JSON, whatever the records held. */
static void json(struct teller *t, struct arena *a, struct json **ret)
{
	const struct story_view v = view_of(t, false);
	struct str s;

	buf_clear(&t->out);
	story_json(&t->s, &v, &t->out);
	CHECK(!t->out.failed);
	arena_init(a, (size_t)256 * 1024 * 1024);
	s = str_trim(buf_str(&t->out));
	if (s.len > 0 && s.ptr[s.len - 1] == '\n')
		s.len--;
	CHECK_EQ(json_parse(a, s, ret, NULL), 0);
}

static unsigned count_lines(const struct teller *t)
{
	struct str s = buf_str(&t->out);
	unsigned n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\n';
	return n;
}

static void test_whole(void)
{
	/* clang-format off */
	static const char want[] =
"session    " ID "\n"
"state      exited with 0\n"
"user       u, task t-1\n"
"command    make -j2\n"
"in         /p\n"
"when       2026-11-20 20:21:22 to 20:21:22, 1 min 01 s\n"
"policy     abcdef\n"
"walls      landlock 7\n"
"ran        4 times 3 programs: /usr/bin/cc x2, /usr/bin/make, /usr/bin/as\n"
"             make\n"
"               cc x2: as\n"
"later      created .envrc (a shell runs it) !\n"
"changed    3 files in 2 directories\n"
"             src  2 created\n"
"             .  1 removed\n"
"read       1 file in 1 directory\n"
"             /usr/include  1\n"
"connected  forge.test:443  2 times  (rule user /f.yaml:4)\n"
"refused    evil.example:443  3 times  (no rule allows it)\n"
"             to allow: network.allow: - {host: evil.example}\n"
"limits     memory 8G  (killed)\n"
"also       some.kind\n"
"cost       1 min 01 s, processor 1.2 s, at most 47 MB, 12 kB in, 300 B out\n"
"proof      17 records, 1 to 17; bawn ledger verify\n";
	/* clang-format on */
	struct teller t;

	begin(&t);
	open_session(&t);
	add(&t, "process.exec",
	    "\"pid\":10,\"ppid\":7,\"path\":\"/usr/bin/make\"");
	add(&t, "process.exec",
	    "\"pid\":11,\"ppid\":10,\"path\":\"/usr/bin/cc\"");
	add(&t, "process.exec",
	    "\"pid\":12,\"ppid\":11,\"path\":\"/usr/bin/as\"");
	add(&t, "process.exec",
	    "\"pid\":13,\"ppid\":10,\"path\":\"/usr/bin/cc\"");
	add(&t, "file.open",
	    "\"path\":\"/usr/include/a.h\",\"access\":\"read\"");
	add(&t, "file.create", "\"path\":\"/p/src/a.o\"");
	add(&t, "file.create", "\"path\":\"/p/src/b.o\"");
	add(&t, "file.open", "\"path\":\"/p/src/b.o\",\"access\":\"read\"");
	add(&t, "file.unlink", "\"path\":\"/p/old\"");
	add(&t, "file.later",
	    "\"path\":\"/p/.envrc\",\"what\":\"created\",\"urgent\":true,"
	    "\"reason\":\"a shell runs it\"");
	add_of(&t, ID, "net.grant", "allow", 2,
	       "\"rule.layer\":\"user\",\"rule.file\":\"/f.yaml\","
	       "\"rule.line\":4,\"host\":\"forge.test\",\"port\":443,"
	       "\"proto\":\"tcp\"");
	add_of(&t, ID, "net.refuse", "deny", 3,
	       "\"host\":\"evil.example\",\"port\":443,\"proto\":\"tcp\","
	       "\"reason\":\"no rule allows it\",\"hint\":"
	       "\"network.allow: - {host: evil.example}\"");
	add(&t, "limit.hit",
	    "\"limit\":\"memory\",\"value\":\"8G\",\"reason\":\"killed\"");
	add(&t, "some.kind", "");
	close_session(&t);
	text(&t, false);
	CHECK_STR(buf_str(&t.out), str_of(want));
	if (!str_eq(buf_str(&t.out), str_of(want)))
		printf("%.*s", STR_ARG(buf_str(&t.out)));
	end(&t);
}

static bool has_text(const struct buf *b, const char *text)
{
	return memmem(buf_str(b).ptr, buf_str(b).len, text, strlen(text)) !=
	       NULL;
}

/* What it waited is told when it was long. */
static void test_waited(void)
{
	static const char before[] = "\"code\":0,\"ms\":61500,\"ledger_ms\":";
	static const struct {
		unsigned ms;
		bool told;
	} rows[] = {
		{ 0, false },
		{ STORY_WAITED_MS - 1, false },
		{ STORY_WAITED_MS, true },
		{ 1500, true },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char fields[80];
		struct teller t;

		begin(&t);
		open_session(&t);
		(void)snprintf(fields, sizeof(fields), "%s%u", before,
			       rows[i].ms);
		add(&t, "session.close", fields);
		text(&t, false);
		CHECK_EQ(has_text(&t.out, "of it waiting for the ledger"),
			 rows[i].told);
		end(&t);
	}
}

static void test_empty(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	struct teller t;

	begin(&t); /* an id that has no record at all */
	text(&t, false);
	CHECK(holds(&t, ID));
	json(&t, &a, &j);
	CHECK(json_is(json_find(j, "open"), JSON_NULL));
	page(&t);
	CHECK(holds(&t, "Nothing happened"));
	end(&t);
}

static void test_running(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	struct teller t;

	begin(&t);
	open_session(&t);
	text(&t, false);
	CHECK(holds(&t, "running, or its end was not recorded"));
	CHECK(holds(&t, ", for 5.0 s"));
	json(&t, &a, &j);
	CHECK_STR(json_find_str(j, "state"), STR("running"));
	CHECK_EQ(json_find_int(j, "elapsed_ms", 0), 5001);
	end(&t);
}

/* A search along PATH is one program, and what failed is none. */
static void test_failed_exec(void)
{
	struct teller t;

	begin(&t);
	open_session(&t);
	add(&t, "process.exec",
	    "\"pid\":5,\"ppid\":7,\"path\":\"/bin/sh\",\"exe\":\"/init\"");
	add(&t, "process.exec",
	    "\"pid\":6,\"ppid\":5,\"path\":\"/a/cc\",\"exe\":\"/bin/sh\"");
	add(&t, "process.exec",
	    "\"pid\":6,\"ppid\":5,\"path\":\"/b/cc\",\"exe\":\"/bin/sh\"");
	add(&t, "process.exec",
	    "\"pid\":6,\"ppid\":5,\"path\":\"/bin/cc1\",\"exe\":\"/b/cc\"");
	add(&t, "process.exec", /* itself again: that worked */
	    "\"pid\":6,\"ppid\":5,\"path\":\"/bin/cc1\",\"exe\":\"/bin/cc1\"");
	CHECK_EQ(story_n_rows(story_table(&t.s, STORY_PROGRAMS)), 3);
	CHECK_EQ(story_table(&t.s, STORY_PROGRAMS)->total, 4);
	text(&t, false);
	CHECK(holds(&t, "4 times 3 programs: /bin/cc1 x2, /bin/sh, /b/cc\n"));
	CHECK(!holds(&t, "/a/cc"));
	/* Found there after all, by another process. */
	add(&t, "process.exec",
	    "\"pid\":8,\"ppid\":5,\"path\":\"/a/cc\",\"exe\":\"/bin/sh\"");
	CHECK_EQ(story_n_rows(story_table(&t.s, STORY_PROGRAMS)), 4);
	end(&t);
}

static void test_unread(void)
{
	struct teller t;

	begin(&t);
	open_session(&t);
	add(&t, "process.exec", "\"pid\":5,\"ppid\":4,\"unread\":true");
	add(&t, "process.exec", "\"pid\":6,\"ppid\":5,\"unread\":true");
	text(&t, false);
	CHECK(holds(&t, "             make: ?\n"));
	end(&t);
}

/* Records of other sessions, and lines that are none, are no part of it. */
static void test_others(void)
{
	struct teller t;

	begin(&t);
	open_session(&t);
	add_of(&t, "0bbb", "net.refuse", "deny", 1, "\"host\":\"other\"");
	CHECK_EQ(story_add(&t.s, STR("{\"v\":1")), 0);
	CHECK_EQ(story_add(&t.s, STR("")), 0);
	CHECK_EQ(t.s.n_records, 2);
	text(&t, false);
	CHECK(!holds(&t, "other"));
	end(&t);
}

static void test_many(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	struct teller t;
	char rest[200];

	begin(&t);
	open_session(&t);
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(rest, sizeof(rest),
			       "\"path\":\"/p/d%u/f%u\",\"pid\":%u,"
			       "\"ppid\":%u,\"host\":\"h%u\"",
			       i % 500, i, i + 2, i + 1, i);
		add(&t,
		    i % 3 == 0   ? "file.create"
		    : i % 3 == 1 ? "process.exec"
				 : "net.grant",
		    rest);
	}
	close_session(&t);
	CHECK_EQ(t.s.n_records, 100003);
	CHECK_EQ(story_table(&t.s, STORY_FILES)->n, 33334);
	CHECK_EQ(story_table(&t.s, STORY_PROGRAMS)->total, 33333);
	text(&t, false);
	CHECK(count_lines(&t) <= 44);
	text(&t, true);
	CHECK(count_lines(&t) > 66000);
	json(&t, &a, &j);
	page(&t);
	CHECK(holds(&t, "The first 2000 of 33334 rows"));
	end(&t);
}

/* More rows than there is room for are counted, and it is said. */
static void test_limit(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	struct teller t;
	char rest[64];

	begin(&t);
	open_session(&t);
	for (unsigned i = 0; i < STORY_ROWS_MAX + 100; i++) {
		(void)snprintf(rest, sizeof(rest), "\"path\":\"/p/%u\"", i);
		add(&t, "file.create", rest);
	}
	CHECK_EQ(story_table(&t.s, STORY_FILES)->n, STORY_ROWS_MAX);
	CHECK_EQ(story_table(&t.s, STORY_FILES)->left_out, 100);
	json(&t, &a, &j);
	CHECK_EQ(json_find_int(json_find(j, "left_out"), "files", 0), 100);
	end(&t);
}

static void test_hostile(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	struct teller t;

	begin(&t);
	add(&t, "session.open",
	    "\"cwd\":\"/p\",\"argv\":\"\\u001b[2J</title><script>x()\"");
	add(&t, "file.create",
	    "\"path\":\"/p/a\\n\\u001b]0;x\\u0007<img src=x onerror=y()>\"");
	add(&t, "file.create", "\"path\":\"/p/\\udcff\\u202e'\\\"&amp;\"");
	add(&t, "process.exec",
	    "\"pid\":5,\"ppid\":5,\"path\":\"/p/<b>\\r\\t\"");
	add_of(&t, ID, "net.refuse", "deny", 1,
	       "\"host\":\"<svg onload=z()>\",\"hint\":\"</pre>\"");
	add(&t, "<script>", ""); /* no kind can be: the line is no record */
	for (unsigned all = 0; all < 2; all++) {
		text(&t, all != 0);
		CHECK(!holds(&t, "\x1b") && !holds(&t, "\x07"));
		CHECK(!holds(&t, "\r") && !holds(&t, "\t"));
		CHECK(!holds(&t, "\xe2\x80\xae"));
	}
	page(&t);
	CHECK(!holds(&t, "<script") && !holds(&t, "<img") && !holds(&t, "<b>"));
	CHECK(!holds(&t, "<svg onload") && !holds(&t, "\x1b"));
	CHECK(holds(&t, "&lt;img src=x onerror=y()&gt;"));
	CHECK(holds(&t, "\\xff"));
	CHECK(holds(&t, "&amp;amp;"));
	json(&t, &a, &j);
	end(&t);
}

/* A long line costs one line. */
static void test_width(void)
{
	struct teller t;
	struct str rest, line;

	begin(&t);
	open_session(&t);
	add(&t, "file.create",
	    "\"path\":\"/p/a/very/long/path/\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	    "/x\"");
	add(&t, "file.later",
	    "\"what\":\"created\",\"path\":\"/p/"
	    "x\",\"reason\":\"aaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "\"");
	text(&t, false);
	rest = buf_str(&t.out);
	while (str_cut(&rest, '\n', &line)) {
		size_t columns = 0;

		for (size_t i = 0; i < line.len; i++)
			columns += ((unsigned char)line.ptr[i] & 0xc0) != 0x80;
		CHECK(columns <= 80);
	}
	CHECK(holds(&t, "...\n"));
	end(&t);
}

static void test_checkpoint(void)
{
	static const struct {
		struct str text;
		uint64_t size;
	} rows[] = {
		{ STR("bawn.example/x\n42\nAAAA=\n\n\xe2\x80\x94 b s\n"), 42 },
		{ STR(""), 0 },
		{ STR("one line"), 0 },
		{ STR("cut off\n4"), 0 },
		{ STR("a\n-1\nx\n"), 0 },
		{ STR("a\n01\nx\n"), 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct story_view v = { .checkpoint = rows[i].text };

		CHECK_EQ(story_checkpoint_size(&v), rows[i].size);
	}
}

static void test_colour(void)
{
	struct teller t;
	struct story_view v;

	begin(&t);
	open_session(&t);
	v = view_of(&t, false);
	v.colour = true;
	story_text(&t.s, &v, &t.out);
	CHECK(holds(&t, "\x1b[1msession"));
	CHECK(holds(&t, "\x1b[33mrunning"));
	end(&t);
}

/* A session of a year, and bins that join. */
static void test_timeline(void)
{
	struct teller t;

	begin(&t);
	open_session(&t);
	t.seq += UINT64_C(365) * 24 * 3600 * 1000;
	add(&t, "process.exec", "\"pid\":1,\"path\":\"/x\"");
	t.seq = 3; /* a clock that was set back */
	add(&t, "process.exec", "\"pid\":1,\"path\":\"/x\"");
	CHECK_EQ(t.s.bins[STORY_LANE_RAN][0], 1);
	page(&t);
	CHECK(holds(&t, "<svg"));
	end(&t);
}

static void test_format(void)
{
	static const struct {
		uint64_t n;
		bool bytes;
		const char *want;
	} rows[] = {
		{ 0, false, "0 ms" },
		{ 999 * NS_PER_MS, false, "999 ms" },
		{ 12340 * NS_PER_MS, false, "12.3 s" },
		{ 243 * NS_PER_S, false, "4 min 03 s" },
		{ 7500 * NS_PER_S, false, "2 h 05 min" },
		{ UINT64_MAX, false, "5124095 h 34 min" },
		{ 0, true, "0 B" },
		{ 999, true, "999 B" },
		{ 1000, true, "1.0 kB" },
		{ 12345, true, "12 kB" },
		{ 3400000, true, "3.4 MB" },
		{ UINT64_MAX, true, "1844674 TB" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;

		buf_init(&b, 100);
		if (rows[i].bytes)
			story_format_bytes(rows[i].n, &b);
		else
			story_format_ns(rows[i].n, &b);
		CHECK_STR(buf_str(&b), str_of(rows[i].want));
	}
}

static void test_escape(void)
{
	static const struct {
		struct str in, want;
	} rows[] = {
		{ STR(""), STR("") },
		{ STR("<a&b>\"'"), STR("&lt;a&amp;b&gt;&quot;&#39;") },
		{ STR("\xc3\xa4"), STR("\xc3\xa4") },
		{ STR("\xff\n\0"), STR("\\xff\\x0a\\x00") },
		{ STR("\xe2\x80\xae"), STR("\\xe2\\x80\\xae") },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;

		buf_init(&b, 100);
		html_add(&b, rows[i].in);
		CHECK_STR(buf_str(&b), rows[i].want);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "a whole session", test_whole },
		{ "what it waited for the ledger", test_waited },
		{ "no record at all", test_empty },
		{ "still running", test_running },
		{ "programs that were not found", test_failed_exec },
		{ "programs that could not be read", test_unread },
		{ "records of others", test_others },
		{ "100,000 records", test_many },
		{ "more rows than there is room for", test_limit },
		{ "hostile bytes", test_hostile },
		{ "a long line is cut", test_width },
		{ "the checkpoint", test_checkpoint },
		{ "colours", test_colour },
		{ "the timeline", test_timeline },
		{ "durations and bytes", test_format },
		{ "escaping", test_escape },
	};

	(void)setenv("TZ", "UTC", 1);
	return test_main(tests, N_ELEMS(tests));
}
