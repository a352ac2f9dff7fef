/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: strict RFC 8259 reader into an arena, and a writer onto a buf.  Pure.
 *
 * Bytes that are not UTF-8 survive: the writer shows byte 0xNN (>= 0x80) as
 * the lone surrogate \udcNN, the reader turns such a lone surrogate back.
 * The reader refuses duplicate keys, other lone surrogates, numbers with
 * leading zeros, trailing bytes, raw invalid UTF-8 and more than
 * JSON_MAX_DEPTH levels.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"

#define JSON_MAX_DEPTH 32u

enum json_type {
	JSON_NULL = 1,
	JSON_BOOL,
	JSON_INT,    /* fits int64_t */
	JSON_NUMBER, /* a fraction, an exponent, or larger: only its text */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	enum json_type type;
	struct str key; /* when a member of an object, decoded */
	union {
		bool boolean;
		int64_t integer;
		struct str string; /* decoded; for JSON_NUMBER its text */
		struct {
			struct json *first; /* children, by ->next, in order */
			size_t n;
		} kids;
	};
	struct json *next;
};

/*
 * Parse all of @text.  Everything in *ret lives in @a.
 * 0; -ENOMEM when the arena is full; 1 = not in the language, @reterr says
 * where (may be NULL).
 */
must_check int json_parse(struct arena *a, struct str text, struct json **ret,
			  struct diag *reterr);

/* NULL when @o is NULL, no object, or has no such member. */
const struct json *json_find(const struct json *o, const char *key);
/* The member as a type, or the given value when absent or of another type. */
struct str json_find_str(const struct json *o, const char *key);
int64_t json_find_int(const struct json *o, const char *key, int64_t absent);
bool json_find_bool(const struct json *o, const char *key, bool absent);
/* False: it is not there, no string, or of more than @max bytes. */
bool json_get_str(const struct json *o, const char *key, size_t max,
		  struct str *ret);
static inline bool json_is(const struct json *j, enum json_type t)
{
	return j && j->type == t;
}
/* What has no children, NULL too, is passed over. */
#define JSON_EACH(it, container) \
	for (const struct json *it = json_first(container); it; it = it->next)
static inline const struct json *json_first(const struct json *j)
{
	return json_is(j, JSON_ARRAY) || json_is(j, JSON_OBJECT) ? j->kids.first
								 : NULL;
}

/* Writer.  Failure is b->failed; nesting mistakes are ASSERTed. */
struct json_out {
	struct buf *b;
	unsigned depth;
	bool comma; /* the next value at this depth needs one before it */
	bool after_key;
};

#define JSON_OUT(buf) ((struct json_out){ .b = (buf) })

void json_open(struct json_out *w, char kind);  /* '{' or '[' */
void json_close(struct json_out *w, char kind); /* '}' or ']' */
void json_key(struct json_out *w, const char *key);
void json_key_str(struct json_out *w, struct str key);
void json_str(struct json_out *w, struct str s);
void json_int(struct json_out *w, int64_t v);
void json_uint(struct json_out *w, uint64_t v);
void json_bool(struct json_out *w, bool v);
void json_null(struct json_out *w);
/* @json is one well-formed value already. */
void json_raw(struct json_out *w, struct str json);
/* Key and value in one. */
void json_kstr(struct json_out *w, const char *key, struct str s);
void json_kint(struct json_out *w, const char *key, int64_t v);
void json_kuint(struct json_out *w, const char *key, uint64_t v);
void json_kbool(struct json_out *w, const char *key, bool v);
/* A parsed value again, canonical spelling. */
void json_value(struct json_out *w, const struct json *j);
