/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree against the leaves and roots that implementations of RFC 6962 share,
 * and against the recursion as the RFC has it.
 */
#include "base/base64.h"
#include "base/test.h"
#include "ledger/merkle.h"

#define LEAVES 300u

static struct hash *hash;
static struct digest leaves[LEAVES];

/* The eight inputs of the reference implementation's tests. */
static const struct str inputs[8] = {
	STR(""),
	STR("\x00"),
	STR("\x10"),
	STR("\x20\x21"),
	STR("\x30\x31"),
	STR("\x40\x41\x42\x43"),
	STR("\x50\x51\x52\x53\x54\x55\x56\x57"),
	STR("\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"),
};

static const char *const roots[9] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

/* As RFC 6962, section 2.1 words it. */
static void mth(size_t from, size_t n, struct digest *ret)
{
	struct digest left, right;
	size_t k = 1;

	if (n == 1) {
		*ret = leaves[from];
		return;
	}
	while (k * 2 < n)
		k *= 2;
	mth(from, k, &left);
	mth(from + k, n - k, &right);
	hash_node(hash, &left, &right, ret);
}

static int subtree(void *owner, unsigned level, uint64_t index,
		   struct digest *ret)
{
	(void)owner;
	mth((size_t)(index << level), (size_t)1 << level, ret);
	return 0;
}

static struct merkle_source source(void)
{
	return (struct merkle_source){ .subtree = subtree, .hash = hash };
}

static void test_known_roots(void)
{
	struct merkle_edge e = { .size = 0 };

	for (size_t n = 0; n <= 8; n++) {
		struct digest got, want;

		CHECK(digest_from_hex(str_of(roots[n]), &want));
		merkle_root(&e, hash, &got);
		CHECK(digest_eq(&got, &want));
		if (n < 8) {
			hash_leaf(hash, inputs[n], &got);
			merkle_add(&e, hash, &got);
		}
	}
}

static void test_root_of_any_size(void)
{
	struct merkle_edge e = { .size = 0 };
	struct merkle_source s = source();

	for (size_t n = 1; n <= LEAVES; n++) {
		struct digest got, want, again;

		merkle_add(&e, hash, &leaves[n - 1]);
		merkle_root(&e, hash, &got);
		mth(0, n, &want);
		CHECK(digest_eq(&got, &want));
		CHECK_EQ(merkle_root_at(&s, n, &again), 0);
		CHECK(digest_eq(&again, &want));
	}
}

/* A proof holds for what it was made for, and for nothing near it. */
static void check_inclusion(uint64_t index, uint64_t size)
{
	struct merkle_source s = source();
	struct merkle_proof p;
	struct digest root;

	mth(0, (size_t)size, &root);
	CHECK_EQ(merkle_prove(&s, index, size, &p), 0);
	CHECK(merkle_check(hash, &p, index, size, &leaves[index], &root));
	CHECK(!merkle_check(hash, &p, index, size,
			    &leaves[(index + 1) % LEAVES], &root));
	CHECK(size == 1 ||
	      !merkle_check(hash, &p, index ^ 1, size, &leaves[index], &root));
	CHECK(!merkle_check(hash, &p, size, size, &leaves[index], &root));
	for (size_t i = 0; i < p.n; i++) {
		p.h[i].b[i % DIGEST_BYTES] ^= 4;
		CHECK(!merkle_check(hash, &p, index, size, &leaves[index],
				    &root));
		p.h[i].b[i % DIGEST_BYTES] ^= 4;
	}
	if (p.n < MERKLE_PROOF_MAX) {
		p.h[p.n++] = root;
		CHECK(!merkle_check(hash, &p, index, size, &leaves[index],
				    &root));
		p.n--;
	}
	if (p.n > 0) {
		p.n--;
		CHECK(!merkle_check(hash, &p, index, size, &leaves[index],
				    &root));
	}
}

static void test_inclusion(void)
{
	struct merkle_source s = source();
	struct merkle_proof p;

	for (uint64_t size = 1; size <= LEAVES; size += size < 40 ? 1 : 37) {
		for (uint64_t i = 0; i < size; i += size < 40 ? 1 : 11)
			check_inclusion(i, size);
	}
	CHECK_EQ(merkle_prove(&s, 5, 5, &p), -EINVAL);
}

static void check_consistency(uint64_t old, uint64_t size)
{
	struct merkle_source s = source();
	struct digest old_root, root;
	struct merkle_proof p;

	mth(0, (size_t)old, &old_root);
	mth(0, (size_t)size, &root);
	CHECK_EQ(merkle_prove_consistency(&s, old, size, &p), 0);
	CHECK(merkle_check_consistency(hash, &p, old, size, &old_root, &root));
	if (old == size)
		return;
	CHECK(!merkle_check_consistency(hash, &p, old, size, &root, &old_root));
	CHECK(!merkle_check_consistency(hash, &p, size, old, &old_root, &root));
	for (size_t i = 0; i < p.n; i++) {
		p.h[i].b[0] ^= 1;
		CHECK(!merkle_check_consistency(hash, &p, old, size, &old_root,
						&root));
		p.h[i].b[0] ^= 1;
	}
	p.n--;
	CHECK(!merkle_check_consistency(hash, &p, old, size, &old_root, &root));
}

static void test_consistency(void)
{
	struct merkle_source s = source();
	struct merkle_proof p = { .n = 0 };
	struct digest a = leaves[0], b = leaves[1];

	for (uint64_t size = 1; size <= LEAVES; size += size < 30 ? 1 : 31) {
		for (uint64_t old = 1; old <= size; old += size < 30 ? 1 : 7)
			check_consistency(old, size);
	}
	CHECK_EQ(merkle_prove_consistency(&s, 0, 5, &p), -EINVAL);
	CHECK_EQ(merkle_prove_consistency(&s, 6, 5, &p), -EINVAL);
	CHECK(merkle_check_consistency(hash, &p, 0, 5, &a, &b));
	CHECK(merkle_check_consistency(hash, &p, 5, 5, &a, &a));
	CHECK(!merkle_check_consistency(hash, &p, 5, 5, &a, &b));
	CHECK(!merkle_check_consistency(hash, &p, 3, 5, &a, &a));
}

/* From 1 to 8 leaves of the reference, made by another implementation. */
static void test_known_proof(void)
{
	static const char *const text[] = {
		"lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
		"Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
		"a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
	};
	struct merkle_proof p = { .n = N_ELEMS(text) };
	struct digest one, eight;
	size_t len = 0;

	for (size_t i = 0; i < N_ELEMS(text); i++)
		CHECK(base64_read(str_of(text[i]), p.h[i].b, DIGEST_BYTES,
				  &len));
	CHECK(digest_from_hex(str_of(roots[1]), &one));
	CHECK(digest_from_hex(str_of(roots[8]), &eight));
	CHECK(merkle_check_consistency(hash, &p, 1, 8, &one, &eight));
	CHECK(merkle_check(hash, &p, 0, 8, &one, &eight));
}

int main(void)
{
	static const struct test tests[] = {
		{ "the roots that others have", test_known_roots },
		{ "roots of any size", test_root_of_any_size },
		{ "inclusion", test_inclusion },
		{ "consistency", test_consistency },
		{ "a proof by others", test_known_proof },
	};

	ASSERT(hash_new(&hash) == 0);
	for (size_t i = 0; i < LEAVES; i++)
		hash_leaf(hash, (struct str){ (char *)&i, sizeof(i) },
			  &leaves[i]);

	int r = test_main(tests, N_ELEMS(tests));

	hash_free(hash);
	return r;
}
