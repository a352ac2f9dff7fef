/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Entries wait in memory until 256 of them fill a bundle; they are durable in
 * the journal meanwhile.  Then payload file, tile of level 0, higher tiles that
 * became full, and at last the bundle are written, each under another name and
 * renamed: who sees the bundle sees the rest.  Nothing is synced then: the
 * journal still has it all, and is left only after tree_sync().
 *
 * Invariants
 *   1. tiles[l] for l >= 1 holds the hashes of the last, unfinished tile of
 *      level l; how many count follows from `written`.
 *   2. `written` moves after all files of a bundle are there, so that a failure
 *      is followed by writing the same files again.
 *   3. leaves, payloads and hashes hold the same n entries.
 */
#include "ledger/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/wall.h"

/* What may wait is a group more than what tree_settle() leaves. */
#define KEEP_BYTES ((size_t)1024 * 1024)

void tree_init(struct tree *t, int dirfd, const struct store_world *world,
	       struct hash *h)
{
	*t = (struct tree){ .dirfd = dirfd, .world = world, .hash = h };
	buf_init(&t->leaves, TREE_WAITING_BYTES);
	buf_init(&t->payloads, TREE_WAITING_BYTES);
	buf_init(&t->hashes, TREE_WAITING_BYTES);
}

void tree_done(struct tree *t)
{
	buf_done(&t->leaves);
	buf_done(&t->payloads);
	buf_done(&t->hashes);
}

int tree_reserve(struct tree *t, size_t n, size_t bytes)
{
	if (buf_reserve(&t->leaves, bytes) &&
	    buf_reserve(&t->payloads, bytes) &&
	    buf_reserve(&t->hashes, n * DIGEST_BYTES))
		return 0;
	t->leaves.failed = t->payloads.failed = t->hashes.failed = false;
	return -ENOMEM;
}

int tree_add(struct tree *t, struct str leaf, const struct payload *p)
{
	struct digest d = { { 0 } };
	char *hash;

	/* All room first, so that the three stay as long as each other. */
	if (!buf_reserve(&t->leaves, leaf.len + 2) ||
	    !buf_reserve(&t->payloads, p->text.len + 4)) {
		t->leaves.failed = t->payloads.failed = false;
		return -ENOMEM;
	}
	hash = buf_reserve(&t->hashes, DIGEST_BYTES);
	if (!hash) {
		t->hashes.failed = false;
		return -ENOMEM;
	}
	if (WALL(LEDGER_CHAIN))
		hash_leaf(t->hash, leaf, &d);
	memcpy(hash, d.b, DIGEST_BYTES);
	buf_added(&t->hashes, DIGEST_BYTES);
	tile_add_entry(&t->leaves, leaf);
	payload_add(&t->payloads, p);
	ASSERT(!t->leaves.failed && !t->payloads.failed);
	t->n++;
	return 0;
}

/* ---- files ---- */

static int make_dirs(int dirfd, const char *path)
{
	char part[TILE_PATH_SIZE + 8];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		size_t len = (size_t)(p - path);

		ASSERT(len < sizeof(part));
		memcpy(part, path, len);
		part[len] = '\0';
		if (mkdirat(dirfd, part, 0700) == -1 && errno != EEXIST)
			return neg_errno();
	}
	return 0;
}

static int write_all(const struct store_world *w, int fd, struct str s)
{
	off_t at = 0;

	while (s.len > 0) {
		ssize_t n = w->pwrite(fd, s.ptr, s.len, at);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == -1 ? neg_errno() : -EIO;
		s = str_skip(s, (size_t)n);
		at += n;
	}
	return 0;
}

static int sync_fd(const struct tree *t, int fd)
{
	while (t->world->fdatasync(fd) == -1) {
		if (errno != EINTR)
			return neg_errno();
	}
	return 0;
}

/* A new file @name, whose directories are made. */
static int create(const struct tree *t, const char *name)
{
	int fd, r;

	(void)unlinkat(t->dirfd, name, 0); /* what a crash left */
	fd = t->world->create(t->dirfd, name);
	if (fd != -1 || errno != ENOENT)
		return fd == -1 ? neg_errno() : fd;
	r = make_dirs(t->dirfd, name);
	if (r != 0)
		return r;
	fd = t->world->create(t->dirfd, name);
	return fd == -1 ? neg_errno() : fd;
}

