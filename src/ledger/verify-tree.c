/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/verify-tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/tree.h"

int verify_join(struct verify *v, const struct chunk *k, uint64_t n,
		const char *file)
{
	static const struct digest zero;
	uint64_t index = n * TILE_WIDTH;

	if (k->first_seq != v->last_seq + 1 && !k->first_is_torn)
		return verify_broken(v, file, index,
				     "a number does not follow");
	if (k->first_is_v1) {
		if (!v->v1 || !digest_eq(&k->first_prev,
					 index == 0 ? &zero : &v->last_line))
			return verify_broken(v, file, index,
					     "prev is not the hash of the line "
					     "before");
	}
	v->v1 = v->v1 && k->last_is_v1;
	v->last_line = k->last_line;
	v->last_seq = k->last_seq;
	v->out->bytes += k->bytes;
	v->out->erased += k->erased;
	v->out->first_form += k->v1;
	return 0;
}

/* Of payloads; tiles and bundles of entries are less. */
#define FILE_MAX ((size_t)TILE_WIDTH * (PAYLOAD_MAX_BYTES + 4))

int verify_compare(struct verify *v, const char *path, struct str want)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	buf_init(&b, FILE_MAX);
	r = file_load(v->dirfd, path, &b);
	if (r == -ENOENT)
		return VERIFY_MISSING;
	if (r == -EFBIG || r == -EINVAL ||
	    (r == 0 && !str_eq(buf_str(&b), want)))
		return verify_broken(v, path, 0,
				     "not what follows from the records");
	return r;
}

int verify_must_compare(struct verify *v, const char *path, struct str want)
{
	int r = verify_compare(v, path, want);

	if (r != VERIFY_MISSING)
		return r;
	v->moved = true;
	return verify_broken(v, path, 0, "the file is missing");
}

/*
 * A partial tile may be gone when the whole one is there, which begins with the
 * same; its rest is of records that no checkpoint speaks of yet.
 */
static int compare_partial(struct verify *v, const char *path,
			   const char *whole, struct str want)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int partial = verify_compare(v, path, want);
	int r;

	if (partial != 0 && partial != VERIFY_MISSING)
		return partial;
	buf_init(&b, FILE_MAX);
	r = file_load(v->dirfd, whole, &b);
	if (r == -ENOENT && partial == 0)
		return 0;
	if (r == -ENOENT) {
		v->moved = true;
		return verify_broken(v, path, 0, "the file is missing");
	}
	if (r == -ENOMEM)
		return r;
	if (r != 0 || !str_starts(buf_str(&b), want))
		return verify_broken(v, whole, 0, "not what the records say");
	return 0;
}

/* The files of the checkpoint's last tiles; @n entries of it in @leaves. */
static int check_partials(struct verify *v, uint64_t size, struct str leaves)
{
	char path[TILE_PATH_SIZE], whole[TILE_PATH_SIZE];
	int r = 0;

	for (unsigned level = 0; r == 0 && level < TILE_LEVELS; level++) {
		unsigned width = tile_partial(size, level);
		uint64_t n = tile_last(size, level);
		struct str want = { (const char *)(level == 0
							   ? v->checker.hashes
							   : v->tiles[level]),
				    (size_t)width * DIGEST_BYTES };

		if (width == 0)
			continue;
		tile_path(level, n, width, path);
		tile_path(level, n, TILE_WIDTH, whole);
		r = compare_partial(v, path, whole, want);
	}
	if (r != 0 || tile_partial(size, 0) == 0)
		return r;
	tile_entries_path(size / TILE_WIDTH, tile_partial(size, 0), path);
	tile_entries_path(size / TILE_WIDTH, TILE_WIDTH, whole);
	return compare_partial(v, path, whole, leaves);
}

/* The first @n entries of @leaves. */
static struct str first_entries(struct str leaves, unsigned n)
{
	struct str rest = leaves, leaf;

	for (unsigned i = 0; i < n && tile_next_entry(&rest, &leaf); i++)
		;
	return (struct str){ leaves.ptr, leaves.len - rest.len };
}

int verify_check_marks(struct verify *v, struct str leaves, unsigned n)
{
	for (unsigned i = 0; i < MARKS; i++) {
		struct mark *m = &v->marks[i];
		struct merkle_edge e = v->edge;
		struct digest root;
		int r = 0;

		if (!m->wanted || m->met || m->size < e.size ||
		    m->size - e.size > n)
			continue;
		for (unsigned k = 0; e.size < m->size; k++)
			merkle_add(&e, v->checker.hash, &v->checker.hashes[k]);
		merkle_root(&e, v->checker.hash, &root);
		m->met = true;
		if (!digest_eq(&root, &m->root))
			return verify_broken(
				v, m->file, 0,
				i == MARK_NOW ? "the records are not those "
						"that it speaks of"
					      : "history is not as it was "
						"when it was verified "
						"before");
		/* With a size of whole bundles it is looked at in the next. */
		if (i == MARK_NOW && m->size - v->edge.size < TILE_WIDTH)
			r = check_partials(
				v, m->size,
				first_entries(leaves,
					      tile_partial(m->size, 0)));
		if (r != 0)
			return r;
	}
	return 0;
}

bool verify_has_mark(const struct verify *v, unsigned n)
{
	for (unsigned i = 0; i < MARKS; i++) {
		const struct mark *m = &v->marks[i];

		if (m->wanted && !m->met && m->size >= v->edge.size &&
		    m->size - v->edge.size <= n)
			return true;
	}
	return false;
}

int verify_raise(struct verify *v, uint64_t n, const struct digest *bundle)
{
	struct digest root = *bundle;
	char path[TILE_PATH_SIZE];
	int r;

	merkle_add_subtree(&v->edge, v->checker.hash, TILE_HEIGHT, bundle);
	for (unsigned level = 1; level < TILE_LEVELS; level++) {
		v->tiles[level][n % TILE_WIDTH] = root;
		if (n % TILE_WIDTH != TILE_WIDTH - 1)
			return 0;
		n /= TILE_WIDTH;
		tile_path(level, n, TILE_WIDTH, path);
		r = verify_must_compare(
			v, path,
			(struct str){ (const char *)v->tiles[level],
				      sizeof(v->tiles[level]) });
		if (r != 0)
			return r;
		tile_root(v->checker.hash, v->tiles[level], &root);
	}
	return 0;
}
