/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "telemetry/gunzip.h"
#include "telemetry/http-parse.h"
#include "telemetry/rate.h"

#define LINE "POST /v1/logs HTTP/1.1\r\n"
#define HOST "Host: a\r\n"

static void test_heads(void)
{
	static const struct {
		const char *head;
		unsigned want;
	} rows[] = {
		{ LINE HOST "\r\n", 0 },
		{ LINE "hOsT:a:4318\r\nContent-Length: 0\r\n\r\n", 0 },
		{ LINE HOST "X-Y: \xc3\xa4\tb\r\n\r\n", 0 },
		{ "GET / HTTP/1.0\r\n\r\n", 0 },
		{ LINE HOST "Transfer-Encoding: Chunked\r\n\r\n", 0 },
		{ LINE HOST "Expect: 100-Continue\r\n\r\n", 0 },
		{ "", 400 },
		{ "\r\n\r\n", 400 },
		{ LINE HOST, 400 },
		{ "POST /v1/logs HTTP/1.1\n" HOST "\r\n", 400 },
		{ LINE "Host: a\n\r\n", 400 },
		{ LINE "Host: a\rb\r\n\r\n", 400 },
		{ LINE HOST "\r\nx", 400 },
		{ LINE "\r\n", 400 },
		{ LINE HOST HOST "\r\n", 400 },
		{ LINE HOST " folded\r\n\r\n", 400 },
		{ LINE HOST "X : y\r\n\r\n", 400 },
		{ LINE HOST ": y\r\n\r\n", 400 },
		{ LINE HOST "noseparator\r\n\r\n", 400 },
		{ LINE HOST "X: \x01\r\n\r\n", 400 },
		{ LINE HOST "X: \x7f\r\n\r\n", 400 },
		{ "POST  /v1/logs HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "POST /v1 logs HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ " POST / HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "P(ST / HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "POST \xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400 },
		{ "POST / http/1.1\r\n" HOST "\r\n", 400 },
		{ "POST /\r\n" HOST "\r\n", 400 },
		{ "POST / HTTP/2.0\r\n" HOST "\r\n", 505 },
		{ "POST / HTTP/1.1 \r\n" HOST "\r\n", 505 },
		{ LINE HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		  400 },
		{ LINE HOST "Content-Length: 1, 1\r\n\r\n", 400 },
		{ LINE HOST "Content-Length: -1\r\n\r\n", 400 },
		{ LINE HOST "Content-Length: +1\r\n\r\n", 400 },
		{ LINE HOST "Content-Length: 0x1\r\n\r\n", 400 },
		{ LINE HOST "Content-Length: 01\r\n\r\n", 400 },
		{ LINE HOST "Content-Length:\r\n\r\n", 400 },
		{ LINE HOST "Content-Length: 99999999999999999999\r\n\r\n",
		  400 },
		{ LINE HOST "Content-Length: 1\r\nTransfer-Encoding: "
			    "chunked\r\n\r\n",
		  400 },
		{ LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		  400 },
		{ LINE HOST "Expect: tea\r\n\r\n", 417 },
		{ LINE HOST "Content-Type: a\r\nContent-Type: b\r\n\r\n", 400 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct http_request q;
		unsigned r = http_head_parse(str_of(rows[i].head), &q);

		CHECK_EQ(r, rows[i].want);
		if (r != rows[i].want)
			printf("# row %zu\n", i);
	}
}

static void test_nul(void)
{
	struct http_request q;

	CHECK_EQ(http_head_parse(STR(LINE HOST "X: a\0b\r\n\r\n"), &q), 400);
	CHECK_EQ(http_head_parse(STR(LINE "Ho\0st: a\r\n\r\n"), &q), 400);
}

static void test_too_much(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct http_request q;

	buf_init(&b, 2 * HTTP_HEAD_MAX);
	(void)buf_add(&b, STR(LINE HOST));
	for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++)
		(void)buf_add(&b, STR("X: y\r\n"));
	(void)buf_add(&b, STR("\r\n"));
	CHECK_EQ(http_head_parse(buf_str(&b), &q), 431);
	buf_clear(&b);
	(void)buf_add(&b, STR(LINE HOST "X: "));
	while (b.len < HTTP_HEAD_MAX)
		(void)buf_addc(&b, 'x');
	(void)buf_add(&b, STR("\r\n\r\n"));
	CHECK_EQ(http_head_parse(buf_str(&b), &q), 431);
}

static void test_fields(void)
{
	struct http_request q;

	CHECK_EQ(http_head_parse(
			 STR(LINE HOST
			     "Content-Type: application/json ; charset=x\r\n"
			     "Content-Encoding: GZIP\r\n"
			     "Content-Length:  12 \r\n"
			     "Connection: keep-alive, Close\r\n\r\n"),
			 &q),
		 0);
	CHECK_STR(q.method, STR("POST"));
	CHECK_STR(q.target, STR("/v1/logs"));
	CHECK_STR(q.content_type, STR("application/json"));
	CHECK_EQ(q.coding, HTTP_GZIP);
	CHECK_EQ(q.length, 12);
	CHECK(q.has_length && !q.chunked && !q.keep && !q.expects);
	CHECK_EQ(http_head_parse(STR(LINE HOST "Content-Encoding: br\r\n\r\n"),
				 &q),
		 0);
	CHECK_EQ(q.coding, HTTP_CODING_OTHER);
	CHECK(q.keep && !q.has_length);
	CHECK_EQ(http_head_length(STR("a\r\n\r\nb")), 5);
	CHECK_EQ(http_head_length(STR("a\r\n\r")), 0);
	CHECK_EQ(http_head_length((struct str){ 0 }), 0);
}

static void test_chunks(void)
{
	static const struct {
		const char *body;
		unsigned want;
		enum http_chunk_state state;
		const char *content;
	} rows[] = {
		{ "0\r\n\r\n", 0, HTTP_CHUNK_DONE, "" },
		{ "3\r\nabc\r\n0\r\n\r\n", 0, HTTP_CHUNK_DONE, "abc" },
		{ "3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nA: b\r\n\r\nnext", 0,
		  HTTP_CHUNK_DONE, "abcd" },
		{ "3\r\nab", 0, HTTP_CHUNK_DATA, "ab" },
		{ "3\r\nabc", 0, HTTP_CHUNK_END, "abc" },
		{ "3", 0, HTTP_CHUNK_SIZE, "" },
		{ "", 0, HTTP_CHUNK_SIZE, "" },
		{ "3\nabc", 400, HTTP_CHUNK_SIZE, "" },
		{ "\r\n", 400, HTTP_CHUNK_SIZE, "" },
		{ "g\r\n", 400, HTTP_CHUNK_SIZE, "" },
		{ " 3\r\n", 400, HTTP_CHUNK_SIZE, "" },
		{ "-1\r\n", 400, HTTP_CHUNK_SIZE, "" },
		{ "0x3\r\n", 400, HTTP_CHUNK_SIZE, "" },
		{ "fffffffffffff\r\n", 400, HTTP_CHUNK_SIZE, "" },
		{ "ffff\r\n", 413, HTTP_CHUNK_SIZE, "" },
		{ "3\r\nabcd", 400, HTTP_CHUNK_END, "abc" },
		{ "3\r\nabc\rX", 400, HTTP_CHUNK_END, "abc" },
		{ "0\r\nnocolon\r\n", 400, HTTP_CHUNK_TRAILER, "" },
		{ "0\r\n\n", 400, HTTP_CHUNK_TRAILER, "" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		struct http_chunks c = { .state = HTTP_CHUNK_SIZE };
		size_t used;

		buf_init(&b, 16);
		CHECK_EQ(http_chunks_take(&c, str_of(rows[i].body), &b, &used),
			 rows[i].want);
		CHECK_EQ(c.state, rows[i].state);
		CHECK_STR(buf_str(&b), str_of(rows[i].content));
		if (c.state != rows[i].state)
			printf("# row %zu\n", i);
	}
}

static void test_endless_lines(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	AUTO(buf) struct buf out = BUF_NULL;
	struct http_chunks c = { .state = HTTP_CHUNK_SIZE };
	size_t used;

	buf_init(&b, 64 * 1024);
	buf_init(&out, 16);
	(void)buf_add(&b, STR("0\r\n"));
	for (int i = 0; i < 1000; i++)
		(void)buf_add(&b, STR("A: b\r\n"));
	CHECK_EQ(http_chunks_take(&c, buf_str(&b), &out, &used), 400);
	c = (struct http_chunks){ .state = HTTP_CHUNK_SIZE };
	buf_clear(&b);
	for (unsigned i = 0; i <= HTTP_CHUNK_LINE; i++)
		(void)buf_addc(&b, '0');
	CHECK_EQ(http_chunks_take(&c, buf_str(&b), &out, &used), 400);
}

static void test_gunzip(void)
{
	/* printf hello | gzip -n */
	static const char good[] =
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb"
		"\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36"
		"\x05\x00\x00\x00";
	struct str s = { good, sizeof(good) - 1 };
	AUTO(buf) struct buf b = BUF_NULL;
	char bad[sizeof(good)];

	buf_init(&b, 64);
	CHECK_EQ(gunzip(s, &b), 0);
	CHECK_STR(buf_str(&b), STR("hello"));
	for (size_t n = 0; n < s.len; n++) {
		buf_clear(&b);
		CHECK_EQ(gunzip((struct str){ good, n }, &b), 1);
	}
	buf_clear(&b);
	CHECK_EQ(gunzip((struct str){ good, sizeof(good) }, &b), 1);
	memcpy(bad, good, sizeof(bad));
	bad[s.len - 5] = (char)(bad[s.len - 5] ^ 1); /* its checksum */
	buf_clear(&b);
	CHECK_EQ(gunzip((struct str){ bad, s.len }, &b), 1);
	buf_done(&b);
	buf_init(&b, 4);
	CHECK_EQ(gunzip(s, &b), 2);
	CHECK(b.len <= 4);
}

static void test_rate(void)
{
	uint64_t second = UINT64_C(1000000000), now = 5 * second;
	struct rate r;
	uint64_t n = 0;

	rate_init(&r, now, 1);
	while (rate_take(&r, now, 1))
		n++;
	CHECK_EQ(n, RATE_EVENTS_BURST);
	now += second;
	for (n = 0; rate_take(&r, now, 1);)
		n++;
	CHECK_EQ(n, RATE_EVENTS_S);
	now += 1000 * second;
	for (n = 0; rate_take(&r, now, 64 * 1024);)
		n++;
	CHECK_EQ(n, RATE_BYTES_BURST / (64 * 1024));
	CHECK(!rate_take(&r, now, 64 * 1024));
	CHECK(!rate_take(&r, now - second,
			 1024 * 1024)); /* a clock that lies */
	now += second;
	CHECK(rate_take(&r, now, RATE_BYTES_S / 2));
	rate_init(&r, now, 2);
	for (n = 0; rate_take(&r, now, 1);)
		n++;
	CHECK_EQ(n, 2 * RATE_EVENTS_BURST);
}

int main(void)
{
	static const struct test tests[] = {
		{ "http: heads, taken and refused", test_heads },
		{ "http: a NUL is nowhere", test_nul },
		{ "http: a head is bounded", test_too_much },
		{ "http: what the fields say", test_fields },
		{ "http: chunks, taken and refused", test_chunks },
		{ "http: lines of chunks are bounded", test_endless_lines },
		{ "gunzip: whole, or not at all", test_gunzip },
		{ "rate: a burst, then so many a second", test_rate },
	};

	return test_main(tests, N_ELEMS(tests));
}
