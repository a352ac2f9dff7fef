/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode: one event in the form of others.  Pure; a failure is b->failed.
 *
 * Each form is a file of its own.  None of them ends with a line feed.
 */
#pragma once

#include "export/event.h"

/* A flat object: the ledger's own names, and the host as `observer`. */
void encode_record(const struct event *e, struct buf *b);
/* OCSF 1.8.0.  Members without a place there are in `unmapped`. */
void encode_ocsf(const struct event *e, struct buf *b);
/* Elastic Common Schema 8; other members below `bawn.`. */
void encode_ecs(const struct event *e, struct buf *b);
/* ArcSight Common Event Format, version 0; one line of UTF-8. */
void encode_cef(const struct event *e, struct buf *b);
/* A LogRecord of OTLP as JSON, and as the bytes of that message. */
void encode_otlp_json(const struct event *e, struct buf *b);
void encode_otlp_proto(const struct event *e, struct buf *b);

/*
 * One RFC 5424 message of which @msg is the text (UTF-8, no control
 * characters), preceded by its length as RFC 5425 has it when @counted.
 */
void encode_syslog(const struct event *e, struct str msg, bool counted,
		   struct buf *b);

enum export_form {
	FORM_RECORD = 1,
	FORM_OCSF,
	FORM_ECS,
	FORM_CEF,
	FORM_MAX_,
};

struct export_form_row {
	const char *name;
	void (*encode)(const struct event *e, struct buf *b);
	bool is_json;
	const char *help;
};

extern const struct export_form_row export_forms[FORM_MAX_];
bool export_form_find(struct str name, enum export_form *ret);