static int save(struct tree *t, const char *path, struct str content, bool sync)
{
	char name[TILE_PATH_SIZE + 8];
	AUTO(fd) int fd = -1;
	int r;

	/* In the same directory: Landlock lets us rename there. */
	(void)snprintf(name, sizeof(name), "%s.new", path);
	fd = create(t, name);
	if (fd < 0)
		return fd;
	r = write_all(t->world, fd, content);
	if (r == 0 && sync)
		r = sync_fd(t, fd);
	if (r == 0 && renameat(t->dirfd, name, t->dirfd, path) == -1)
		r = neg_errno();
	if (r != 0)
		(void)unlinkat(t->dirfd, name, 0);
	return r;
}

int tree_save(struct tree *t, const char *path, struct str content)
{
	return save(t, path, content, false);
}

int tree_save_synced(struct tree *t, const char *path, struct str content)
{
	return save(t, path, content, true);
}

static int remove_one(void *owner, const char *name)
{
	(void)unlinkat(*(const int *)owner, name, 0);
	return 0;
}

/* The partial forms of a full tile or bundle: "@path.p/W". */
static void remove_partials(int dirfd, const char *path)
{
	char name[TILE_PATH_SIZE + 8];
	AUTO(fd) int fd = -1;

	(void)snprintf(name, sizeof(name), "%s.p", path);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return; /* nearly always: none was published */
	/* What is left is in nobody's way, and goes the next time. */
	(void)!dir_each(fd, remove_one, &fd);
	(void)unlinkat(dirfd, name, AT_REMOVEDIR);
}

/* ---- bundles ---- */

/* The first 256 entries that wait. */
struct bundle {
	struct str leaves, payloads, hashes;
};

static struct str cut_front(struct str all, struct str rest)
{
	return (struct str){ all.ptr, all.len - rest.len };
}

static void take_bundle(const struct tree *t, struct bundle *ret)
{
	struct str leaves = buf_str(&t->leaves), leaf;
	struct str payloads = buf_str(&t->payloads);
	struct payload p;

	for (unsigned i = 0; i < TILE_WIDTH; i++) {
		ASSERT(tile_next_entry(&leaves, &leaf));
		ASSERT(payload_next(&payloads, &p));
	}
	ret->leaves = cut_front(buf_str(&t->leaves), leaves);
	ret->payloads = cut_front(buf_str(&t->payloads), payloads);
	ret->hashes = buf_str(&t->hashes);
	ret->hashes.len = (size_t)TILE_WIDTH * DIGEST_BYTES;
}

void tile_root(struct hash *h, const struct digest *v, struct digest *ret)
{
	struct digest d[TILE_WIDTH];

	memcpy(d, v, sizeof(d));
	for (unsigned n = TILE_WIDTH / 2; n > 0; n /= 2) {
		for (unsigned i = 0; i < n; i++)
			hash_node(h, &d[(size_t)2 * i], &d[(size_t)2 * i + 1],
				  &d[i]);
	}
	*ret = d[0];
}

static int save_tile(struct tree *t, unsigned level, uint64_t n,
		     struct str hashes)
{
	char path[TILE_PATH_SIZE];
	int r;

	tile_path(level, n, TILE_WIDTH, path);
	r = tree_save(t, path, hashes);
	if (r == 0)
		remove_partials(t->dirfd, path);
	return r;
}

/* Tile @n of level 0 with @hashes, and what becomes full above it. */
static int save_tiles(struct tree *t, uint64_t n, struct str hashes)
{
	/* Bytes, whatever they are called. */
	const struct digest *v = (const struct digest *)hashes.ptr;
	struct digest root;
	int r;

	for (unsigned level = 0;; level++) {
		r = save_tile(
			t, level, n,
			(struct str){ (const char *)v, sizeof(t->tiles[0]) });
		if (r != 0 || level + 1 == TILE_LEVELS)
			return r;
		tile_root(t->hash, v, &root);
		t->tiles[level + 1][n % TILE_WIDTH] = root;
		if (n % TILE_WIDTH != TILE_WIDTH - 1)
			return 0;
		n /= TILE_WIDTH;
		v = t->tiles[level + 1];
	}
}

static int write_bundle(struct tree *t)
{
	uint64_t n = t->written / TILE_WIDTH;
	char path[TILE_PATH_SIZE];
	struct bundle b;
	int r;

	take_bundle(t, &b);
	tile_payload_path(n, path);
	r = tree_save(t, path, b.payloads);
	if (r == 0)
		r = save_tiles(t, n, b.hashes);
	tile_entries_path(n, TILE_WIDTH, path);
	if (r == 0)
		r = tree_save(t, path, b.leaves);
	if (r != 0)
		return r;
	remove_partials(t->dirfd, path);
	buf_consume(&t->leaves, b.leaves.len);
	buf_consume(&t->payloads, b.payloads.len);
	buf_consume(&t->hashes, b.hashes.len);
	t->n -= TILE_WIDTH;
	t->written += TILE_WIDTH;
	return 0;
}

