/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

/* Length, bits of the first byte, smallest character of that length. */
static const struct {
	unsigned char mask, lead;
	size_t len;
	uint32_t min;
} forms[] = {
	{ 0x80, 0x00, 1, 0x0 },
	{ 0xe0, 0xc0, 2, 0x80 },
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

size_t utf8_decode(struct str s, uint32_t *ret)
{
	unsigned char lead;
	uint32_t c;
	size_t f = 0;

	if (s.len == 0)
		return 0;
	lead = (unsigned char)s.ptr[0];
	while (f < N_ELEMS(forms) && (lead & forms[f].mask) != forms[f].lead)
		f++;
	if (f == N_ELEMS(forms) || s.len < forms[f].len)
		return 0;

	c = lead & (unsigned char)~forms[f].mask;
	for (size_t i = 1; i < forms[f].len; i++) {
		unsigned char b = (unsigned char)s.ptr[i];

		if ((b & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b & 0x3fu);
	}
	if (c < forms[f].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return forms[f].len;
}

size_t utf8_encode(uint32_t c, char dst[4])
{
	size_t f = N_ELEMS(forms) - 1;

	ASSERT(c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff));
	while (c < forms[f].min)
		f--;

	size_t len = forms[f].len;

	for (size_t i = len - 1; i > 0; i--) {
		dst[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	dst[0] = (char)(forms[f].lead | c);
	return len;
}

bool utf8_is_printable(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{ 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },
		{ 0x061c, 0x061c }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
	};

	for (size_t i = 0; i < N_ELEMS(hidden); i++) {
		if (c >= hidden[i].first && c <= hidden[i].last)
			return false;
	}
	return c < 0xe0000;
}
