/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/test.h"
#include "http/h1-chunks-parse.h"
#include "http/h1-frame.h"

#define LINE "POST /a?b HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define OK   "HTTP/1.1 200 OK\r\n"

static void end_row(unsigned before, size_t i)
{
	if (test_failures != before)
		printf("# row %zu\n", i);
}

static void test_requests(void)
{
	static const struct {
		const char *head;
		unsigned want;
	} rows[] = {
		{ LINE HOST "\r\n", 0 },
		{ LINE "hOsT:a:4318\r\nContent-Length: 0\r\n\r\n", 0 },
		{ LINE HOST "X-Y: \xc3\xa4\tb\r\n\r\n", 0 },
		{ LINE HOST "X:\r\nX: again\r\n\r\n", 0 },
		{ "GET / HTTP/1.0\r\n\r\n", 0 },
		{ "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 0 },
		{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0 },
		{ "", 400 },
		{ "\r\n\r\n", 400 },
		{ LINE HOST, 400 },
		{ "\r\n" LINE HOST "\r\n", 400 },
		/* Ends of lines. */
		{ "POST / HTTP/1.1\n" HOST "\r\n", 400 },
		{ LINE "Host: a\n\r\n", 400 },
		{ LINE "Host: a\rb\r\n\r\n", 400 },
		{ LINE "Host: a\r\r\n\r\n", 400 },
		{ LINE HOST "\n", 400 },
		{ LINE HOST "\r\nx", 400 },
		/* Fields. */
		{ LINE "\r\n", 400 },
		{ LINE HOST HOST "\r\n", 400 },
		{ LINE HOST " folded\r\n\r\n", 400 },
		{ LINE HOST "\tfolded: x\r\n\r\n", 400 },
		{ LINE HOST "X : y\r\n\r\n", 400 },
		{ LINE HOST "X\t: y\r\n\r\n", 400 },
		{ LINE HOST ": y\r\n\r\n", 400 },
		{ LINE HOST "noseparator\r\n\r\n", 400 },
		{ LINE HOST "X: \x01\r\n\r\n", 400 },
		{ LINE HOST "X: \x7f\r\n\r\n", 400 },
		{ LINE HOST "X\x80: y\r\n\r\n", 400 },
		{ LINE HOST "Content-Length: 1\r\ncontent-length: 1\r\n\r\n",
		  400 },
		{ LINE HOST "Transfer-Encoding: a\r\nTransfer-Encoding: b\r\n"
			    "\r\n",
		  400 },
		{ LINE HOST "Content-Type: a\r\nContent-Type: b\r\n\r\n", 400 },
		{ LINE HOST "Authorization: a\r\nAUTHORIZATION: b\r\n\r\n",
		  400 },
		/* The first line. */
		{ "POST  / HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "POST / a HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ " POST / HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "P(ST / HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "POST \xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "POST / http/1.1\r\n" HOST "\r\n", 400 },
		{ "POST /\r\n" HOST "\r\n", 400 },
		{ "GET http://a/b HTTP/1.1\r\n" HOST "\r\n", 0 },
		{ "GET a HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET a:80 HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET http:// HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET ://a HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET * HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "GET /a\\..\\b HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "CONNECT /a HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "POST\t/ HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "POST / HTTP/2.0\r\n" HOST "\r\n", 505 },
		{ "POST / HTTP/1.2\r\n" HOST "\r\n", 505 },
		{ "POST / HTTP/1.1 \r\n" HOST "\r\n", 505 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct h1_head h;
		unsigned r = h1_request_parse(str_of(rows[i].head), &h);

		CHECK_EQ(r, rows[i].want);
		if (r != rows[i].want)
			printf("# row %zu\n", i);
	}
}

static void test_responses(void)
{
	static const struct {
		const char *head;
		unsigned want, status;
		const char *reason;
	} rows[] = {
		{ OK "\r\n", 0, 200, "OK" },
		{ OK "Content-Length: 1\r\n\r\n", 0, 200, "OK" },
		{ "HTTP/1.0 404 Not Found\r\n\r\n", 0, 404, "Not Found" },
		{ "HTTP/1.1 200 \r\n\r\n", 0, 200, "" },
		{ "HTTP/1.1 200\r\n\r\n", 0, 200, "" },
		{ "HTTP/1.1 599 \xc3\xa4\r\n\r\n", 0, 599, "\xc3\xa4" },
		{ "", 502, 0, NULL },
		{ "HTTP/1.1  200 OK\r\n\r\n", 502, 0, NULL },
		{ "HTTP/1.1 20 OK\r\n\r\n", 502, 0, NULL },
		{ "HTTP/1.1 099 OK\r\n\r\n", 502, 0, NULL },
		{ "HTTP/1.1 600 OK\r\n\r\n", 502, 0, NULL },
		{ "HTTP/1.1 2000 OK\r\n\r\n", 502, 0, NULL },
		{ "HTTP/1.1 +20 OK\r\n\r\n", 502, 0, NULL },
		{ "HTTP/2 200 OK\r\n\r\n", 502, 0, NULL },
		{ "HTTP/1.1 200 O\x01K\r\n\r\n", 502, 0, NULL },
		{ "HTTP/1.1 200 OK\n\r\n", 502, 0, NULL },
		{ OK "X : y\r\n\r\n", 502, 0, NULL },
		{ OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 502, 0,
		  NULL },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct h1_head h;
		unsigned r = h1_response_parse(str_of(rows[i].head), &h);

		CHECK_EQ(r, rows[i].want);
		if (r != rows[i].want)
			printf("# row %zu\n", i);
		if (r != 0)
			continue;
		CHECK_EQ(h.status, rows[i].status);
		CHECK_STR(h.reason, str_of(rows[i].reason));
	}
}

static void test_nul(void)
{
	struct h1_head h;

	CHECK_EQ(h1_request_parse(STR(LINE HOST "X: a\0b\r\n\r\n"), &h), 400);
	CHECK_EQ(h1_request_parse(STR(LINE "Ho\0st: a\r\n\r\n"), &h), 400);
	CHECK_EQ(h1_request_parse(STR("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), &h),
		 400);
	CHECK_EQ(h1_response_parse(STR(OK "X: a\0b\r\n\r\n"), &h), 502);
}

static void test_too_much(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct h1_head h;

	buf_init(&b, 2 * H1_HEAD_MAX);
	(void)buf_add(&b, STR(LINE HOST));
	for (unsigned i = 0; i < H1_FIELDS_MAX; i++)
		(void)buf_add(&b, STR("X: y\r\n"));
	(void)buf_add(&b, STR("\r\n"));
	CHECK_EQ(h1_request_parse(buf_str(&b), &h), 431);
	buf_clear(&b);
	(void)buf_add(&b, STR(LINE HOST "X: "));
	while (b.len < H1_HEAD_MAX)
		(void)buf_addc(&b, 'x');
	(void)buf_add(&b, STR("\r\n\r\n"));
	CHECK_EQ(h1_request_parse(buf_str(&b), &h), 431);
}

static void test_looking(void)
{
	struct h1_head h;

	CHECK_EQ(h1_request_parse(STR(LINE HOST
				      "A:  b \t\r\nC: 1\r\nc: 2, Du\r\n"
				      "E:\r\n\r\n"),
				  &h),
		 0);
	CHECK_STR(h.method, STR("POST"));
	CHECK_STR(h.target, STR("/a?b"));
	CHECK_EQ(h.n_fields, 5);
	CHECK_STR(h1_find(&h, "a"), STR("b"));
	CHECK_STR(h1_find(&h, "C"), STR("1"));
	CHECK(h1_find(&h, "e").ptr && h1_find(&h, "e").len == 0);
	CHECK(!h1_find(&h, "f").ptr);
	CHECK(h1_has_word(&h, "c", "du") && h1_has_word(&h, "c", "1"));
	CHECK(!h1_has_word(&h, "c", "d") && !h1_has_word(&h, "e", ""));
	CHECK_EQ(h1_head_length(STR("a\r\n\r\nb"), 0), 5);
	CHECK_EQ(h1_head_length(STR("a\r\n\r\nb"), 4), 5);
	CHECK_EQ(h1_head_length(STR("a\r\n\r"), 0), 0);
	CHECK_EQ(h1_head_length((struct str){ 0 }, 0), 0);
	CHECK_EQ(h1_head_length((struct str){ 0 }, 9), 0);
}

static void test_request_frames(void)
{
	static const struct {
		const char *fields;
		unsigned want;
		enum h1_body body;
		uint64_t length;
		bool keep, expects, upgrade;
	} rows[] = {
		{ "", 0, H1_BODY_NONE, 0, true, false, false },
		{ "Content-Length: 12\r\n", 0, H1_BODY_LENGTH, 12, true, false,
		  false },
		{ "Transfer-Encoding: Chunked\r\n", 0, H1_BODY_CHUNKED, 0, true,
		  false, false },
		{ "Connection: keep-alive, Close\r\n", 0, H1_BODY_NONE, 0,
		  false, false, false },
		{ "Connection: a\r\nConnection: close\r\n", 0, H1_BODY_NONE, 0,
		  false, false, false },
		{ "Expect: 100-Continue\r\nContent-Length: 1\r\n", 0,
		  H1_BODY_LENGTH, 1, true, true, false },
		{ "Connection: Upgrade\r\nUpgrade: websocket\r\n", 0,
		  H1_BODY_NONE, 0, true, false, true },
		{ "Upgrade: websocket\r\n", 0, H1_BODY_NONE, 0, true, false,
		  false },
		{ "Content-Length: 1, 1\r\n", 400, 0, 0, 0, 0, 0 },
		{ "Content-Length: -1\r\n", 400, 0, 0, 0, 0, 0 },
		{ "Content-Length: +1\r\n", 400, 0, 0, 0, 0, 0 },
		{ "Content-Length: 0x1\r\n", 400, 0, 0, 0, 0, 0 },
		{ "Content-Length: 01\r\n", 400, 0, 0, 0, 0, 0 },
		{ "Content-Length:\r\n", 400, 0, 0, 0, 0, 0 },
		{ "Content-Length: 9007199254740993\r\n", 400, 0, 0, 0, 0, 0 },
		{ "Content-Length: 99999999999999999999\r\n", 400, 0, 0, 0, 0,
		  0 },
		{ "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, 0,
		  0, 0, 0, 0 },
		{ "Transfer-Encoding: gzip, chunked\r\n", 501, 0, 0, 0, 0, 0 },
		{ "Transfer-Encoding: chunked, chunked\r\n", 501, 0, 0, 0, 0,
		  0 },
		{ "Transfer-Encoding: xchunked\r\n", 501, 0, 0, 0, 0, 0 },
		{ "Transfer-Encoding: \"chunked\"\r\n", 501, 0, 0, 0, 0, 0 },
		{ "Transfer-Encoding:\r\n", 501, 0, 0, 0, 0, 0 },
		{ "Expect: tea\r\n", 417, 0, 0, 0, 0, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		unsigned before = test_failures;
		AUTO(buf) struct buf b = BUF_NULL;
		struct h1_frame f = { 0 };
		struct h1_head h;
		unsigned r;

		buf_init(&b, 4096);
		(void)buf_printf(&b, "%s%s%s\r\n", LINE, HOST, rows[i].fields);
		CHECK_EQ(h1_request_parse(buf_str(&b), &h), 0);
		r = h1_request_frame(&h, &f);
		CHECK_EQ(r, rows[i].want);
		if (r == 0)
			CHECK(f.body == rows[i].body &&
			      f.length == rows[i].length &&
			      f.keep == rows[i].keep &&
			      f.expects == rows[i].expects &&
			      f.upgrade == rows[i].upgrade);
		end_row(before, i);
	}
}

static void test_old_requests(void)
{
	struct h1_frame f;
	struct h1_head h;

	CHECK_EQ(h1_request_parse(
			 STR("GET / HTTP/1.0\r\nExpect: 100-continue\r\n"
			     "Connection: upgrade\r\nUpgrade: a\r\n"
			     "\r\n"),
			 &h),
		 0);
	CHECK_EQ(h1_request_frame(&h, &f), 0);
	CHECK(!f.keep && !f.expects && !f.upgrade);
	CHECK_EQ(h1_request_parse(STR("GET / HTTP/1.0\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n"),
				  &h),
		 0);
	CHECK_EQ(h1_request_frame(&h, &f), 400);
}

static void test_response_frames(void)
{
	static const struct {
		const char *head, *method;
		unsigned want;
		enum h1_body body;
		uint64_t length;
		bool keep, upgrade;
	} rows[] = {
		{ OK "\r\n", "GET", 0, H1_BODY_TO_END, 0, false, false },
		{ OK "Content-Length: 3\r\n\r\n", "GET", 0, H1_BODY_LENGTH, 3,
		  true, false },
		{ OK "Content-Length: 3\r\n\r\n", "HEAD", 0, H1_BODY_NONE, 3,
		  true, false },
		{ OK "Transfer-Encoding: chunked\r\n\r\n", "HEAD", 0,
		  H1_BODY_NONE, 0, true, false },
		{ OK "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
		  "GET", 0, H1_BODY_CHUNKED, 0, false, false },
		{ "HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", "GET", 0,
		  H1_BODY_NONE, 3, true, false },
		{ "HTTP/1.1 204 x\r\n\r\n", "GET", 0, H1_BODY_NONE, 0, true,
		  false },
		{ "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", "GET", 0,
		  H1_BODY_NONE, 0, true, false },
		{ "HTTP/1.1 100 x\r\n\r\n", "POST", 0, H1_BODY_NONE, 0, true,
		  false },
		{ "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: "
		  "websocket\r\n\r\n",
		  "GET", 0, H1_BODY_NONE, 0, true, true },
		{ "HTTP/1.0 200 x\r\nContent-Length: 3\r\n\r\n", "GET", 0,
		  H1_BODY_LENGTH, 3, false, false },
		{ "HTTP/1.1 101 x\r\n\r\n", "GET", 502, 0, 0, 0, 0 },
		{ "HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n", "GET", 502, 0,
		  0, 0, 0 },
		{ "HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "POST", 502, 0, 0, 0, 0 },
		{ OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "GET", 502, 0, 0, 0, 0 },
		{ OK "Transfer-Encoding: gzip\r\n\r\n", "GET", 502, 0, 0, 0,
		  0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		unsigned before = test_failures;
		struct h1_frame f = { 0 };
		struct h1_head h;
		unsigned r;

		CHECK_EQ(h1_response_parse(str_of(rows[i].head), &h), 0);
		r = h1_response_frame(&h, str_of(rows[i].method), &f);
		CHECK_EQ(r, rows[i].want);
		if (r == 0)
			CHECK(f.body == rows[i].body &&
			      f.length == rows[i].length &&
			      f.keep == rows[i].keep &&
			      f.upgrade == rows[i].upgrade);
		end_row(before, i);
	}
}

/* ---- chunks ---- */

struct taken {
	struct buf content;
	size_t n_trailers, used;
	enum h1_piece last;
	bool good;
};

static void take_all(struct h1_chunks *c, struct str in, struct taken *t)
{
	struct h1_piece_seen p = { .what = H1_PIECE_MORE };
	size_t len = in.len;

	do {
		t->good = h1_chunks_next(c, &in, &p);
		if (t->good && p.what == H1_PIECE_DATA)
			(void)buf_add(&t->content, p.data);
		if (t->good && p.what == H1_PIECE_TRAILER)
			t->n_trailers++;
	} while (t->good &&
		 (p.what == H1_PIECE_DATA || p.what == H1_PIECE_TRAILER));
	t->last = p.what;
	t->used = len - in.len;
}

static void test_chunks(void)
{
	static const struct {
		const char *body;
		bool good;
		enum h1_chunk_state state;
		const char *content;
		size_t n_trailers, rest;
	} rows[] = {
		{ "0\r\n\r\n", true, H1_CHUNK_DONE, "", 0, 0 },
		{ "000\r\n\r\n", true, H1_CHUNK_DONE, "", 0, 0 },
		{ "3\r\nabc\r\n0\r\n\r\n", true, H1_CHUNK_DONE, "abc", 0, 0 },
		{ "A\r\n0123456789\r\n0\r\n\r\n", true, H1_CHUNK_DONE,
		  "0123456789", 0, 0 },
		{ "3;x=\"y\"\r\nabc\r\n1\r\nd\r\n0\r\nA: b\r\nC: d\r\n\r\nnext",
		  true, H1_CHUNK_DONE, "abcd", 2, 4 },
		{ "3\r\nab", true, H1_CHUNK_DATA, "ab", 0, 0 },
		{ "3\r\nabc", true, H1_CHUNK_END, "abc", 0, 0 },
		{ "3\r\nabc\r", true, H1_CHUNK_END, "abc", 0, 1 },
		{ "3", true, H1_CHUNK_SIZE, "", 0, 1 },
		{ "3\r", true, H1_CHUNK_SIZE, "", 0, 2 },
		{ "", true, H1_CHUNK_SIZE, "", 0, 0 },
		{ "3\nabc", false, 0, "", 0, 0 },
		{ "\r\n", false, 0, "", 0, 0 },
		{ ";x\r\n", false, 0, "", 0, 0 },
		{ "g\r\n", false, 0, "", 0, 0 },
		{ " 3\r\n", false, 0, "", 0, 0 },
		{ "3 \r\n", false, 0, "", 0, 0 },
		{ "-1\r\n", false, 0, "", 0, 0 },
		{ "0x3\r\n", false, 0, "", 0, 0 },
		{ "fffffffffffff\r\n", false, 0, "", 0, 0 },
		{ "0;a;b=c;d=\"\\\";\";e\r\n\r\n", true, H1_CHUNK_DONE, "", 0,
		  0 },
		{ "3;\r\n", false, 0, "", 0, 0 },
		{ "3;a=\r\n", false, 0, "", 0, 0 },
		{ "3;a b\r\n", false, 0, "", 0, 0 },
		{ "3;a=\"b\r\n", false, 0, "", 0, 0 },
		{ "3;a=\"b\\\"\r\n", false, 0, "", 0, 0 },
		{ "3;a=\"b\"c\r\n", false, 0, "", 0, 0 },
		{ "3;\x01\r\n", false, 0, "", 0, 0 },
		{ "3;a\rb\r\n", false, 0, "", 0, 0 },
		{ "3\r\nabcd", false, 0, "abc", 0, 0 },
		{ "3\r\nabc\rX", false, 0, "abc", 0, 0 },
		{ "3\r\nabc\n", false, 0, "abc", 0, 0 },
		{ "0\r\nnocolon\r\n", false, 0, "", 0, 0 },
		{ "0\r\n\n", false, 0, "", 0, 0 },
		{ "0\r\nContent-Length: 1\r\n", false, 0, "", 0, 0 },
		{ "0\r\nTRANSFER-ENCODING: x\r\n", false, 0, "", 0, 0 },
		{ "0\r\nAuthorization: x\r\n", false, 0, "", 0, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		unsigned before = test_failures;
		struct h1_chunks c = { .state = H1_CHUNK_SIZE };
		struct str in = str_of(rows[i].body);
		struct taken t = { .last = H1_PIECE_MORE };

		buf_init(&t.content, 64);
		take_all(&c, in, &t);
		CHECK_EQ(t.good, rows[i].good);
		CHECK_STR(buf_str(&t.content), str_of(rows[i].content));
		if (rows[i].good) {
			CHECK_EQ(c.state, rows[i].state);
			CHECK_EQ(t.n_trailers, rows[i].n_trailers);
			CHECK_EQ(in.len - t.used, rows[i].rest);
			CHECK_EQ(t.last == H1_PIECE_DONE,
				 c.state == H1_CHUNK_DONE);
		}
		buf_done(&t.content);
		end_row(before, i);
	}
}

/* Lines without an end, and trailers without one. */
static void test_endless(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct h1_chunks c = { .state = H1_CHUNK_SIZE };
	struct taken t = { .last = H1_PIECE_MORE };

	buf_init(&b, 64 * 1024);
	buf_init(&t.content, 16);
	while (b.len < H1_CHUNK_LINE_MAX - 1)
		(void)buf_addc(&b, '0');
	take_all(&c, buf_str(&b), &t);
	CHECK(t.good && t.last == H1_PIECE_MORE);
	(void)buf_addc(&b, '0');
	take_all(&c, buf_str(&b), &t);
	CHECK(!t.good);
	buf_clear(&b);
	(void)buf_add(&b, STR("0\r\n"));
	while (b.len < H1_TRAILERS_MAX + 64)
		(void)buf_add(&b, STR("A: b\r\n"));
	c = (struct h1_chunks){ .state = H1_CHUNK_SIZE };
	take_all(&c, buf_str(&b), &t);
	CHECK(!t.good);
	buf_done(&t.content);
}

int main(void)
{
	static const struct test tests[] = {
		{ "requests, taken and refused", test_requests },
		{ "responses, taken and refused", test_responses },
		{ "a NUL is nowhere", test_nul },
		{ "a head is bounded", test_too_much },
		{ "looking for fields", test_looking },
		{ "where a request ends", test_request_frames },
		{ "HTTP/1.0", test_old_requests },
		{ "where a response ends", test_response_frames },
		{ "chunks, taken and refused", test_chunks },
		{ "lines and trailers are bounded", test_endless },
	};

	return test_main(tests, N_ELEMS(tests));
}
