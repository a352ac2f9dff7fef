/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: many events as the one body that a receiver takes.  Pure.
 *
 *   frame_add() ... frame_add(), frame_finish(), frame_clear(), again
 */
#pragma once

#include "export/encode.h"

enum frame_type {
	FRAME_LINES = 1, /* a line for each */
	FRAME_OTLP_JSON,
	FRAME_OTLP_PROTO,
	FRAME_SPLUNK,
	FRAME_DATADOG,
	FRAME_ELASTIC,
	FRAME_SYSLOG, /* RFC 5425: each preceded by its length */
	FRAME_TYPE_MAX_,
};

enum frame_outcome {
	FRAME_FULL = 1,  /* not taken; begin the next one with it */
	FRAME_TOO_LARGE, /* alone it is more than a body may have */
};

struct frame_config {
	enum frame_type type;
	enum export_form form;    /* not for OTLP */
	struct str index, source; /* Splunk, Elastic; may be empty */
	const struct event_origin *from;
	size_t max_bytes; /* of a body */
	uint32_t max_events;
};

struct frame;

/* @c is copied; what it points to is borrowed for the frame's life. */
must_check int frame_new(const struct frame_config *c, struct frame **ret);
void frame_free(struct frame *f);
DEFINE_AUTO(frame, struct frame, frame_free);

/* 0, an enum frame_outcome, -ENOMEM.  @now_ns: UTC, for what is too old. */
must_check int frame_add(struct frame *f, const struct event *e,
			 uint64_t now_ns);
uint32_t frame_count(const struct frame *f);
/* The whole body, valid until the next call.  -ENOMEM. */
must_check int frame_finish(struct frame *f, struct str *ret);
void frame_clear(struct frame *f);
const char *frame_content_type(enum frame_type t);
