/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event is written alone first, so that it is known whether it still fits;
 * a body never has to be cut again.
 */
#include "export/frame-ops.h"

#define ONE_MAX  ((size_t)4 * 1024 * 1024) /* a record with every byte escaped */
#define WRAP_MAX ((size_t)8192)            /* head and tail */

static const struct frame_ops *const types[FRAME_TYPE_MAX_] = {
	[FRAME_LINES] = &frame_lines,
	[FRAME_OTLP_JSON] = &frame_otlp_json,
	[FRAME_OTLP_PROTO] = &frame_otlp_proto,
	[FRAME_SPLUNK] = &frame_splunk,
	[FRAME_DATADOG] = &frame_datadog,
	[FRAME_ELASTIC] = &frame_elastic,
	[FRAME_SYSLOG] = &frame_syslog,
};

const char *frame_content_type(enum frame_type t)
{
	return types[t]->content_type;
}

int frame_new(const struct frame_config *c, struct frame **ret)
{
	const struct frame_ops *ops = types[c->type];
	struct frame *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->config = *c;
	if (ops->max_events > 0 && ops->max_events < f->config.max_events)
		f->config.max_events = ops->max_events;
	if (ops->max_bytes > 0 && ops->max_bytes < f->config.max_bytes)
		f->config.max_bytes = ops->max_bytes;
	buf_init(&f->body, f->config.max_bytes);
	buf_init(&f->one, ONE_MAX);
	buf_init(&f->out, f->config.max_bytes + WRAP_MAX);
	*ret = f;
	return 0;
}

void frame_free(struct frame *f)
{
	if (!f)
		return;
	buf_done(&f->body);
	buf_done(&f->one);
	buf_done(&f->out);
	free(f);
}

void frame_form(const struct frame *f, const struct event *e, struct buf *b)
{
	export_forms[f->config.form].encode(e, b);
}

int frame_add(struct frame *f, const struct event *e, uint64_t now_ns)
{
	const struct frame_ops *ops = types[f->config.type];
	struct str between = str_of(ops->between);
	size_t room;

	if (f->n >= f->config.max_events)
		return FRAME_FULL;
	f->now_ns = now_ns;
	buf_clear(&f->one);
	if (f->n > 0)
		(void)buf_add(&f->one, between);
	ops->add(f, e, &f->one);
	/* It is far below ONE_MAX, so only memory can have been short. */
	if (f->one.failed)
		return -ENOMEM;
	room = f->config.max_bytes - f->body.len;
	if (f->one.len > room)
		return f->n > 0 ? FRAME_FULL : FRAME_TOO_LARGE;
	if (!buf_add(&f->body, buf_str(&f->one)))
		return -ENOMEM;
	f->n++;
	return 0;
}

uint32_t frame_count(const struct frame *f)
{
	return f->n;
}

int frame_finish(struct frame *f, struct str *ret)
{
	const struct frame_ops *ops = types[f->config.type];

	if (!ops->wrap && !ops->head && !ops->tail) {
		*ret = buf_str(&f->body);
		return 0;
	}
	buf_clear(&f->out);
	if (ops->wrap) {
		ops->wrap(f, buf_str(&f->body), &f->out);
	} else {
		(void)buf_add(&f->out, str_of(ops->head));
		(void)buf_add(&f->out, buf_str(&f->body));
		(void)buf_add(&f->out, str_of(ops->tail));
	}
	*ret = buf_str(&f->out);
	return f->out.failed ? -ENOMEM : 0;
}

void frame_clear(struct frame *f)
{
	buf_clear(&f->body);
	f->n = 0;
}
