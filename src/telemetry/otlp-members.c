/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry/otlp-members.h"

#include <math.h>

#include "base/utf8.h"
#include "telemetry/otlp-event.h"

#define NUMBER_MAX 40u                   /* bytes of a number's text */
#define WHOLE_MAX  ((double)(1LL << 53)) /* exact in a double */
#define MICRO      1e6

enum take {
	TAKE_TEXT,
	TAKE_WHOLE,
	TAKE_MICRO, /* dollars, in millionths */
};

static const struct {
	const char *name;
	enum take take;
} members[OTLP_MEMBER_MAX_] = {
	[OTLP_MODEL] = { "model", TAKE_TEXT },
	[OTLP_PROVIDER] = { "provider", TAKE_TEXT },
	[OTLP_TOOL] = { "tool", TAKE_TEXT },
	[OTLP_DECISION] = { "decision", TAKE_TEXT },
	[OTLP_CONVERSATION] = { "conversation", TAKE_TEXT },
	[OTLP_REQUEST] = { "request", TAKE_TEXT },
	[OTLP_ERROR] = { "error", TAKE_TEXT },
	[OTLP_TOKENS_IN] = { "tokens_in", TAKE_WHOLE },
	[OTLP_TOKENS_OUT] = { "tokens_out", TAKE_WHOLE },
	[OTLP_TOKENS_CACHE_READ] = { "tokens_cache_read", TAKE_WHOLE },
	[OTLP_TOKENS_CACHE_WRITE] = { "tokens_cache_write", TAKE_WHOLE },
	[OTLP_COST] = { "cost_microusd", TAKE_MICRO },
	[OTLP_MS] = { "ms", TAKE_WHOLE },
};

/*
 * What agents call them: the GenAI conventions of OpenTelemetry, Claude Code
 * (without prefix), Codex and Gemini CLI (..._token_count).  Of these only
 * Claude Code's input_tokens leaves out what came from the cache.
 */
static const struct {
	const char *attribute;
	enum otlp_member member;
} attributes[] = {
	{ "model", OTLP_MODEL },
	{ "gen_ai.request.model", OTLP_MODEL },
	{ "gen_ai.response.model", OTLP_MODEL },
	{ "gen_ai.provider.name", OTLP_PROVIDER },
	{ "gen_ai.system", OTLP_PROVIDER },
	{ "anthropic.provider", OTLP_PROVIDER },
	{ "tool_name", OTLP_TOOL },
	{ "function_name", OTLP_TOOL },
	{ "gen_ai.tool.name", OTLP_TOOL },
	{ "decision", OTLP_DECISION },
	{ "session.id", OTLP_CONVERSATION },
	{ "conversation.id", OTLP_CONVERSATION },
	{ "gen_ai.conversation.id", OTLP_CONVERSATION },
	{ "request_id", OTLP_REQUEST },
	{ "error", OTLP_ERROR },
	{ "error.type", OTLP_ERROR },
	{ "input_tokens", OTLP_TOKENS_IN },
	{ "input_token_count", OTLP_TOKENS_IN },
	{ "gen_ai.usage.input_tokens", OTLP_TOKENS_IN },
	{ "output_tokens", OTLP_TOKENS_OUT },
	{ "output_token_count", OTLP_TOKENS_OUT },
	{ "gen_ai.usage.output_tokens", OTLP_TOKENS_OUT },
	{ "cache_read_tokens", OTLP_TOKENS_CACHE_READ },
	{ "cached_token_count", OTLP_TOKENS_CACHE_READ },
	{ "cached_content_token_count", OTLP_TOKENS_CACHE_READ },
	{ "gen_ai.usage.cache_read.input_tokens", OTLP_TOKENS_CACHE_READ },
	{ "cache_creation_tokens", OTLP_TOKENS_CACHE_WRITE },
	{ "cache_write_token_count", OTLP_TOKENS_CACHE_WRITE },
	{ "gen_ai.usage.cache_creation.input_tokens", OTLP_TOKENS_CACHE_WRITE },
	{ "cost_usd", OTLP_COST },
	{ "duration_ms", OTLP_MS },
};

struct str otlp_any_string(const struct json *value)
{
	return json_find_str(value, "stringValue");
}

static bool number_of_text(struct str s, double *ret)
{
	static const char in[] = "0123456789+-.eE";
	char text[NUMBER_MAX + 1];

	if (s.len == 0 || s.len > NUMBER_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\0' || !strchr(in, s.ptr[i]))
			return false;
		text[i] = s.ptr[i];
	}
	text[s.len] = '\0';
	*ret = strtod(text, NULL);
	return isfinite(*ret);
}

bool otlp_number(const struct json *j, double *ret)
{
	if (json_is(j, JSON_INT)) {
		*ret = (double)j->integer;
		return true;
	}
	return (json_is(j, JSON_NUMBER) || json_is(j, JSON_STRING)) &&
	       number_of_text(j->string, ret);
}

