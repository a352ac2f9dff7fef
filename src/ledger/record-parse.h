/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record-parse: is this what a writer may send, is this a stored line?  Pure.
 *
 * Both are scanners over the text, without a tree: the scribe runs the first
 * over the bytes of processes it does not trust, and stores those very bytes.
 */
#pragma once

#include "ledger/record.h"

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
	uint64_t seq, at;
	struct str session; /* still escaped; ids need no escapes */
	struct str prev;    /* 64 hexadecimal digits */
};

/* False: not how the scribe begins and ends a line. */
must_check bool record_line_scan(struct str line, struct record_line *ret);

/* A name of a field, also in queries. */
bool record_is_name(struct str s);
