/* SPDX-License-Identifier: Apache-2.0 */
#include "export/event.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "export/kinds.h"

/* Not told as members of the kind: they have a place of their own. */
static const char *const envelope[] = {
	"v",     "seq",     "at",    "session",    "user",      "task",
	"kind",  "verdict", "trust", "rule.layer", "rule.file", "rule.line",
	"count", "prev",    "salt",  "payload",
};

static bool is_utf8(struct str s)
{
	uint32_t c;

	while (s.len > 0) {
		size_t n = utf8_decode(s, &c);

		if (n == 0)
			return false;
		s = str_skip(s, n);
	}
	return true;
}

/* {0}: no room. */
static struct str clean(struct arena *a, struct str s)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;
	uint32_t c;
	char *dst;

	if (is_utf8(s))
		return s;
	dst = arena_alloc(a, 4 * s.len); /* of a line, so it cannot overflow */
	if (!dst)
		return (struct str){ 0 };
	while (s.len > 0) {
		size_t len = utf8_decode(s, &c);

		if (len > 0) {
			memcpy(dst + n, s.ptr, len);
			n += len;
		} else {
			unsigned char byte = (unsigned char)s.ptr[0];

			len = 1;
			dst[n++] = '\\';
			dst[n++] = 'x';
			dst[n++] = hex[byte >> 4];
			dst[n++] = hex[byte & 15];
		}
		s = str_skip(s, len);
	}
	return (struct str){ dst, n };
}

/* Longer or odder names would be the same once they are cut or cleaned. */
static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		      c == '-'))
			return false;
	}
	return s.len > 0 && s.len <= EVENT_NAME;
}

static int clean_all(struct arena *a, const struct json *fields,
		     struct json **ret)
{
	struct json *o = arena_alloc(a, sizeof(*o));
	struct json **end;

	if (!o)
		return -ENOMEM;
	o->type = JSON_OBJECT;
	end = &o->kids.first;
	JSON_EACH (it, fields) {
		struct json *j = arena_alloc(a, sizeof(*j));

		if (!j)
			return -ENOMEM;
		if (!is_name(it->key))
			return 1;
		*j = *it;
		j->next = NULL;
		if (j->type == JSON_STRING)
			j->string = clean(a, j->string);
		*end = j;
		end = &j->next;
		o->kids.n++;
	}
	*ret = o;
	return a->failed ? -ENOMEM : 0;
}

int event_read(struct arena *a, struct str line,
	       const struct event_origin *from, struct event *ret)
{
	struct record rec;
	struct json *o = NULL;
	struct event e = { .from = from };
	int r = record_read(a, line, &rec);

	if (r != 0)
		return r;
	if (rec.fields->kids.n > EVENT_MEMBERS)
		return 1;
	r = clean_all(a, rec.fields, &o);
	if (r != 0)
		return r;
	e.head = rec.head;
	e.head.session = json_find_str(o, "session");
	e.head.verdict = json_find_str(o, "verdict");
	e.head.trust = json_find_str(o, "trust");
	e.kind = json_find_str(o, "kind");
	e.user = json_find_str(o, "user");
	e.task = json_find_str(o, "task");
	e.row = export_kind_find(e.kind);
	e.fields = o;
	*ret = e;
	return 0;
}

static bool is_envelope(struct str key)
{
	for (size_t i = 0; i < N_ELEMS(envelope); i++) {
		if (str_eq(key, str_of(envelope[i])))
			return true;
	}
	return false;
}

const struct json *event_next(const struct event *e, const struct json *after)
{
	const struct json *j = after ? after->next : json_first(e->fields);

	while (j && is_envelope(j->key))
		j = j->next;
	return j;
}

struct str event_text(const struct json *j, char tmp[EVENT_TEXT])
{
	switch (j->type) {
	case JSON_STRING:
	case JSON_NUMBER:
		return j->string;
	case JSON_INT:
		(void)snprintf(tmp, EVENT_TEXT, "%" PRId64, j->integer);
		return str_of(tmp);
	case JSON_BOOL:
		return j->boolean ? STR("true") : STR("false");
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
	default:
		return STR("");
	}
}

void event_value(struct json_out *w, const struct json *j)
{
	char tmp[EVENT_TEXT];

	if (j->type == JSON_INT)
		json_int(w, j->integer);
	else if (j->type == JSON_BOOL)
		json_bool(w, j->boolean);
	else if (j->type == JSON_NULL)
		json_null(w);
	else
		json_str(w, event_text(j, tmp));
}

void event_message(const struct event *e, struct buf *b)
{
	static const char *const about[] = {
		"host", "addr",  "path", "exe",  "argv", "syscall",
		"peer", "limit", "sink", "name", "tool", "reason"
	};
	char tmp[EVENT_TEXT];

	(void)buf_add(b, str_of(e->row->title));
	if (e->row->is_other) {
		(void)buf_addc(b, ' ');
		(void)buf_add(b, e->kind);
	}
	for (size_t i = 0; i < N_ELEMS(about); i++) {
		const struct json *j = json_find(e->fields, about[i]);

		if (!j || event_text(j, tmp).len == 0)
			continue;
		(void)buf_add(b, STR(": "));
		(void)buf_add(b, event_text(j, tmp));
		return;
	}
}

void event_time(const struct event *e, char dst[32])
{
	clock_format_utc(e->head.at, dst, 32);
	/* Six digits of a second are what RFC 5424 takes. */
	memcpy(dst + strlen("2026-11-20T20:21:22.123456"), "Z", 2);
}
