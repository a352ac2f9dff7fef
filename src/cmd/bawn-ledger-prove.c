/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn ledger prove and check-proof: receipts, as c2sp.org/tlog-proof has them.
 *
 * Extra data of a receipt: the leaf, and behind a line feed its payload, so
 * that the receipt alone shows the record.  Neither is trusted: the leaf's hash
 * is proved, and the leaf has the payload's.
 */
#include <fcntl.h>
#include <inttypes.h>

#include "base/base64.h"
#include "base/fd.h"
#include "cmd/bawn-ledger.h"
#include "ledger/checkpoint.h"
#include "ledger/note.h"
#include "ledger/reader.h"
#include "ledger/record-parse.h"
#include "ledger/tiles.h"

#define ARENA_BYTES ((size_t)1024 * 1024)
#define TRIES       5u /* tiles may be replaced while they are read */

static int trouble(const char *what, int r)
{
	ledger_error("%s: %s", what, strerror(-r));
	return BAWN_EXIT_TROUBLE;
}

/* ---- prove ---- */

struct found {
	struct buf extra; /* leaf LF payload */
	struct digest hash;
	uint64_t index;
};

static int find_record(struct hash *h, const char *dir, uint64_t seq,
		       struct found *f)
{
	AUTO(reader) struct reader *rd = NULL;
	struct record_line l;
	struct payload p;
	struct str leaf;
	int r = reader_open(&rd, dir);

	if (r == 0)
		r = reader_seek(rd, seq);
	if (r == 0)
		r = reader_next_raw(rd, &leaf, &p, &f->index);
	if (r < 0)
		return trouble("cannot read", r);
	if (r != 0 || !record_line_scan(leaf, &l) || l.seq != seq) {
		ledger_error("there is no record %" PRIu64, seq);
		return BAWN_EXIT_REFUSED;
	}
	hash_leaf(h, leaf, &f->hash);
	buf_init(&f->extra, RECEIPT_EXTRA_MAX);
	(void)buf_add(&f->extra, leaf);
	if (p.text.len > 0) {
		(void)buf_addc(&f->extra, '\n');
		(void)buf_add(&f->extra, p.text);
	}
	return f->extra.failed ? trouble("receipt", -ENOMEM) : 0;
}

/* 0; 1: the checkpoint does not speak of it yet; -errno. */
static int prove(struct hash *h, int dirfd, const struct found *f,
		 struct buf *ret)
{
	AUTO(buf) struct buf note = BUF_NULL;
	struct receipt receipt = { .index = f->index };
	struct merkle_source source;
	struct checkpoint c;
	struct tiles *t;
	struct note n;
	int r;

	buf_init(&note, CHECKPOINT_MAX);
	r = file_load(dirfd, CHECKPOINT_NAME, &note);
	if (r != 0)
		return r;
	if (!note_parse(buf_str(&note), &n) || !checkpoint_parse(n.text, &c))
		return -EBADMSG;
	if (c.size <= f->index)
		return 1;
	t = malloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	tiles_init(t, dirfd, c.size, h);
	source = tiles_source(t);
	r = merkle_prove(&source, f->index, c.size, &receipt.proof);
	free(t);
	/* What is handed out holds. */
	if (r == 0 && !merkle_check(h, &receipt.proof, f->index, c.size,
				    &f->hash, &c.root))
		r = -EBADMSG;
	if (r != 0)
		return r;
	receipt.note = buf_str(&note);
	buf_init(ret, RECEIPT_MAX_BYTES);
	receipt_add(ret, &receipt, buf_str(&f->extra));
	return ret->failed ? -ENOMEM : 0;
}

static int put_out(const char *path, struct str s)
{
	int r = 0;

	if (path)
		r = file_save(AT_FDCWD, path, s, 0644, true);
	else if (fwrite(s.ptr, 1, s.len, stdout) != s.len ||
		 fflush(stdout) != 0)
		r = neg_errno();
	return r == 0 ? BAWN_EXIT_OK : trouble(path ? path : "cannot write", r);
}

static int prove_record(const char *dir, uint64_t seq, const char *out)
{
	AUTO(hash) struct hash *h = NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(fd) int dirfd = -1;
	struct found f = { .index = 0 };
	int r = hash_new(&h);

	if (r != 0)
		return trouble("SHA-256", r);
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1) {
		ledger_error("no ledger in %s yet; the first 'bawn run' makes "
			     "it",
			     dir);
		return BAWN_EXIT_TROUBLE;
	}
	r = find_record(h, dir, seq, &f);
	for (unsigned i = 0; r == 0; i++) {
		buf_done(&text);
		r = prove(h, dirfd, &f, &text);
		if (r == 0)
			break;
		if (i < TRIES * 100) { /* a second: a checkpoint comes */
			(void)usleep(r == 1 ? 10000 : 1000);
			r = 0;
		} else if (r == 1) {
			ledger_error("no checkpoint speaks of it yet");
			r = BAWN_EXIT_REFUSED;
		} else {
			r = trouble("the tree, see 'bawn ledger verify'", r);
		}
	}
	buf_done(&f.extra);
	return r == 0 ? put_out(out, buf_str(&text)) : r;
}

