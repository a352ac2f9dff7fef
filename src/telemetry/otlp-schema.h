/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp-schema: the messages of opentelemetry-proto 1.x, as far as they are
 * read here: what a field's number in protocol buffers is in JSON.  Pure data.
 */
#pragma once

#include "base/base.h"

enum otlp_signal {
	OTLP_LOGS = 0,
	OTLP_SPANS,
	OTLP_METRICS,
	OTLP_SIGNAL_MAX_,
};

enum otlp_message {
	OTLP_M_NONE,
	OTLP_M_LOGS,
	OTLP_M_RESOURCE_LOGS,
	OTLP_M_SCOPE_LOGS,
	OTLP_M_LOG_RECORD,
	OTLP_M_TRACES,
	OTLP_M_RESOURCE_SPANS,
	OTLP_M_SCOPE_SPANS,
	OTLP_M_SPAN,
	OTLP_M_STATUS,
	OTLP_M_METRICS,
	OTLP_M_RESOURCE_METRICS,
	OTLP_M_SCOPE_METRICS,
	OTLP_M_METRIC,
	OTLP_M_NUMBERS, /* gauge, sum */
	OTLP_M_NUMBER_POINT,
	OTLP_M_HISTOGRAM,
	OTLP_M_HISTOGRAM_POINT,
	OTLP_M_EXPONENTIAL,
	OTLP_M_EXPONENTIAL_POINT,
	OTLP_M_SUMMARY,
	OTLP_M_SUMMARY_POINT,
	OTLP_M_RESOURCE,
	OTLP_M_SCOPE,
	OTLP_M_KEY_VALUE,
	OTLP_M_ANY,
	OTLP_M_ARRAY,
	OTLP_M_KEY_VALUES,
	OTLP_M_MAX_,
};

enum otlp_type {
	OTLP_STRING = 1,
	OTLP_HEX,    /* bytes, which JSON has as hexadecimal: trace ids */
	OTLP_BASE64, /* bytes, as all others */
	OTLP_BOOL,
	OTLP_ENUM,    /* int32, uint32: a number in JSON */
	OTLP_INT64,   /* varint; text in JSON */
	OTLP_FIXED64, /* text in JSON */
	OTLP_SFIXED64,
	OTLP_DOUBLE,
	OTLP_MESSAGE,
	OTLP_MESSAGES, /* repeated */
};

struct otlp_field {
	uint32_t number;
	enum otlp_type type;
	const char *json;
	enum otlp_message of; /* of OTLP_MESSAGE, OTLP_MESSAGES */
};

/* At most so many are read of one message. */
#define OTLP_FIELDS_MAX 12u

struct otlp_fields {
	struct otlp_field v[OTLP_FIELDS_MAX];
};

/* Rows end with number 0. */
extern const struct otlp_fields otlp_schema[OTLP_M_MAX_];

struct otlp_signal_row {
	const char *name; /* as records say it */
	const char *path; /* of the request */
	enum otlp_message request;
	const char *rejected; /* in the answer */
};
extern const struct otlp_signal_row otlp_signals[OTLP_SIGNAL_MAX_];
