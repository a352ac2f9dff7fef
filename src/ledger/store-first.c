/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger of the first form (doc/PROTOCOL.ledger, section 8) becomes the
 * beginning of one of the second: its lines, as they are, are the first leaves
 * of the tree.  What crashed in between is done again from the start: until
 * there is a journal the lines are the ledger, and the files written from them
 * are the same each time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/record-parse.h"
#include "ledger/recover.h"
#include "ledger/store-in.h"

#define FIRST_DIR   "first"
#define FILE_MAX    ((size_t)256 * 1024 * 1024)
#define SETTLE_EACH 4096u

static bool is_ours(const char *name)
{
	uint32_t n;

	return ledger_file_parse(str_of(name), &n) ||
	       strcmp(name, LEDGER_HEAD_NAME) == 0;
}

static int found(void *owner, const char *name)
{
	(void)owner;
	return is_ours(name) ? 1 : 0;
}

int first_is_there(int dirfd, bool *ret)
{
	int r = dir_each(dirfd, found, NULL);

	*ret = r == 1;
	return r < 0 ? r : 0;
}

static int add_line(struct store *s, struct str line, struct first_form *f)
{
	static const struct payload none = { .erased = false };
	int r;

	if (line.len > LEAF_MAX_BYTES) { /* never written by us */
		f->repair.damage = "a line is longer than any record";
		line.len = LEAF_MAX_BYTES;
	}
	r = tree_add(&s->tree, line, &none);
	f->lines++;
	if (r == 0 && s->tree.n >= SETTLE_EACH)
		r = tree_settle(&s->tree);
	return r;
}

static int add_file(struct store *s, uint32_t number, struct first_form *f)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char name[LEDGER_NAME_SIZE];
	struct str text, line;
	int r;

	ledger_file_name(number, name);
	buf_init(&b, FILE_MAX);
	r = file_load(s->dirfd, name, &b);
	if (r == -ENOENT) {
		f->repair.damage = "a file of records is missing";
		return 0;
	}
	text = buf_str(&b);
	while (r == 0 && str_cut(&text, '\n', &line))
		r = add_line(s, line, f);
	return r;
}

int first_take_in(struct store *s, struct first_form *ret)
{
	struct recovered f;
	int r = recover_dir(s->dirfd, s->hash, &f);

	if (r != 0)
		return r;
	*ret = (struct first_form){ .repair = f.repair,
				    .next_seq = f.next_seq };
	_Static_assert(sizeof(ret->kept) >= sizeof(f.kept), "it fits");
	memcpy(ret->kept, f.kept, sizeof(f.kept));
	for (uint32_t n = 1; r == 0 && n <= f.files; n++)
		r = add_file(s, n, ret);
	return r == 0 ? tree_settle(&s->tree) : r;
}

static int move_one(void *owner, const char *name)
{
	const int dirfd = *(const int *)owner;
	AUTO(fd) int to = -1;

	if (!is_ours(name))
		return 0;
	to = openat(dirfd, FIRST_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to == -1 || renameat(dirfd, name, to, name) == -1 ||
	    fsync(to) == -1)
		return neg_errno();
	return 0;
}

int first_move_away(int dirfd)
{
	int r;

	if (mkdirat(dirfd, FIRST_DIR, 0700) == -1 && errno != EEXIST)
		return neg_errno();
	r = dir_each(dirfd, move_one, &dirfd);
	if (r == 0 && fsync(dirfd) == -1)
		r = neg_errno();
	return r;
}
