/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The checkpoint is read first, then the journal; whatever the scribe adds
 * meanwhile only makes the tree larger than the checkpoint says.  Bundles
 * before the journal's first record are looked at by two threads, each bundle
 * alone (verify-chunk.c).  Then one walk in order puts them together: numbers
 * and the chain of the first form go on from bundle to bundle, higher tiles
 * hold the roots of those below, and where a checkpoint ends, the one of now
 * and those of before, the root must be the one it says.  What the journal
 * holds comes last, and is compared with the files written from it.
 *
 * The pieces: verify-sign (checkpoint and keys), verify-journal, verify-bundles
 * and verify-chunk, verify-tree (the walk), verify-hear (what records say).
 */
#include "ledger/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/verify-bundles.h"
#include "ledger/verify-journal.h"
#include "ledger/verify-sign.h"
#include "ledger/verify-tree.h"

#define TRIES    5u
#define LOAD_MAX ((size_t)1024 * 1024 * 1024)

int verify_broken(struct verify *v, const char *file, uint64_t index,
		  const char *text)
{
	(void)snprintf(v->out->file, sizeof(v->out->file), "%s", file);
	(void)snprintf(v->out->text, sizeof(v->out->text), "%s", text);
	v->out->line = index;
	return VERIFY_E_BROKEN;
}

static int check_end(struct verify *v)
{
	for (unsigned i = 0; i < MARKS; i++) {
		if (v->marks[i].wanted && !v->marks[i].met)
			return verify_broken(
				v, v->marks[i].file, 0,
				"it speaks of records that are not "
				"there: the end was cut off");
	}
	if (v->out->erased > v->erasable)
		return verify_broken(
			v, "payload", 0,
			"payloads are gone that no record speaks of");
	return verify_check_signature(v);
}

static int verify_once(struct verify *v)
{
	AUTO(buf) struct buf leaves = BUF_NULL;
	AUTO(buf) struct buf payloads = BUF_NULL;
	uint64_t n = 0;
	int r = verify_load_checkpoint(v);

	buf_init(&leaves, LOAD_MAX);
	buf_init(&payloads, LOAD_MAX);
	if (r == 0)
		r = verify_load_keys(v);
	if (r == 0)
		r = verify_read_journal(v);
	if (r == 0)
		r = verify_walk_journal(v, &leaves, &payloads, &n);
	if (r == 0)
		r = verify_bundles(v);
	if (r == 0)
		r = verify_journal(v, buf_str(&leaves), buf_str(&payloads), n);
	v->out->last_seq = v->last_seq;
	if (r == 0)
		r = check_end(v);
	return r == 0 ? verify_check_vkeys(v) : r;
}

static bool exists(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* While we looked the scribe went on, and took away what it had replaced. */
static bool has_changed(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, CHECKPOINT_MAX);
	return file_load(v->dirfd, CHECKPOINT_NAME, &b) != 0 ||
	       !str_eq(buf_str(&b), buf_str(&v->checkpoint));
}

static void verify_done(struct verify *v)
{
	checker_done(&v->checker);
	buf_done(&v->checkpoint);
	buf_done(&v->journal);
	free(v);
}

static int try_verify(int dirfd, const struct verify_options *o,
		      verify_progress progress, void *arg, bool last,
		      struct verify_report *ret)
{
	struct verify *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	*ret = (struct verify_report){ .records = 0 };
	v->dirfd = dirfd;
	v->o = o;
	v->out = ret;
	v->v1 = true;
	v->progress = progress;
	v->progress_arg = arg;
	r = checker_init(&v->checker);
	if (r == 0)
		r = verify_once(v);
	if (r > 0 && !last && (r == VERIFY_MISSING || has_changed(v)))
		r = VERIFY_MISSING; /* again */
	else if (r == VERIFY_MISSING)
		r = verify_broken(v, "journal", 0, "it cannot be read");
	if (r == 0)
		ret->unseen = verify_save_seen(v);
	verify_done(v);
	return r;
}

int verify_ledger(const char *dir, const struct verify_options *o,
		  verify_progress progress, void *arg,
		  struct verify_report *ret)
{
	AUTO(fd) int dirfd = -1;
	uint32_t number = 0;
	int r;

	*ret = (struct verify_report){ .records = 0 };
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1)
		return neg_errno();
	r = journal_newest(dirfd, &number);
	if (r != 0)
		return r;
	/* Nothing has happened yet. */
	if (number == 0 && !exists(dirfd, CHECKPOINT_NAME) &&
	    !exists(dirfd, "tile"))
		return -ENOENT;
	for (unsigned i = 0;; i++) {
		r = try_verify(dirfd, o, progress, arg, i == TRIES, ret);
		if (r != VERIFY_MISSING)
			return r;
		(void)usleep(1000);
	}
}

int verify_dir(const char *dir, verify_progress progress, void *arg,
	       struct verify_report *ret)
{
	static const struct verify_options none = { .seen = NULL };

	return verify_ledger(dir, &none, progress, arg, ret);
}
