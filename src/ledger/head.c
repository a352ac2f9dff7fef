/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/head.h"

#include <stdio.h>

_Static_assert(sizeof(LEDGER_HASH_ZERO) == LEDGER_HASH_LEN + 1,
	       "a hash of zeros has all its digits");

void ledger_head_init(struct ledger_head *h)
{
	*h = (struct ledger_head){ .seq = 0, .file = 1 };
	memcpy(h->hash, LEDGER_HASH_ZERO, sizeof(h->hash));
}

void ledger_head_format(const struct ledger_head *h,
			char dst[LEDGER_HEAD_BYTES])
{
	char name[LEDGER_NAME_SIZE];
	int n;

	ledger_file_name(h->file, name);
	n = snprintf(dst, LEDGER_HEAD_BYTES,
		     "{\"v\":1,\"seq\":%llu,\"hash\":\"%s\",\"file\":\"%s\","
		     "\"size\":%llu}",
		     (unsigned long long)h->seq, h->hash, name,
		     (unsigned long long)h->size);
	ASSERT(n > 0 && n < (int)LEDGER_HEAD_BYTES);
	memset(dst + n, ' ', LEDGER_HEAD_BYTES - (size_t)n);
	dst[LEDGER_HEAD_BYTES - 1] = '\n';
}

static bool eat(struct str *s, struct str what)
{
	if (!str_starts(*s, what))
		return false;
	*s = str_skip(*s, what.len);
	return true;
}

static bool eat_until(struct str *s, char end, struct str *ret)
{
	return s->len > 0 && memchr(s->ptr, end, s->len) &&
	       str_cut(s, end, ret);
}

bool ledger_head_parse(struct str text, struct ledger_head *ret)
{
	struct ledger_head h = { 0 };
	struct str seq, hash, file, size;

	if (text.len != LEDGER_HEAD_BYTES ||
	    !eat(&text, STR("{\"v\":1,\"seq\":")) ||
	    !eat_until(&text, ',', &seq) || !eat(&text, STR("\"hash\":\"")) ||
	    !eat_until(&text, '"', &hash) || !eat(&text, STR(",\"file\":\"")) ||
	    !eat_until(&text, '"', &file) || !eat(&text, STR(",\"size\":")) ||
	    !eat_until(&text, '}', &size))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != (i + 1 < text.len ? ' ' : '\n'))
			return false;
	}

	if (!str_u64(seq, 0, INT64_MAX, &h.seq) ||
	    !str_u64(size, 0, INT64_MAX, &h.size) ||
	    !ledger_file_parse(file, &h.file) || hash.len != LEDGER_HASH_LEN)
		return false;
	for (size_t i = 0; i < hash.len; i++) {
		char c = hash.ptr[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	memcpy(h.hash, hash.ptr, hash.len);
	*ret = h;
	return true;
}

void ledger_file_name(uint32_t number, char dst[LEDGER_NAME_SIZE])
{
	ASSERT(number >= 1 && number <= LEDGER_FILES_MAX);
	(void)snprintf(dst, LEDGER_NAME_SIZE, "%06u.jsonl", number);
}

bool ledger_file_parse(struct str name, uint32_t *ret)
{
	uint32_t v = 0;

	if (name.len != 12 || !str_ends(name, STR(".jsonl")))
		return false;
	for (size_t i = 0; i < 6; i++) {
		if (name.ptr[i] < '0' || name.ptr[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(name.ptr[i] - '0');
	}
	*ret = v;
	return v >= 1;
}
