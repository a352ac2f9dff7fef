/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datadog's log intake, version 2: an array.  It takes 5 MB and 1000 entries at
 * once.  An entry above 1 MB is cut there and acknowledged all the same, so
 * such a one is sent without its content and says `truncated`.  What is older
 * than 18 hours is refused by its time, so it is sent without `timestamp` and
 * says `late`; the time it has on the ledger is in the content.
 */
#include "export/frame-ops.h"
#include "export/kinds.h"

#define ENTRY_MAX ((size_t)1000 * 1000)
#define BODY_MAX  ((size_t)4900 * 1000)
#define LATE_NS   (UINT64_C(18) * 3600 * 1000000000)

static void put_tags(struct json_out *w, const struct event *e)
{
	struct buf tags;

	buf_init(&tags, RECORD_MAX_BYTES);
	(void)buf_printf(&tags, "kind:%.*s,verdict:%.*s,trust:%.*s",
			 STR_ARG(e->kind), STR_ARG(e->head.verdict),
			 STR_ARG(e->head.trust));
	json_kstr(w, "ddtags", buf_str(&tags));
	if (tags.failed)
		w->b->failed = true;
	buf_done(&tags);
}

static const char *status_of(enum export_level l)
{
	static const char *const names[LEVEL_MAX_] = {
		[LEVEL_INFO] = "info",         [LEVEL_LOW] = "notice",
		[LEVEL_MEDIUM] = "warn",       [LEVEL_HIGH] = "error",
		[LEVEL_CRITICAL] = "critical",
	};

	return names[l];
}

static void put(const struct frame *f, const struct event *e,
		struct str content, struct buf *b)
{
	struct json_out w = JSON_OUT(b);
	struct buf message;

	buf_init(&message, RECORD_MAX_BYTES * 4u);
	event_message(e, &message);
	json_open(&w, '{');
	json_kstr(&w, "ddsource", STR("bawn"));
	put_tags(&w, e);
	json_kstr(&w, "hostname", e->from->host);
	json_kstr(&w, "service",
		  f->config.source.len ? f->config.source : STR("bawn"));
	json_kstr(&w, "status", str_of(status_of(e->row->level)));
	json_kstr(&w, "message", buf_str(&message));
	json_kuint(&w, "seq", e->head.seq);
	if (f->now_ns > e->head.at && f->now_ns - e->head.at > LATE_NS)
		json_kbool(&w, "late", true);
	else
		json_kuint(&w, "timestamp", e->head.at / 1000000u);
	if (content.len > 0) {
		json_key(&w, "bawn");
		if (export_forms[f->config.form].is_json)
			json_raw(&w, content);
		else
			json_str(&w, content);
	} else {
		json_kbool(&w, "truncated", true);
	}
	json_close(&w, '}');
	if (message.failed)
		b->failed = true;
	buf_done(&message);
}

static void add(const struct frame *f, const struct event *e, struct buf *b)
{
	size_t before = b->len;
	struct buf content;

	buf_init(&content, b->max);
	frame_form(f, e, &content);
	put(f, e, buf_str(&content), b);
	if (!b->failed && b->len - before > ENTRY_MAX) {
		b->len = before;
		put(f, e, (struct str){ 0 }, b);
	}
	if (content.failed)
		b->failed = true;
	buf_done(&content);
}

const struct frame_ops frame_datadog = {
	.content_type = "application/json",
	.head = "[",
	.between = ",",
	.tail = "]",
	.add = add,
	.max_events = 1000,
	.max_bytes = BODY_MAX,
};
