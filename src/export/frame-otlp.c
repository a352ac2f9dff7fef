/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExportLogsServiceRequest: one resource (this machine), one scope, and the
 * records.  Field numbers: request 1 resource_logs; ResourceLogs 1 resource
 * 2 scope_logs; Resource 1 attributes; ScopeLogs 1 scope 2 log_records;
 * InstrumentationScope 1 name 2 version.
 */
#include "export/frame-ops.h"
#include "export/proto.h"

enum {
	REQUEST_RESOURCE_LOGS = 1,
	RESOURCE_LOGS_RESOURCE = 1,
	RESOURCE_LOGS_SCOPE_LOGS = 2,
	RESOURCE_ATTRIBUTES = 1,
	SCOPE_LOGS_SCOPE = 1,
	SCOPE_LOGS_RECORDS = 2,
	SCOPE_NAME = 1,
	SCOPE_VERSION = 2,
	KEY_VALUE_KEY = 1,
	KEY_VALUE_VALUE = 2,
	ANY_STRING = 1,
};

static void json_attribute(struct json_out *w, const char *key,
			   struct str value)
{
	json_open(w, '{');
	json_kstr(w, "key", str_of(key));
	json_key(w, "value");
	json_open(w, '{');
	json_kstr(w, "stringValue", value);
	json_close(w, '}');
	json_close(w, '}');
}

static void wrap_json(const struct frame *f, struct str body, struct buf *b)
{
	const struct event_origin *from = f->config.from;
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_key(&w, "resourceLogs");
	json_open(&w, '[');
	json_open(&w, '{');
	json_key(&w, "resource");
	json_open(&w, '{');
	json_key(&w, "attributes");
	json_open(&w, '[');
	json_attribute(&w, "service.name", STR("bawn"));
	json_attribute(&w, "service.version", from->version);
	json_attribute(&w, "host.name", from->host);
	json_close(&w, ']');
	json_close(&w, '}');
	json_key(&w, "scopeLogs");
	json_open(&w, '[');
	json_open(&w, '{');
	json_key(&w, "scope");
	json_open(&w, '{');
	json_kstr(&w, "name", STR("bawn.ledger"));
	json_kstr(&w, "version", from->version);
	json_close(&w, '}');
	json_key(&w, "logRecords");
	json_open(&w, '[');
	if (body.len > 0)
		json_raw(&w, body); /* values with commas between */
	json_close(&w, ']');
	json_close(&w, '}');
	json_close(&w, ']');
	json_close(&w, '}');
	json_close(&w, ']');
	json_close(&w, '}');
}

static void add_json(const struct frame *f, const struct event *e,
		     struct buf *b)
{
	(void)f;
	encode_otlp_json(e, b);
}

const struct frame_ops frame_otlp_json = {
	.content_type = "application/json",
	.between = ",",
	.add = add_json,
	.wrap = wrap_json,
};

static void proto_attribute(struct buf *b, const char *key, struct str value)
{
	size_t pair = proto_begin(b, RESOURCE_ATTRIBUTES), any;

	proto_bytes(b, KEY_VALUE_KEY, str_of(key));
	any = proto_begin(b, KEY_VALUE_VALUE);
	proto_bytes(b, ANY_STRING, value);
	proto_end(b, any);
	proto_end(b, pair);
}

static void wrap_proto(const struct frame *f, struct str body, struct buf *b)
{
	const struct event_origin *from = f->config.from;
	size_t logs = proto_begin(b, REQUEST_RESOURCE_LOGS), part, scope;

	part = proto_begin(b, RESOURCE_LOGS_RESOURCE);
	proto_attribute(b, "service.name", STR("bawn"));
	proto_attribute(b, "service.version", from->version);
	proto_attribute(b, "host.name", from->host);
	proto_end(b, part);
	part = proto_begin(b, RESOURCE_LOGS_SCOPE_LOGS);
	scope = proto_begin(b, SCOPE_LOGS_SCOPE);
	proto_bytes(b, SCOPE_NAME, STR("bawn.ledger"));
	proto_bytes(b, SCOPE_VERSION, from->version);
	proto_end(b, scope);
	(void)buf_add(b, body);
	proto_end(b, part);
	proto_end(b, logs);
}

static void add_proto(const struct frame *f, const struct event *e,
		      struct buf *b)
{
	size_t at = proto_begin(b, SCOPE_LOGS_RECORDS);

	(void)f;
	encode_otlp_proto(e, b);
	proto_end(b, at);
}

const struct frame_ops frame_otlp_proto = {
	.content_type = "application/x-protobuf",
	.add = add_proto,
	.wrap = wrap_proto,
};
