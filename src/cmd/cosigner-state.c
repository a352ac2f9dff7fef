/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threats: requests come from anybody.  They are bounded, parsed by
 * cosign_request_parse() and note_parse(), and change nothing unless a key we
 * were given has signed the checkpoint.  What cannot be read back, or is not
 * what we signed, is an answer of 500: never "unknown", which would let a log
 * begin anew.
 */
#include "cmd/cosigner-state.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"

#define LOGS_MAX      128u
#define KEY_NAME      "key"
#define KEY_MAX_BYTES 4096u

struct cosigner {
	int dirfd;
	struct hash *hash;
	struct note_signer *signer;
	struct note_key logs[LOGS_MAX];
	size_t n_logs;
};

void cosigner_free(struct cosigner *c)
{
	if (!c)
		return;
	if (c->dirfd != -1)
		(void)close(c->dirfd); /* and the lock with it */
	note_signer_free(c->signer);
	hash_free(c->hash);
	free(c);
}

static int save_key(const struct cosigner *c)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r = -ENOMEM;

	buf_init(&b, KEY_MAX_BYTES);
	note_signer_write(c->signer, &b);
	(void)buf_addc(&b, '\n');
	if (!b.failed)
		r = file_save(c->dirfd, KEY_NAME, buf_str(&b), 0600, true);
	if (b.ptr)
		explicit_bzero(b.ptr, b.size);
	return r;
}

static int make_key(struct cosigner *c, const char *name, struct diag *reterr)
{
	int r;

	if (!name) {
		diag_set(reterr, 0, 0,
			 "it has no key yet: say --name once, as in --name "
			 "cosigner.example.org/bawn");
		return 1;
	}
	if (!note_is_name(str_of(name))) {
		diag_set(reterr, 0, 0,
			 "--name: no blank, no '+', and not longer than %u",
			 NOTE_NAME_MAX);
		return 1;
	}
	r = note_signer_new(c->hash, str_of(name), NOTE_COSIGNATURE,
			    &c->signer);
	return r == 0 ? save_key(c) : r;
}

static int load_key(struct cosigner *c, const char *name, struct diag *reterr)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str text, line;
	int r;

	buf_init(&b, KEY_MAX_BYTES);
	r = file_load(c->dirfd, KEY_NAME, &b);
	if (r == -ENOENT)
		return make_key(c, name, reterr);
	if (r != 0)
		return r;
	text = buf_str(&b);
	r = str_cut(&text, '\n', &line) && text.len == 0
		    ? note_signer_read(c->hash, line, NOTE_COSIGNATURE,
				       &c->signer)
		    : 1;
	explicit_bzero(b.ptr, b.size);
	if (r == 1)
		diag_set(reterr, 0, 0, "its file key is no key of a cosigner");
	if (r == 0 && name &&
	    strcmp(name, note_signer_key(c->signer)->name) != 0) {
		diag_set(reterr, 0, 0, "its key has another name: %s",
			 note_signer_key(c->signer)->name);
		r = 1;
	}
	return r;
}

