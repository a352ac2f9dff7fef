/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that signs checkpoints.
 *
 * A change of keys goes in this order:
 *
 *   1. key.new is written
 *   2. the record ledger.key is durable: the new verifier key, and a note about
 *      it that the old key signed
 *   3. vkey names the new one, too
 *   4. a checkpoint signed by both
 *   5. key.new becomes key
 *
 * As long as there is key.new, checkpoints are signed by both, and a start goes
 * on at 2: a key that is named twice is named.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "ledger/record.h"
#include "ledger/store-in.h"

#define KEY_MAX  1024u
#define VKEY_MAX ((size_t)1024 * 1024)

static int load_private(struct store *s, const char *name, struct buf *b)
{
	AUTO(fd)
	int fd = openat(s->dirfd, name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return neg_errno();
	/* Whoever else could read it could sign, too. */
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0)
		return -EPERM;
	return fd_read_all(fd, b);
}

/* 1: there is no such file, or no key in it. */
static int read_signer(struct store *s, const char *name,
		       struct note_signer **ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, KEY_MAX);
	r = load_private(s, name, &b);
	if (r == -ENOENT || r == -EFBIG)
		return 1;
	if (r == 0)
		r = note_signer_read(
			s->hash,
			str_trim((struct str){ buf_str(&b).ptr,
					       b.len > 0 ? b.len - 1 : 0 }),
			NOTE_ED25519, ret);
	if (b.ptr)
		explicit_bzero(b.ptr, b.size);
	return r;
}

static int save_signer(struct store *s, const char *name,
		       const struct note_signer *signer)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, KEY_MAX);
	note_signer_write(signer, &b);
	(void)buf_addc(&b, '\n');
	r = b.failed ? -EIO
		     : file_save(s->dirfd, name, buf_str(&b), 0600, true);
	if (b.ptr)
		explicit_bzero(b.ptr, b.size);
	return r;
}

static int load_vkeys(struct store *s, struct buf *b)
{
	int r;

	buf_init(b, VKEY_MAX);
	r = file_load(s->dirfd, VKEY_NAME, b);
	return r == -ENOENT ? 0 : r;
}

static bool names_key(struct str vkeys, struct str vkey)
{
	struct str line;

	while (str_cut(&vkeys, '\n', &line)) {
		if (str_eq(line, vkey))
			return true;
	}
	return false;
}

/* The file vkey names @k from now on. */
static int add_vkey(struct store *s, const struct note_key *k)
{
	AUTO(buf) struct buf all = BUF_NULL;
	AUTO(buf) struct buf one = BUF_NULL;
	int r = load_vkeys(s, &all);
	bool cut = all.len > 0 && !str_ends(buf_str(&all), STR("\n"));
	bool named;

	buf_init(&one, NOTE_VKEY_SIZE);
	note_vkey_add(&one, k);
	named = names_key(buf_str(&all), buf_str(&one));
	if (r != 0 || (named && !cut))
		return r;
	if (cut)
		(void)buf_addc(&all, '\n');
	if (!named) {
		(void)buf_add(&all, buf_str(&one));
		(void)buf_addc(&all, '\n');
	}
	if (one.failed || all.failed)
		return -EFBIG;
	return file_save(s->dirfd, VKEY_NAME, buf_str(&all), 0600, true);
}

/* No two ledgers have the same origin. */
static int make_origin(char *dst, size_t size)
{
	uint8_t raw[8];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return neg_errno();
	(void)snprintf(dst, size,
		       "bawn.ledger/%02x%02x%02x%02x%02x%02x%02x%02x", raw[0],
		       raw[1], raw[2], raw[3], raw[4], raw[5], raw[6], raw[7]);
	return 0;
}

/* The origin of the checkpoint there is, else a new one. */
static int find_origin(struct store *s, char *dst, size_t size)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct checkpoint c;
	struct note n;

	buf_init(&b, CHECKPOINT_MAX);
	if (file_load(s->dirfd, CHECKPOINT_NAME, &b) != 0 ||
	    !note_parse(buf_str(&b), &n) || !checkpoint_parse(n.text, &c) ||
	    !note_is_name(c.origin) || c.origin.len >= size)
		return make_origin(dst, size);
	memcpy(dst, c.origin.ptr, c.origin.len);
	dst[c.origin.len] = '\0';
	return 0;
}

