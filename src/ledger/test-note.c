/* SPDX-License-Identifier: Apache-2.0 */
/* Notes, checkpoints, receipts, tiles and journals as text and bytes. */
#include "base/base64.h"
#include "base/test.h"
#include "ledger/checkpoint.h"
#include "ledger/journal.h"
#include "ledger/note.h"

/* The example of Go's sumdb/note. */
#define GO_VKEY \
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define GO_SKEY                              \
	"PRIVATE+KEY+PeterNeumann+c74f20a3+" \
	"AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
#define GO_TEXT                                                      \
	"If you think cryptography is the answer to your problem,\n" \
	"then you don't know what your problem is.\n"
#define GO_SIG                                                           \
	"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8" \
	"pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"

static struct hash *hash;

static void test_base64(void)
{
	static const char *const bad[] = {
		"A",    "AA",   "AAA",  "AA=A", "A===",  "====",
		"AB==", "AAB=", "A A=", "AA-_", "AAAA=", "AA==AAAA",
	};
	uint8_t raw[64];
	size_t len = 0;

	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		CHECK(!base64_read(str_of(bad[i]), raw, sizeof(raw), &len));
		if (test_failures)
			printf("# %s\n", bad[i]);
	}
	CHECK(!base64_read(STR("AAAA"), raw, 2, &len));
	for (size_t n = 0; n < 40; n++) {
		AUTO(buf) struct buf b = BUF_NULL;
		uint8_t in[40];

		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)(i * 37 + n);
		buf_init(&b, 100);
		base64_add(&b, (struct str){ (char *)in, n });
		CHECK_EQ(b.len, BASE64_SIZE(n));
		CHECK(base64_read(buf_str(&b), raw, n, &len));
		CHECK(len == n && memcmp(raw, in, n) == 0);
	}
}

static void test_note_of_others(void)
{
	AUTO(note_signer) struct note_signer *s = NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct note_key k;
	struct note n;

	CHECK(note_vkey_parse(hash, STR(GO_VKEY), NOTE_ED25519, &k));
	CHECK(note_parse(STR(GO_TEXT "\n" GO_SIG), &n));
	CHECK(str_eq(n.text, STR(GO_TEXT)) && n.n == 1);
	CHECK_EQ(note_verify(&n, &k), 0);
	CHECK_EQ(note_signer_read(hash, STR(GO_SKEY), NOTE_ED25519, &s), 0);
	buf_init(&b, 4096);
	CHECK_EQ(note_sign(STR(GO_TEXT), &s, 1, &b), 0);
	CHECK(str_eq(buf_str(&b), STR(GO_TEXT "\n" GO_SIG)));
	buf_clear(&b);
	note_vkey_add(&b, note_signer_key(s));
	CHECK(str_eq(buf_str(&b), STR(GO_VKEY)));
	buf_clear(&b);
	note_signer_write(s, &b);
	CHECK(str_eq(buf_str(&b), STR(GO_SKEY)));
	/* Another text, another key. */
	CHECK(note_parse(STR("If not\n\n" GO_SIG), &n));
	CHECK_EQ(note_verify(&n, &k), NOTE_FORGED);
	k.id++;
	CHECK_EQ(note_verify(&n, &k), NOTE_UNKNOWN);
}

static void test_bad_notes(void)
{
	static const struct str bad[] = {
		STR(""),
		STR("text\n"),
		STR(GO_TEXT GO_SIG),
		STR(GO_TEXT "\n"),
		STR(GO_TEXT "\nPeterNeumann x08go/ZJ\n"),
		STR("a\rb\n\n" GO_SIG),
		STR("a\xff\n\n" GO_SIG),
		STR("a\n\n\xe2\x80\x94 a+b AAAAAAA=\n"),
		STR("a\n\n\xe2\x80\x94 name AAAA\n"),
		STR("a\n\n\xe2\x80\x94 name AAAAAAA\n"),
		STR("a\n\n\xe2\x80\x94 name\n"),
		STR("a\n\n\xe2\x80\x94  AAAAAAA=\n"),
	};
	static const struct str keys[] = {
		STR(""),
		STR("PeterNeumann"),
		STR("PeterNeumann+c74f20a3"),
		STR("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
		    "LDE4izWy10TW"),
		STR("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
		    "LDE4izWy10TW"),
		STR("PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
		    "LDE4izWy10TW"),
		STR("PeterNeumann+c74f20a3+AhpcLDE4izWy10TW"),
	};
	struct note_key k;
	struct note n;

	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		CHECK(!note_parse(bad[i], &n));
		if (test_failures)
			printf("# note %zu\n", i);
	}
	for (size_t i = 0; i < N_ELEMS(keys); i++)
		CHECK(!note_vkey_parse(hash, keys[i], NOTE_ED25519, &k));
}

