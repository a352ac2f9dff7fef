/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1-frame.h"

static bool is_switch(const struct h1_head *h)
{
	return h1_has_word(h, "connection", "upgrade") &&
	       h1_find(h, "upgrade").ptr != NULL;
}

/* What both kinds say alike.  0; 400, 501. */
static unsigned read_length(const struct h1_head *h, struct h1_frame *f)
{
	struct str coding = h1_find(h, "transfer-encoding");
	struct str length = h1_find(h, "content-length");

	f->keep = !h->old && !h1_has_word(h, "connection", "close");
	if (coding.ptr && (length.ptr || h->old))
		return 400;
	if (coding.ptr && !h1_is(coding, "chunked"))
		return 501;
	if (coding.ptr)
		f->body = H1_BODY_CHUNKED;
	if (!length.ptr)
		return 0;
	f->body = H1_BODY_LENGTH;
	return str_u64(length, 0, H1_LENGTH_MAX, &f->length) ? 0 : 400;
}

unsigned h1_request_frame(const struct h1_head *h, struct h1_frame *ret)
{
	struct h1_frame f = { .body = H1_BODY_NONE };
	struct str expect = h1_find(h, "expect");
	unsigned r = read_length(h, &f);

	*ret = f;
	if (r != 0)
		return r;
	if (expect.ptr && !h1_is(expect, "100-continue"))
		return 417;
	/* RFC 9110 section 10.1.1: not of HTTP/1.0. */
	ret->expects = expect.ptr && !h->old;
	ret->upgrade = !h->old && is_switch(h);
	return 0;
}

/* Whatever its head says. */
static bool has_no_body(unsigned status, struct str method)
{
	return status < 200 || status == 204 || status == 304 ||
	       str_eq(method, STR("HEAD"));
}

unsigned h1_response_frame(const struct h1_head *h, struct str method,
			   struct h1_frame *ret)
{
	struct h1_frame f = { .body = H1_BODY_TO_END };
	bool bare = h->status < 200 || h->status == 204;

	*ret = f;
	if (read_length(h, &f) != 0)
		return 502;
	/* "Content-Length: 0" with 204 is usual, and says nothing else. */
	if (bare && (f.body == H1_BODY_CHUNKED || f.length != 0))
		return 502;
	if (has_no_body(h->status, method))
		f.body = H1_BODY_NONE;
	if (f.body == H1_BODY_TO_END)
		f.keep = false;
	f.upgrade = h->status == 101;
	if (f.upgrade && !is_switch(h))
		return 502;
	*ret = f;
	return 0;
}