static int make_key(struct store *s)
{
	char origin[NOTE_NAME_MAX + 1];
	int r = find_origin(s, origin, sizeof(origin));

	if (r == 0)
		r = note_signer_new(s->hash, str_of(origin), NOTE_ED25519,
				    &s->signers[0]);
	if (r != 0)
		return r;
	s->n_signers = 1;
	r = save_signer(s, KEY_NAME, s->signers[0]);
	return r == 0 ? add_vkey(s, note_signer_key(s->signers[0])) : r;
}

int key_open(struct store *s, bool fresh)
{
	int r = read_signer(s, KEY_NAME, &s->signers[0]);

	if (r < 0)
		return r;
	if (r == 1) {
		r = make_key(s);
		return r != 0 ? r : fresh ? 0 : 1;
	}
	s->n_signers = 1;
	r = add_vkey(s, note_signer_key(s->signers[0]));
	if (r != 0)
		return r;
	/* A change of keys that was cut short? */
	r = read_signer(s, KEY_NEW_NAME, &s->signers[1]);
	if (r == 0)
		s->n_signers = 2;
	return r < 0 ? r : 0;
}

/* The record: the new key, and the word of the old one for it. */
static int commit_change(struct store *s, const struct store_by *by,
			 const struct note_key *k)
{
	AUTO(buf) struct buf vkey = BUF_NULL;
	AUTO(buf) struct buf text = BUF_NULL;
	AUTO(buf) struct buf note = BUF_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	int r;

	buf_init(&vkey, NOTE_VKEY_SIZE);
	buf_init(&text, NOTE_VKEY_SIZE * 2);
	buf_init(&note, NOTE_VKEY_SIZE * 4);
	buf_init(&b, RECORD_MAX_BODY);
	note_vkey_add(&vkey, k);
	(void)buf_add(&text, STR(KEY_NOTE_FIRST "\n"));
	(void)buf_add(&text, buf_str(&vkey));
	(void)buf_addc(&text, '\n');
	r = note_sign(buf_str(&text), s->signers, 1, &note);
	record_begin(&w, RECORD_LEDGER_KEY, "none", RECORD_KERNEL, NULL, 1);
	json_kstr(&w, "vkey", buf_str(&vkey));
	json_kstr(&w, "note", buf_str(&note));
	if (by && by->why.len > 0)
		json_kstr(&w, "why", by->why);
	record_end(&w);
	if (r != 0 || b.failed || note.failed || text.failed || vkey.failed)
		return r != 0 ? r : -ENOMEM;
	return store_say(s, by ? by->user : (struct str){ "", 0 }, buf_str(&b));
}

static int finish_change(struct store *s, const struct store_by *by)
{
	const struct note_key *k;
	int r;

	if (s->n_signers != 2)
		return 0;
	k = note_signer_key(s->signers[1]);
	r = commit_change(s, by, k);
	if (r == 0)
		r = add_vkey(s, k);
	if (r == 0)
		r = store_publish(s);
	if (r != 0)
		return r;
	if (renameat(s->dirfd, KEY_NEW_NAME, s->dirfd, KEY_NAME) == -1 ||
	    fsync(s->dirfd) == -1)
		return neg_errno();
	note_signer_free(s->signers[0]);
	s->signers[0] = s->signers[1];
	s->signers[1] = NULL;
	s->n_signers = 1;
	return 0;
}

int key_finish_change(struct store *s)
{
	return finish_change(s, NULL);
}

int store_change_key(struct store *s, const struct store_by *by,
		     struct note_key *ret)
{
	struct note_signer *fresh = NULL;
	int r = by && (by->user.len > STORE_USER_MAX ||
		       by->why.len > STORE_WHY_MAX)
			? -EINVAL
			: key_finish_change(s);

	if (r == 0)
		r = note_signer_new(
			s->hash, str_of(note_signer_key(s->signers[0])->name),
			NOTE_ED25519, &fresh);
	if (r == 0)
		r = save_signer(s, KEY_NEW_NAME, fresh);
	if (r != 0) {
		note_signer_free(fresh);
		return r;
	}
	s->signers[s->n_signers++] = fresh;
	*ret = *note_signer_key(fresh);
	return finish_change(s, by);
}
