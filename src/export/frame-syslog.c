/* SPDX-License-Identifier: Apache-2.0 */
#include "export/frame-ops.h"

static void add(const struct frame *f, const struct event *e, struct buf *b)
{
	struct buf msg;

	buf_init(&msg, b->max);
	frame_form(f, e, &msg);
	encode_syslog(e, buf_str(&msg), true, b);
	if (msg.failed)
		b->failed = true;
	buf_done(&msg);
}

const struct frame_ops frame_syslog = {
	.content_type = "text/plain",
	.add = add,
};
