/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp-event: what an agent's telemetry says, as records of kind agent.event.
 * Pure.
 *
 * One record for each log record and span; of metrics one for each name with
 * its attributes in the request: the last value, or of delta sums their sum.
 * Everything is a string or a number that the agent chose, under members of
 * fixed names; what does not fit is cut, and the record says so (cut).
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "telemetry/otlp-schema.h"

#define OTLP_EVENTS_MAX 1024u /* of one request; the rest is rejected */
#define OTLP_ITEMS_MAX  4096u /* looked at, of one request */
#define OTLP_POINTS_MAX 256u  /* folded, of one request */

/* Bytes in the record, escaped. */
#define OTLP_NAME_MAX  256u /* name, service, unit, ids, the agent's words */
#define OTLP_TEXT_MAX  2048u
#define OTLP_KEY_MAX   128u  /* name of an attribute */
#define OTLP_VALUE_MAX 1024u /* its value */
#define OTLP_ATTRS_MAX 8192u /* all of them, before they are escaped again */
#define OTLP_ATTRS     64u   /* how many */

struct otlp_sink {
	/* A record's body; false: not taken, for there were too many. */
	bool (*take)(void *owner, struct str record);
	void *owner;
};

struct otlp_result {
	uint64_t n_taken, n_rejected;
};

/*
 * @root as otlp_*_parse() make it.  0; -ENOMEM: @a is full, or there is no
 * memory; *ret is valid either way.
 */
must_check int otlp_events(struct arena *a, const struct json *root,
			   enum otlp_signal signal,
			   const struct otlp_sink *sink,
			   struct otlp_result *ret);
