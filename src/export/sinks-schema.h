/* SPDX-License-Identifier: Apache-2.0 */
/* sinks-schema: the keys of sinks.yaml, once.  For sinks-*.c alone. */
#pragma once

#include "export/sinks.h"

enum sinks_value {
	SINKS_NAME,
	SINKS_TYPE,
	SINKS_TEXT,
	SINKS_URL,
	SINKS_ADDRESS,
	SINKS_PATH, /* absolute */
	SINKS_FORM,
	SINKS_ENCODING,
	SINKS_FILTER,
	SINKS_BEGIN,
	SINKS_SECRET,
	SINKS_COUNT,
	SINKS_SIZE,
	SINKS_TIME,
};

/* Sets of enum sink_type. */
#define SINKS_IN(t)  (1u << (t))
#define SINKS_ALL    ((1u << SINK_TYPE_MAX_) - 2u)
#define SINKS_POSTED (SINKS_ALL & ~SINKS_IN(SINK_SYSLOG) & ~SINKS_IN(SINK_FILE))
#define SINKS_NET    (SINKS_ALL & ~SINKS_IN(SINK_FILE))

struct sinks_row {
	const char *section; /* NULL: a key of the sink itself */
	const char *name;
	enum sinks_value value;
	uint32_t may, must; /* types that can, and have to, have it */
	size_t target;      /* offsetof() in struct sink */
	uint64_t min, max;
	const char *help;
};

extern const struct sinks_row sinks_rows[];
extern const size_t sinks_n_rows;

/* What each type is, where its keys do not say. */
struct sinks_type_row {
	const char *name;
	enum frame_type frame;
	enum export_form form;
	uint32_t max_records;
	uint64_t max_bytes;
	const char *help;
};

extern const struct sinks_type_row sinks_types[SINK_TYPE_MAX_];
