/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

const struct json *json_find(const struct json *o, const char *key)
{
	if (!json_is(o, JSON_OBJECT))
		return NULL;
	JSON_EACH (kid, o) {
		if (str_eq(kid->key, str_of(key)))
			return kid;
	}
	return NULL;
}

struct str json_find_str(const struct json *o, const char *key)
{
	const struct json *v = json_find(o, key);

	return json_is(v, JSON_STRING) ? v->string : (struct str){ 0 };
}

bool json_get_str(const struct json *o, const char *key, size_t max,
		  struct str *ret)
{
	const struct json *v = json_find(o, key);

	if (!json_is(v, JSON_STRING))
		return false;
	*ret = v->string;
	return ret->len <= max;
}

int64_t json_find_int(const struct json *o, const char *key, int64_t absent)
{
	const struct json *v = json_find(o, key);

	return json_is(v, JSON_INT) ? v->integer : absent;
}

bool json_find_bool(const struct json *o, const char *key, bool absent)
{
	const struct json *v = json_find(o, key);

	return json_is(v, JSON_BOOL) ? v->boolean : absent;
}
