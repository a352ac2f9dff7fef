/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a datagram of the kernel's log, a prefix of it chosen by its last
 * byte.  Beyond "does not crash":
 *   1. it ends, with at most one result for every 16 bytes;
 *   2. cut anywhere, it gives the same packets up to the cut: results of the
 *      cut datagram are a prefix of those of the whole, but for the last.
 */
#include <stdlib.h>

#include "relay/nflog-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PACKETS_MAX 256

static void law(bool holds)
{
	if (!holds)
		abort();
}

static bool same(const struct nflog_packet *a, const struct nflog_packet *b)
{
	return a->proto == b->proto && a->port == b->port &&
	       memcmp(&a->dst, &b->dst, sizeof(a->dst)) == 0;
}

static size_t walk(struct str s, struct nflog_packet *ret)
{
	struct nflog_packet p;
	uint64_t bad = 0;
	size_t n = 0, len = s.len;

	while (nflog_next(&s, &p, &bad)) {
		if (n < PACKETS_MAX)
			ret[n] = p;
		n++;
	}
	law(n + bad <= len / 16 + 1);
	law(s.len == 0);
	return n < PACKETS_MAX ? n : PACKETS_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nflog_packet whole[PACKETS_MAX], cut[PACKETS_MAX];
	struct str s = { .ptr = (const char *)data, .len = size };
	size_t n, k;

	n = walk(s, whole);
	if (size == 0)
		return 0;
	s.len = size * data[size - 1] / 256;
	k = walk(s, cut);
	law(k <= n);
	for (size_t i = 0; i < k; i++)
		law(same(&whole[i], &cut[i]));
	return 0;
}
