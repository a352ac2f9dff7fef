/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1-chunks-parse.h"

#define DIGITS_MAX 12u /* of a length: nothing overflows */

/* RFC 9110 section 6.5.1: of framing, routing, authentication and content. */
static const char *const not_behind[] = {
	"transfer-encoding",
	"content-length",
	"host",
	"authorization",
	"connection",
	"content-encoding",
	"content-type",
	"content-range",
	"te",
	"trailer",
	"upgrade",
	"expect",
	"proxy-authorization",
	"proxy-connection",
	"cookie",
	"set-cookie",
	"cache-control",
};

enum line {
	LINE_WHOLE,
	LINE_MORE,
	LINE_BAD,
};

static bool read_hex(struct str s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v << 4 | (uint64_t)(c - 'A' + 10);
		else
			return false;
	}
	*ret = v;
	return true;
}

/* A line of at most @max bytes, without its CRLF. */
static enum line take_line(struct str *in, size_t max, struct str *ret)
{
	struct str s = *in;

	if (!str_cut_line(&s, ret))
		return in->len >= max ? LINE_BAD : LINE_MORE;
	if (ret->len + 1 > max || ret->len == 0 ||
	    ret->ptr[ret->len - 1] != '\r')
		return LINE_BAD;
	ret->len--;
	*in = s;
	return h1_is_value(*ret) ? LINE_WHOLE : LINE_BAD;
}

/* A quoted-string at the beginning: its length with the quotes; 0: none. */
static size_t quoted_length(struct str s)
{
	size_t n = 1;

	while (n < s.len && s.ptr[n] != '"')
		n += s.ptr[n] == '\\' ? 2 : 1;
	return n < s.len ? n + 1 : 0;
}

/* A token up to one of @ends, or the end: its length; 0: none. */
static size_t token_length(struct str s, const char *ends)
{
	struct str token = { .ptr = s.ptr };

	while (token.len < s.len && !strchr(ends, s.ptr[token.len]))
		token.len++;
	return h1_is_token(token) ? token.len : 0;
}

/* token [ "=" ( token / quoted-string ) ], and more of them after ";" */
static bool are_extensions(struct str s)
{
	for (;;) {
		size_t n = token_length(s, "=;");

		if (n == 0)
			return false;
		s = str_skip(s, n);
		if (str_starts(s, STR("="))) {
			s = str_skip(s, 1);
			n = str_starts(s, STR("\"")) ? quoted_length(s)
						     : token_length(s, ";");
			if (n == 0)
				return false;
			s = str_skip(s, n);
		}
		if (s.len == 0)
			return true;
		if (s.ptr[0] != ';')
			return false;
		s = str_skip(s, 1);
	}
}

static enum line take_size(struct h1_chunks *c, struct str *in)
{
	struct str line, size = { 0 };
	enum line l = take_line(in, H1_CHUNK_LINE_MAX, &line);
	bool bare;

	if (l != LINE_WHOLE)
		return l;
	bare = !memchr(line.ptr, ';', line.len);
	(void)str_cut(&line, ';', &size);
	if (!read_hex(size, &c->left) || (!bare && !are_extensions(line)))
		return LINE_BAD;
	c->state = c->left > 0 ? H1_CHUNK_DATA : H1_CHUNK_TRAILER;
	return LINE_WHOLE;
}

static void take_data(struct h1_chunks *c, struct str *in,
		      struct h1_piece_seen *ret)
{
	ret->what = H1_PIECE_DATA;
	ret->data = *in;
	if (ret->data.len > c->left)
		ret->data.len = (size_t)c->left;
	*in = str_skip(*in, ret->data.len);
	c->left -= ret->data.len;
	if (c->left == 0)
		c->state = H1_CHUNK_END;
}

static enum line take_end(struct h1_chunks *c, struct str *in)
{
	if (in->len == 0 || (in->len == 1 && in->ptr[0] == '\r'))
		return LINE_MORE;
	if (!str_starts(*in, STR("\r\n")))
		return LINE_BAD;
	*in = str_skip(*in, 2);
	c->state = H1_CHUNK_SIZE;
	return LINE_WHOLE;
}

static bool may_be_behind(struct str name)
{
	for (size_t i = 0; i < N_ELEMS(not_behind); i++) {
		if (h1_is(name, not_behind[i]))
			return false;
	}
	return true;
}

static enum line take_trailer(struct h1_chunks *c, struct str *in,
			      struct h1_piece_seen *ret)
{
	size_t before = in->len;
	struct str line;
	enum line l = take_line(in, H1_TRAILERS_MAX - c->n_trailer, &line);

	if (l != LINE_WHOLE)
		return l;
	c->n_trailer += before - in->len;
	if (line.len == 0) {
		c->state = H1_CHUNK_DONE;
		ret->what = H1_PIECE_DONE;
		return LINE_WHOLE;
	}
	ret->what = H1_PIECE_TRAILER;
	return h1_field_parse(line, &ret->field) &&
			       may_be_behind(ret->field.name)
		       ? LINE_WHOLE
		       : LINE_BAD;
}

bool h1_chunks_next(struct h1_chunks *c, struct str *in,
		    struct h1_piece_seen *ret)
{
	enum line l = LINE_WHOLE;

	*ret = (struct h1_piece_seen){ .what = H1_PIECE_MORE };
	while (l == LINE_WHOLE && ret->what == H1_PIECE_MORE) {
		switch (c->state) {
		case H1_CHUNK_SIZE:
			l = take_size(c, in);
			break;
		case H1_CHUNK_DATA:
			if (in->len == 0)
				return true;
			take_data(c, in, ret);
			break;
		case H1_CHUNK_END:
			l = take_end(c, in);
			break;
		case H1_CHUNK_TRAILER:
			l = take_trailer(c, in, ret);
			break;
		case H1_CHUNK_DONE:
			ret->what = H1_PIECE_DONE;
			break;
		}
	}
	return l != LINE_BAD;
}
