/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Ten million records are read to make an index, so a line is scanned as text:
 * a record is flat, without blanks, and its names need no escapes.  What the
 * scanner does not understand, or a value with an escape, is left to
 * record_read(), which is some times slower and never wrong.
 */
#include "ledger/index-terms.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/sip.h"

/* Those that people look for, and that are not different in each record. */
static const struct str fields[] = {
	STR("session"), STR("user"),   STR("task"),      STR("kind"),
	STR("verdict"), STR("trust"),  STR("host"),      STR("addr"),
	STR("port"),    STR("path"),   STR("to"),        STR("exe"),
	STR("tool"),    STR("server"), STR("model"),     STR("syscall"),
	STR("limit"),   STR("reason"), STR("rule.file"),
};
_Static_assert(N_ELEMS(fields) <= TERMS_MAX, "a record has one of each");

/* Not a secret: who can choose values only makes his own queries slow. */
static const uint64_t key[2] = { 0x6261776e, 0x696e6478 };

bool terms_has_field(struct str field)
{
	for (size_t i = 0; i < N_ELEMS(fields); i++) {
		if (str_eq(fields[i], field))
			return true;
	}
	return false;
}

uint64_t term_of(struct str field, struct str value)
{
	/* Names are short and few: mixing the two hashes keeps them apart. */
	return sip_hash(key, field.ptr, field.len) * 0x9e3779b97f4a7c15u ^
	       sip_hash(key, value.ptr, value.len);
}

static void add(struct terms *t, struct str field, struct str value)
{
	if (t->n < TERMS_MAX && terms_has_field(field))
		t->v[t->n++] = term_of(field, value);
}

static void take(struct terms *t, struct str name, struct str value)
{
	if (str_eq(name, STR("session")))
		t->session = value;
	add(t, name, value);
}

/* Behind its opening quote; false: it has an escape, or no end. */
static bool cut_string(struct str *s, struct str *ret)
{
	const char *end = s->len ? memchr(s->ptr, '"', s->len) : NULL;

	if (!end || memchr(s->ptr, '\\', (size_t)(end - s->ptr)))
		return false;
	*ret = (struct str){ s->ptr, (size_t)(end - s->ptr) };
	*s = str_skip(*s, ret->len + 1);
	return true;
}

/* A string with escapes that does not count: to behind its end. */
static bool skip_string(struct str *s)
{
	for (size_t i = 0; i < s->len; i++) {
		if (s->ptr[i] == '\\') {
			i++;
		} else if (s->ptr[i] == '"') {
			*s = str_skip(*s, i + 1);
			return true;
		}
	}
	return false;
}

static bool eat(struct str *s, char c)
{
	if (s->len == 0 || s->ptr[0] != c)
		return false;
	*s = str_skip(*s, 1);
	return true;
}

/* An integer, true, false, null; false: anything else. */
static bool cut_bare(struct str *s, struct str *ret)
{
	size_t n = 0;

	while (n < s->len &&
	       (s->ptr[n] == '-' || (s->ptr[n] >= '0' && s->ptr[n] <= '9') ||
		(s->ptr[n] >= 'a' && s->ptr[n] <= 'z')))
		n++;
	*ret = (struct str){ s->ptr, n };
	*s = str_skip(*s, n);
	return n > 0;
}

static bool scan_member(struct str *s, struct terms *t)
{
	struct str name, value = { 0 };

	if (!eat(s, '"') || !cut_string(s, &name) || !eat(s, ':'))
		return false;
	if (eat(s, '"')) {
		if (!cut_string(s, &value))
			return !terms_has_field(name) && skip_string(s);
		take(t, name, value);
		return true;
	}
	if (!cut_bare(s, &value))
		return false;
	if (str_eq(name, STR("seq")))
		return str_u64(value, 1, INT64_MAX, &t->seq);
	if (str_eq(name, STR("at")))
		return str_u64(value, 0, INT64_MAX, &t->at);
	take(t, name, value);
	return true;
}

static bool scan(struct str s, struct terms *t)
{
	if (!eat(&s, '{'))
		return false;
	do {
		if (!scan_member(&s, t))
			return false;
	} while (eat(&s, ','));
	return str_eq(s, STR("}")) && t->seq > 0;
}

static bool read_slowly(struct arena *a, struct str line, struct terms *t)
{
	struct record r;

	*t = (struct terms){ 0 };
	if (record_read(a, line, &r) != 0)
		return false;
	t->seq = r.head.seq;
	t->at = r.head.at;
	JSON_EACH (f, r.fields) {
		char number[24];

		if (f->type == JSON_STRING || f->type == JSON_NUMBER) {
			take(t, f->key, f->string);
		} else if (f->type == JSON_INT) {
			(void)snprintf(number, sizeof(number), "%" PRId64,
				       f->integer);
			add(t, f->key, str_of(number));
		} else if (f->type == JSON_BOOL) {
			add(t, f->key, f->boolean ? STR("true") : STR("false"));
		} else if (f->type == JSON_NULL) {
			add(t, f->key, STR("null"));
		}
	}
	return true;
}

bool terms_read(struct arena *a, struct str line, struct terms *ret)
{
	*ret = (struct terms){ 0 };
	return scan(line, ret) || read_slowly(a, line, ret);
}
