/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   glob      = component *( "/" component )
 *   component = "**" / *( "*" / "?" / set / quoted / literal )
 *   set       = "[" [ "!" ] 1*( char [ "-" char ] ) "]"
 *   quoted    = "\" any                   ; not "/"
 *
 * "**" may stand for no component: "/a/" "**" also matches "/a" itself.
 * A leading dot is nothing special.  Pattern and text are read in characters
 * of UTF-8; a byte that is none counts as a character of its own.  Inside a
 * set "\" quotes too; "[^" is refused, since others read it as "[!".
 *
 * Two levels of the same algorithm: on a mismatch go back to the last star and
 * let it take one more unit (characters within a component, components within
 * a path).  Every element but the star takes exactly one unit, so the earliest
 * place for what stands between two stars is never worse than a later one,
 * and one star to go back to is enough.  A pair (component of the glob,
 * component of the text) is tried at most once between two "**", a pair of
 * characters at most once between two "*": |glob| * |s| steps.
 */
#include "base/path.h"
#include "base/utf8.h"

#define NOT_UTF8 0x110000u /* added to a byte that is no character */

static uint32_t next_char(struct str *s)
{
	uint32_t c = 0;
	size_t n = utf8_decode(*s, &c);

	if (n == 0) {
		c = NOT_UTF8 + (unsigned char)s->ptr[0];
		n = 1;
	}
	*s = str_skip(*s, n);
	return c;
}

/* One character of a set, unquoted.  False: the set is not closed. */
static bool set_char(struct str *g, uint32_t *ret)
{
	if (g->len == 0)
		return false;
	*ret = next_char(g);
	if (*ret != '\\')
		return true;
	if (g->len == 0)
		return false;
	*ret = next_char(g);
	return true;
}

/* @g stands behind "["; is left behind "]".  False: malformed. */
static bool read_set(struct str *g, uint32_t c, bool *ret_in)
{
	bool negated = false;
	bool in = false;
	size_t n = 0;

	if (g->len > 0 && g->ptr[0] == '^')
		return false;
	if (g->len > 0 && g->ptr[0] == '!') {
		negated = true;
		*g = str_skip(*g, 1);
	}
	for (; g->len > 0 && g->ptr[0] != ']'; n++) {
		uint32_t lo, hi;

		if (!set_char(g, &lo))
			return false;
		hi = lo;
		if (g->len >= 2 && g->ptr[0] == '-' && g->ptr[1] != ']') {
			*g = str_skip(*g, 1);
			if (!set_char(g, &hi) || hi < lo)
				return false;
		}
		in = in || (c >= lo && c <= hi);
	}
	if (g->len == 0 || n == 0)
		return false;
	*g = str_skip(*g, 1);
	*ret_in = in != negated;
	return true;
}

/* The next element of @g, no star, against the next character of @s. */
static bool match_one(struct str *g, struct str *s)
{
	uint32_t e = next_char(g);
	uint32_t c = next_char(s);
	bool in = false;

	switch (e) {
	case '?':
		return true;
	case '[':
		return read_set(g, c, &in) && in;
	case '\\':
		return g->len > 0 && next_char(g) == c;
	default:
		return e == c;
	}
}

static bool match_component(struct str g, struct str s)
{
	struct str star_g = { 0 }, star_s = { 0 };
	bool star = false;

	while (s.len > 0 || g.len > 0) {
		if (g.len > 0 && g.ptr[0] == '*') {
			g = str_skip(g, 1);
			star = true;
			star_g = g;
			star_s = s;
			continue;
		}
		if (g.len > 0 && s.len > 0 && match_one(&g, &s))
			continue;
		if (!star || star_s.len == 0)
			return false;
		(void)next_char(&star_s);
		g = star_g;
		s = star_s;
	}
	return true;
}

/* A path as a list: "/" and "a/" end in an empty component, which counts. */
struct cursor {
	struct str rest;
	bool more;
};

static struct str next_component(struct cursor *c)
{
	const char *slash =
		c->rest.len ? memchr(c->rest.ptr, '/', c->rest.len) : NULL;
	struct str ret = c->rest;

	if (!slash) {
		*c = (struct cursor){ 0 };
		return ret;
	}
	ret.len = (size_t)(slash - ret.ptr);
	c->rest = str_skip(c->rest, ret.len + 1);
	return ret;
}

/* Most globs of a list begin otherwise: no need to look closer. */
static bool begins_otherwise(struct str glob, struct str s)
{
	char c = glob.len > 0 ? glob.ptr[0] : '*';

	if (memchr("*?[\\/", c, 5) || (unsigned char)c >= 0x80)
		return false;
	return s.len == 0 || s.ptr[0] != c;
}

bool glob_match(struct str glob, struct str s)
{
	struct cursor g = { glob, true }, t = { s, true };
	struct cursor star_g = { 0 }, star_t = { 0 };
	bool star = false;

	if (begins_otherwise(glob, s))
		return false;
	while (g.more || t.more) {
		struct cursor g2 = g, t2 = t;

		if (g.more && str_eq(next_component(&g2), STR("**"))) {
			g = g2;
			star = true;
			star_g = g;
			star_t = t;
			continue;
		}
		if (g.more && t.more) {
			g2 = g;
			if (match_component(next_component(&g2),
					    next_component(&t2))) {
				g = g2;
				t = t2;
				continue;
			}
		}
		if (!star || !star_t.more)
			return false;
		(void)next_component(&star_t);
		g = star_g;
		t = star_t;
	}
	return true;
}

static bool component_is_valid(struct str g)
{
	bool in;

	if (str_eq(g, STR("**")))
		return true;
	while (g.len > 0) {
		uint32_t e = next_char(&g);

		if (e == '*' && g.len > 0 && g.ptr[0] == '*')
			return false;
		if (e == '[' && !read_set(&g, 0, &in))
			return false;
		if (e == '\\') {
			if (g.len == 0)
				return false;
			(void)next_char(&g);
		}
	}
	return true;
}

bool glob_is_valid(struct str glob)
{
	struct cursor c = { glob, true };

	if (glob.len == 0 || glob.len > PATH_LIMIT ||
	    memchr(glob.ptr, '\0', glob.len))
		return false;
	while (c.more) {
		if (!component_is_valid(next_component(&c)))
			return false;
	}
	return true;
}

bool glob_is_pattern(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '*' || s.ptr[i] == '?' || s.ptr[i] == '[')
			return true;
	}
	return false;
}
