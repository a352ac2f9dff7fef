/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of verify that knows of one bundle only, so that several processors
 * can share it: the form of each leaf, its hash against the tile, its payload
 * against its hash, and that numbers follow.
 */
#include "ledger/verify-chunk.h"

#include "base/fd.h"
#include "ledger/record-parse.h"

#define ARENA_BYTES (RECORD_MAX_BYTES * 8)

int checker_init(struct checker *c)
{
	buf_init(&c->leaves, (size_t)TILE_WIDTH * (LEAF_MAX_BYTES + 2));
	buf_init(&c->payloads, (size_t)TILE_WIDTH * (PAYLOAD_MAX_BYTES + 4));
	buf_init(&c->tile, sizeof(c->hashes));
	c->hash = NULL;
	return hash_new(&c->hash);
}

void checker_done(struct checker *c)
{
	buf_done(&c->leaves);
	buf_done(&c->payloads);
	buf_done(&c->tile);
	hash_free(c->hash);
}

static bool holds(struct str s, struct str mark)
{
	return memmem(s.ptr, s.len, mark.ptr, mark.len) != NULL;
}

/* A line of the first form is all there is: it must be one flat object. */
static bool is_record(struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;

	arena_init(&a, ARENA_BYTES);
	return record_read(&a, line, &rec) == 0;
}

static const char *check_payload(struct checker *c, const struct record_line *l,
				 const struct payload *p, struct chunk *k)
{
	struct digest want, got;

	k->bytes += p->text.len;
	if (l->payload.len == 0)
		return p->text.len > 0 || p->erased ? "a payload without a hash"
						    : NULL;
	if (p->erased) {
		k->erased++;
		return NULL;
	}
	hash_raw(c->hash, p->text, &got);
	if (!digest_from_hex(l->payload, &want) || !digest_eq(&want, &got))
		return "a payload is not what its record says";
	return NULL;
}

static const char *check_line(struct checker *c, struct str leaf,
			      const struct record_line *l, unsigned i,
			      struct chunk *k)
{
	struct digest prev;

	if (!is_record(leaf) || !digest_from_hex(l->prev, &prev))
		return "no record";
	if (i == 0) {
		k->first_is_v1 = true;
		k->first_prev = prev;
	} else if (!k->last_is_v1 || !digest_eq(&prev, &k->last_line)) {
		return "prev is not the hash of the line before";
	}
	hash_raw(c->hash, leaf, &k->last_line);
	k->v1++;
	return NULL;
}

static const char *check_entry(struct checker *c, struct str leaf,
			       const struct payload *p, unsigned i,
			       struct chunk *k)
{
	const char *wrong = NULL;
	struct record_line l;
	bool torn = false;

	k->bytes += leaf.len;
	hash_leaf(c->hash, leaf, &c->hashes[i]);
	if (!record_line_scan(leaf, &l))
		return "no record";
	/* Strings hold no bare quote, so a mark is a member. */
	if (holds(leaf, STR(",\"kind\":\"ledger."))) {
		k->special = true;
		torn = holds(leaf, STR(",\"kind\":\"ledger.torn\","));
	}
	if (i == 0) {
		k->first_seq = l.seq;
		k->first_is_torn = torn;
	} else if (l.seq <= k->last_seq ||
		   (l.seq != k->last_seq + 1 && !torn)) {
		return "a number does not follow";
	}
	k->last_seq = l.seq;
	if (l.v == 1)
		wrong = check_line(c, leaf, &l, i, k);
	k->last_is_v1 = l.v == 1;
	return wrong ? wrong : check_payload(c, &l, p, k);
}

void check_entries(struct checker *c, struct str leaves, struct str payloads,
		   unsigned n, struct chunk *ret)
{
	struct payload p;
	struct str leaf;

	*ret = (struct chunk){ .file = "" };
	for (unsigned i = 0; i < n && !ret->wrong; i++) {
		ret->at = (uint16_t)i;
		if (!tile_next_entry(&leaves, &leaf)) {
			ret->wrong = "a bundle is cut";
		} else if (!payload_next(&payloads, &p)) {
			ret->wrong = "a file of payloads is cut";
			ret->file = "payload";
		} else {
			ret->wrong = check_entry(c, leaf, &p, i, ret);
		}
	}
	if (!ret->wrong && (leaves.len > 0 || payloads.len > 0))
		ret->wrong = "there is more than there should be";
	if (!ret->wrong && n == TILE_WIDTH) {
		struct merkle_edge e = { .size = 0 };

		for (unsigned i = 0; i < n; i++)
			merkle_add(&e, c->hash, &c->hashes[i]);
		merkle_root(&e, c->hash, &ret->hashes_root);
	}
}

static int load(int dirfd, const char *path, struct buf *b)
{
	buf_clear(b);
	return file_load(dirfd, path, b);
}

static void failed(struct chunk *k, const char *file, int r)
{
	k->file = file;
	if (r == -ENOENT)
		k->wrong = "a file is missing";
	else if (r == -EFBIG)
		k->wrong = "a file is too long";
	else if (r == -EINVAL)
		k->wrong = "not a file";
	else
		k->error = r;
}

void check_bundle(struct checker *c, int dirfd, uint64_t n, struct chunk *ret)
{
	char path[TILE_PATH_SIZE];
	int r;

	*ret = (struct chunk){ .file = "" };
	tile_entries_path(n, TILE_WIDTH, path);
	r = load(dirfd, path, &c->leaves);
	if (r != 0) {
		failed(ret, "", r);
		return;
	}
	tile_payload_path(n, path);
	r = load(dirfd, path, &c->payloads);
	if (r != 0) {
		failed(ret, "payload", r);
		return;
	}
	check_entries(c, buf_str(&c->leaves), buf_str(&c->payloads), TILE_WIDTH,
		      ret);
	if (ret->wrong)
		return;
	tile_path(0, n, TILE_WIDTH, path);
	r = load(dirfd, path, &c->tile);
	if (r != 0)
		failed(ret, "tile", r);
	else if (c->tile.len != sizeof(c->hashes) ||
		 memcmp(buf_str(&c->tile).ptr, c->hashes, sizeof(c->hashes)) !=
			 0) {
		ret->wrong = "a tile does not hold the hashes of its entries";
		ret->file = "tile";
	}
}
