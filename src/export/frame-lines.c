/* SPDX-License-Identifier: Apache-2.0 */
/* A line for each event: files, and receivers of JSON lines. */
#include "export/frame-ops.h"

static void add(const struct frame *f, const struct event *e, struct buf *b)
{
	frame_form(f, e, b);
	(void)buf_addc(b, '\n');
}

const struct frame_ops frame_lines = {
	.content_type = "application/x-ndjson",
	.add = add,
};
