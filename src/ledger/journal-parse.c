/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/journal.h"

#include <stdio.h>

#include "base/fd.h"

#define MAGIC  "bawnJ1"
#define PREFIX "journal-"

static void put(char *p, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (char)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t get(const char *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

void journal_format(const struct journal_frame *f, char dst[JOURNAL_HEAD_BYTES])
{
	memcpy(dst, MAGIC, 6);
	dst[6] = (char)f->type;
	dst[7] = '\n';
	put(dst + 8, 4, f->length);
	put(dst + 12, 4, f->count);
	put(dst + 16, 8, f->first);
	put(dst + 24, 8, f->number);
	memcpy(dst + JOURNAL_DIGEST_AT, f->digest.b, DIGEST_BYTES);
}

bool journal_parse(struct str head, struct journal_frame *ret)
{
	struct journal_frame f = { .type = JOURNAL_START };

	if (head.len < JOURNAL_HEAD_BYTES || !str_starts(head, STR(MAGIC)) ||
	    (head.ptr[6] != JOURNAL_START && head.ptr[6] != JOURNAL_RECORDS) ||
	    head.ptr[7] != '\n')
		return false;
	f.type = (enum journal_type)head.ptr[6];
	f.length = (uint32_t)get(head.ptr + 8, 4);
	f.count = (uint32_t)get(head.ptr + 12, 4);
	f.first = get(head.ptr + 16, 8);
	f.number = get(head.ptr + 24, 8);
	memcpy(f.digest.b, head.ptr + JOURNAL_DIGEST_AT, DIGEST_BYTES);
	if (f.length > JOURNAL_BODY_MAX || f.first > INT64_MAX ||
	    f.number > INT64_MAX)
		return false;
	/* A record takes six bytes at least. */
	if (f.type == JOURNAL_RECORDS &&
	    (f.count == 0 || f.count > f.length / 6))
		return false;
	if (f.type == JOURNAL_START &&
	    (f.count > TILE_LEVELS * TILE_WIDTH ||
	     f.length != f.count * DIGEST_BYTES || f.first % TILE_WIDTH != 0))
		return false;
	*ret = f;
	return true;
}

bool journal_next(struct str *body, struct str *ret_leaf,
		  struct payload *ret_payload)
{
	return tile_next_entry(body, ret_leaf) &&
	       payload_next(body, ret_payload);
}

void journal_name(uint32_t number, char dst[JOURNAL_NAME_SIZE])
{
	ASSERT(number >= 1 && number <= JOURNAL_MAX);
	(void)snprintf(dst, JOURNAL_NAME_SIZE, PREFIX "%06u", number);
}

bool journal_name_parse(struct str name, uint32_t *ret)
{
	char want[JOURNAL_NAME_SIZE];
	uint32_t n = 0;

	if (!str_starts(name, STR(PREFIX)))
		return false;
	for (size_t i = sizeof(PREFIX) - 1; i < name.len; i++) {
		char c = name.ptr[i];

		if (c < '0' || c > '9' || n > JOURNAL_MAX / 10)
			return false;
		n = n * 10 + (uint32_t)(c - '0');
	}
	if (n == 0 || n > JOURNAL_MAX)
		return false;
	journal_name(n, want); /* one spelling of each */
	if (!str_eq(name, str_of(want)))
		return false;
	*ret = n;
	return true;
}

static int look_at(void *owner, const char *name)
{
	uint32_t *newest = owner, n;

	if (journal_name_parse(str_of(name), &n) && n > *newest)
		*newest = n;
	return 0;
}

int journal_newest(int dirfd, uint32_t *ret)
{
	*ret = 0;
	return dir_each(dirfd, look_at, ret);
}
