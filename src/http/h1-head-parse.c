/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   request   = token SP target SP version CRLF fields
 *   response  = version SP 3DIGIT [ SP reason ] CRLF fields
 *   fields    = *( token ":" OWS value OWS CRLF ) CRLF
 *   target    = "/" *byte / scheme "://" 1*byte / "*" of OPTIONS
 *               / 1*byte without "/" of CONNECT (RFC 9112 section 3.2)
 *   byte      = %x21-7E but not "#", which no client sends, nor "\\", which some
 *               servers take for "/"
 *   version   = "HTTP/1." ( "0" / "1" )
 *   value     = *( %x20-7E / HTAB / %x80-FF ), reason likewise
 *
 * Fields are looked up by going through all: there are a dozen of them, and the
 * first letter tells most apart.
 */
#include "http/h1-head-parse.h"

/* Whose second would let two readers see different messages. */
static const char *const once[] = {
	"host",          "content-length",      "transfer-encoding",
	"content-type",  "content-encoding",    "authorization",
	"content-range", "proxy-authorization", "upgrade",
};

/* 1: a byte of a token. */
static const uint8_t token_bytes[256] = {
	['!'] = 1,         ['#'] = 1,         ['$'] = 1, ['%'] = 1,
	['&'] = 1,         ['\''] = 1,        ['*'] = 1, ['+'] = 1,
	['-'] = 1,         ['.'] = 1,         ['^'] = 1, ['_'] = 1,
	['`'] = 1,         ['|'] = 1,         ['~'] = 1, ['0' ... '9'] = 1,
	['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

bool h1_is_token(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!token_bytes[(unsigned char)s.ptr[i]])
			return false;
	}
	return s.len > 0;
}

bool h1_is_value(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* http://host/path, as proxies are sent it. */
static bool is_absolute(struct str s)
{
	size_t n = 0;

	while (n < s.len && (is_letter(s.ptr[n]) ||
			     (n > 0 && s.ptr[n] != ':' && s.ptr[n] != '/' &&
			      (strchr("+-.", s.ptr[n]) ||
			       (s.ptr[n] >= '0' && s.ptr[n] <= '9')))))
		n++;
	s = str_skip(s, n);
	return n > 0 && str_starts(s, STR("://")) && s.len > 3;
}

static bool is_target(struct str method, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < 0x21 || s.ptr[i] > 0x7e || s.ptr[i] == '#' ||
		    s.ptr[i] == '\\')
			return false;
	}
	if (str_eq(method, STR("CONNECT")))
		return s.len > 0 && !memchr(s.ptr, '/', s.len);
	if (str_eq(s, STR("*")))
		return str_eq(method, STR("OPTIONS"));
	return str_starts(s, STR("/")) || is_absolute(s);
}

/* ---- words ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool h1_is(struct str s, const char *word)
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

struct str h1_find(const struct h1_head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		if (h1_is(h->fields[i].name, name))
			return h->fields[i].value;
	}
	return (struct str){ 0 };
}

bool h1_has_word(const struct h1_head *h, const char *name, const char *word)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		struct str rest = h->fields[i].value, item;

		if (!h1_is(h->fields[i].name, name))
			continue;
		while (str_cut(&rest, ',', &item)) {
			if (h1_is(str_trim(item), word))
				return true;
		}
	}
	return false;
}

/* ---- lines ---- */

size_t h1_head_length(struct str s, size_t from)
{
	size_t at = from > 3 ? from - 3 : 0; /* some of the end may be before */
	const char *end;

	if (s.len <= at)
		return 0;
	end = memmem(s.ptr + at, s.len - at, "\r\n\r\n", 4);
	return end ? (size_t)(end - s.ptr) + 4 : 0;
}

/* A line that ends with CRLF, without it. */
static bool cut_line(struct str *s, struct str *ret)
{
	if (!str_cut_line(s, ret) || ret->len == 0 ||
	    ret->ptr[ret->len - 1] != '\r')
		return false;
	ret->len--;
	return true; /* another CR is in no token, target or value */
}

bool h1_field_parse(struct str line, struct h1_field *ret)
{
	/* What begins with a blank, a folded line, has no token here. */
	if (!memchr(line.ptr, ':', line.len) ||
	    !str_cut(&line, ':', &ret->name) || !h1_is_token(ret->name) ||
	    !h1_is_value(line))
		return false;
	ret->value = str_trim(line);
	return true;
}

static bool is_version(struct str s, bool *ret_old)
{
	*ret_old = str_eq(s, STR("HTTP/1.0"));
	return *ret_old || str_eq(s, STR("HTTP/1.1"));
}

static unsigned parse_request_line(struct str line, struct h1_head *h)
{
	if (!str_cut(&line, ' ', &h->method) ||
	    !str_cut(&line, ' ', &h->target) || !h1_is_token(h->method) ||
	    !str_starts(line, STR("HTTP/")))
		return 400;
	if (!is_version(line, &h->old))
		return 505;
	return is_target(h->method, h->target) ? 0 : 400;
}

static unsigned parse_status_line(struct str line, struct h1_head *h)
{
	struct str version, status;
	uint32_t n;

	if (!str_cut(&line, ' ', &version) || !is_version(version, &h->old) ||
	    !str_cut(&line, ' ', &status) || status.len != 3 ||
	    !str_u32(status, 100, 599, &n) || !h1_is_value(line))
		return 502;
	h->status = n;
	h->reason = line;
	return 0;
}

/* ---- fields ---- */

static bool is_repeated(const struct h1_head *h, struct str name)
{
	for (size_t i = 0; i < N_ELEMS(once); i++) {
		if (h1_is(name, once[i]))
			return h1_find(h, once[i]).ptr != NULL;
	}
	return false;
}

/* 0; 400, 431. */
static unsigned parse_fields(struct str text, struct h1_head *h)
{
	struct str line;

	for (;;) {
		struct h1_field f;

		if (!cut_line(&text, &line))
			return 400;
		if (line.len == 0)
			return text.len == 0 ? 0 : 400;
		if (h->n_fields == H1_FIELDS_MAX)
			return 431;
		if (!h1_field_parse(line, &f) || is_repeated(h, f.name))
			return 400;
		h->fields[h->n_fields++] = f;
	}
}

static void clear(struct h1_head *h)
{
	h->method = h->target = h->reason = (struct str){ 0 };
	h->status = 0;
	h->old = false;
	h->n_fields = 0;
}

unsigned h1_request_parse(struct str text, struct h1_head *ret)
{
	struct str line;
	unsigned r;

	clear(ret);
	if (text.len > H1_HEAD_MAX)
		return 431;
	if (!cut_line(&text, &line))
		return 400;
	r = parse_request_line(line, ret);
	if (r == 0)
		r = parse_fields(text, ret);
	if (r == 0 && !ret->old && !h1_find(ret, "host").ptr)
		r = 400;
	return r;
}

unsigned h1_response_parse(struct str text, struct h1_head *ret)
{
	struct str line;

	clear(ret);
	if (text.len > H1_HEAD_MAX || !cut_line(&text, &line) ||
	    parse_status_line(line, ret) != 0 || parse_fields(text, ret) != 0)
		return 502;
	return 0;
}
