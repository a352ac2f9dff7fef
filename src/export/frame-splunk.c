/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splunk's HTTP Event Collector: objects one behind the other, each with its
 * time in seconds and what is told in `event`.
 */
#include <inttypes.h>

#include "export/frame-ops.h"

static void put_time(struct json_out *w, uint64_t at)
{
	struct buf t;

	buf_init(&t, 64);
	(void)buf_printf(&t, "%" PRIu64 ".%06" PRIu64, at / 1000000000u,
			 at / 1000u % 1000000u);
	json_key(w, "time");
	json_raw(w, buf_str(&t));
	if (t.failed)
		w->b->failed = true;
	buf_done(&t);
}

static void add(const struct frame *f, const struct event *e, struct buf *b)
{
	const struct export_form_row *form = &export_forms[f->config.form];
	struct json_out w = JSON_OUT(b);
	struct buf text;

	json_open(&w, '{');
	put_time(&w, e->head.at);
	json_kstr(&w, "host", e->from->host);
	json_kstr(&w, "source",
		  f->config.source.len ? f->config.source : STR("bawn"));
	json_kstr(&w, "sourcetype", form->is_json ? STR("_json") : STR("cef"));
	if (f->config.index.len > 0)
		json_kstr(&w, "index", f->config.index);
	json_key(&w, "event");
	buf_init(&text, b->max);
	frame_form(f, e, &text);
	if (form->is_json)
		json_raw(&w, buf_str(&text));
	else
		json_str(&w, buf_str(&text));
	if (text.failed)
		b->failed = true;
	buf_done(&text);
	json_close(&w, '}');
}

const struct frame_ops frame_splunk = {
	.content_type = "application/json",
	.add = add,
};
