/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   head        = request-line *( field CRLF ) CRLF
 *   request-line = token SP target SP "HTTP/1." DIGIT CRLF
 *   field       = token ":" OWS value OWS
 *   target      = 1*( %x21-7E )
 *   value       = *( %x20-7E / HTAB / %x80-FF )
 *
 * Deviations from RFC 9112: a lone LF or CR ends the request (section 2.2 lets
 * a server be lenient); folded lines are refused (5.2); Content-Length beside
 * Transfer-Encoding is refused (6.3), as are two of either, of Content-Type, of
 * Content-Encoding and of Host; Host is demanded of HTTP/1.1 (3.2).
 */
#include "telemetry/http-parse.h"

static bool is_token(struct str s)
{
	static const char more[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') ||
		      (c != '\0' && strchr(more, c) != NULL)))
			return false;
	}
	return s.len > 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool http_is(struct str s, const char *word)
{
	size_t n = strlen(word);

	if (s.len != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (lower(s.ptr[i]) != lower(word[i]))
			return false;
	}
	return true;
}

static bool is_value(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_target(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < 0x21 || s.ptr[i] > 0x7e)
			return false;
	}
	return s.len > 0;
}

/* A line that ends with CRLF, without it. */
static bool cut_line(struct str *s, struct str *ret)
{
	if (!str_cut_line(s, ret) || ret->len == 0 ||
	    ret->ptr[ret->len - 1] != '\r')
		return false;
	ret->len--;
	return memchr(ret->ptr, '\r', ret->len) == NULL;
}

size_t http_head_length(struct str s)
{
	const char *end =
		s.len > 0 ? memmem(s.ptr, s.len, "\r\n\r\n", 4) : NULL;

	return end ? (size_t)(end - s.ptr) + 4 : 0;
}

static unsigned parse_first(struct str line, struct http_request *q)
{
	struct str version;

	if (!str_cut(&line, ' ', &q->method) ||
	    !str_cut(&line, ' ', &q->target) || !is_token(q->method) ||
	    !is_target(q->target))
		return 400;
	version = line;
	if (!str_starts(version, STR("HTTP/")))
		return 400;
	if (str_eq(version, STR("HTTP/1.1")))
		q->keep = true;
	else if (!str_eq(version, STR("HTTP/1.0")))
		return 505;
	return 0;
}

/* Which fields there were, once each. */
enum {
	HAS_HOST = 1,
	HAS_LENGTH = 2,
	HAS_TRANSFER = 4,
	HAS_TYPE = 8,
	HAS_CODING = 16,
};

static unsigned take_length(struct http_request *q, struct str v)
{
	/* 2^53, so that it adds up to no overflow anywhere */
	q->has_length = str_u64(v, 0, UINT64_C(1) << 53, &q->length);
	return q->has_length ? 0 : 400;
}

static unsigned take_transfer(struct http_request *q, struct str v)
{
	q->chunked = http_is(v, "chunked");
	return q->chunked ? 0 : 501;
}

static unsigned take_type(struct http_request *q, struct str v)
{
	(void)str_cut(&v, ';', &q->content_type);
	q->content_type = str_trim(q->content_type);
	return 0;
}

static unsigned take_coding(struct http_request *q, struct str v)
{
	q->coding = http_is(v, "gzip")       ? HTTP_GZIP
		    : http_is(v, "identity") ? HTTP_IDENTITY
					     : HTTP_CODING_OTHER;
	return 0;
}

static unsigned take_host(struct http_request *q, struct str v)
{
	(void)q;
	(void)v;
	return 0;
}

static unsigned take_connection(struct http_request *q, struct str v)
{
	struct str word;

	while (str_cut(&v, ',', &word)) {
		if (http_is(str_trim(word), "close"))
			q->keep = false;
	}
	return 0;
}

static unsigned take_expect(struct http_request *q, struct str v)
{
	q->expects = http_is(v, "100-continue");
	return q->expects ? 0 : 417;
}

static const struct {
	const char *name;
	unsigned (*take)(struct http_request *q, struct str v);
	unsigned once; /* 0: as often as it likes */
} fields[] = {
	{ "host", take_host, HAS_HOST },
	{ "content-length", take_length, HAS_LENGTH },
	{ "transfer-encoding", take_transfer, HAS_TRANSFER },
	{ "content-type", take_type, HAS_TYPE },
	{ "content-encoding", take_coding, HAS_CODING },
	{ "connection", take_connection, 0 },
	{ "expect", take_expect, 0 },
};

