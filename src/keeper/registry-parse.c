/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/registry.h"

static const struct str schemes[] = { STR("https://"), STR("http://") };

/* pip.conf and .npmrc quote little; take one pair of quotes off. */
static struct str unquote(struct str s)
{
	if (s.len >= 2 && (s.ptr[0] == '"' || s.ptr[0] == '\'') &&
	    s.ptr[s.len - 1] == s.ptr[0])
		return (struct str){ .ptr = s.ptr + 1, .len = s.len - 2 };
	return s;
}

struct str registry_ini_find(struct str text, struct str section,
			     struct str key)
{
	struct str line, k, at = STR(""), found = { 0 };

	while (str_cut(&text, '\n', &line)) {
		line = str_trim(line);
		if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
			continue;
		if (line.ptr[0] == '[' && line.ptr[line.len - 1] == ']') {
			at = (struct str){ .ptr = line.ptr + 1,
					   .len = line.len - 2 };
			continue;
		}
		if (!str_cut(&line, '=', &k))
			continue;
		if (str_eq(at, section) && str_eq(str_trim(k), key))
			found = unquote(str_trim(line));
	}
	return found;
}

struct str registry_url_clean(struct arena *a, struct str url)
{
	for (size_t i = 0; i < N_ELEMS(schemes); i++) {
		struct str rest, host;
		const char *slash, *at = NULL;

		if (!str_starts(url, schemes[i]))
			continue;
		for (size_t k = 0; k < url.len; k++) {
			unsigned char c = (unsigned char)url.ptr[k];

			if (c <= 0x20 || c >= 0x7f || strchr("\"'\\`$", c))
				return (struct str){ 0 };
		}
		rest = str_skip(url, schemes[i].len);
		slash = rest.len ? memchr(rest.ptr, '/', rest.len) : NULL;
		host = rest;
		if (slash)
			host.len = (size_t)(slash - rest.ptr);
		/* The last @: a password may hold one, a host may not. */
		for (size_t k = 0; k < host.len; k++) {
			if (host.ptr[k] == '@')
				at = host.ptr + k + 1;
		}
		if (at)
			rest = str_skip(rest, (size_t)(at - rest.ptr));
		if (rest.len == 0)
			return (struct str){ 0 };
		return str_of(arena_printf(a, "%.*s%.*s", STR_ARG(schemes[i]),
					   STR_ARG(rest)));
	}
	return (struct str){ 0 };
}

bool registry_hosts_parse(struct arena *a, struct str text,
			  struct policy_preset_host *ret, size_t max,
			  size_t *ret_n)
{
	struct str line, host;
	size_t n = 0;

	while (n < max && str_cut(&text, '\n', &line)) {
		char name[NET_NAME_MAX + 1];
		uint32_t port = 443;

		line = str_trim(line);
		if (!str_cut(&line, ':', &host) ||
		    !net_name_parse(host, name) ||
		    (line.len > 0 && !str_u32(line, 1, UINT16_MAX, &port)))
			continue;
		ret[n].host = arena_str(a, str_of(name));
		ret[n++].port = (uint16_t)port;
	}
	*ret_n = n;
	return n > 0;
}
