/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/test.h"
#include "export/answer-parse.h"
#include "export/cursor.h"
#include "export/feed.h"
#include "export/secret.h"

static char top[64];

static void test_answers(void)
{
	static const struct {
		enum frame_type frame;
		unsigned status;
		struct str body;
		enum answer_verdict want;
		uint64_t unnamed;
		uint32_t rejected;
	} rows[] = {
		{ FRAME_LINES, 200, STR(""), ANSWER_TAKEN, 0, 0 },
		{ FRAME_DATADOG, 202, STR("{}"), ANSWER_TAKEN, 0, 0 },
		{ FRAME_LINES, 301, STR(""), ANSWER_DENIED, 0, 0 },
		{ FRAME_LINES, 400, STR("no"), ANSWER_REFUSED, 0, 0 },
		{ FRAME_LINES, 401, STR(""), ANSWER_DENIED, 0, 0 },
		{ FRAME_LINES, 403, STR(""), ANSWER_DENIED, 0, 0 },
		{ FRAME_LINES, 404, STR(""), ANSWER_DENIED, 0, 0 },
		{ FRAME_LINES, 408, STR(""), ANSWER_LATER, 0, 0 },
		{ FRAME_LINES, 413, STR(""), ANSWER_REFUSED, 0, 0 },
		{ FRAME_LINES, 429, STR(""), ANSWER_LATER, 0, 0 },
		{ FRAME_LINES, 500, STR(""), ANSWER_LATER, 0, 0 },
		{ FRAME_LINES, 503, STR(""), ANSWER_LATER, 0, 0 },
		{ FRAME_OTLP_JSON, 200, STR("{}"), ANSWER_TAKEN, 0, 0 },
		{ FRAME_OTLP_JSON, 200, STR("nonsense"), ANSWER_TAKEN, 0, 0 },
		{ FRAME_OTLP_JSON, 200,
		  STR("{\"partialSuccess\":{\"rejectedLogRecords\":\"2\","
		      "\"errorMessage\":\"m\"}}"),
		  ANSWER_TAKEN, 2, 0 },
		{ FRAME_OTLP_JSON, 200,
		  STR("{\"partialSuccess\":{\"rejectedLogRecords\":99}}"),
		  ANSWER_TAKEN, 5, 0 },
		{ FRAME_OTLP_PROTO, 200, STR(""), ANSWER_TAKEN, 0, 0 },
		{ FRAME_OTLP_PROTO, 200, STR("\x0a\x05\x08\x02\x12\x01m"),
		  ANSWER_TAKEN, 2, 0 },
		{ FRAME_OTLP_PROTO, 200, STR("\x0a\xff"), ANSWER_TAKEN, 0, 0 },
		{ FRAME_ELASTIC, 200, STR("{\"errors\":false}"), ANSWER_TAKEN,
		  0, 0 },
		{ FRAME_ELASTIC, 200,
		  STR("{\"errors\":true,\"items\":[{\"create\":{\"status\":201}"
		      "},{\"create\":{\"status\":409}},{\"create\":{\"status\":"
		      "400,\"error\":{\"reason\":\"r\"}}}]}"),
		  ANSWER_TAKEN, 0, 1 },
		{ FRAME_ELASTIC, 200,
		  STR("{\"errors\":true,\"items\":[{\"create\":{\"status\":400}"
		      "},{\"create\":{\"status\":429}}]}"),
		  ANSWER_LATER, 0, 1 },
		{ FRAME_ELASTIC, 200,
		  STR("{\"errors\":true,\"items\":[{},7,{\"create\":[]}]}"),
		  ANSWER_LATER, 0, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct answer a;

		answer_parse(rows[i].frame, rows[i].status, rows[i].body, 5,
			     &a);
		if (a.verdict != rows[i].want)
			printf("# row %zu\n", i);
		CHECK_EQ(a.verdict, rows[i].want);
		CHECK_EQ(a.n_unnamed, rows[i].unnamed);
		CHECK_EQ(a.n_rejected, rows[i].rejected);
	}
}

static void test_cursor(void)
{
	AUTO(fd) int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cursor c = { .seq = 9 };
	const struct cursor two = { .seq = UINT32_MAX, .at = 7 };
	const struct sink_status s = { .state = "ok", .why = "a\"b" };

	CHECK_EQ(cursor_load(dir, "x", &c), 1);
	CHECK_EQ(c.seq, 9);
	CHECK_EQ(cursor_save(dir, "x", &two), 0);
	CHECK_EQ(cursor_load(dir, "x", &c), 0);
	CHECK_EQ(c.seq, UINT32_MAX);
	CHECK_EQ(c.at, 7);
	CHECK_EQ(sink_status_save(dir, "x", &s), 0);
	CHECK_EQ(file_save(dir, "x.cursor", STR("{\"v\":1,\"seq\":-1}"), 0600,
			   false),
		 0);
	CHECK_EQ(cursor_load(dir, "x", &c), 2);
	CHECK_EQ(file_save(dir, "x.cursor", STR(""), 0600, false), 0);
	CHECK_EQ(cursor_load(dir, "x", &c), 2);
}

static void check_secret(const struct sink_secret *s, int want, struct str text)
{
	struct diag d = { 0 };
	struct buf b;

	CHECK_EQ(secret_load(s, &b, &d), want);
	CHECK((want == 0) == (d.text[0] == '\0'));
	if (want == 0)
		CHECK_STR(buf_str(&b), text);
	secret_done(&b);
}

static void test_secret(void)
{
	char path[96];
	struct sink_secret s = { .from = SECRET_FILE, .text = path };

	(void)snprintf(path, sizeof(path), "%s/token", top);
	check_secret(&s, 1, STR(""));
	CHECK_EQ(file_save(AT_FDCWD, path, STR("abc\n"), 0600, false), 0);
	check_secret(&s, 0, STR("abc"));
	CHECK_EQ(file_save(AT_FDCWD, path, STR("a\nX-Evil: b"), 0600, false),
		 0);
	check_secret(&s, 1, STR(""));
	CHECK_EQ(file_save(AT_FDCWD, path, STR("\n"), 0600, false), 0);
	check_secret(&s, 1, STR(""));
	CHECK_EQ(file_save(AT_FDCWD, path, STR("abc"), 0644, false), 0);
	check_secret(&s, 1, STR(""));
	s = (struct sink_secret){ .from = SECRET_ENV, .text = "BAWN_NONE" };
	check_secret(&s, 1, STR(""));
	s.text = "BAWN_TEST_TOKEN";
	CHECK_EQ(setenv("BAWN_TEST_TOKEN", "t k", 1), 0);
	check_secret(&s, 0, STR("t k"));
	s = (struct sink_secret){ .from = SECRET_COMMAND,
				  .argv = { "/bin/sh", "-c", "echo x" } };
	check_secret(&s, 0, STR("x"));
	s.argv[2] = "echo x; exit 1";
	check_secret(&s, 1, STR(""));
	s.argv[2] = "head -c 100000 /dev/zero";
	check_secret(&s, 1, STR(""));
	s.argv[0] = "/nowhere/to/be/found";
	check_secret(&s, 1, STR(""));
	s = (struct sink_secret){ .from = SECRET_NONE };
	check_secret(&s, 0, STR(""));
}

int main(void)
{
	static const struct test tests[] = {
		{ "what receivers answer", test_answers },
		{ "cursor", test_cursor },
		{ "secrets", test_secret },
	};
	int r;

	(void)snprintf(top, sizeof(top), "/tmp/bawn-test-send-XXXXXX");
	if (!mkdtemp(top))
		return 1;
	r = test_main(tests, N_ELEMS(tests));
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = { "x.cursor", "x.status",
						     "token" };
		char path[96];

		(void)snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(top);
	return r;
}
