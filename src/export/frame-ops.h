/* SPDX-License-Identifier: Apache-2.0 */
/* frame-ops: what one type of body is made with.  For frame*.c alone. */
#pragma once

#include "export/frame.h"

struct frame {
	struct frame_config config;
	struct str index, source;
	struct buf body, one, out;
	uint32_t n;
	uint64_t now_ns;
};

struct frame_ops {
	const char *content_type;
	const char *head, *between, *tail;
	/* One event on @b; failure is b->failed. */
	void (*add)(const struct frame *f, const struct event *e,
		    struct buf *b);
	/* Around the whole, in place of head and tail; NULL: those. */
	void (*wrap)(const struct frame *f, struct str body, struct buf *b);
	uint32_t max_events; /* that the receiver takes at once; 0: any */
	size_t max_bytes;
};

extern const struct frame_ops frame_lines, frame_otlp_json, frame_otlp_proto,
	frame_splunk, frame_datadog, frame_elastic, frame_syslog;

/* The event in the form that is configured. */
void frame_form(const struct frame *f, const struct event *e, struct buf *b);
