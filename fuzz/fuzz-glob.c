/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: GLOB LF TEXT.  The laws:
 *   1. a valid glob agrees with a second matcher, written straight from the
 *      definition and exponential (small inputs only);
 *   2. a glob without metacharacters matches itself and nothing else;
 *   3. a text with every byte that means something quoted matches that text;
 *   4. a double star in front or behind never turns a match into none.
 */
#include "base/buf.h"
#include "base/path.h"
#include "base/utf8.h"

#define SMALL 24u /* bytes, for the second matcher */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static struct str cut_char(struct str *s)
{
	uint32_t c;
	size_t n = utf8_decode(*s, &c);
	struct str ret = { .ptr = s->ptr, .len = n > 0 ? n : 1 };

	*s = str_skip(*s, ret.len);
	return ret;
}

static uint32_t code_of(struct str s)
{
	uint32_t c;

	/* a byte that is no character comes after all that are */
	return utf8_decode(s, &c) > 0 ? c : 0x110000u + (unsigned char)s.ptr[0];
}

static uint32_t cut_quoted(struct str *s)
{
	struct str c = cut_char(s);

	if (str_eq(c, STR("\\")))
		c = cut_char(s);
	return code_of(c);
}

/* Behind "[" of a valid glob. */
static bool slow_set(struct str *g, uint32_t c)
{
	bool negated = str_starts(*g, STR("!"));
	bool in = false;

	if (negated)
		*g = str_skip(*g, 1);
	while (!str_starts(*g, STR("]"))) {
		uint32_t lo = cut_quoted(g);
		uint32_t hi = lo;

		if (str_starts(*g, STR("-")) && !str_starts(*g, STR("-]"))) {
			*g = str_skip(*g, 1);
			hi = cut_quoted(g);
		}
		in |= c >= lo && c <= hi;
	}
	*g = str_skip(*g, 1);
	return in != negated;
}

/* One component. */
static bool slow_component(struct str g, struct str s)
{
	struct str e, rest = s, after;

	if (g.len == 0)
		return s.len == 0;
	e = cut_char(&g);
	if (str_eq(e, STR("*"))) {
		for (;;) {
			if (slow_component(g, s))
				return true;
			if (s.len == 0)
				return false;
			(void)cut_char(&s);
		}
	}
	if (s.len == 0)
		return false;

	uint32_t c = code_of(cut_char(&rest));

	after = g;
	if (str_eq(e, STR("?")))
		return slow_component(g, rest);
	if (str_eq(e, STR("[")))
		return slow_set(&after, c) && slow_component(after, rest);
	if (str_eq(e, STR("\\")))
		e = cut_char(&after);
	return code_of(e) == c && slow_component(after, rest);
}

/* What precedes the first "/"; *more: there was one. */
static struct str head(struct str s, struct str *tail, bool *more)
{
	const char *slash = s.len ? memchr(s.ptr, '/', s.len) : NULL;
	struct str ret = s;

	*more = slash != NULL;
	*tail = (struct str){ 0 };
	if (slash) {
		ret.len = (size_t)(slash - s.ptr);
		*tail = str_skip(s, ret.len + 1);
	}
	return ret;
}

/* @g_left, @s_left: there is a component, even if it is empty. */
static bool slow_match(struct str g, bool g_left, struct str s, bool s_left)
{
	struct str g_tail, s_tail = { 0 }, g_head, s_head = { 0 };
	bool g_more, s_more = false;

	if (!g_left)
		return !s_left;
	g_head = head(g, &g_tail, &g_more);
	if (s_left)
		s_head = head(s, &s_tail, &s_more);
	if (str_eq(g_head, STR("**")))
		return slow_match(g_tail, g_more, s, s_left) ||
		       (s_left && slow_match(g, true, s_tail, s_more));
	return s_left && slow_component(g_head, s_head) &&
	       slow_match(g_tail, g_more, s_tail, s_more);
}

static bool has_meta(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			return true;
	}
	return glob_is_pattern(s);
}

static void check_quoted(struct str text)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 2 * PATH_LIMIT);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '\0' && strchr("*?[\\", text.ptr[i]))
			(void)buf_addc(&b, '\\');
		(void)buf_addc(&b, text.ptr[i]);
	}
	if (!b.failed)
		law(glob_match(buf_str(&b), text));
}

static void check_wider(struct str glob, struct str text)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 2 * PATH_LIMIT + 8);
	(void)buf_add(&b, STR("**/"));
	(void)buf_add(&b, glob);
	(void)buf_add(&b, STR("/**"));
	if (!b.failed)
		law(glob_match(buf_str(&b), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .ptr = (const char *)data, .len = size };
	struct str glob = { 0 };
	bool matches;

	if (size > 2 * PATH_LIMIT)
		return 0;
	(void)str_cut(&text, '\n', &glob);
	matches = glob_match(glob, text);
	if (text.len <= PATH_LIMIT)
		check_quoted(text);
	if (!has_meta(glob))
		law(matches == str_eq(glob, text) && glob_match(glob, glob));
	if (!glob_is_valid(glob))
		return 0;
	if (matches)
		check_wider(glob, text);
	if (glob.len <= SMALL && text.len <= SMALL)
		law(matches == slow_match(glob, true, text, true));
	return 0;
}