bool otlp_int(const struct json *j, int64_t *ret)
{
	uint64_t v;
	struct str s;
	bool minus;

	if (json_is(j, JSON_INT)) {
		*ret = j->integer;
		return true;
	}
	if (!json_is(j, JSON_STRING))
		return false;
	s = j->string;
	minus = str_starts(s, STR("-"));
	if (!str_u64(str_skip(s, minus), minus, INT64_MAX, &v))
		return false;
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

/* Whichever of its kinds the value has. */
static bool any_number(const struct json *value, double *ret)
{
	static const char *const kinds[] = { "intValue", "doubleValue",
					     "stringValue" };

	for (size_t i = 0; i < N_ELEMS(kinds); i++) {
		const struct json *j = json_find(value, kinds[i]);

		if (j)
			return otlp_number(j, ret);
	}
	return false;
}

static bool take_number(struct otlp_members *m, enum otlp_member at,
			const struct json *value)
{
	double v = 0;

	if (!any_number(value, &v))
		return false;
	if (members[at].take == TAKE_MICRO)
		v *= MICRO;
	v = round(v);
	if (!(v >= 0) || v > WHOLE_MAX)
		return false;
	m->number[at] = (int64_t)v;
	return true;
}

bool otlp_members_take(struct otlp_members *m, struct str key,
		       const struct json *value)
{
	for (size_t i = 0; i < N_ELEMS(attributes); i++) {
		enum otlp_member at = attributes[i].member;

		if (!str_eq(key, str_of(attributes[i].attribute)))
			continue;
		if (m->has[at])
			return false;
		if (members[at].take == TAKE_TEXT) {
			m->text[at] = otlp_any_string(value);
			m->has[at] = m->text[at].len > 0;
			return m->has[at];
		}
		m->has[at] = take_number(m, at, value);
		if (m->has[at] && str_eq(key, STR("input_tokens")))
			m->in_excludes_cache = true;
		return m->has[at];
	}
	return false;
}

/* What the GenAI conventions mean by input tokens: those of the cache too. */
static int64_t tokens_in(const struct otlp_members *m)
{
	int64_t v = m->number[OTLP_TOKENS_IN];

	/* cannot overflow: each is at most 2^53 */
	if (m->in_excludes_cache)
		v += m->number[OTLP_TOKENS_CACHE_READ] +
		     m->number[OTLP_TOKENS_CACHE_WRITE];
	return v;
}

void otlp_members_put(const struct otlp_members *m, struct json_out *w,
		      bool *cut)
{
	for (size_t i = 0; i < OTLP_MEMBER_MAX_; i++) {
		if (!m->has[i])
			continue;
		if (members[i].take == TAKE_TEXT)
			json_kstr(w, members[i].name,
				  otlp_fit(m->text[i], OTLP_NAME_MAX, cut));
		else
			json_kint(w, members[i].name,
				  i == OTLP_TOKENS_IN ? tokens_in(m)
						      : m->number[i]);
	}
}

/* ---- any value ---- */

/* At most so many bytes does the writer need for the character @c of @n bytes;
 * 0 bytes: one that is no UTF-8. */
static size_t cost(uint32_t c, size_t n)
{
	if (n == 0 || !utf8_is_printable(c))
		return c < 0x10000 ? 6 : 12;
	return c == '"' || c == '\\' ? 2 : n;
}

struct str otlp_fit(struct str s, size_t max, bool *cut)
{
	struct str rest = s;
	size_t sum = 0;

	while (rest.len > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(rest, &c);

		sum += cost(c, n);
		if (sum > max) {
			*cut = true;
			return (struct str){ s.ptr, s.len - rest.len };
		}
		rest = str_skip(rest, n > 0 ? n : 1);
	}
	return s;
}

static void put_double(struct json_out *w, const struct json *j, bool *cut)
{
	if (json_is(j, JSON_INT)) {
		json_int(w, j->integer);
	} else if (json_is(j, JSON_NUMBER) && j->string.len <= NUMBER_MAX) {
		json_raw(w, j->string);
	} else if (json_is(j, JSON_STRING)) {
		json_str(w, otlp_fit(j->string, NUMBER_MAX, cut));
	} else {
		*cut = true;
		json_null(w);
	}
}

static void put_int(struct json_out *w, const struct json *j, bool *cut)
{
	int64_t v;

	if (otlp_int(j, &v))
		json_int(w, v);
	else
		put_double(w, j, cut);
}

static void put_array(struct json_out *w, const struct json *values, bool *cut)
{
	json_open(w, '[');
	JSON_EACH (it, values)
		otlp_any_put(w, it, cut);
	json_close(w, ']');
}

/* Of two equal names the first stays, as everywhere. */
static bool is_again(const struct json *values, const struct json *at)
{
	struct str key = json_find_str(at, "key");

	JSON_EACH (it, values) {
		if (it == at)
			return false;
		if (str_eq(json_find_str(it, "key"), key))
			return true;
	}
	return false;
}

static void put_map(struct json_out *w, const struct json *values, bool *cut)
{
	size_t n = 0;

	json_open(w, '{');
	JSON_EACH (it, values) {
		struct str key = json_find_str(it, "key");

		/* A name that is cut could be another one's. */
		if (++n > OTLP_ATTRS || is_again(values, it) ||
		    otlp_fit(key, OTLP_KEY_MAX, cut).len < key.len) {
			*cut = true;
			continue;
		}
		json_key_str(w, key);
		otlp_any_put(w, json_find(it, "value"), cut);
	}
	json_close(w, '}');
}

void otlp_any_put(struct json_out *w, const struct json *value, bool *cut)
{
	const struct json *j = json_find(value, "stringValue");

	if (!j)
		j = json_find(value, "bytesValue");
	if (json_is(j, JSON_STRING)) {
		json_str(w, otlp_fit(j->string, OTLP_VALUE_MAX, cut));
		return;
	}
	j = json_find(value, "boolValue");
	if (json_is(j, JSON_BOOL)) {
		json_bool(w, j->boolean);
		return;
	}
	j = json_find(value, "intValue");
	if (j && j->type != JSON_NULL) {
		put_int(w, j, cut);
		return;
	}
	j = json_find(value, "doubleValue");
	if (j && j->type != JSON_NULL) {
		put_double(w, j, cut);
		return;
	}
	j = json_find(value, "arrayValue");
	if (j) {
		put_array(w, json_find(j, "values"), cut);
		return;
	}
	j = json_find(value, "kvlistValue");
	if (j)
		put_map(w, json_find(j, "values"), cut);
	else
		json_null(w);
}
