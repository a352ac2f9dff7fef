/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-parse: requests of HTTP/1.1 as a program in the jail sends them, RFC
 * 9112, strict: what two readers could understand differently is refused.
 * Pure.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define HTTP_HEAD_MAX    ((size_t)8 * 1024) /* bytes, with the empty line */
#define HTTP_FIELDS_MAX  64u
#define HTTP_CHUNK_LINE  64u   /* bytes of a chunk's length and extensions */
#define HTTP_TRAILER_MAX 1024u /* bytes of fields behind the last chunk */

enum http_coding {
	HTTP_IDENTITY,
	HTTP_GZIP,
	HTTP_CODING_OTHER,
};

/* Slices of the head. */
struct http_request {
	struct str method, target;
	struct str content_type; /* without parameters; empty: none */
	enum http_coding coding; /* of the content */
	uint64_t length;         /* of a body that is not chunked */
	bool has_length, chunked;
	bool keep;    /* the client may send another request */
	bool expects; /* 100-continue */
};

/*
 * @head ends with the empty line.  0, or the status to answer with: 400, 417,
 * 431, 501, 505.
 */
must_check unsigned http_head_parse(struct str head, struct http_request *ret);

/* Bytes of @s up to and with the empty line; 0: it is not there yet. */
size_t http_head_length(struct str s);

/* Words of HTTP, which do not mind case. */
bool http_is(struct str s, const char *word);

enum http_chunk_state {
	HTTP_CHUNK_SIZE, /* at "1a;ext CRLF" */
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_END, /* at the CRLF behind data */
	HTTP_CHUNK_TRAILER,
	HTTP_CHUNK_DONE,
};

/* A chunked body while it comes; {0} is its start. */
struct http_chunks {
	enum http_chunk_state state;
	uint64_t left; /* of this chunk */
	size_t trailer;
};

/*
 * Takes what it can of @in, *ret_used bytes; content goes to @out, whose
 * maximum is the limit.  0: go on, or done as the state says; else the status
 * to answer with: 400, 413.
 */
must_check unsigned http_chunks_take(struct http_chunks *c, struct str in,
				     struct buf *out, size_t *ret_used);
