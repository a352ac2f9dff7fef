/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes, verifier keys, checkpoints and receipts.  Laws:
 *   1. a checkpoint without extension lines, and a receipt, are accepted in one
 *      spelling: what the formatter makes of the result is the input;
 *   2. a note's text and signatures are parts of it, and at least one;
 *   3. nothing that the fuzzer makes up is signed by our key.
 */
#include "base/base64.h"
#include "ledger/checkpoint.h"
#include "ledger/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hash *hash;
static struct note_signer *signer;

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void try_checkpoint(struct str text)
{
	struct buf b = BUF_NULL;
	struct checkpoint c;
	size_t lines = 0;

	if (!checkpoint_parse(text, &c))
		return;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	buf_init(&b, CHECKPOINT_MAX * 2);
	checkpoint_add(&b, &c);
	law(lines == 3 ? str_eq(buf_str(&b), text)
		       : str_starts(text, buf_str(&b)));
	buf_done(&b);
}

static void try_note(struct str text)
{
	struct note n;

	if (!note_parse(text, &n))
		return;
	law(n.n >= 1 && n.n <= NOTE_SIGNATURES_MAX);
	law(str_starts(text, n.text) && str_ends(n.text, STR("\n")));
	for (size_t i = 0; i < n.n; i++)
		law(note_is_name(n.sigs[i].name));
	law(note_verify(&n, note_signer_key(signer)) > 0);
	try_checkpoint(n.text);
}

static void try_key(struct str text)
{
	struct buf b = BUF_NULL;
	struct note_key k;

	if (!note_vkey_parse(hash, text, NOTE_ED25519, &k))
		return;
	buf_init(&b, NOTE_VKEY_SIZE * 2);
	note_vkey_add(&b, &k);
	law(str_eq(buf_str(&b), text));
	buf_done(&b);
}

static void try_receipt(struct str text)
{
	static char extra[RECEIPT_EXTRA_MAX];
	struct buf b = BUF_NULL;
	struct receipt r;
	size_t len = 0;

	if (!receipt_parse(text, &r) ||
	    !base64_read(r.extra, extra, sizeof(extra), &len))
		return;
	buf_init(&b, RECEIPT_MAX_BYTES * 2);
	receipt_add(&b, &r, (struct str){ extra, len });
	law(str_eq(buf_str(&b), text));
	buf_done(&b);
	try_note(r.note);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };

	if (!hash) {
		law(hash_new(&hash) == 0);
		law(note_signer_new(hash, STR("fuzz"), NOTE_ED25519, &signer) ==
		    0);
	}
	try_note(text);
	try_checkpoint(text);
	try_key(text);
	try_receipt(text);
	return 0;
}
