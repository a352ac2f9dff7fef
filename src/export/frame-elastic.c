/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elasticsearch's bulk interface: for each event one line that says what to do,
 * one with the document.  `create` with an id that no other record has: what
 * is sent again is refused there (409) and so is there once.
 */
#include <inttypes.h>

#include "export/frame-ops.h"

static void put_action(const struct frame *f, const struct event *e,
		       struct buf *b)
{
	struct json_out w = JSON_OUT(b);
	struct buf id;

	buf_init(&id, 1024);
	(void)buf_printf(&id, "%.*s-%.*s-%" PRIu64 "-%" PRIu64,
			 STR_ARG(e->from->host), STR_ARG(e->from->user),
			 e->head.seq, e->head.at);
	json_open(&w, '{');
	json_key(&w, "create");
	json_open(&w, '{');
	json_kstr(&w, "_index",
		  f->config.index.len ? f->config.index : STR("bawn"));
	json_kstr(&w, "_id", buf_str(&id));
	json_close(&w, '}');
	json_close(&w, '}');
	if (id.failed)
		b->failed = true;
	buf_done(&id);
}

static void add(const struct frame *f, const struct event *e, struct buf *b)
{
	put_action(f, e, b);
	(void)buf_addc(b, '\n');
	frame_form(f, e, b);
	(void)buf_addc(b, '\n');
}

const struct frame_ops frame_elastic = {
	.content_type = "application/x-ndjson",
	.add = add,
};
