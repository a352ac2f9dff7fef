/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query: which records are wanted.  Pure.
 *
 *   FIELD (= | != | ~ | < | >) VALUE     with  and  or  not  ( )
 *
 * FIELD is a member's name.  VALUE is a bare word or a "quoted" one.
 *   =   equal; a number when both are numbers
 *   !=  not equal, and so true for records without the field
 *   ~   a VALUE with * or ? matches the whole text, * being any run of bytes;
 *       any other VALUE is looked for anywhere in it; case counts
 *   < > numbers only
 * For `at` a VALUE is also a time: 2026-11-20, 2026-11-20T20:21 or
 * 2026-11-20T20:21:22, with Z or without, always UTC; -90s, -15m, -2h, -7d,
 * -4w before now; now; today and yesterday, which begin at the local midnight:
 * what is told from now only where it is asked at a time, query_parse_at().
 * A record without the field satisfies nothing but !=.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

#define QUERY_MAX_BYTES 4096u
#define QUERY_MAX_TESTS 128u
#define QUERY_MAX_DEPTH 32u /* of parentheses and `not` */

enum query_error {
	QUERY_E_SYNTAX = 1,
	QUERY_E_LIMIT,
};

struct query;

/* What "now" and "today" are. */
struct query_clock {
	uint64_t utc_ns;
	int64_t east_s; /* of UTC, by which local time is ahead */
};

/*
 * 0, an enum query_error with @reterr (may be NULL; column from 1), or
 * -ENOMEM.  @text is borrowed during the call only.
 */
must_check int query_parse(struct str text, struct query **ret,
			   struct diag *reterr);
/* The same, with times that are told from now. */
must_check int query_parse_at(struct str text, const struct query_clock *clock,
			      struct query **ret, struct diag *reterr);
void query_free(struct query *q);
DEFINE_AUTO(query, struct query, query_free);

/*
 * `session = @` means the newest session, which only the caller can know.
 * Until it is set, @ matches no record.  @id is copied; -ENOMEM.
 */
bool query_needs_newest(const struct query *q);
must_check int query_set_newest(struct query *q, struct str id);

/* 2026-11-20 or 2026-11-20T20:21:22Z as UTC ns.  False: neither. */
must_check bool query_time(struct str s, int64_t *ret);

/* @record is a flat object as record_read() gives it. */
bool query_matches(const struct query *q, const struct json *record);

/*
 * False: the record in this stored line is certainly not wanted.  By its text,
 * so it costs a fraction of reading the record.
 */
bool query_may_match(const struct query *q, struct str line);

/* In one spelling, which parses to the same again.  Failure is b->failed. */
void query_print(const struct query *q, struct buf *b);
