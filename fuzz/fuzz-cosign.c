/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: what a stranger sends to a cosigner.  Laws:
 *   1. what is accepted has one spelling: written again it is the same bytes;
 *   2. a tree of another root is never signed over one that was cosigned at the
 *      same size;
 *   3. the answer with a size: the same, one spelling.
 */
#include "ledger/cosign.h"

#define ROOM ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_same(struct str body, const struct cosign_request *r)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, ROOM);
	cosign_request_add(&b, r);
	law(!b.failed && str_eq(buf_str(&b), body));
}

static void check_judged(struct hash *h, const struct cosign_request *r)
{
	struct cosign_known known = { .size = r->old };
	struct checkpoint now;
	struct note n;

	if (!note_parse(r->note, &n) || !checkpoint_parse(n.text, &now))
		return;
	known.size = now.size;
	known.root = now.root;
	known.root.b[0] ^= 1;
	law(r->old != now.size ||
	    cosign_judge(h, r, &now, &known) != COSIGN_SIGN || now.size == 0);
	known.size = r->old + 1;
	law(cosign_judge(h, r, &now, &known) != COSIGN_SIGN);
	known = (struct cosign_known){ .size = r->old };
	law(cosign_judge(h, r, &now, &known) != COSIGN_SIGN || r->old == 0 ||
	    r->old == now.size || r->proof.n > 0);
}

static void check_size(struct str body)
{
	AUTO(buf) struct buf b = BUF_NULL;
	uint64_t size;

	if (!cosign_size_parse(body, &size))
		return;
	buf_init(&b, 64);
	cosign_size_add(&b, size);
	law(str_eq(buf_str(&b), body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = { (const char *)data, size };
	static struct hash *h;
	struct cosign_request r;

	if (!h)
		law(hash_new(&h) == 0);
	check_size(body);
	if (!cosign_request_parse(body, &r))
		return 0;
	check_same(body, &r);
	check_judged(h, &r);
	return 0;
}
