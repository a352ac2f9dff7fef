/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A head, and what follows it as a chunked body.  Laws: a refusal is a status;
 * what is accepted is made of its own bytes, in order, and nothing of a field can
 * end a line; a message has one end; a head without its last byte is none; a head
 * written out again from what was read is read the same; a chunked body is the
 * same whether it comes at once or byte by byte, up to where it is refused.
 */
#include "base/buf.h"
#include "http/h1-chunks-parse.h"
#include "http/h1-frame.h"

#define OUT_MAX ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool is_one_of(unsigned r, const unsigned *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (r == all[i])
			return true;
	}
	return false;
}

static void check_line(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		law(s.ptr[i] != '\r' && s.ptr[i] != '\n' && s.ptr[i] != '\0');
}

static void check_fields(struct str head, const struct h1_head *h)
{
	const char *at = head.ptr;

	law(h->n_fields <= H1_FIELDS_MAX);
	for (size_t i = 0; i < h->n_fields; i++) {
		struct h1_field f = h->fields[i];

		law(f.name.len > 0 && f.name.ptr > at);
		law(f.value.ptr > f.name.ptr + f.name.len - 1);
		at = f.value.ptr + f.value.len;
		law(at < head.ptr + head.len);
		check_line(f.name);
		check_line(f.value);
		law(memchr(f.name.ptr, ':', f.name.len) == NULL);
		law(h1_find(h, "host").ptr != f.value.ptr ||
		    h1_is(f.name, "host"));
	}
}

static void write_fields(const struct h1_head *h, struct buf *b)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		(void)buf_add(b, h->fields[i].name);
		(void)buf_add(b, STR(":"));
		(void)buf_add(b, h->fields[i].value);
		(void)buf_add(b, STR("\r\n"));
	}
	(void)buf_add(b, STR("\r\n"));
}

static void check_same(const struct h1_head *a, const struct h1_head *b)
{
	law(str_eq(a->method, b->method) && str_eq(a->target, b->target));
	law(a->status == b->status && str_eq(a->reason, b->reason));
	law(a->old == b->old && a->n_fields == b->n_fields);
	for (size_t i = 0; i < a->n_fields; i++)
		law(str_eq(a->fields[i].name, b->fields[i].name) &&
		    str_eq(a->fields[i].value, b->fields[i].value));
}

static void check_frame(const struct h1_frame *f)
{
	law(f->length <= H1_LENGTH_MAX);
	law(f->body != H1_BODY_TO_END || !f->keep);
	law(f->body != H1_BODY_CHUNKED || f->length == 0);
}

static void check_request(struct str head)
{
	static const unsigned heads[] = { 0, 400, 431, 505 };
	static const unsigned frames[] = { 0, 400, 417, 501 };
	static struct h1_head h, again;
	AUTO(buf) struct buf b = BUF_NULL;
	struct h1_frame f;
	unsigned r = h1_request_parse(head, &h);

	law(is_one_of(r, heads, N_ELEMS(heads)));
	if (r != 0)
		return;
	law(h1_head_length(head, 0) == head.len);
	law(h.method.len > 0 && h.target.len > 0);
	law(h.old || h1_find(&h, "host").ptr);
	check_fields(head, &h);
	r = h1_request_frame(&h, &f);
	law(is_one_of(r, frames, N_ELEMS(frames)));
	if (r == 0) {
		check_frame(&f);
		law(f.body != H1_BODY_TO_END);
	}
	buf_init(&b, OUT_MAX);
	(void)buf_add(&b, h.method);
	(void)buf_addc(&b, ' ');
	(void)buf_add(&b, h.target);
	(void)buf_add(&b, h.old ? STR(" HTTP/1.0\r\n") : STR(" HTTP/1.1\r\n"));
	write_fields(&h, &b);
	law(h1_request_parse(buf_str(&b), &again) == 0);
	check_same(&h, &again);
	head.len--;
	law(h1_request_parse(head, &again) != 0);
}

static void check_response(struct str head)
{
	static struct h1_head h, again;
	AUTO(buf) struct buf b = BUF_NULL;
	struct h1_frame f;
	unsigned r = h1_response_parse(head, &h);

	law(r == 0 || r == 502);
	if (r != 0)
		return;
	check_line(h.reason);
	check_fields(head, &h);
	r = h1_response_frame(&h, STR("GET"), &f);
	law(r == 0 || r == 502);
	if (r == 0)
		check_frame(&f);
	buf_init(&b, OUT_MAX);
	(void)buf_printf(&b, "HTTP/1.%d %u ", h.old ? 0 : 1, h.status);
	(void)buf_add(&b, h.reason);
	(void)buf_add(&b, STR("\r\n"));
	write_fields(&h, &b);
	law(h1_response_parse(buf_str(&b), &again) == 0);
	check_same(&h, &again);
}

/* ---- chunks ---- */

/* False: refused. */
static bool feed(struct str in, size_t step, struct buf *out,
		 struct h1_chunks *c, size_t *ret_used)
{
	size_t at = 0, end = 0;

	*c = (struct h1_chunks){ .state = H1_CHUNK_SIZE };
	while (end < in.len && c->state != H1_CHUNK_DONE) {
		struct h1_piece_seen p;
		struct str s;

		end = in.len - end < step ? in.len : end + step;
		do {
			s = (struct str){ in.ptr + at, end - at };
			if (!h1_chunks_next(c, &s, &p))
				return false;
			law(s.len <= end - at);
			at = end - s.len;
			if (p.what == H1_PIECE_DATA) {
				law(p.data.len > 0);
				(void)buf_add(out, p.data);
			}
			if (p.what == H1_PIECE_TRAILER) {
				check_line(p.field.name);
				check_line(p.field.value);
				law(!h1_is(p.field.name, "content-length"));
			}
		} while (p.what == H1_PIECE_DATA || p.what == H1_PIECE_TRAILER);
		law((p.what == H1_PIECE_DONE) == (c->state == H1_CHUNK_DONE));
	}
	*ret_used = at;
	return true;
}

static void check_chunks(struct str in)
{
	AUTO(buf) struct buf one = BUF_NULL;
	AUTO(buf) struct buf all = BUF_NULL;
	struct h1_chunks a, b;
	size_t used_a = 0, used_b = 0;
	bool r, s;

	buf_init(&one, OUT_MAX);
	buf_init(&all, OUT_MAX);
	r = feed(in, in.len ? in.len : 1, &all, &a, &used_a);
	s = feed(in, 1, &one, &b, &used_b);
	law(r == s);
	law(str_eq(buf_str(&all), buf_str(&one)));
	if (r)
		law(a.state == b.state && used_a == used_b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = { (const char *)data, size };
	size_t n = h1_head_length(s, 0);
	struct str head = n > 0 ? (struct str){ s.ptr, n } : s;

	check_request(head);
	check_response(head);
	check_chunks(str_skip(s, n));
	return 0;
}