#define ROOT "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="

static void test_checkpoints(void)
{
	static const struct str bad[] = {
		STR(""),
		STR("a\n5\n"),
		STR("\n5\n" ROOT "\n"),
		STR("a\n05\n" ROOT "\n"),
		STR("a\n-5\n" ROOT "\n"),
		STR("a\n99999999999999999999\n" ROOT "\n"),
		STR("a\n5\n" ROOT),
		STR("a\n5\nAAAA\n"),
		STR("a\n5\n" ROOT "\n\n"),
	};
	AUTO(buf) struct buf b = BUF_NULL;
	struct checkpoint c;

	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		CHECK(!checkpoint_parse(bad[i], &c));
		if (test_failures)
			printf("# checkpoint %zu\n", i);
	}
	CHECK(checkpoint_parse(STR("a b\n0\n" ROOT "\nmore\n"), &c));
	CHECK(checkpoint_parse(STR("example\n5\n" ROOT "\n"), &c));
	CHECK(c.size == 5 && str_eq(c.origin, STR("example")));
	buf_init(&b, 1000);
	checkpoint_add(&b, &c);
	CHECK(str_eq(buf_str(&b), STR("example\n5\n" ROOT "\n")));
}

#define RECEIPT "c2sp.org/tlog-proof@v1\n"

static void test_receipts(void)
{
	static const struct str bad[] = {
		STR(""),
		STR(RECEIPT),
		STR(RECEIPT "index 5\n"),
		STR(RECEIPT "index 5\n\n"),
		STR(RECEIPT "index 05\n\nx\n"),
		STR(RECEIPT "index5\n\nx\n"),
		STR(RECEIPT "extra \nindex 5\n\nx\n"),
		STR(RECEIPT "extra AAAA\n\nx\n"),
		STR(RECEIPT "index 5\nAAAA\n\nx\n"),
		STR("c2sp.org/tlog-proof@v2\nindex 5\n\nx\n"),
	};
	AUTO(buf) struct buf b = BUF_NULL;
	struct receipt r;

	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		CHECK(!receipt_parse(bad[i], &r));
		if (test_failures)
			printf("# receipt %zu\n", i);
	}
	CHECK(receipt_parse(STR(RECEIPT "index 0\n\nx\n"), &r));
	CHECK(r.proof.n == 0 && str_eq(r.note, STR("x\n")));
	CHECK(receipt_parse(
		STR(RECEIPT "extra AAAA\nindex 5\n" ROOT "\n\na\nb\n"), &r));
	CHECK(r.proof.n == 1 && r.index == 5 && r.extra.len == 4);
	buf_init(&b, 1000);
	receipt_add(&b, &r, (struct str){ "\0\0\0", 3 });
	CHECK(str_eq(buf_str(&b),
		     STR(RECEIPT "extra AAAA\nindex 5\n" ROOT "\n\na\nb\n")));
}

static void check_path(uint64_t n, unsigned width, const char *want)
{
	char path[TILE_PATH_SIZE];

	tile_path(3, n, width, path);
	CHECK_STR(str_of(path), str_of(want));
}

