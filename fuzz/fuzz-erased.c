/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the file ledger/erased.  Laws:
 *   1. what is taken has one spelling: written again it is the same bytes;
 *   2. one more erasure has the largest number, nothing that was told is lost,
 *      and what is written then is taken.
 */
#include "ledger/erased.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

/* Whoever knows erasures up to number @known looks at all of @m. */
static bool is_told(const struct erased *e, const struct erased_mark *m,
		    uint64_t known)
{
	for (size_t i = 0; i < e->n; i++) {
		if (e->v[i].n > known && e->v[i].from <= m->from &&
		    e->v[i].to >= m->to)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	AUTO(buf) struct buf b = BUF_NULL;
	struct erased e, more, again;

	if (size > ERASED_BYTES || !erased_parse(in, &e))
		return 0;
	buf_init(&b, ERASED_BYTES);
	erased_format(&e, &b);
	law(!b.failed && str_eq(buf_str(&b), in));
	if (erased_last(&e) == INT64_MAX)
		return 0;
	more = e;
	erased_add(&more, 5, 300);
	law(erased_last(&more) == erased_last(&e) + 1);
	for (size_t i = 0; i < e.n; i++)
		law(is_told(&more, &e.v[i], e.v[i].n - 1));
	buf_clear(&b);
	erased_format(&more, &b);
	law(!b.failed && erased_parse(buf_str(&b), &again));
	law(again.n == more.n);
	return 0;
}
