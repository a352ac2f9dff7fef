/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h1-chunks-parse: a chunked body while it comes, RFC 9112 section 7.1, strict.
 * Extensions are read over; trailers are fields that say nothing of the
 * message's form.  Pure.
 */
#pragma once

#include "http/h1-head-parse.h"

#define H1_CHUNK_LINE_MAX ((size_t)64)   /* bytes of a length and extensions */
#define H1_TRAILERS_MAX   ((size_t)1024) /* bytes of trailers */

enum h1_chunk_state {
	H1_CHUNK_SIZE, /* at "1a;ext CRLF" */
	H1_CHUNK_DATA,
	H1_CHUNK_END, /* at the CRLF behind data */
	H1_CHUNK_TRAILER,
	H1_CHUNK_DONE,
};

/* {0} is its start. */
struct h1_chunks {
	enum h1_chunk_state state;
	uint64_t left;    /* of this chunk */
	size_t n_trailer; /* bytes of trailers so far */
};

enum h1_piece {
	H1_PIECE_MORE, /* nothing whole is there: more bytes, please */
	H1_PIECE_DATA,
	H1_PIECE_TRAILER,
	H1_PIECE_DONE, /* what is left of the input is not of this message */
};

struct h1_piece_seen {
	enum h1_piece what;
	struct str data;       /* a slice of the input */
	struct h1_field field; /* likewise */
};

/*
 * Cuts the next piece from *in, which has to begin where the last one ended.
 * False: it is no chunked body.
 */
must_check bool h1_chunks_next(struct h1_chunks *c, struct str *in,
			       struct h1_piece_seen *ret);
