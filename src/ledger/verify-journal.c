/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/verify-journal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/verify-bundles.h"
#include "ledger/verify-hear.h"
#include "ledger/verify-tree.h"

#define LOAD_MAX ((size_t)1024 * 1024 * 1024)

int verify_read_journal(struct verify *v)
{
	char name[JOURNAL_NAME_SIZE];
	AUTO(fd) int fd = -1;
	uint32_t number = 0;
	struct stat st;
	char *p;
	int r = journal_newest(v->dirfd, &number);

	if (r != 0)
		return r;
	if (number == 0)
		return verify_broken(v, "journal", 0, "there is none");
	journal_name(number, name);
	fd = openat(v->dirfd, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return errno == ENOENT ? VERIFY_MISSING : neg_errno();
	if (fstat(fd, &st) == -1)
		return neg_errno();
	buf_init(&v->journal, LOAD_MAX);
	p = S_ISREG(st.st_mode)
		    ? buf_reserve(&v->journal, (size_t)st.st_size + 1)
		    : NULL;
	if (!p)
		return -EFBIG;
	r = fd_read_full(fd, p, (size_t)st.st_size);
	if (r == -EPIPE) /* it became shorter: written right now */
		return VERIFY_MISSING;
	buf_added(&v->journal, (size_t)st.st_size);
	return r;
}

static bool cut_frame(struct verify *v, struct str *all, struct digest *last,
		      struct journal_frame *f, struct str *body)
{
	struct digest d;

	if (!journal_parse(*all, f) ||
	    all->len - JOURNAL_HEAD_BYTES < f->length)
		return false;
	*body = (struct str){ all->ptr + JOURNAL_HEAD_BYTES, f->length };
	journal_digest(v->checker.hash, last, f, *body, &d);
	if (!digest_eq(&d, &f->digest))
		return false;
	*last = d;
	*all = str_skip(*all, JOURNAL_HEAD_BYTES + f->length);
	return true;
}

int verify_walk_journal(struct verify *v, struct buf *leaves,
			struct buf *payloads, uint64_t *ret_n)
{
	struct str all = buf_str(&v->journal), body, leaf;
	struct digest last = { { 0 } };
	struct journal_frame f;
	struct payload p;

	*ret_n = 0;
	if (!cut_frame(v, &all, &last, &f, &body) || f.type != JOURNAL_START)
		return verify_broken(v, "journal", 0, "the journal is damaged");
	v->first = f.first;
	v->frames = body; /* compared with what the bundles give */
	while (cut_frame(v, &all, &last, &f, &body)) {
		uint32_t n = 0;

		if (f.type != JOURNAL_RECORDS || f.first != v->first + *ret_n)
			return verify_broken(v, "journal", f.first,
					     "records do not follow");
		for (; journal_next(&body, &leaf, &p); n++) {
			tile_add_entry(leaves, leaf);
			payload_add(payloads, &p);
		}
		if (n != f.count || body.len > 0)
			return verify_broken(v, "journal", f.first,
					     "a bad frame");
		*ret_n += n;
	}
	v->out->torn_bytes = all.len;
	return leaves->failed || payloads->failed ? -ENOMEM : 0;
}

static struct str cut_entries(struct str *all, unsigned n)
{
	struct str from = *all, leaf;

	for (unsigned i = 0; i < n && tile_next_entry(all, &leaf); i++)
		;
	return (struct str){ from.ptr, from.len - all->len };
}

static struct str cut_payloads(struct str *all, unsigned n)
{
	struct str from = *all;
	struct payload p;

	for (unsigned i = 0; i < n && payload_next(all, &p); i++)
		;
	return (struct str){ from.ptr, from.len - all->len };
}

/* The files of a bundle that the journal still has. */
static int compare_bundle(struct verify *v, uint64_t n, struct str leaves,
			  struct str payloads)
{
	/* Below a checkpoint they are there; else they may be. */
	bool must = (n + 1) * TILE_WIDTH <= v->marks[MARK_NOW].size;
	int (*compare)(struct verify *, const char *, struct str) =
		must ? verify_must_compare : verify_compare;
	char path[TILE_PATH_SIZE];
	int r;

	tile_entries_path(n, TILE_WIDTH, path);
	r = compare(v, path, leaves);
	tile_payload_path(n, path);
	if (r == 0)
		r = compare(v, path, payloads);
	tile_path(0, n, TILE_WIDTH, path);
	if (r == 0)
		r = compare(v, path,
			    (struct str){ (const char *)v->checker.hashes,
					  sizeof(v->checker.hashes) });
	return r == VERIFY_MISSING ? 0 : r;
}

static int take_rest(struct verify *v, struct str *leaves, struct str *payloads,
		     uint64_t index, unsigned n)
{
	struct str l = cut_entries(leaves, n), p = cut_payloads(payloads, n);
	struct chunk k;
	int r;

	check_entries(&v->checker, l, p, n, &k);
	if (k.wrong || k.error)
		return verify_bad_chunk(v, &k, index / TILE_WIDTH, true);
	r = verify_hear(v, l, p, index, "journal");
	if (r == 0)
		r = verify_check_marks(v, l,
				       n < TILE_WIDTH ? n : TILE_WIDTH - 1);
	if (r == 0)
		r = verify_join(v, &k, index / TILE_WIDTH, "journal");
	v->out->records += n;
	if (r != 0 || n < TILE_WIDTH)
		return r;
	r = compare_bundle(v, index / TILE_WIDTH, l, p);
	return r == 0 ? verify_raise(v, index / TILE_WIDTH, &k.hashes_root) : r;
}

/* The journal's first frame is what the bundles before it give. */
static int check_start(struct verify *v)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, sizeof(v->tiles));
	for (unsigned level = 1; level < TILE_LEVELS; level++)
		(void)buf_add(&b, (struct str){ (const char *)v->tiles[level],
						(size_t)tile_partial(v->first,
								     level) *
							DIGEST_BYTES });
	if (b.failed)
		return -ENOMEM;
	if (!str_eq(buf_str(&b), v->frames))
		return verify_broken(v, "journal", 0,
				     "it does not go on where the bundles end");
	return 0;
}

int verify_journal(struct verify *v, struct str leaves, struct str payloads,
		   uint64_t n)
{
	uint64_t index = v->first;
	int r = check_start(v);

	while (r == 0 && n > 0) {
		unsigned m = n < TILE_WIDTH ? (unsigned)n : TILE_WIDTH;

		r = take_rest(v, &leaves, &payloads, index, m);
		index += m;
		n -= m;
	}
	/* A checkpoint of whole bundles, or of nothing, ends here. */
	return r == 0 ? verify_check_marks(v, (struct str){ 0 }, 0) : r;
}