int verb_prove(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct verb_opts o = { 0 };
	uint64_t seq = 0;
	const char *dir;
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	if (!str_u64(str_of(argv[first]), 1, INT64_MAX, &seq)) {
		ledger_error("prove: the number (seq) of a record");
		return BAWN_EXIT_USAGE;
	}
	arena_init(&a, ARENA_BYTES);
	dir = ledger_dir(&a);
	return dir ? prove_record(dir, seq, o.out) : BAWN_EXIT_TROUBLE;
}

/* ---- check-proof ---- */

/* One of @vkeys signed @n: it is *ret. */
static bool find_signer(struct hash *h, struct str vkeys, const struct note *n,
			struct str *ret)
{
	struct note_key k;
	struct str line;

	while (str_cut(&vkeys, '\n', &line)) {
		if (note_vkey_parse(h, line, NOTE_ED25519, &k) &&
		    note_verify(n, &k) == 0) {
			*ret = line;
			return true;
		}
	}
	return false;
}

struct checked {
	struct receipt receipt;
	struct checkpoint checkpoint;
	struct note note;
	struct buf extra;
	struct str leaf, payload, vkey;
};

/* NULL: it is good. */
static const char *check(struct hash *h, struct str text, struct str vkeys,
			 struct checked *c)
{
	struct record_line l;
	struct digest d, want;
	size_t len = 0;
	char *p;

	if (!receipt_parse(text, &c->receipt))
		return "no receipt (tlog-proof)";
	if (!note_parse(c->receipt.note, &c->note) ||
	    !checkpoint_parse(c->note.text, &c->checkpoint))
		return "its checkpoint is none";
	if (!find_signer(h, vkeys, &c->note, &c->vkey))
		return "its checkpoint is not signed by a key that is trusted";
	buf_init(&c->extra, RECEIPT_EXTRA_MAX);
	p = buf_reserve(&c->extra, RECEIPT_EXTRA_MAX);
	if (!p || !base64_read(c->receipt.extra, p, RECEIPT_EXTRA_MAX, &len))
		return "the record is not in it";
	buf_added(&c->extra, len);
	c->payload = buf_str(&c->extra);
	if (!str_cut(&c->payload, '\n', &c->leaf))
		return "the record is not in it";
	hash_leaf(h, c->leaf, &d);
	if (!merkle_check(h, &c->receipt.proof, c->receipt.index,
			  c->checkpoint.size, &d, &c->checkpoint.root))
		return "the record is not below its checkpoint";
	if (!record_line_scan(c->leaf, &l))
		return "what it proves is no record of bawn";
	hash_raw(h, c->payload, &d);
	if (c->payload.len > 0 &&
	    (!digest_from_hex(l.payload, &want) || !digest_eq(&d, &want)))
		return "the payload is not that of the record";
	return NULL;
}

static int tell(const struct checked *c, bool json)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char safe[1024];
	struct payload p = { .text = c->payload,
			     .erased = c->payload.len == 0 };

	buf_init(&b, RECEIPT_EXTRA_MAX);
	record_join(c->leaf, &p, &b);
	if (b.failed)
		return trouble("receipt", -ENOMEM);
	if (json) {
		(void)buf_addc(&b, '\n');
		return put_out(NULL, buf_str(&b));
	}
	str_sanitise(c->vkey, safe, sizeof(safe));
	printf("good: record %" PRIu64 " of the %" PRIu64 " below a checkpoint "
	       "signed by\n%s\n",
	       c->receipt.index + 1, c->checkpoint.size, safe);
	str_sanitise(buf_str(&b), safe, sizeof(safe));
	printf("%s\n", safe);
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}

int verb_check_proof(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(buf) struct buf vkeys = BUF_NULL;
	AUTO(hash) struct hash *h = NULL;
	struct checked c = { .vkey = { 0 } };
	struct verb_opts o = { 0 };
	const char *dir, *wrong;
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, ARENA_BYTES);
	buf_init(&text, RECEIPT_MAX_BYTES);
	r = ledger_load(NULL, argv[first], &text);
	if (r == 0 && !o.key) {
		dir = ledger_dir(&a);
		r = dir ? ledger_load(dir, "vkey", &vkeys) : BAWN_EXIT_TROUBLE;
	}
	if (r != 0)
		return r;
	r = hash_new(&h);
	if (r != 0)
		return trouble("SHA-256", r);
	wrong = check(h, buf_str(&text),
		      o.key ? str_trim(str_of(o.key)) : buf_str(&vkeys), &c);
	if (wrong)
		ledger_error("%s: %s", argv[first], wrong);
	r = wrong ? BAWN_EXIT_REFUSED : tell(&c, o.json);
	buf_done(&c.extra);
	return r;
}