/* The memory of a rush is not kept. */
static void shrink(struct buf *b, size_t max)
{
	if (b->len == 0 && b->size > KEEP_BYTES) {
		buf_done(b);
		buf_init(b, max);
	}
}

int tree_settle(struct tree *t)
{
	int r = 0;

	while (r == 0 && t->n >= TILE_WIDTH)
		r = write_bundle(t);
	shrink(&t->leaves, TREE_WAITING_BYTES);
	shrink(&t->payloads, TREE_WAITING_BYTES);
	shrink(&t->hashes, TREE_WAITING_BYTES);
	return r;
}

/*
 * One syncfs(2) instead of a sync for each file: three for 256 records cost more
 * than all the rest (measured: 22,000 records/s against 190,000 with a disk that
 * needs 3 ms for one).  It waits for what others wrote, too; so it is done once
 * for a whole journal, and not while anybody waits for an answer.  Still that is
 * less: with 300 MB of another program's waiting to be written it took 200 to
 * 265 ms, fdatasync(2) of a journal's 435 files 243 to 912, with their writing
 * begun by sync_file_range(2) 761 to 1198; without the others' 13 to 38 ms, 298
 * to 864 and 273 to 661 (ext4, three rounds in turn, a busy machine).
 */
int tree_sync(struct tree *t)
{
	if (t->synced == t->written)
		return 0;
	while (syncfs(t->dirfd) == -1) {
		if (errno != EINTR)
			return neg_errno();
	}
	t->synced = t->written;
	return 0;
}

int tree_write_partial(struct tree *t)
{
	uint64_t size = tree_size(t);
	char path[TILE_PATH_SIZE];
	int r = 0;

	for (unsigned level = 0; r == 0 && level < TILE_LEVELS; level++) {
		unsigned width = tile_partial(size, level);
		struct str hashes = {
			.ptr = level > 0 ? (const char *)t->tiles[level]
					 : buf_str(&t->hashes).ptr,
			.len = (size_t)width * DIGEST_BYTES,
		};

		/* Nor again what was there for the checkpoint before. */
		if (width == 0 || size >> (TILE_HEIGHT * level) ==
					  t->partial >> (TILE_HEIGHT * level))
			continue;
		tile_path(level, tile_last(size, level), width, path);
		r = tree_save(t, path, hashes);
	}
	if (r == 0 && t->n > 0) {
		tile_entries_path(t->written / TILE_WIDTH, (unsigned)t->n,
				  path);
		r = tree_save(t, path, buf_str(&t->leaves));
	}
	if (r == 0)
		t->partial = size;
	return r;
}

/* ---- the tree's edge ---- */

void tree_edge(const struct tree *t, struct merkle_edge *ret)
{
	const char *hashes = buf_str(&t->hashes).ptr;
	struct digest d;

	*ret = (struct merkle_edge){ .size = 0 };
	for (unsigned level = TILE_LEVELS - 1; level > 0; level--) {
		for (unsigned i = 0; i < tile_partial(t->written, level); i++)
			merkle_add_subtree(ret, t->hash, level * TILE_HEIGHT,
					   &t->tiles[level][i]);
	}
	for (size_t i = 0; i < t->n; i++) {
		memcpy(d.b, hashes + i * DIGEST_BYTES, DIGEST_BYTES);
		merkle_add(ret, t->hash, &d);
	}
}

size_t tree_tiles_count(const struct tree *t)
{
	size_t n = 0;

	for (unsigned level = 1; level < TILE_LEVELS; level++)
		n += tile_partial(t->written, level);
	return n;
}

void tree_tiles_add(const struct tree *t, struct buf *b)
{
	for (unsigned level = 1; level < TILE_LEVELS; level++)
		(void)buf_add(b, (struct str){ (const char *)t->tiles[level],
					       (size_t)tile_partial(t->written,
								    level) *
						       DIGEST_BYTES });
}

bool tree_tiles_load(struct tree *t, uint64_t written, struct str hashes)
{
	if (written % TILE_WIDTH != 0 || t->n != 0)
		return false;
	t->written = t->synced = written;
	if (hashes.len != tree_tiles_count(t) * DIGEST_BYTES)
		return false;
	for (unsigned level = 1; level < TILE_LEVELS; level++) {
		size_t len =
			(size_t)tile_partial(written, level) * DIGEST_BYTES;

		if (len > 0)
			memcpy(t->tiles[level], hashes.ptr, len);
		hashes = str_skip(hashes, len);
	}
	return true;
}
