/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1-head-parse: the head of a message of HTTP/1.1, RFC 9110 and 9112, strict:
 * what two readers could understand differently is refused, never repaired.
 * Pure.
 *
 * What is refused although a server may take it (RFC 9112 in brackets): a lone LF
 * or CR as the end of a line (2.2), more than one space in the first line (3),
 * space before the colon (5.1), folded lines (5.2), two of Content-Length even
 * when they are equal (6.3), two of any other field of ONCE.
 */
#pragma once

#include "base/base.h"

#define H1_HEAD_MAX   ((size_t)64 * 1024) /* bytes, with the empty line */
#define H1_FIELDS_MAX 128u

struct h1_field {
	struct str name, value; /* the value without blanks around it */
};

/* Slices of the text it was read from. */
struct h1_head {
	struct str method, target; /* of a request */
	unsigned status;           /* of a response: 100 to 599 */
	struct str reason;         /* may be empty */
	bool old;                  /* HTTP/1.0 */
	size_t n_fields;
	struct h1_field fields[H1_FIELDS_MAX];
};

/*
 * @text ends with the empty line.  0, or the status to answer with: 400, 431, 505
 * of a request, 502 of a response; *ret is filled all the same, with what makes
 * no sense.
 */
must_check unsigned h1_request_parse(struct str text, struct h1_head *ret);
must_check unsigned h1_response_parse(struct str text, struct h1_head *ret);

/* A line of trailers, without CRLF.  False: it is none. */
must_check bool h1_field_parse(struct str line, struct h1_field *ret);

/*
 * Bytes of @s up to and with the empty line; 0: it is not there yet.  What is
 * before @from was looked at in an earlier call.
 */
size_t h1_head_length(struct str s, size_t from);

/* A word of RFC 9110 section 5.6.2; bytes that a value may have (5.5). */
bool h1_is_token(struct str s);
bool h1_is_value(struct str s);
/* Words of HTTP, which do not mind case. */
bool h1_is(struct str s, const char *word);
/* Its value; ptr NULL: there is none.  Of several the first. */
struct str h1_find(const struct h1_head *h, const char *name);
/* The comma-separated list in all fields @name has the word @word. */
bool h1_has_word(const struct h1_head *h, const char *name, const char *word);
