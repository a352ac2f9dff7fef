/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of a journal, bundles, payloads, and the joining of leaf and payload.
 * The first byte says which.  Laws:
 *   1. the head of a frame is accepted in one spelling;
 *   2. entries and payloads are what the encoder makes of them again;
 *   3. what is joined from a leaf and a payload, both flat objects, is a record
 *      when the leaf was one, or is not JSON at all.
 */
#include "base/arena.h"
#include "ledger/journal.h"
#include "ledger/record-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void try_frame(struct str in)
{
	char again[JOURNAL_HEAD_BYTES];
	struct journal_frame f;

	if (!journal_parse(in, &f))
		return;
	law(in.len >= sizeof(again));
	journal_format(&f, again);
	law(memcmp(again, in.ptr, sizeof(again)) == 0);
}

static void try_entries(struct str in)
{
	struct str rest = in, leaf;
	struct buf b = BUF_NULL;
	struct payload p;

	buf_init(&b, in.len + 1);
	while (journal_next(&rest, &leaf, &p)) {
		tile_add_entry(&b, leaf);
		payload_add(&b, &p);
		law(!b.failed && str_starts(in, buf_str(&b)));
	}
	buf_done(&b);
}

static void try_join(struct str in)
{
	struct payload p = { .erased = false };
	struct buf b = BUF_NULL;
	struct record_line l;
	struct arena a;
	struct record rec;
	struct str leaf;

	p.text = in;
	if (!str_cut(&p.text, '\n', &leaf))
		return;
	buf_init(&b, in.len + 64);
	record_join(leaf, &p, &b);
	law(!b.failed);
	arena_init(&a, (size_t)1 << 20);
	if (record_line_scan(leaf, &l) && record_read(&a, leaf, &rec) == 0)
		law(l.seq == rec.head.seq && l.at == rec.head.at);
	arena_done(&a);
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };

	if (size == 0)
		return 0;
	in = str_skip(in, 1);
	if (data[0] % 3 == 0)
		try_frame(in);
	else if (data[0] % 3 == 1)
		try_entries(in);
	else
		try_join(in);
	return 0;
}
