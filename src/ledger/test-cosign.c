/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "ledger/cosign.h"

static struct hash *h;

/* Leaves 0 .. n-1 of history @which, which differ from @fork on. */
struct history {
	uint64_t fork;
	char which;
};

static void leaf_of(const struct history *y, uint64_t i, struct digest *ret)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%c%llu",
		       i < y->fork ? 'a' : y->which, (unsigned long long)i);
	hash_leaf(h, str_of(text), ret);
}

static void root_of(const struct history *y, uint64_t from, uint64_t n,
		    struct digest *ret)
{
	struct merkle_edge e = { .size = 0 };
	struct digest d;

	for (uint64_t i = 0; i < n; i++) {
		leaf_of(y, from + i, &d);
		merkle_add(&e, h, &d);
	}
	merkle_root(&e, h, ret);
}

static int subtree(void *owner, unsigned level, uint64_t index,
		   struct digest *ret)
{
	root_of(owner, index << level, UINT64_C(1) << level, ret);
	return 0;
}

static enum cosign_verdict ask(struct history *now_of, uint64_t old,
			       uint64_t size, const struct history *known_of,
			       uint64_t known)
{
	const struct merkle_source s = { subtree, now_of, h };
	struct cosign_request r = { .old = old };
	struct checkpoint now = { .size = size };
	struct cosign_known k = { .size = known };

	if (old > 0 && old < size)
		CHECK_EQ(merkle_prove_consistency(&s, old, size, &r.proof), 0);
	root_of(now_of, 0, size, &now.root);
	root_of(known_of, 0, known, &k.root);
	return cosign_judge(h, &r, &now, &k);
}

static void test_judges(void)
{
	struct history a = { 1000, 'a' }, b = { 5, 'b' };

	for (uint64_t old = 0; old <= 20; old++) {
		for (uint64_t size = old; size <= 40; size++) {
			CHECK_EQ(ask(&a, old, size, &a, old), COSIGN_SIGN);
			/* The same from before the fork on, or not. */
			CHECK_EQ(ask(&b, old, size, &a, old) == COSIGN_SIGN,
				 old <= 5);
		}
	}
	CHECK_EQ(ask(&a, 9, 8, &a, 9), COSIGN_BAD);
	CHECK_EQ(ask(&a, 0, 8, &a, 9), COSIGN_CONFLICT);
	CHECK_EQ(ask(&a, 8, 9, &a, 0), COSIGN_CONFLICT);
	CHECK_EQ(ask(&b, 8, 8, &a, 8), COSIGN_CONFLICT);
	CHECK_EQ(ask(&b, 8, 9, &a, 8), COSIGN_SPLIT);
}

static void test_proof_where_none_belongs(void)
{
	struct cosign_request r = { .proof.n = 1 };
	struct cosign_known none = { .size = 0 };
	struct checkpoint now = { .size = 3 };

	CHECK_EQ(cosign_judge(h, &r, &now, &none), COSIGN_SPLIT);
	now.size = 0;
	CHECK_EQ(cosign_judge(h, &r, &now, &none), COSIGN_SPLIT);
	r.proof.n = 0;
	/* A tree of nothing has one root. */
	CHECK_EQ(cosign_judge(h, &r, &now, &none), COSIGN_CONFLICT);
}

#define HASH "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"