int cosigner_open(struct cosigner **ret, const char *dir, const char *name,
		  struct diag *reterr)
{
	AUTO(cosigner) struct cosigner *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->dirfd = -1;
	r = dir_make_private(dir);
	if (r != 0)
		return r;
	c->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (c->dirfd == -1)
		return neg_errno();
	if (flock(c->dirfd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ? -EBUSY : neg_errno();
	r = hash_new(&c->hash);
	if (r == 0)
		r = load_key(c, name, reterr);
	if (r == 0)
		*ret = TAKE(c);
	return r;
}

int cosigner_add_log(struct cosigner *c, struct str vkey, struct diag *reterr)
{
	struct note_key k;

	if (!note_vkey_parse(c->hash, vkey, NOTE_ED25519, &k)) {
		diag_set(reterr, 0, 0,
			 "--log: not a ledger's verifier key, which is "
			 "NAME+HEX+BASE64");
		return 1;
	}
	if (c->n_logs == LOGS_MAX) {
		diag_set(reterr, 0, 0, "--log: more than %u", LOGS_MAX);
		return 1;
	}
	c->logs[c->n_logs++] = k;
	return 0;
}

void cosigner_vkey(const struct cosigner *c, struct buf *b)
{
	note_vkey_add(b, note_signer_key(c->signer));
}

/* 0: signed by a key of its origin; or the status. */
static unsigned check_signed(const struct cosigner *c, const struct note *n,
			     struct str origin)
{
	unsigned status = 404;

	for (size_t i = 0; i < c->n_logs; i++) {
		if (!str_eq(str_of(c->logs[i].name), origin))
			continue;
		if (note_verify(n, &c->logs[i]) == 0)
			return 0;
		status = 403;
	}
	return status;
}

static void name_of(const struct cosigner *c, struct str origin,
		    char dst[LEDGER_HASH_LEN + 1])
{
	struct digest d;

	hash_raw(c->hash, origin, &d);
	digest_hex(&d, dst);
}

/* What was signed last.  False: it is there and cannot be relied on. */
static bool load_known(const struct cosigner *c, const char *file,
		       struct str origin, struct cosign_known *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct checkpoint at;
	struct note n;
	uint64_t when;
	int r;

	*ret = (struct cosign_known){ .size = 0 };
	buf_init(&b, NOTE_MAX_BYTES);
	r = file_load(c->dirfd, file, &b);
	if (r == -ENOENT)
		return true;
	if (r != 0 || !note_parse(buf_str(&b), &n) ||
	    note_verify_cosignature(&n, note_signer_key(c->signer), &when) !=
		    0 ||
	    !checkpoint_parse(n.text, &at) || !str_eq(at.origin, origin))
		return false;
	*ret = (struct cosign_known){ at.size, at.root };
	return true;
}

static void refuse(struct cosigner_answer *a, unsigned status, const char *text)
{
	a->status = status;
	a->type = "text/plain";
	buf_clear(&a->body);
	(void)buf_printf(&a->body, "%s\n", text);
}

/* The checkpoint with our line goes to disk; the line alone to who asked. */
static int sign(struct cosigner *c, const char *file, const struct note *n,
		uint64_t now_s, struct cosigner_answer *a)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, NOTE_MAX_BYTES);
	buf_clear(&a->body);
	r = note_cosign(n->text, c->signer, now_s, &a->body);
	if (r != 0)
		return r;
	(void)buf_add(&b, n->text);
	(void)buf_addc(&b, '\n');
	(void)buf_add(&b, buf_str(&a->body));
	if (b.failed || a->body.failed)
		return -ENOMEM;
	return file_save(c->dirfd, file, buf_str(&b), 0600, true);
}

static void answer_signed(struct cosigner *c, const struct cosign_request *r,
			  const struct note *n, const struct checkpoint *now,
			  uint64_t now_s, struct cosigner_answer *a)
{
	char file[LEDGER_HASH_LEN + 1];
	struct cosign_known known;
	int e;

	name_of(c, now->origin, file);
	if (!load_known(c, file, now->origin, &known)) {
		log_error("what was signed last is damaged: %s", file);
		refuse(a, 500, "what was signed last cannot be read");
		return;
	}
	switch (cosign_judge(c->hash, r, now, &known)) {
	case COSIGN_SIGN:
		e = sign(c, file, n, now_s, a);
		a->status = 200;
		a->type = "text/plain; charset=utf-8";
		if (e != 0) {
			log_error("a signature could not be kept: %s",
				  strerror(-e));
			refuse(a, 500, "the signature could not be kept");
		}
		return;
	case COSIGN_CONFLICT:
		a->status = 409;
		a->type = COSIGN_SIZE_TYPE;
		cosign_size_add(&a->body, known.size);
		return;
	case COSIGN_BAD:
		refuse(a, 400, "the old size is more than the new one");
		return;
	case COSIGN_SPLIT:
		log_error("no continuation of what was signed: %.*s, %llu "
			  "records",
			  STR_ARG(now->origin), (unsigned long long)now->size);
		refuse(a, 422, "the proof does not hold");
		return;
	}
	refuse(a, 500, "no verdict");
}

void cosigner_answer(struct cosigner *c, struct str body, uint64_t now_s,
		     struct cosigner_answer *ret)
{
	struct cosign_request r;
	struct checkpoint now;
	unsigned status;
	struct note n;

	*ret = (struct cosigner_answer){ .status = 500 };
	buf_init(&ret->body, COSIGN_BODY_MAX);
	if (!cosign_request_parse(body, &r) || !note_parse(r.note, &n) ||
	    !checkpoint_parse(n.text, &now)) {
		refuse(ret, 400, "not an add-checkpoint request");
		return;
	}
	status = check_signed(c, &n, now.origin);
	if (status == 404)
		refuse(ret, 404, "this log is not known here");
	else if (status == 403)
		refuse(ret, 403, "not signed by this log's key");
	else
		answer_signed(c, &r, &n, &now, now_s, ret);
}
