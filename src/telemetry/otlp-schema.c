/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry/otlp-schema.h"

const struct otlp_signal_row otlp_signals[OTLP_SIGNAL_MAX_] = {
	[OTLP_LOGS] = { "log", "/v1/logs", OTLP_M_LOGS, "rejectedLogRecords" },
	[OTLP_SPANS] = { "span", "/v1/traces", OTLP_M_TRACES, "rejectedSpans" },
	[OTLP_METRICS] = { "metric", "/v1/metrics", OTLP_M_METRICS,
			   "rejectedDataPoints" },
};

/* clang-format off */
const struct otlp_fields otlp_schema[OTLP_M_MAX_] = {
	[OTLP_M_LOGS] = { {
		{ 1, OTLP_MESSAGES, "resourceLogs", OTLP_M_RESOURCE_LOGS },
	} },
	[OTLP_M_RESOURCE_LOGS] = { {
		{ 1, OTLP_MESSAGE, "resource", OTLP_M_RESOURCE },
		{ 2, OTLP_MESSAGES, "scopeLogs", OTLP_M_SCOPE_LOGS },
	} },
	[OTLP_M_SCOPE_LOGS] = { {
		{ 1, OTLP_MESSAGE, "scope", OTLP_M_SCOPE },
		{ 2, OTLP_MESSAGES, "logRecords", OTLP_M_LOG_RECORD },
	} },
	[OTLP_M_LOG_RECORD] = { {
		{ 1, OTLP_FIXED64, "timeUnixNano", 0 },
		{ 2, OTLP_ENUM, "severityNumber", 0 },
		{ 3, OTLP_STRING, "severityText", 0 },
		{ 5, OTLP_MESSAGE, "body", OTLP_M_ANY },
		{ 6, OTLP_MESSAGES, "attributes", OTLP_M_KEY_VALUE },
		{ 9, OTLP_HEX, "traceId", 0 },
		{ 10, OTLP_HEX, "spanId", 0 },
		{ 11, OTLP_FIXED64, "observedTimeUnixNano", 0 },
		{ 12, OTLP_STRING, "eventName", 0 },
	} },
	[OTLP_M_TRACES] = { {
		{ 1, OTLP_MESSAGES, "resourceSpans", OTLP_M_RESOURCE_SPANS },
	} },
	[OTLP_M_RESOURCE_SPANS] = { {
		{ 1, OTLP_MESSAGE, "resource", OTLP_M_RESOURCE },
		{ 2, OTLP_MESSAGES, "scopeSpans", OTLP_M_SCOPE_SPANS },
	} },
	[OTLP_M_SCOPE_SPANS] = { {
		{ 1, OTLP_MESSAGE, "scope", OTLP_M_SCOPE },
		{ 2, OTLP_MESSAGES, "spans", OTLP_M_SPAN },
	} },
	[OTLP_M_SPAN] = { {
		{ 1, OTLP_HEX, "traceId", 0 },
		{ 2, OTLP_HEX, "spanId", 0 },
		{ 4, OTLP_HEX, "parentSpanId", 0 },
		{ 5, OTLP_STRING, "name", 0 },
		{ 7, OTLP_FIXED64, "startTimeUnixNano", 0 },
		{ 8, OTLP_FIXED64, "endTimeUnixNano", 0 },
		{ 9, OTLP_MESSAGES, "attributes", OTLP_M_KEY_VALUE },
		{ 15, OTLP_MESSAGE, "status", OTLP_M_STATUS },
	} },
	[OTLP_M_STATUS] = { {
		{ 2, OTLP_STRING, "message", 0 },
		{ 3, OTLP_ENUM, "code", 0 },
	} },
	[OTLP_M_METRICS] = { {
		{ 1, OTLP_MESSAGES, "resourceMetrics",
		  OTLP_M_RESOURCE_METRICS },
	} },
	[OTLP_M_RESOURCE_METRICS] = { {
		{ 1, OTLP_MESSAGE, "resource", OTLP_M_RESOURCE },
		{ 2, OTLP_MESSAGES, "scopeMetrics", OTLP_M_SCOPE_METRICS },
	} },
	[OTLP_M_SCOPE_METRICS] = { {
		{ 1, OTLP_MESSAGE, "scope", OTLP_M_SCOPE },
		{ 2, OTLP_MESSAGES, "metrics", OTLP_M_METRIC },
	} },
	[OTLP_M_METRIC] = { {
		{ 1, OTLP_STRING, "name", 0 },
		{ 3, OTLP_STRING, "unit", 0 },
		{ 5, OTLP_MESSAGE, "gauge", OTLP_M_NUMBERS },
		{ 7, OTLP_MESSAGE, "sum", OTLP_M_NUMBERS },
		{ 9, OTLP_MESSAGE, "histogram", OTLP_M_HISTOGRAM },
		{ 10, OTLP_MESSAGE, "exponentialHistogram",
		  OTLP_M_EXPONENTIAL },
		{ 11, OTLP_MESSAGE, "summary", OTLP_M_SUMMARY },
	} },
	[OTLP_M_NUMBERS] = { {
		{ 1, OTLP_MESSAGES, "dataPoints", OTLP_M_NUMBER_POINT },
		{ 2, OTLP_ENUM, "aggregationTemporality", 0 },
	} },
	[OTLP_M_NUMBER_POINT] = { {
		{ 3, OTLP_FIXED64, "timeUnixNano", 0 },
		{ 4, OTLP_DOUBLE, "asDouble", 0 },
		{ 6, OTLP_SFIXED64, "asInt", 0 },
		{ 7, OTLP_MESSAGES, "attributes", OTLP_M_KEY_VALUE },
	} },
	[OTLP_M_HISTOGRAM] = { {
		{ 1, OTLP_MESSAGES, "dataPoints", OTLP_M_HISTOGRAM_POINT },
		{ 2, OTLP_ENUM, "aggregationTemporality", 0 },
	} },
	[OTLP_M_HISTOGRAM_POINT] = { {
		{ 3, OTLP_FIXED64, "timeUnixNano", 0 },
		{ 4, OTLP_FIXED64, "count", 0 },
		{ 5, OTLP_DOUBLE, "sum", 0 },
		{ 9, OTLP_MESSAGES, "attributes", OTLP_M_KEY_VALUE },
	} },
	[OTLP_M_EXPONENTIAL] = { {
		{ 1, OTLP_MESSAGES, "dataPoints", OTLP_M_EXPONENTIAL_POINT },
		{ 2, OTLP_ENUM, "aggregationTemporality", 0 },
	} },
	[OTLP_M_EXPONENTIAL_POINT] = { {
		{ 1, OTLP_MESSAGES, "attributes", OTLP_M_KEY_VALUE },
		{ 3, OTLP_FIXED64, "timeUnixNano", 0 },
		{ 4, OTLP_FIXED64, "count", 0 },
		{ 5, OTLP_DOUBLE, "sum", 0 },
	} },
	[OTLP_M_SUMMARY] = { {
		{ 1, OTLP_MESSAGES, "dataPoints", OTLP_M_SUMMARY_POINT },
	} },
	[OTLP_M_SUMMARY_POINT] = { {
		{ 3, OTLP_FIXED64, "timeUnixNano", 0 },
		{ 4, OTLP_FIXED64, "count", 0 },
		{ 5, OTLP_DOUBLE, "sum", 0 },
		{ 7, OTLP_MESSAGES, "attributes", OTLP_M_KEY_VALUE },
	} },
	[OTLP_M_RESOURCE] = { {
		{ 1, OTLP_MESSAGES, "attributes", OTLP_M_KEY_VALUE },
	} },
	[OTLP_M_SCOPE] = { {
		{ 1, OTLP_STRING, "name", 0 },
	} },
	[OTLP_M_KEY_VALUE] = { {
		{ 1, OTLP_STRING, "key", 0 },
		{ 2, OTLP_MESSAGE, "value", OTLP_M_ANY },
	} },
	[OTLP_M_ANY] = { {
		{ 1, OTLP_STRING, "stringValue", 0 },
		{ 2, OTLP_BOOL, "boolValue", 0 },
		{ 3, OTLP_INT64, "intValue", 0 },
		{ 4, OTLP_DOUBLE, "doubleValue", 0 },
		{ 5, OTLP_MESSAGE, "arrayValue", OTLP_M_ARRAY },
		{ 6, OTLP_MESSAGE, "kvlistValue", OTLP_M_KEY_VALUES },
		{ 7, OTLP_BASE64, "bytesValue", 0 },
	} },
	[OTLP_M_ARRAY] = { {
		{ 1, OTLP_MESSAGES, "values", OTLP_M_ANY },
	} },
	[OTLP_M_KEY_VALUES] = { {
		{ 1, OTLP_MESSAGES, "values", OTLP_M_KEY_VALUE },
	} },
};
/* clang-format on */
