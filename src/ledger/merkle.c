/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recursion of RFC 6962 splits n leaves at the largest power of two below
 * n.  So a tree is a list of whole subtrees, one for each bit of its size from
 * the highest down, joined from the right; proofs are walks over that list.
 * Checking a proof follows RFC 9162 section 2.1.3.2 and 2.1.4.2, which word it
 * without recursion.
 */
#include "ledger/merkle.h"

void merkle_add_subtree(struct merkle_edge *e, struct hash *h, unsigned level,
			const struct digest *root)
{
	struct digest d = *root;

	ASSERT(level < MERKLE_LEVELS &&
	       (e->size & ((UINT64_C(1) << level) - 1)) == 0);
	e->size += UINT64_C(1) << level;
	/* A carry of the addition is two subtrees becoming one. */
	for (; (e->size >> level & 1) == 0; level++)
		hash_node(h, &e->h[level], &d, &d);
	e->h[level] = d;
}

void merkle_add(struct merkle_edge *e, struct hash *h,
		const struct digest *leaf)
{
	merkle_add_subtree(e, h, 0, leaf);
}

void merkle_root(const struct merkle_edge *e, struct hash *h,
		 struct digest *ret)
{
	bool any = false;

	if (e->size == 0) {
		hash_raw(h, STR(""), ret);
		return;
	}
	for (unsigned l = 0; l < MERKLE_LEVELS; l++) {
		if ((e->size >> l & 1) == 0)
			continue;
		if (any)
			hash_node(h, &e->h[l], ret, ret);
		else
			*ret = e->h[l];
		any = true;
	}
}

/* The largest power of two below @n >= 2, as its exponent. */
static unsigned split_level(uint64_t n)
{
	return 63u - (unsigned)__builtin_clzll(n - 1);
}

/* The root of leaves [@from, @to); @from is a multiple of what they span. */
static int range(const struct merkle_source *s, uint64_t from, uint64_t to,
		 struct digest *ret)
{
	struct digest right;
	unsigned l;
	int r;

	if (to - from == 1)
		return s->subtree(s->owner, 0, from, ret);
	l = split_level(to - from);
	if (to - from == UINT64_C(1) << (l + 1))
		return s->subtree(s->owner, l + 1, from >> (l + 1), ret);
	r = s->subtree(s->owner, l, from >> l, ret);
	if (r == 0)
		r = range(s, from + (UINT64_C(1) << l), to, &right);
	if (r == 0)
		hash_node(s->hash, ret, &right, ret);
	return r;
}

int merkle_root_at(const struct merkle_source *s, uint64_t size,
		   struct digest *ret)
{
	if (size > 0)
		return range(s, 0, size, ret);
	hash_raw(s->hash, STR(""), ret);
	return 0;
}

/* The walk down notes the other side of each split; a proof goes up. */
static void reverse(struct merkle_proof *p)
{
	for (size_t i = 0; i < p->n / 2; i++) {
		struct digest d = p->h[i];

		p->h[i] = p->h[p->n - 1 - i];
		p->h[p->n - 1 - i] = d;
	}
}

int merkle_prove(const struct merkle_source *s, uint64_t index, uint64_t size,
		 struct merkle_proof *ret)
{
	uint64_t from = 0, to = size;
	int r = 0;

	ret->n = 0;
	if (index >= size)
		return -EINVAL;
	while (r == 0 && to - from > 1) {
		uint64_t mid = from + (UINT64_C(1) << split_level(to - from));

		if (index < mid) {
			r = range(s, mid, to, &ret->h[ret->n++]);
			to = mid;
		} else {
			r = range(s, from, mid, &ret->h[ret->n++]);
			from = mid;
		}
	}
	reverse(ret);
	return r;
}

int merkle_prove_consistency(const struct merkle_source *s, uint64_t old,
			     uint64_t size, struct merkle_proof *ret)
{
	uint64_t from = 0, to = size;
	bool whole = true; /* the old tree is all of [from, to) so far */
	int r = 0;

	ret->n = 0;
	if (old == 0 || old > size)
		return -EINVAL;
	while (r == 0 && to != old) {
		uint64_t mid = from + (UINT64_C(1) << split_level(to - from));

		if (old <= mid) {
			r = range(s, mid, to, &ret->h[ret->n++]);
			to = mid;
		} else {
			r = range(s, from, mid, &ret->h[ret->n++]);
			from = mid;
			whole = false;
		}
	}
	/* What the verifier does not have as the old root already. */
	if (r == 0 && !whole)
		r = range(s, from, to, &ret->h[ret->n++]);
	reverse(ret);
	return r;
}

bool merkle_check(struct hash *h, const struct merkle_proof *p, uint64_t index,
		  uint64_t size, const struct digest *leaf,
		  const struct digest *root)
{
	uint64_t fn = index, sn = size - 1;
	struct digest d = *leaf;

	if (index >= size)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) == 0 && fn != sn) {
			hash_node(h, &d, &p->h[i], &d);
		} else {
			hash_node(h, &p->h[i], &d, &d);
			for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
				sn >>= 1;
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && digest_eq(&d, root);
}

/* The proof's hashes @i and on, from the old tree's last whole subtree up. */
static bool climb(struct hash *h, const struct merkle_proof *p, size_t i,
		  uint64_t fn, uint64_t sn, struct digest *fr,
		  struct digest *sr)
{
	for (; i < p->n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) == 1 || fn == sn) {
			hash_node(h, &p->h[i], fr, fr);
			hash_node(h, &p->h[i], sr, sr);
			for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
				sn >>= 1;
		} else {
			hash_node(h, sr, &p->h[i], sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0;
}

bool merkle_check_consistency(struct hash *h, const struct merkle_proof *p,
			      uint64_t old, uint64_t size,
			      const struct digest *old_root,
			      const struct digest *root)
{
	uint64_t fn = old - 1, sn = size - 1;
	struct digest fr, sr;
	size_t i = 0;

	if (old > size)
		return false;
	if (old == size)
		return p->n == 0 && digest_eq(old_root, root);
	if (old == 0)
		return p->n == 0;
	if (p->n == 0)
		return false;
	for (; (fn & 1) == 1; fn >>= 1)
		sn >>= 1;
	/* A power of two: the old root is that subtree, and not in the proof. */
	fr = sr = (old & (old - 1)) == 0 ? *old_root : p->h[i++];
	return climb(h, p, i, fn, sn, &fr, &sr) && digest_eq(&fr, old_root) &&
	       digest_eq(&sr, root);
}
