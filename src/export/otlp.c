/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A LogRecord of opentelemetry-proto 1.x, once as JSON and once as protocol
 * buffers, from one walk: a sink of functions takes each attribute.  Field
 * numbers are those of opentelemetry/proto/logs/v1/logs.proto:
 *
 *   1 time_unix_nano  2 severity_number  3 severity_text  5 body
 *   6 attributes  11 observed_time_unix_nano  12 event_name
 *
 * and of common.proto: KeyValue 1 key 2 value; AnyValue 1 string 2 bool 3 int.
 * 64-bit numbers are strings in JSON, as the mapping of proto3 has it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "export/encode.h"
#include "export/kinds.h"
#include "export/proto.h"

enum {
	LOG_TIME = 1,
	LOG_SEVERITY = 2,
	LOG_SEVERITY_TEXT = 3,
	LOG_BODY = 5,
	LOG_ATTRIBUTE = 6,
	LOG_OBSERVED = 11,
	LOG_EVENT_NAME = 12,
	KEY_VALUE_KEY = 1,
	KEY_VALUE_VALUE = 2,
	ANY_STRING = 1,
	ANY_BOOL = 2,
	ANY_INT = 3,
};

struct taker {
	void (*take)(struct taker *t, const char *name, const struct json *j);
	struct json_out *w; /* of the one */
	struct buf *b;      /* of the other */
};

static void take_text(struct taker *t, const char *name, struct str s)
{
	const struct json j = { .type = JSON_STRING, .string = s };

	if (s.len > 0)
		t->take(t, name, &j);
}

static void take_number(struct taker *t, const char *name, uint64_t v)
{
	const struct json j = { .type = JSON_INT, .integer = (int64_t)v };

	t->take(t, name, &j);
}

static void walk_members(const struct event *e, struct taker *t)
{
	char name[EVENT_NAME + sizeof("bawn.")];

	EVENT_EACH(it, e)
	{
		const struct export_member *m = export_member_find(it->key);

		(void)snprintf(name, sizeof(name), "bawn.%.*s",
			       STR_ARG(it->key));
		t->take(t, m && m->otel ? m->otel : name, it);
	}
}

static void walk(const struct event *e, struct taker *t)
{
	take_text(t, "event.name", e->kind);
	take_number(t, "bawn.seq", e->head.seq);
	take_text(t, "session.id", e->head.session);
	take_text(t, "user.name", e->user);
	take_text(t, "bawn.task", e->task);
	take_text(t, "bawn.verdict", e->head.verdict);
	take_text(t, "bawn.trust", e->head.trust);
	take_number(t, "bawn.count", e->head.count);
	if (json_find(e->fields, "rule.file")) {
		take_text(t, "bawn.rule.layer",
			  json_find_str(e->fields, "rule.layer"));
		take_text(t, "bawn.rule.file",
			  json_find_str(e->fields, "rule.file"));
		take_number(t, "bawn.rule.line",
			    (uint64_t)json_find_int(e->fields, "rule.line", 0));
	}
	walk_members(e, t);
}

/* ---- JSON ---- */

static void json_any(struct json_out *w, const struct json *j)
{
	char tmp[EVENT_TEXT];

	json_open(w, '{');
	if (j->type == JSON_BOOL)
		json_kbool(w, "boolValue", j->boolean);
	else
		json_kstr(w, j->type == JSON_INT ? "intValue" : "stringValue",
			  event_text(j, tmp));
	json_close(w, '}');
}

static void take_json(struct taker *t, const char *name, const struct json *j)
{
	json_open(t->w, '{');
	json_kstr(t->w, "key", str_of(name));
	json_key(t->w, "value");
	json_any(t->w, j);
	json_close(t->w, '}');
}

void encode_otlp_json(const struct event *e, struct buf *b)
{
	const struct export_level_row *l = &export_levels[e->row->level];
	struct json_out w = JSON_OUT(b);
	struct taker t = { .take = take_json, .w = &w };
	struct json at = { .type = JSON_INT, .integer = (int64_t)e->head.at };
	struct json body = { .type = JSON_STRING };
	char tmp[EVENT_TEXT];
	struct buf text;

	buf_init(&text, RECORD_MAX_BYTES * 4u);
	event_message(e, &text);
	body.string = buf_str(&text);
	json_open(&w, '{');
	json_kstr(&w, "timeUnixNano", event_text(&at, tmp));
	json_kstr(&w, "observedTimeUnixNano", event_text(&at, tmp));
	json_kuint(&w, "severityNumber", l->otlp);
	json_kstr(&w, "severityText", str_of(l->otlp_text));
	json_kstr(&w, "eventName", e->kind);
	json_key(&w, "body");
	json_any(&w, &body);
	json_key(&w, "attributes");
	json_open(&w, '[');
	walk(e, &t);
	json_close(&w, ']');
	json_close(&w, '}');
	if (text.failed)
		b->failed = true;
	buf_done(&text);
}

/* ---- protocol buffers ---- */

static void proto_any(struct buf *b, uint32_t field, const struct json *j)
{
	size_t at = proto_begin(b, field);
	char tmp[EVENT_TEXT];

	if (j->type == JSON_BOOL)
		proto_varint(b, ANY_BOOL, j->boolean ? 1 : 0);
	else if (j->type == JSON_INT)
		proto_varint(b, ANY_INT, (uint64_t)j->integer);
	else
		proto_bytes(b, ANY_STRING, event_text(j, tmp));
	proto_end(b, at);
}

static void take_proto(struct taker *t, const char *name, const struct json *j)
{
	size_t at = proto_begin(t->b, LOG_ATTRIBUTE);

	proto_bytes(t->b, KEY_VALUE_KEY, str_of(name));
	proto_any(t->b, KEY_VALUE_VALUE, j);
	proto_end(t->b, at);
}

void encode_otlp_proto(const struct event *e, struct buf *b)
{
	const struct export_level_row *l = &export_levels[e->row->level];
	struct taker t = { .take = take_proto, .b = b };
	struct json body = { .type = JSON_STRING };
	struct buf text;

	buf_init(&text, RECORD_MAX_BYTES * 4u);
	event_message(e, &text);
	body.string = buf_str(&text);
	proto_fixed64(b, LOG_TIME, e->head.at);
	proto_varint(b, LOG_SEVERITY, l->otlp);
	proto_bytes(b, LOG_SEVERITY_TEXT, str_of(l->otlp_text));
	proto_any(b, LOG_BODY, &body);
	walk(e, &t);
	proto_fixed64(b, LOG_OBSERVED, e->head.at);
	proto_bytes(b, LOG_EVENT_NAME, e->kind);
	if (text.failed)
		b->failed = true;
	buf_done(&text);
}
