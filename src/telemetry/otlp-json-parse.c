/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON mapping of OTLP (opentelemetry.io, OTLP specification, JSON
 * Protobuf Encoding): names in camel case, trace ids as hexadecimal, numbers of
 * 64 bits as text or as numbers, enumerations as numbers; unknown members are
 * passed over.  null stands for a member that is absent.
 */
#include "telemetry/otlp-parse.h"

static int check(const struct json *o, enum otlp_message m);

static bool is_number_text(struct str s)
{
	size_t digits = 0;

	if (str_starts(s, STR("-")))
		s = str_skip(s, 1);
	for (; digits < s.len; digits++) {
		if (s.ptr[digits] < '0' || s.ptr[digits] > '9')
			return false;
	}
	return digits > 0 && digits <= 20;
}

/* As proto3's JSON has it: "NaN", "Infinity", and numbers as text too. */
static bool is_double_text(struct str s)
{
	static const char in[] = "0123456789+-.eE";

	if (str_eq(s, STR("NaN")) || str_eq(s, STR("Infinity")) ||
	    str_eq(s, STR("-Infinity")))
		return true;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\0' || !strchr(in, s.ptr[i]))
			return false;
	}
	return s.len > 0 && s.len <= 32;
}

static bool is_hex(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
		      (c >= 'A' && c <= 'F')))
			return false;
	}
	return true;
}

static int check_messages(const struct json *v, enum otlp_message m)
{
	if (!json_is(v, JSON_ARRAY))
		return 1;
	JSON_EACH (it, v) {
		int r = check(it, m);

		if (r != 0)
			return r;
	}
	return 0;
}

static bool is_of_type(const struct json *v, enum otlp_type t)
{
	bool text = json_is(v, JSON_STRING);

	switch (t) {
	case OTLP_STRING:
	case OTLP_BASE64: /* never decoded, so its letters do not matter */
		return text;
	case OTLP_HEX:
		return text && is_hex(v->string);
	case OTLP_BOOL:
		return json_is(v, JSON_BOOL);
	case OTLP_ENUM:
		return json_is(v, JSON_INT);
	case OTLP_INT64:
	case OTLP_FIXED64:
	case OTLP_SFIXED64:
		return json_is(v, JSON_INT) ||
		       (text && is_number_text(v->string)) ||
		       (json_is(v, JSON_NUMBER) && is_number_text(v->string));
	case OTLP_DOUBLE:
		return json_is(v, JSON_INT) || json_is(v, JSON_NUMBER) ||
		       (text && is_double_text(v->string));
	case OTLP_MESSAGE:
	case OTLP_MESSAGES:
	default:
		return false;
	}
}

static const struct otlp_field *find_field(enum otlp_message m, struct str key)
{
	const struct otlp_field *f = otlp_schema[m].v;

	for (size_t i = 0; i < OTLP_FIELDS_MAX && f[i].number != 0; i++) {
		if (str_eq(key, str_of(f[i].json)))
			return &f[i];
	}
	return NULL;
}

static int check(const struct json *o, enum otlp_message m)
{
	if (!json_is(o, JSON_OBJECT))
		return 1;
	JSON_EACH (it, o) {
		const struct otlp_field *f = find_field(m, it->key);
		int r = 0;

		if (!f || json_is(it, JSON_NULL))
			continue;
		if (f->type == OTLP_MESSAGE)
			r = check(it, f->of);
		else if (f->type == OTLP_MESSAGES)
			r = check_messages(it, f->of);
		else if (!is_of_type(it, f->type))
			r = 1;
		if (r != 0)
			return r;
	}
	return 0;
}

int otlp_json_parse(struct arena *a, struct str body, enum otlp_message m,
		    struct json **ret)
{
	struct json *j = NULL;
	int r = json_parse(a, body, &j, NULL);

	if (r == 0)
		r = check(j, m);
	if (r == 0)
		*ret = j;
	return r;
}