static void test_tiles(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char path[TILE_PATH_SIZE];
	struct payload p;
	struct str s, leaf;

	check_path(0, 256, "tile/3/000");
	check_path(999, 1, "tile/3/999.p/1");
	check_path(1234067, 255, "tile/3/x001/x234/067.p/255");
	check_path(1000, 256, "tile/3/x001/000");
	check_path(UINT64_MAX, 256, "tile/3/x018/x446/x744/x073/x709/x551/615");
	tile_entries_path(273, 112, path);
	CHECK_STR(str_of(path), STR("tile/entries/273.p/112"));
	tile_payload_path(1001, path);
	CHECK_STR(str_of(path), STR("payload/x001/001"));
	/* The example of the specification. */
	CHECK_EQ(tile_partial(70000, 0), 112);
	CHECK_EQ(tile_partial(70000, 1), 17);
	CHECK_EQ(tile_partial(70000, 2), 1);
	CHECK_EQ(tile_last(70000, 0), 273);

	buf_init(&b, 1000);
	tile_add_entry(&b, STR("abc"));
	tile_add_entry(&b, STR(""));
	s = buf_str(&b);
	CHECK(tile_next_entry(&s, &leaf) && str_eq(leaf, STR("abc")));
	CHECK(tile_next_entry(&s, &leaf) && leaf.len == 0);
	CHECK(!tile_next_entry(&s, &leaf));
	for (size_t n = 0; n < 5; n++) {
		s = (struct str){ buf_str(&b).ptr, n };
		CHECK(!tile_next_entry(&s, &leaf));
	}
	buf_clear(&b);
	payload_add(&b, &(struct payload){ .text = STR("abc") });
	payload_add(&b, &(struct payload){ .erased = true });
	s = buf_str(&b);
	CHECK(payload_next(&s, &p) && str_eq(p.text, STR("abc")) && !p.erased);
	CHECK(payload_next(&s, &p) && p.text.len == 0 && p.erased);
	CHECK(!payload_next(&s, &p));
	s = (struct str){ "\x00\x01\x00\x01 and so on", 14 };
	CHECK(!payload_next(&s, &p)); /* longer than there may be */
}

static void test_journal(void)
{
	static const struct journal_frame bad[] = {
		{ .type = 'X' },
		{ .type = JOURNAL_RECORDS, .length = 60, .count = 0 },
		{ .type = JOURNAL_RECORDS, .length = 60, .count = 11 },
		{ .type = JOURNAL_RECORDS, .length = UINT32_MAX, .count = 1 },
		{ .type = JOURNAL_START, .length = 33, .count = 1 },
		{ .type = JOURNAL_START, .first = 5 },
		{ .type = JOURNAL_START, .number = UINT64_MAX },
	};
	struct journal_frame f = { .type = JOURNAL_RECORDS,
				   .length = 60,
				   .count = 10,
				   .first = 77,
				   .number = 88 };
	char text[JOURNAL_HEAD_BYTES];
	struct str all = { text, sizeof(text) };
	struct journal_frame back;
	uint32_t n = 0;

	journal_format(&f, text);
	CHECK(journal_parse(all, &back));
	CHECK_EQ(back.type, f.type);
	CHECK_EQ(back.length, f.length);
	CHECK_EQ(back.count, f.count);
	CHECK_EQ(back.first, f.first);
	CHECK_EQ(back.number, f.number);
	CHECK(digest_eq(&back.digest, &f.digest));
	for (size_t i = 0; i < sizeof(text); i++)
		CHECK(!journal_parse((struct str){ text, i }, &back));
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		journal_format(&bad[i], text);
		CHECK(!journal_parse(all, &back));
		if (test_failures)
			printf("# frame %zu\n", i);
	}
	CHECK(journal_name_parse(STR("journal-000012"), &n) && n == 12);
	CHECK(journal_name_parse(STR("journal-1234567"), &n) && n == 1234567);
	CHECK(!journal_name_parse(STR("journal-0000012"), &n));
	CHECK(!journal_name_parse(STR("journal-12"), &n));
	CHECK(!journal_name_parse(STR("journal-000000"), &n));
	CHECK(!journal_name_parse(STR("journal-00001a"), &n));
	CHECK(!journal_name_parse(STR("journal-9999999999999999999"), &n));
	CHECK(!journal_name_parse(STR("journal.new"), &n));
}

int main(void)
{
	static const struct test tests[] = {
		{ "base64", test_base64 },
		{ "a note of others", test_note_of_others },
		{ "notes and keys that are none", test_bad_notes },
		{ "checkpoints", test_checkpoints },
		{ "receipts", test_receipts },
		{ "tiles and payloads", test_tiles },
		{ "frames of a journal", test_journal },
	};

	ASSERT(hash_new(&hash) == 0);

	int r = test_main(tests, N_ELEMS(tests));

	hash_free(hash);
	return r;
}
