/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event: one record of the ledger as others are told of it.  Pure.
 *
 * Receivers demand UTF-8, and the ledger holds any byte: what is no UTF-8
 * becomes \xNN here, four characters for a byte.  That cannot be undone; the
 * ledger has the bytes themselves.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "ledger/record.h"

#define EVENT_ARENA   ((size_t)1024 * 1024) /* enough for any record */
#define EVENT_MEMBERS 128u                  /* of one record */
#define EVENT_NAME    100u                  /* bytes of a member's name */

struct export_kind;

/* Who speaks; the same for all events. */
struct event_origin {
	struct str host, version;
	struct str user; /* whose ledger it is */
};

struct event {
	struct record_head head;
	struct str kind, user, task;
	const struct export_kind *row; /* never NULL */
	const struct event_origin *from;
	const struct json *fields; /* the flat object, all strings UTF-8 */
};

/*
 * One stored line, without LF; what @ret holds lives in @a.  0; 1: no record, or
 * none that every form can carry: too many members, or names that are not short
 * words of letters, digits, and "._-"; -ENOMEM.
 */
must_check int event_read(struct arena *a, struct str line,
			  const struct event_origin *from, struct event *ret);

/* The members that are not of the envelope, in order. */
#define EVENT_EACH(it, e)                                     \
	for (const struct json *it = event_next(e, NULL); it; \
	     it = event_next(e, it))
/* The one behind @after; NULL: none.  @after NULL: the first. */
const struct json *event_next(const struct event *e, const struct json *after);

/* A text of @j that is a scalar; numbers and words in @tmp. */
#define EVENT_TEXT 32u
struct str event_text(const struct json *j, char tmp[EVENT_TEXT]);

/* As a value of JSON. */
void event_value(struct json_out *w, const struct json *j);

/* A sentence for people: the kind's title and what it is about. */
void event_message(const struct event *e, struct buf *b);

/* "2026-11-20T20:21:22.123456Z"; @dst of at least 32 bytes. */
void event_time(const struct event *e, char dst[32]);
