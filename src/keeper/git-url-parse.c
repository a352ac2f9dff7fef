/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammar (git-fetch(1), "Git URLs"):
 *
 *   text   = url / scp / path / helper
 *   url    = scheme "://" [ user "@" ] host [ ":" port ] [ ( "/" / "?" ) any ]
 *   scheme = "https" / "http" / "ssh" / "git+ssh" / "ssh+git" / "git"
 *   scp    = [ user "@" ] host ":" any        ; no "/" before the ":"
 *   helper = name "::" any                    ; git-remote-NAME
 *   user   = 1*any-but-( "@" / "/" / blank )
 *
 * Other schemes (file, bundle, ...) name no host.  Stricter than git: one "@",
 * no address in place of a name (a policy names addresses with cidr), no blank
 * and no control character anywhere.
 */
#include "keeper/git-url-parse.h"

#define PORT_SSH 22u

static const struct {
	const char *scheme;
	uint16_t port;
} schemes[] = {
	{ "https", 443 },        { "http", 80 },          { "ssh", PORT_SSH },
	{ "git+ssh", PORT_SSH }, { "ssh+git", PORT_SSH }, { "git", 9418 },
};

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
			return false;
	}
	return s.len > 0 && s.len <= GIT_URL_MAX;
}

/* Where @s first has one of @set; its length when nowhere. */
static size_t find_any(struct str s, const char *set)
{
	size_t n = 0;

	while (n < s.len && !strchr(set, s.ptr[n]))
		n++;
	return n;
}

/* What follows "user@", if that is there. */
static bool skip_user(struct str *s)
{
	size_t at = find_any(*s, "@");

	if (at == s->len)
		return true;
	*s = str_skip(*s, at + 1);
	return at > 0 && find_any(*s, "@") == s->len;
}

static int take_host(struct str host, struct git_url *ret)
{
	return net_name_parse(host, ret->host) ? 0 : GIT_URL_REFUSED;
}

/* @rest: behind "://". */
static int parse_authority(struct str rest, uint16_t port, struct git_url *ret)
{
	struct str host, digits = { rest.ptr, find_any(rest, "/?#") };
	uint32_t number = port;
	bool has_port;

	if (!skip_user(&digits))
		return GIT_URL_REFUSED;
	has_port = find_any(digits, ":") < digits.len;
	if (!str_cut(&digits, ':', &host))
		return GIT_URL_REFUSED;
	if (has_port && !str_u32(digits, 1, UINT16_MAX, &number))
		return GIT_URL_REFUSED;
	ret->port = (uint16_t)number;
	return take_host(host, ret);
}

int git_url_parse(struct str text, struct git_url *ret)
{
	const char *sep =
		text.len ? memmem(text.ptr, text.len, "://", 3) : NULL;
	struct str scheme;
	size_t colon;

	if (!is_printable(text))
		return GIT_URL_REFUSED;
	if (sep) {
		scheme = (struct str){ text.ptr, (size_t)(sep - text.ptr) };
		for (size_t i = 0; i < N_ELEMS(schemes); i++) {
			if (str_eq(scheme, str_of(schemes[i].scheme)))
				return parse_authority(
					str_skip(text, scheme.len + 3),
					schemes[i].port, ret);
		}
		return GIT_URL_NONE;
	}
	colon = find_any(text, ":/");
	if (colon == text.len || text.ptr[colon] == '/' ||
	    (colon + 1 < text.len && text.ptr[colon + 1] == ':'))
		return GIT_URL_NONE; /* a path; or a helper's name */
	text.len = colon;
	if (!skip_user(&text))
		return GIT_URL_REFUSED;
	ret->port = PORT_SSH;
	return take_host(text, ret);
}
