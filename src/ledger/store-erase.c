/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A payload is gone when its place in the payload file of its bundle says so;
 * the leaf with its hash stays, so the tree does.  First the record that says
 * what will be erased is durable, then the files are written anew, and at last
 * the journal, which holds payloads, too.  A crash in between leaves less
 * erased than was said, and nothing else: to be done again.
 *
 * The file systems' blocks are free then, not overwritten.
 */
#include <fcntl.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "ledger/record-parse.h"
#include "ledger/store-in.h"

#define BUNDLE_MAX   ((size_t)TILE_WIDTH * (LEAF_MAX_BYTES + 2))
#define PAYLOADS_MAX ((size_t)TILE_WIDTH * (PAYLOAD_MAX_BYTES + 4))

static bool is_meant(const struct store_erase *e, struct str leaf,
		     const struct payload *p)
{
	struct record_line l;

	if (p->erased || p->text.len == 0 || !record_line_scan(leaf, &l) ||
	    /* What the ledger says of itself is needed to verify it. */
	    memmem(leaf.ptr, leaf.len, ",\"kind\":\"ledger.", 16))
		return false;
	if (e->session.len > 0 && !str_eq(l.session, e->session))
		return false;
	return e->before == 0 || l.at < e->before;
}

/* @payloads with those of @leaves that are meant erased, onto @b. */
static uint64_t erase_in(const struct store_erase *e, struct str leaves,
			 struct str payloads, struct buf *b)
{
	uint64_t n = 0;
	struct payload p;
	struct str leaf;

	while (tile_next_entry(&leaves, &leaf) && payload_next(&payloads, &p)) {
		if (is_meant(e, leaf, &p)) {
			p = (struct payload){ .erased = true };
			n++;
		}
		payload_add(b, &p);
	}
	return n;
}

int erase_bundle(struct store *s, const struct store_erase *e, uint64_t n,
		 bool write, uint64_t *ret)
{
	AUTO(buf) struct buf leaves = BUF_NULL;
	AUTO(buf) struct buf payloads = BUF_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	char path[TILE_PATH_SIZE];
	int r;

	buf_init(&leaves, BUNDLE_MAX);
	buf_init(&payloads, PAYLOADS_MAX);
	buf_init(&b, PAYLOADS_MAX);
	tile_entries_path(n, TILE_WIDTH, path);
	r = file_load(s->dirfd, path, &leaves);
	tile_payload_path(n, path);
	if (r == 0)
		r = file_load(s->dirfd, path, &payloads);
	if (r != 0)
		return r;
	*ret = erase_in(e, buf_str(&leaves), buf_str(&payloads), &b);
	if (*ret == 0 || !write)
		return 0;
	return b.failed ? -ENOMEM
			: tree_save_synced(&s->tree, path, buf_str(&b));
}

/* What is in no bundle yet. */
static int erase_rest(struct store *s, const struct store_erase *e, bool write,
		      uint64_t *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, TREE_WAITING_BYTES);
	*ret = erase_in(e, buf_str(&s->tree.leaves), buf_str(&s->tree.payloads),
			&b);
	if (*ret == 0 || !write)
		return 0;
	if (b.failed)
		return -ENOMEM;
	buf_done(&s->tree.payloads);
	s->tree.payloads = b;
	b = (struct buf)BUF_NULL;
	return 0;
}

static int erase_all(struct store *s, const struct store_erase *e, bool write,
		     uint64_t *ret)
{
	uint64_t one = 0;
	int r = 0;

	*ret = 0;
	for (uint64_t n = 0; r == 0 && n < s->tree.written / TILE_WIDTH; n++) {
		r = erase_bundle(s, e, n, write, &one);
		*ret += one;
	}
	if (r == 0)
		r = erase_rest(s, e, write, &one);
	*ret += one;
	return r;
}

int erase_say(struct store *s, const struct store_erase *e, uint64_t n)
{
	static const struct str envelope =
		STR("\"session\":\"\",\"user\":\"\",\"task\":\"\"");
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	uint64_t seq;
	int r;

	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&w, RECORD_LEDGER_ERASE, "none", RECORD_KERNEL, NULL, 1);
	json_kuint(&w, "n", n);
	if (e->session.len > 0)
		json_kstr(&w, "of", e->session);
	if (e->before > 0)
		json_kuint(&w, "before", e->before);
	if (s->retaining)
		json_kstr(&w, "reason", STR("limit"));
	record_end(&w);
	if (b.failed)
		return -ENOMEM;
	r = store_add(s,
		      &(struct store_record){ .at = clock_utc_ns(),
					      .envelope = envelope,
					      .body = buf_str(&b) },
		      NULL);
	return r == 0 ? store_commit(s, &seq) : r;
}

int store_erase(struct store *s, const struct store_erase *e, uint64_t *ret)
{
	uint64_t done = 0;
	int r = store_settle(s);

	*ret = 0;
	if (r == 0)
		r = erase_all(s, e, false, ret);
	if (r != 0 || *ret == 0)
		return r;
	r = erase_say(s, e, *ret);
	if (r == 0)
		r = store_settle(s);
	if (r == 0)
		r = erase_all(s, e, true, &done);
	if (r == 0)
		r = store_switch(s);
	return r == 0 ? store_publish(s) : r;
}
