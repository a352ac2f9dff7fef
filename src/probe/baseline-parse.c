/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object = "{" member *( "," member ) "}"
 * member = string ":" ( string / number )
 * string = DQUOTE *( %x20-21 / %x23-5B / %x5D-7E / "\" any ) DQUOTE
 * number = 1*( DIGIT / "-" )
 *
 * Blanks stand nowhere but in strings.  Escapes are skipped, not resolved: what is looked
 * at (ids, outcomes) has none, and one that had would match nothing.
 */
#include "probe/baseline.h"

#include <string.h>

struct cursor {
	const char *at, *end;
};

struct span {
	const char *ptr;
	size_t len;
};

static bool take(struct cursor *c, char want)
{
	if (c->at == c->end || *c->at != want)
		return false;
	c->at++;
	return true;
}

static bool take_string(struct cursor *c, struct span *ret)
{
	const char *begin;

	if (!take(c, '"'))
		return false;
	begin = c->at;
	for (; c->at < c->end && *c->at != '"'; c->at++) {
		if ((unsigned char)*c->at < 0x20 || *c->at == 0x7f)
			return false;
		if (*c->at == '\\' && ++c->at == c->end)
			return false;
	}
	*ret = (struct span){ begin, (size_t)(c->at - begin) };
	return take(c, '"');
}

static bool take_number(struct cursor *c)
{
	const char *begin = c->at;

	while (c->at < c->end &&
	       ((*c->at >= '0' && *c->at <= '9') || *c->at == '-'))
		c->at++;
	return c->at != begin;
}

static bool is(struct span s, const char *word)
{
	return strlen(word) == s.len && memcmp(s.ptr, word, s.len) == 0;
}

static enum outcome find_outcome(struct span s)
{
	for (int o = OUTCOME_NONE + 1; o < OUTCOME_MAX_; o++) {
		if (is(s, outcome_name((enum outcome)o)))
			return (enum outcome)o;
	}
	return OUTCOME_NONE;
}

/* Errors that say that there is no such thing. */
static bool says_missing(struct span error)
{
	static const char *const names[] = {
		"ENOSYS", "ENOENT",       "ENODEV",
		"ENXIO",  "EAFNOSUPPORT", "EPROTONOSUPPORT"
	};

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		if (is(error, names[i]))
			return true;
	}
	return false;
}

/* One line; true: an object, and @id is set when it is a row. */
static bool parse_object(struct cursor *c, struct span *id,
			 struct baseline_row *row)
{
	struct span key, value;

	if (!take(c, '{'))
		return false;
	do {
		value = (struct span){ "", 0 };
		if (!take_string(c, &key) || !take(c, ':'))
			return false;
		if (!take_string(c, &value) && !take_number(c))
			return false;
		if (is(key, "id"))
			*id = value;
		else if (is(key, "outcome"))
			row->outcome = find_outcome(value);
		else if (is(key, "error"))
			row->missing = says_missing(value);
	} while (take(c, ','));
	return take(c, '}') && c->at == c->end;
}

unsigned baseline_parse(const char *text, size_t len, struct baseline *ret)
{
	unsigned line = 0;

	ret->n = 0;
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		struct cursor c = { text + at, end ? end : text + len };
		struct span id = { "", 0 };
		struct baseline_row row = { 0 };

		line++;
		if (!end || !parse_object(&c, &id, &row))
			return line;
		at = (size_t)(end - text) + 1;
		if (id.len == 0)
			continue; /* the first line */
		if (id.len >= BASELINE_ID_MAX || row.outcome == OUTCOME_NONE ||
		    ret->n == BASELINE_ROWS_MAX)
			return line;
		(void)memcpy(row.id, id.ptr, id.len);
		ret->rows[ret->n++] = row;
	}
	return 0;
}

const struct baseline_row *baseline_find(const struct baseline *b,
					 const char *id)
{
	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->rows[i].id, id) == 0)
			return &b->rows[i];
	}
	return NULL;
}
