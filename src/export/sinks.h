/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sinks: the text of sinks.yaml, parsed.  Pure.
 *
 * As strict as a policy: YAML without anchors, tags and duplicate keys, unknown
 * keys are errors with line and column.  A secret never stands in the text.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "export/frame.h"

#define SINKS_MAX       16u /* of one file */
#define SINKS_MAX_BYTES ((size_t)64 * 1024)
#define SINKS_ARENA     ((size_t)4 * 1024 * 1024) /* for any text */
#define SINK_NAME_MAX   32u
#define SINK_ARGS_MAX   16u /* words of a secret's command */

enum sink_type {
	SINK_OTLP = 1,
	SINK_SYSLOG,
	SINK_SPLUNK,
	SINK_DATADOG,
	SINK_ELASTIC,
	SINK_HTTP,
	SINK_FILE,
	SINK_TYPE_MAX_,
};

enum secret_from {
	SECRET_NONE,
	SECRET_FILE,
	SECRET_ENV,
	SECRET_COMMAND,
};

struct sink_secret {
	enum secret_from from;
	const char *text;                    /* path or variable */
	const char *argv[SINK_ARGS_MAX + 1]; /* of a command */
};

/* Strings end with NUL and are NULL where the text does not have them. */
struct sink {
	const char *name;
	enum sink_type type;
	uint32_t line; /* where it begins in the text */
	const char *url;
	const char *host, *port; /* of address */
	const char *path;
	const char *filter;
	const char *header, *index, *source;
	const char *ca, *certificate, *key;
	struct sink_secret token;
	enum export_form form;
	enum frame_type frame;
	bool begin_now;
	uint32_t max_records;
	uint64_t max_bytes, wait_s;
};

struct sinks {
	struct sink v[SINKS_MAX];
	size_t n;
};

/* 0; -ENOMEM; 1: not in the language, @reterr says where (may be NULL). */
must_check int sinks_parse(struct arena *a, struct str text, struct sinks *ret,
			   struct diag *reterr);
const char *sink_type_name(enum sink_type t);
/* "https://host", "host:port" or the path: where it goes, for people. */
const char *sink_where(const struct sink *s, char *dst, size_t size);

/* The keys, for the manual page. */
void sinks_reference(struct buf *b);
