/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp-members: which attributes of agents' telemetry have a member of their
 * own in agent.event, and text and numbers of attributes.  Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"

enum otlp_member {
	OTLP_MODEL,
	OTLP_PROVIDER,
	OTLP_TOOL,
	OTLP_DECISION,
	OTLP_CONVERSATION,
	OTLP_REQUEST,
	OTLP_ERROR,
	OTLP_TOKENS_IN,
	OTLP_TOKENS_OUT,
	OTLP_TOKENS_CACHE_READ,
	OTLP_TOKENS_CACHE_WRITE,
	OTLP_COST,
	OTLP_MS,
	OTLP_MEMBER_MAX_,
};

struct otlp_members {
	bool has[OTLP_MEMBER_MAX_];
	struct str text[OTLP_MEMBER_MAX_];
	int64_t number[OTLP_MEMBER_MAX_];
	bool in_excludes_cache;
};

/* @value is an AnyValue.  True: it is a member now, and no attribute. */
bool otlp_members_take(struct otlp_members *m, struct str key,
		       const struct json *value);
/* Cuts what is too long, and says so. */
void otlp_members_put(const struct otlp_members *m, struct json_out *w,
		      bool *cut);

/* The string of an AnyValue; empty when it holds none. */
struct str otlp_any_string(const struct json *value);
/* Of a number, or its text; false: none. */
bool otlp_number(const struct json *j, double *ret);
bool otlp_int(const struct json *j, int64_t *ret);

/* As much of the beginning of @s as needs at most @max bytes in JSON. */
struct str otlp_fit(struct str s, size_t max, bool *cut);
/* One attribute, or element: any value, bounded. */
void otlp_any_put(struct json_out *w, const struct json *value, bool *cut);