static void test_parses(void)
{
	static const char *const bad[] = {
		"",
		"old",
		"old 5",
		"old 5\n",
		"old 5\n\n",
		"old 05\n\nn",
		"old -1\n\nn",
		"old  5\n\nn",
		"old 5 \n\nn",
		"Old 5\n\nn",
		"old 9223372036854775808\n\nn",
		"old 5\r\n\r\nn",
		("old 5\n" HASH),
		"old 5\nAAAA\n\nn",
		("old 5\n" HASH " \n\nn"),
		"old 5\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkax=\n\nn",
	};
	struct cosign_request r;
	AUTO(buf) struct buf b = BUF_NULL;

	for (size_t i = 0; i < N_ELEMS(bad); i++)
		CHECK_EQ(cosign_request_parse(str_of(bad[i]), &r), false);
	CHECK_EQ(cosign_request_parse(STR("old 5\n" HASH HASH "\nn"), &r),
		 true);
	CHECK_EQ(r.old, 5);
	CHECK_EQ(r.proof.n, 2);
	CHECK_EQ(str_eq(r.note, STR("n")), true);

	buf_init(&b, COSIGN_BODY_MAX);
	(void)buf_add(&b, STR("old 0\n"));
	for (unsigned i = 0; i < COSIGN_PROOF_MAX; i++)
		(void)buf_add(&b, STR(HASH));
	(void)buf_add(&b, STR("\nn"));
	CHECK_EQ(cosign_request_parse(buf_str(&b), &r), true);
	buf_clear(&b);
	(void)buf_add(&b, STR("old 0\n"));
	for (unsigned i = 0; i <= COSIGN_PROOF_MAX; i++)
		(void)buf_add(&b, STR(HASH));
	(void)buf_add(&b, STR("\nn"));
	CHECK_EQ(cosign_request_parse(buf_str(&b), &r), false);
}

static void test_sizes(void)
{
	static const char *const bad[] = { "",      "\n",   "5",    "05\n",
					   "5\n\n", "-5\n", "5 \n", "x\n" };
	uint64_t size = 7;

	for (size_t i = 0; i < N_ELEMS(bad); i++)
		CHECK_EQ(cosign_size_parse(str_of(bad[i]), &size), false);
	CHECK_EQ(cosign_size_parse(STR("20852163\n"), &size), true);
	CHECK_EQ(size, 20852163);
}

#define TEXT "log.test/a\n5\n" HASH

static void test_signs(void)
{
	AUTO(note_signer) struct note_signer *s = NULL;
	AUTO(note_signer) struct note_signer *log = NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct note_key k;
	struct note n;
	uint64_t when = 0;

	CHECK_EQ(note_signer_new(h, STR("c.test"), NOTE_COSIGNATURE, &s), 0);
	CHECK_EQ(note_signer_new(h, STR("c.test"), NOTE_ED25519, &log), 0);
	k = *note_signer_key(s);
	CHECK_EQ(k.id == note_signer_key(log)->id, false);
	buf_init(&b, NOTE_MAX_BYTES);
	CHECK_EQ(note_sign(STR(TEXT), &log, 1, &b), 0);
	CHECK_EQ(note_cosign(STR(TEXT), s, 1679315147, &b), 0);
	CHECK_EQ(note_parse(buf_str(&b), &n), true);
	CHECK_EQ(n.n, 2);
	CHECK_EQ(note_verify_cosignature(&n, &k, &when), 0);
	CHECK_EQ(when, 1679315147);
	CHECK_EQ(note_verify(&n, note_signer_key(log)), 0);
	/* One kind of key never passes for the other. */
	CHECK_EQ(note_verify(&n, &k), NOTE_UNKNOWN);
	CHECK_EQ(note_verify_cosignature(&n, note_signer_key(log), &when),
		 NOTE_UNKNOWN);
	k.public[3] ^= 1;
	CHECK_EQ(note_verify_cosignature(&n, &k, &when), NOTE_FORGED);

	/* Another time, or another text, is another signature. */
	k.public[3] ^= 1;
	b.ptr[b.off + 11] = '6';
	CHECK_EQ(note_parse(buf_str(&b), &n), true);
	CHECK_EQ(note_verify_cosignature(&n, &k, &when), NOTE_FORGED);
}

int main(void)
{
	static const struct test tests[] = {
		{ "what is signed, and what is not", test_judges },
		{ "a proof where none belongs", test_proof_where_none_belongs },
		{ "requests", test_parses },
		{ "sizes", test_sizes },
		{ "cosignatures", test_signs },
	};
	int r = hash_new(&h);

	ASSERT(r == 0);
	r = test_main(tests, N_ELEMS(tests));
	hash_free(h);
	return r;
}
