/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose signature counts: that of the key that the caller or an earlier time
 * knew; without one, the first key that the ledger names.
 */
#include "ledger/verify-sign.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"

#define VKEYS_MAX ((size_t)1024 * 1024)
#define SEEN_MAX  (CHECKPOINT_MAX + NOTE_VKEY_SIZE + 2)

int verify_load_checkpoint(struct verify *v)
{
	struct checkpoint c;
	int r;

	buf_init(&v->checkpoint, CHECKPOINT_MAX);
	r = file_load(v->dirfd, CHECKPOINT_NAME, &v->checkpoint);
	if (r == -ENOENT)
		return verify_broken(v, CHECKPOINT_NAME, 0,
				     "the file is missing");
	if (r == -EFBIG ||
	    (r == 0 && (!note_parse(buf_str(&v->checkpoint), &v->note) ||
			!checkpoint_parse(v->note.text, &c))))
		return verify_broken(v, CHECKPOINT_NAME, 0,
				     "no signed checkpoint");
	if (r != 0)
		return r;
	v->out->size = c.size;
	v->marks[MARK_NOW] = (struct mark){ .size = c.size,
					    .root = c.root,
					    .file = CHECKPOINT_NAME,
					    .wanted = true };
	return 0;
}

/* @text is a checkpoint of before.  False: it is none. */
static bool set_mark(struct verify *v, unsigned which, struct str text,
		     const char *file)
{
	struct checkpoint c, now;
	struct note n;

	if (!note_parse(text, &n) || !checkpoint_parse(n.text, &c) ||
	    !checkpoint_parse(v->note.text, &now) ||
	    !str_eq(c.origin, now.origin))
		return false;
	v->marks[which] = (struct mark){
		.size = c.size, .root = c.root, .file = file, .wanted = true
	};
	if (c.size > v->out->since)
		v->out->since = c.size;
	return true;
}

/* The file o->seen: a vkey, an empty line, a checkpoint. */
static int load_seen(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str text, line, none;
	int r;

	if (!v->o->seen)
		return 0;
	buf_init(&b, SEEN_MAX);
	r = file_load(AT_FDCWD, v->o->seen, &b);
	if (r == -ENOENT)
		return 0;
	text = buf_str(&b);
	if (r != 0 || !str_cut(&text, '\n', &line) ||
	    !str_cut(&text, '\n', &none) || none.len > 0)
		return verify_broken(
			v, v->o->seen, 0,
			"what is remembered of the ledger is damaged");
	if (!v->has_key &&
	    note_vkey_parse(v->checker.hash, line, NOTE_ED25519, &v->key))
		v->has_key = v->out->key_was_told = true;
	if (!v->has_key || !set_mark(v, MARK_SEEN, text, CHECKPOINT_NAME))
		return verify_broken(
			v, CHECKPOINT_NAME, 0,
			"not of the ledger that was verified before");
	v->seen_size = v->marks[MARK_SEEN].size;
	return 0;
}

static int load_vkeys(struct verify *v, struct buf *b)
{
	int r;

	buf_init(b, VKEYS_MAX);
	r = file_load(v->dirfd, "vkey", b);
	if (r == -ENOENT || r == -EFBIG)
		return verify_broken(v, "vkey", 0,
				     "the file is missing or too long");
	if (r == 0 && !str_ends(buf_str(b), STR("\n")))
		return verify_broken(v, "vkey", 0, "its last line is cut");
	return r;
}

int verify_load_keys(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str text, line;
	int r;

	if (v->o->key.len > 0) {
		if (!note_vkey_parse(v->checker.hash, v->o->key, NOTE_ED25519,
				     &v->key))
			return -EINVAL;
		v->has_key = v->out->key_was_told = true;
	}
	r = load_seen(v);
	if (r == 0 && v->o->since.len > 0 &&
	    !set_mark(v, MARK_SINCE, v->o->since, CHECKPOINT_NAME))
		return verify_broken(
			v, CHECKPOINT_NAME, 0,
			"the other checkpoint is none of this ledger");
	if (r != 0)
		return r;
	r = load_vkeys(v, &b);
	if (r != 0 || v->has_key)
		return r;
	text = buf_str(&b);
	if (!str_cut(&text, '\n', &line) ||
	    !note_vkey_parse(v->checker.hash, line, NOTE_ED25519, &v->key))
		return verify_broken(v, "vkey", 0, "no key");
	v->has_key = true;
	return 0;
}

int verify_check_vkeys(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct note_key k = { .id = 0 };
	struct str text, line;
	int r = load_vkeys(v, &b);

	text = buf_str(&b);
	while (r == 0 && str_cut(&text, '\n', &line)) {
		if (!note_vkey_parse(v->checker.hash, line, NOTE_ED25519, &k))
			r = verify_broken(v, "vkey", 0, "no key");
	}
	if (r == 0 && !note_key_eq(&k, &v->key))
		r = verify_broken(
			v, "vkey", 0,
			"the last key is not the one that follows from "
			"those before");
	return r;
}

int verify_check_signature(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r = note_verify(&v->note, &v->key);

	buf_init(&b, NOTE_VKEY_SIZE - 1);
	note_vkey_add(&b, &v->key);
	(void)snprintf(v->out->key, sizeof(v->out->key), "%.*s",
		       STR_ARG(buf_str(&b)));
	if (r == NOTE_UNKNOWN)
		return verify_broken(v, CHECKPOINT_NAME, 0,
				     "not signed by the key of this ledger");
	if (r == NOTE_FORGED)
		return verify_broken(v, CHECKPOINT_NAME, 0,
				     "the signature is wrong");
	return r;
}

int verify_save_seen(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;

	/* What is remembered grows: an older checkpoint that was put back must not
	 * make us forget what was there. */
	if (!v->o->seen || v->marks[MARK_NOW].size < v->seen_size)
		return 0;
	buf_init(&b, SEEN_MAX);
	(void)buf_add(&b, str_of(v->out->key));
	(void)buf_add(&b, STR("\n\n"));
	(void)buf_add(&b, buf_str(&v->checkpoint));
	if (b.failed)
		return -ENOMEM;
	return file_save(AT_FDCWD, v->o->seen, buf_str(&b), 0600, true);
}
