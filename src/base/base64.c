/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct buf *b, struct str bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.ptr;

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t v = (uint32_t)p[i] << 16;
		char out[4];

		if (left > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		out[0] = alphabet[v >> 18];
		out[1] = alphabet[v >> 12 & 63];
		out[2] = left > 1 ? alphabet[v >> 6 & 63] : '=';
		out[3] = left > 2 ? alphabet[v & 63] : '=';
		(void)buf_add(b, (struct str){ out, sizeof(out) });
	}
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* The four characters at @p, of which @n count.  False: not base64. */
static bool read_four(const char *p, size_t n, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < 4; i++) {
		int v = i < n ? value_of(p[i]) : 0;

		if (v < 0)
			return false;
		*ret = *ret << 6 | (uint32_t)v;
	}
	/* What is behind the last byte is zero, else one text had two forms. */
	return n == 4 || (*ret & (n == 3 ? 0xffu : 0xffffu)) == 0;
}

bool base64_read(struct str text, void *dst, size_t max, size_t *ret_len)
{
	unsigned char *out = dst;
	size_t len = 0;

	if (text.len % 4 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 4) {
		const char *p = text.ptr + i;
		size_t n = 4;
		uint32_t v;

		if (i + 4 == text.len && p[3] == '=')
			n = p[2] == '=' ? 2 : 3;
		if (!read_four(p, n, &v) || len + n - 1 > max)
			return false;
		for (size_t k = 0; k + 1 < n; k++)
			out[len++] = (unsigned char)(v >> (16 - 8 * k));
	}
	*ret_len = len;
	return true;
}
