/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record-parse: is this what a writer may send, is this a stored line?  Pure.
 *
 * Both are scanners over the text, without a tree: the scribe runs the first
 * over the bytes of processes it does not trust, and stores those very bytes.
 */
#pragma once

#include "ledger/record.h"
#include "ledger/tile.h"

#define RECORD_MAX_FIELDS   64u /* members a writer may give */
#define RECORD_MAX_NAME     48u /* bytes of a member's name */
#define RECORD_MAX_ENVELOPE (RECORD_MAX_BYTES - RECORD_MAX_BODY)

enum record_error {
	RECORD_E_SYNTAX = 1, /* not one flat object in its one spelling */
	RECORD_E_LIMIT,      /* too long, too many members */
	RECORD_E_FIELD,      /* reserved, repeated, missing or of wrong type */
	RECORD_E_KIND,       /* unknown, or not for this role */
};

/*
 * @body as record_begin() .. record_end() write it: no space outside strings,
 * kind, verdict and trust first, names of [a-z0-9_.], values that are strings,
 * 64-bit integers, booleans or null.  What this accepts, json_parse() accepts.
 * 0, or an enum record_error and @reterr (may be NULL), column in bytes.
 */
must_check int record_check(struct str body, enum record_role role,
			    enum record_kind *ret, struct diag *reterr);

/* What of a stored line can be had without parsing all of it. */
struct record_line {
	unsigned v; /* 1 or 2 */
	uint64_t seq, at;
	struct str session; /* still escaped; ids need no escapes */
	struct str prev;    /* v 1: 64 hexadecimal digits */
	struct str payload; /* v 2: the same, or empty: there is none */
};

/* False: not how the scribe begins and ends a line, or a leaf. */
must_check bool record_line_scan(struct str line, struct record_line *ret);

/*
 * What of @body, which record_check() accepted, stands in the leaf, and what in
 * the payload: a comma before each member.
 */
void record_split(struct str body, struct buf *common, struct buf *rest);

#define RECORD_SALT_LEN 32u /* hexadecimal digits before a payload's members */

/* The members of a payload, a comma before each, without its salt. */
must_check bool record_payload_members(struct str payload, struct str *ret);

/* One flat object: what readers see.  What is no leaf comes as it is. */
void record_join(struct str leaf, const struct payload *p, struct buf *b);

/* A name of a field, also in queries. */
bool record_is_name(struct str s);
