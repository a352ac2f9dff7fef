/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of size and age for payloads, in whole bundles from the oldest on,
 * those that the journal still holds left out.  Looked at when a journal is left
 * and at start, so what is kept may exceed them by what a journal holds.  Leaves,
 * some 350 bytes a record, are never given up: the tree is of them.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "ledger/record-parse.h"
#include "ledger/store-in.h"

/* Of a payload file where nearly all is erased: not worth another look. */
#define SMALL_BYTES ((uint64_t)TILE_WIDTH * 4 + 4096)
#define LIMITS_MAX  1024u
#define DAY_NS      ((uint64_t)86400 * 1000000000)
#define DAYS_MAX    36500u

/* 0 when it is not there. */
static uint64_t payload_size(struct store *s, uint64_t n)
{
	char path[TILE_PATH_SIZE];
	struct stat st;

	tile_payload_path(n, path);
	if (fstatat(s->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	return (uint64_t)st.st_size;
}

/* The last record of bundle @n is from before @before. */
static bool is_old(struct store *s, uint64_t n, uint64_t before)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char path[TILE_PATH_SIZE];
	struct record_line l;
	struct str all, leaf;
	uint64_t at = UINT64_MAX;

	tile_entries_path(n, TILE_WIDTH, path);
	buf_init(&b, (size_t)TILE_WIDTH * (LEAF_MAX_BYTES + 2));
	if (before == 0 || file_load(s->dirfd, path, &b) != 0)
		return false;
	all = buf_str(&b);
	while (tile_next_entry(&all, &leaf)) {
		if (record_line_scan(leaf, &l))
			at = l.at;
	}
	return at < before;
}

/* Bundles [*ret_from, *ret_to) are to go; none: both are the same. */
static void choose(struct store *s, uint64_t *ret_from, uint64_t *ret_to)
{
	uint64_t now = clock_utc_ns(), total = 0;
	uint64_t before = s->limits.age > 0 && now > s->limits.age
				  ? now - s->limits.age
				  : 0;
	uint64_t end = s->journal.first / TILE_WIDTH;

	*ret_from = *ret_to = 0;
	for (uint64_t n = 0; n < s->tree.written / TILE_WIDTH; n++)
		total += payload_size(s, n);
	for (uint64_t n = 0; n < end; n++) {
		uint64_t size = payload_size(s, n);
		bool much = s->limits.bytes > 0 && total > s->limits.bytes;

		if (size <= SMALL_BYTES)
			continue;
		if (!much && !is_old(s, n, before))
			break;
		if (*ret_to == 0)
			*ret_from = n;
		*ret_to = n + 1;
		total -= size;
	}
}

int store_retain(struct store *s)
{
	uint64_t from, to;

	/* What it says is a record: a later time does as well. */
	if (s->eraser.step != ERASE_NOTHING || s->n_waiting > 0)
		return 0;
	s->retain_due = false;
	if (s->limits.bytes == 0 && s->limits.age == 0)
		return 0;
	choose(s, &from, &to);
	return from < to ? erase_by_limit(s, from * TILE_WIDTH, to * TILE_WIDTH)
			 : 0;
}

/* ---- the file ---- */

static bool parse_limit(struct str line, struct store_limits *ret)
{
	uint32_t days = 0;
	struct str word;

	if (!str_cut(&line, ' ', &word))
		return false;
	if (str_eq(word, STR("payload-bytes")))
		return str_u64(line, 0, INT64_MAX, &ret->bytes);
	if (!str_eq(word, STR("payload-days")) ||
	    !str_u32(line, 0, DAYS_MAX, &days))
		return false;
	ret->age = days * DAY_NS;
	return true;
}

int store_limits_load(const char *path, struct store_limits *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str text, line;
	int r;

	*ret = (struct store_limits){ 0 };
	buf_init(&b, LIMITS_MAX);
	r = file_load(AT_FDCWD, path, &b);
	if (r == -ENOENT)
		return 0;
	text = buf_str(&b);
	while (r == 0 && str_cut(&text, '\n', &line)) {
		if (!parse_limit(line, ret))
			r = -EINVAL;
	}
	return r == -EFBIG ? -EINVAL : r;
}

int store_limits_save(const char *path, const struct store_limits *l)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, LIMITS_MAX);
	(void)buf_printf(&b, "payload-bytes %llu\npayload-days %llu\n",
			 (unsigned long long)l->bytes,
			 (unsigned long long)(l->age / DAY_NS));
	return b.failed ? -ENOMEM
			: file_save(AT_FDCWD, path, buf_str(&b), 0600, true);
}
