/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A head, and what follows it as a chunked body.  Laws: what is accepted has a
 * method and a target of visible ASCII, and not two ways to know its length; a
 * refusal is a status; a head without its last byte is none; a chunked body comes
 * out the same whether it comes at once or byte by byte, up to where it is
 * refused, and is never larger than allowed.
 */
#include "telemetry/http-parse.h"

#define BODY_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool is_status(unsigned r)
{
	return r == 400 || r == 417 || r == 431 || r == 501 || r == 505;
}

static void check_head(struct str head)
{
	struct http_request q, cut;
	unsigned r = http_head_parse(head, &q);

	law(r == 0 || is_status(r));
	if (r != 0)
		return;
	law(head.len <= HTTP_HEAD_MAX);
	law(http_head_length(head) == head.len);
	law(q.method.len > 0 && q.target.len > 0);
	law(!(q.chunked && q.has_length));
	for (size_t i = 0; i < q.target.len; i++)
		law(q.target.ptr[i] > 0x20 && q.target.ptr[i] < 0x7f);
	for (size_t i = 0; i < q.content_type.len; i++)
		law(q.content_type.ptr[i] != '\r' &&
		    q.content_type.ptr[i] != '\n' &&
		    q.content_type.ptr[i] != ';');
	law(q.length <= UINT64_C(1) << 53);
	law(http_head_parse((struct str){ head.ptr, head.len - 1 }, &cut) != 0);
}

/* The status, and where it stopped. */
static unsigned feed(struct str in, size_t piece, struct buf *out,
		     struct http_chunks *c, size_t *ret_used)
{
	size_t at = 0, end = 0;

	*c = (struct http_chunks){ .state = HTTP_CHUNK_SIZE };
	while (end < in.len && c->state != HTTP_CHUNK_DONE) {
		size_t used = 0;
		unsigned r;

		end = in.len - end < piece ? in.len : end + piece;
		r = http_chunks_take(c, (struct str){ in.ptr + at, end - at },
				     out, &used);
		law(used <= end - at);
		at += used;
		if (r != 0)
			return r;
	}
	*ret_used = at;
	return 0;
}

static void check_chunks(struct str in)
{
	AUTO(buf) struct buf one = BUF_NULL;
	AUTO(buf) struct buf all = BUF_NULL;
	struct http_chunks a, b;
	size_t used_a = 0, used_b = 0;
	unsigned r, s;

	buf_init(&one, BODY_MAX);
	buf_init(&all, BODY_MAX);
	r = feed(in, in.len ? in.len : 1, &all, &a, &used_a);
	s = feed(in, 1, &one, &b, &used_b);
	law(r == 0 || r == 400 || r == 413);
	law(r == s);
	law(str_eq(buf_str(&all), buf_str(&one)));
	if (r == 0)
		law(a.state == b.state && used_a == used_b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	size_t n = http_head_length(s);

	check_head(n > 0 ? (struct str){ s.ptr, n } : s);
	check_chunks(str_skip(s, n));
	return 0;
}
