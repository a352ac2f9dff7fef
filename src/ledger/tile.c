/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/tile.h"

#include <inttypes.h>
#include <stdio.h>

#define ERASED UINT32_C(0xffffffff)

/* "x001/x234/067" behind @dst[at]; groups of three digits. */
static size_t add_number(char dst[TILE_PATH_SIZE], size_t at, uint64_t n)
{
	unsigned groups[8] = { 0 }, k = 0; /* 2^64 has seven groups */

	do {
		groups[k++] = (unsigned)(n % 1000);
		n /= 1000;
	} while (n > 0);
	while (k-- > 0)
		at += (size_t)snprintf(dst + at, TILE_PATH_SIZE - at,
				       k > 0 ? "x%03u/" : "%03u", groups[k]);
	return at;
}

static void add_width(char dst[TILE_PATH_SIZE], size_t at, unsigned width)
{
	ASSERT(width > 0 && width <= TILE_WIDTH);
	if (width < TILE_WIDTH)
		(void)snprintf(dst + at, TILE_PATH_SIZE - at, ".p/%u", width);
}

void tile_path(unsigned level, uint64_t n, unsigned width,
	       char dst[TILE_PATH_SIZE])
{
	int at = snprintf(dst, TILE_PATH_SIZE, "tile/%u/", level);

	add_width(dst, add_number(dst, (size_t)at, n), width);
}

void tile_entries_path(uint64_t n, unsigned width, char dst[TILE_PATH_SIZE])
{
	int at = snprintf(dst, TILE_PATH_SIZE, "tile/entries/");

	add_width(dst, add_number(dst, (size_t)at, n), width);
}

void tile_payload_path(uint64_t n, char dst[TILE_PATH_SIZE])
{
	int at = snprintf(dst, TILE_PATH_SIZE, "payload/");

	(void)add_number(dst, (size_t)at, n);
}

void tile_add_entry(struct buf *b, struct str leaf)
{
	ASSERT(leaf.len <= LEAF_MAX_BYTES);
	char len[2] = { (char)(leaf.len >> 8), (char)leaf.len };

	(void)buf_add(b, (struct str){ len, sizeof(len) });
	(void)buf_add(b, leaf);
}

bool tile_next_entry(struct str *bundle, struct str *ret)
{
	const unsigned char *p = (const unsigned char *)bundle->ptr;
	size_t len;

	if (bundle->len < 2)
		return false;
	len = (size_t)p[0] << 8 | p[1];
	if (bundle->len - 2 < len)
		return false;
	*ret = (struct str){ bundle->ptr + 2, len };
	*bundle = str_skip(*bundle, 2 + len);
	return true;
}

void payload_add(struct buf *b, const struct payload *p)
{
	ASSERT(p->text.len <= PAYLOAD_MAX_BYTES);
	uint32_t v = p->erased ? ERASED : (uint32_t)p->text.len;
	char len[4] = { (char)(v >> 24), (char)(v >> 16), (char)(v >> 8),
			(char)v };

	(void)buf_add(b, (struct str){ len, sizeof(len) });
	if (!p->erased)
		(void)buf_add(b, p->text);
}

bool payload_next(struct str *all, struct payload *ret)
{
	const unsigned char *p = (const unsigned char *)all->ptr;
	uint32_t len;

	if (all->len < 4)
		return false;
	len = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	      (uint32_t)p[2] << 8 | p[3];
	*ret = (struct payload){ .erased = len == ERASED };
	if (ret->erased)
		len = 0;
	if (len > PAYLOAD_MAX_BYTES || all->len - 4 < len)
		return false;
	ret->text = (struct str){ all->ptr + 4, len };
	*all = str_skip(*all, 4 + (size_t)len);
	return true;
}
