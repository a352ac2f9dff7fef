/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   2xx                     taken; OTLP may name how many it rejected, Elastic
 *                           says of each item how it went
 *   408 425 429 5xx         later
 *   401 403 404 405 407 3xx denied: another body would not fare better
 *   other 4xx               refused: one of the events may be the reason
 *
 * OTLP's answer is ExportLogsServiceResponse { 1 partial_success { 1
 * rejected_log_records, 2 error_message } }, in the encoding of the request.
 */
#include "export/answer-parse.h"

#include <stdio.h>

#include "base/json.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

static enum answer_verdict of_status(unsigned status)
{
	if (status >= 200 && status < 300)
		return ANSWER_TAKEN;
	if (status == 408 || status == 425 || status == 429 || status >= 500)
		return ANSWER_LATER;
	if (status < 400 || status == 401 || status == 403 || status == 404 ||
	    status == 405 || status == 407)
		return ANSWER_DENIED;
	return ANSWER_REFUSED;
}

static void say(struct answer *ret, struct str text)
{
	str_sanitise(text, ret->why, sizeof(ret->why));
}

/* ---- OTLP as protocol buffers ---- */

static bool take_varint(struct str *s, uint64_t *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < 10 && s->len > 0; i++) {
		unsigned char c = (unsigned char)s->ptr[0];

		*s = str_skip(*s, 1);
		*ret |= (uint64_t)(c & 0x7fu) << (7 * i);
		if (c < 0x80u)
			return true;
	}
	return false;
}

struct field {
	uint64_t number, value;
	struct str bytes;
};

static bool take_field(struct str *s, struct field *ret)
{
	uint64_t tag, n;

	*ret = (struct field){ .number = 0 };
	if (!take_varint(s, &tag))
		return false;
	ret->number = tag >> 3;
	if ((tag & 7u) == 0)
		return take_varint(s, &ret->value);
	n = (tag & 7u) == 1 ? 8 : 4;
	if ((tag & 7u) == 2 && !take_varint(s, &n))
		return false;
	if (((tag & 7u) != 1 && (tag & 7u) != 2 && (tag & 7u) != 5) ||
	    n > s->len)
		return false;
	ret->bytes = (struct str){ s->ptr, (size_t)n };
	*s = str_skip(*s, (size_t)n);
	return true;
}

static void judge_proto(struct str body, struct answer *ret)
{
	struct field f;
	struct str part = { 0 };

	while (take_field(&body, &f)) {
		if (f.number == 1)
			part = f.bytes;
	}
	while (take_field(&part, &f)) {
		if (f.number == 1)
			ret->n_unnamed = f.value;
		else if (f.number == 2)
			say(ret, f.bytes);
	}
}

/* ---- JSON ---- */

/* int64 of protocol buffers is text in JSON; some write a number. */
static uint64_t find_count(const struct json *o, const char *key)
{
	const struct json *j = json_find(o, key);
	uint64_t n = 0;

	if (json_is(j, JSON_INT) && j->integer > 0)
		return (uint64_t)j->integer;
	if (json_is(j, JSON_STRING) && str_u64(j->string, 0, UINT64_MAX, &n))
		return n;
	return 0;
}

static void judge_otlp(const struct json *j, struct answer *ret)
{
	const struct json *part = json_find(j, "partialSuccess");

	ret->n_unnamed = find_count(part, "rejectedLogRecords");
	if (ret->n_unnamed > 0 || json_find(part, "errorMessage"))
		say(ret, json_find_str(part, "errorMessage"));
}

/* 409: it is there already, which is what was wanted. */
static void judge_item(const struct json *item, uint32_t at, struct answer *ret)
{
	const struct json *op = json_first(item);
	int64_t status = json_find_int(op, "status", 0);
	const struct json *error = json_find(op, "error");

	if ((status >= 200 && status < 300) || status == 409)
		return;
	say(ret, json_find_str(error, "reason").len > 0
			 ? json_find_str(error, "reason")
			 : json_find_str(error, "type"));
	if (status == 429 || status >= 500 || status < 400) {
		ret->verdict = ANSWER_LATER;
		return;
	}
	if (ret->n_rejected == ANSWER_REJECTED_MAX) {
		/* So many have one cause, and it is not in the records. */
		ret->verdict = ANSWER_DENIED;
		return;
	}
	ret->rejected[ret->n_rejected++] = at;
}

static void judge_elastic(const struct json *j, uint32_t n, struct answer *ret)
{
	uint32_t at = 0;

	if (!json_find_bool(j, "errors", false))
		return;
	JSON_EACH (it, json_find(j, "items")) {
		if (at < n)
			judge_item(it, at, ret);
		at++;
	}
}

void answer_parse(enum frame_type frame, unsigned status, struct str body,
		  uint32_t n, struct answer *ret)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;

	*ret = (struct answer){ .verdict = of_status(status) };
	if (ret->verdict != ANSWER_TAKEN) {
		say(ret, body);
		return;
	}
	if (frame == FRAME_OTLP_PROTO) {
		judge_proto(body, ret);
	} else if (frame == FRAME_OTLP_JSON || frame == FRAME_ELASTIC) {
		arena_init(&a, ARENA_MAX);
		if (body.len > ANSWER_MAX_BYTES ||
		    json_parse(&a, body, &j, NULL) != 0)
			return;
		if (frame == FRAME_ELASTIC)
			judge_elastic(j, n, ret);
		else
			judge_otlp(j, ret);
	}
	if (ret->n_unnamed > n)
		ret->n_unnamed = n;
}