static unsigned parse_field(struct str line, struct http_request *q,
			    unsigned *seen)
{
	struct str name, value;

	/* What begins with a blank, a folded line, has no token here. */
	if (!memchr(line.ptr, ':', line.len) || !str_cut(&line, ':', &name) ||
	    !is_token(name) || !is_value(line))
		return 400;
	value = str_trim(line);
	for (size_t i = 0; i < N_ELEMS(fields); i++) {
		if (!http_is(name, fields[i].name))
			continue;
		if (*seen & fields[i].once)
			return 400;
		*seen |= fields[i].once;
		return fields[i].take(q, value);
	}
	return 0;
}

unsigned http_head_parse(struct str head, struct http_request *ret)
{
	struct http_request q = { .coding = HTTP_IDENTITY };
	unsigned seen = 0, n = 0;
	struct str line;
	unsigned r;
	bool old;

	*ret = q;
	if (head.len > HTTP_HEAD_MAX)
		return 431;
	if (!cut_line(&head, &line))
		return 400;
	r = parse_first(line, &q);
	old = !q.keep;
	for (;;) {
		if (r != 0)
			return r;
		if (!cut_line(&head, &line))
			return 400;
		if (line.len == 0)
			break;
		if (++n > HTTP_FIELDS_MAX)
			return 431;
		r = parse_field(line, &q, &seen);
	}
	if (head.len > 0 || (q.chunked && q.has_length))
		return 400;
	/* HTTP/1.0 needs no host, and knows no chunks. */
	if (old ? q.chunked : !(seen & HAS_HOST))
		return 400;
	*ret = q;
	return 0;
}

/* ---- chunks ---- */

/* 1*HEXDIG, at most so many that nothing overflows. */
static bool read_hex(struct str s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > 12)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = lower(s.ptr[i]);

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*ret = v;
	return true;
}

/* A whole line at the start of @in, without CRLF: 0; 1: not yet; 400. */
static unsigned chunk_line(struct str in, size_t max, struct str *ret,
			   size_t *ret_used)
{
	struct str s = in;

	if (!str_cut_line(&s, ret))
		return in.len > max ? 400 : 1;
	*ret_used = ret->len + 1;
	if (ret->len + 1 > max)
		return 400;
	if (ret->len == 0 || ret->ptr[ret->len - 1] != '\r')
		return 400;
	ret->len--;
	return is_value(*ret) ? 0 : 400;
}

static unsigned take_size(struct http_chunks *c, struct str in,
			  const struct buf *out, size_t *used)
{
	struct str line, size = { 0 };
	unsigned r = chunk_line(in, HTTP_CHUNK_LINE, &line, used);

	if (r != 0)
		return r;
	(void)str_cut(&line, ';', &size);
	if (!read_hex(size, &c->left))
		return 400;
	if (c->left > out->max - out->len)
		return 413;
	c->state = c->left > 0 ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
	return 0;
}

static unsigned take_data(struct http_chunks *c, struct str in, struct buf *out,
			  size_t *used)
{
	struct str part = in;

	if (in.len == 0)
		return 1;
	if (part.len > c->left)
		part.len = (size_t)c->left;
	if (!buf_add(out, part))
		return 413;
	c->left -= part.len;
	*used = part.len;
	if (c->left == 0)
		c->state = HTTP_CHUNK_END;
	return 0;
}

static unsigned take_end(struct http_chunks *c, struct str in, size_t *used)
{
	if (in.len < 2)
		return in.len == 1 && in.ptr[0] != '\r' ? 400 : 1;
	if (!str_starts(in, STR("\r\n")))
		return 400;
	*used = 2;
	c->state = HTTP_CHUNK_SIZE;
	return 0;
}

/* Fields that nobody reads, and the empty line. */
static unsigned take_trailer(struct http_chunks *c, struct str in, size_t *used)
{
	struct str line;
	unsigned r = chunk_line(in, HTTP_TRAILER_MAX - c->trailer, &line, used);

	if (r != 0)
		return r;
	c->trailer += *used;
	if (line.len == 0)
		c->state = HTTP_CHUNK_DONE;
	else if (!memchr(line.ptr, ':', line.len))
		return 400;
	return 0;
}

unsigned http_chunks_take(struct http_chunks *c, struct str in, struct buf *out,
			  size_t *ret_used)
{
	*ret_used = 0;
	while (c->state != HTTP_CHUNK_DONE) {
		size_t used = 0;
		unsigned r;

		if (c->state == HTTP_CHUNK_SIZE)
			r = take_size(c, in, out, &used);
		else if (c->state == HTTP_CHUNK_DATA)
			r = take_data(c, in, out, &used);
		else if (c->state == HTTP_CHUNK_END)
			r = take_end(c, in, &used);
		else
			r = take_trailer(c, in, &used);
		if (r == 1)
			return 0;
		if (r != 0)
			return r;
		*ret_used += used;
		in = str_skip(in, used);
	}
	return 0;
}
