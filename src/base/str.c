/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len &&
	       str_eq((struct str){ s.ptr, prefix.len }, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       str_eq(str_skip(s, s.len - suffix.len), suffix);
}

struct str str_skip(struct str s, size_t n)
{
	if (n >= s.len)
		return (struct str){ 0 };
	return (struct str){ .ptr = s.ptr + n, .len = s.len - n };
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;

	if (c != 0)
		return c < 0 ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

bool str_cut(struct str *s, char sep, struct str *ret)
{
	const char *end;

	if (s->len == 0)
		return false;

	end = memchr(s->ptr, sep, s->len);
	if (!end) {
		*ret = *s;
		*s = (struct str){ 0 };
		return true;
	}

	*ret = (struct str){ .ptr = s->ptr, .len = (size_t)(end - s->ptr) };
	s->len -= ret->len + 1;
	s->ptr = end + 1;
	return true;
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool str_cut_line(struct str *s, struct str *ret)
{
	return s->len > 0 && memchr(s->ptr, '\n', s->len) &&
	       str_cut(s, '\n', ret);
}

bool str_word(struct str *s, struct str *ret)
{
	struct str rest = *s;
	size_t n = 0;

	while (rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t')) {
		rest.ptr++;
		rest.len--;
	}
	while (n < rest.len && rest.ptr[n] != ' ' && rest.ptr[n] != '\t')
		n++;
	if (n == 0)
		return false;

	*ret = (struct str){ .ptr = rest.ptr, .len = n };
	*s = (struct str){ .ptr = rest.ptr + n, .len = rest.len - n };
	return true;
}

bool str_u64(struct str s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len == 0 || (s.len > 1 && s.ptr[0] == '0'))
		return false;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		if (ckd_mul(&v, v, 10u) ||
		    ckd_add(&v, v, (uint64_t)(s.ptr[i] - '0')))
			return false;
	}

	if (v < min || v > max)
		return false;
	*ret = v;
	return true;
}

bool str_u32(struct str s, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;

	if (!str_u64(s, min, max, &v))
		return false;
	*ret = (uint32_t)v; /* max fits */
	return true;
}
