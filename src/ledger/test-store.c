/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store against cut files, flipped bytes, full disks and failing syncs.
 * After each of them: what was acknowledged is there, the chain is whole from
 * the first record to the last, and what was done about it is on the ledger.
 */
#include "base/test.h"
#include "ledger/head.h"
#include "ledger/reader.h"
#include "ledger/record-parse.h"
#include "ledger/test-dir.h"
#include "ledger/verify.h"

#define FIRST "000001.jsonl"

/* What the ledger says to a reader. */
struct seen {
	uint64_t records, last_seq, torn, damage, lost, n_sum;
};

static struct seen look(const struct test_dir *d)
{
	AUTO(reader) struct reader *r = NULL;
	struct reader_line l;
	struct seen s = { 0 };

	CHECK_EQ(reader_open(&r, d->path), 0);
	while (r && reader_next(r, &l) == 0) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct record rec = { 0 };

		arena_init(&a, RECORD_MAX_BYTES * 8);
		if (record_read(&a, l.text, &rec) != 0)
			continue;
		s.records++;
		s.last_seq = rec.head.seq;
		s.n_sum += (uint64_t)json_find_int(rec.fields, "n", 0);
		s.torn += rec.head.kind == RECORD_LEDGER_TORN;
		s.damage += json_find_bool(rec.fields, "damage", false);
		s.lost += (uint64_t)json_find_int(rec.fields, "lost", 0);
	}
	return s;
}

static int verify(const struct test_dir *d)
{
	struct verify_report rep;

	return verify_dir(d->path, NULL, NULL, &rep);
}

static struct store *open_store(const struct test_dir *d,
				const struct store_options *o)
{
	struct store *s = NULL;

	CHECK_EQ(store_open(&s, d->path, o, NULL), 0);
	ASSERT(s != NULL);
	return s;
}

static void test_appends(void)
{
	struct test_dir d;

	test_dir_init(&d);
	for (uint64_t round = 0; round < 3; round++) {
		AUTO(store) struct store *s = open_store(&d, NULL);
		uint64_t seq = 0;

		CHECK_EQ(test_append(s, 1, 2), 0);
		CHECK_EQ(test_add(s, 3, false), 0);
		CHECK_EQ(store_waiting(s), 1);
		CHECK_EQ(store_commit(s, &seq), 0);
		CHECK_EQ(seq, round * 3 + 3);
		CHECK_EQ(store_waiting(s), 0);
		CHECK_EQ(store_commit(s, &seq), 0);
	}

	struct seen seen = look(&d);

	CHECK_EQ(seen.records, 9);
	CHECK_EQ(seen.last_seq, 9);
	CHECK_EQ(seen.torn, 0);
	CHECK_EQ(verify(&d), 0);
	test_dir_done(&d);
}

static void test_one_writer(void)
{
	struct test_dir d;
	struct store *two = NULL;

	test_dir_init(&d);
	{
		AUTO(store) struct store *one = open_store(&d, NULL);

		CHECK_EQ(store_open(&two, d.path, NULL, NULL), -EBUSY);
		CHECK_EQ(test_append(one, 1, 1), 0);
	}
	two = open_store(&d, NULL);
	store_free(two);
	test_dir_done(&d);
}

static void test_limits(void)
{
	static char big[RECORD_MAX_BYTES];
	struct store_record r = { .envelope = STR(TEST_ENVELOPE),
				  .body = { big, RECORD_MAX_BODY } };
	struct test_dir d;
	struct verify_report rep;
	uint64_t seq = 0;
	size_t n = 0, last = 0;
	int x;

	test_dir_init(&d);
	AUTO(store) struct store *s = open_store(&d, NULL);

	memset(big, 'x', sizeof(big));
	static const struct str head =
		STR("{\"kind\":\"net.grant\",\"verdict\":\"allow\",\"trust\":"
		    "\"kernel\",\"count\":1,\"x\":\"");

	memcpy(big, head.ptr, head.len);
	memcpy(big + RECORD_MAX_BODY - 2, "\"}", 2);

	r.body.len++;
	CHECK_EQ(store_add(s, &r, NULL), -EMSGSIZE);
	r.body.len--;
	while ((x = store_add(s, &r, &last)) == 0)
		CHECK_EQ(last, n++);
	CHECK_EQ(x, -ENOBUFS);
	CHECK_EQ(n > 100, true);
	CHECK_EQ(store_waiting(s), n);
	CHECK_EQ(store_commit(s, &seq), 0);
	CHECK_EQ(store_add(s, &r, NULL), 0);
	CHECK_EQ(store_commit(s, &seq), 0);
	CHECK_EQ(seq, n + 1);
	CHECK_EQ(verify_dir(d.path, NULL, NULL, &rep), 0);
	CHECK_EQ(rep.records, n + 1);
	test_dir_done(&d);
}

static void test_rotates(void)
{
	const struct store_options o = { .file_bytes = 1000 };
	struct test_dir d;
	struct verify_report rep;

	test_dir_init(&d);
	for (uint64_t i = 0; i < 20; i++) {
		AUTO(store) struct store *s = open_store(&d, &o);

		CHECK_EQ(test_append(s, 2 * i + 1, 2 * i + 2), 0);
	}

	struct seen seen = look(&d);

	CHECK_EQ(seen.records, 40);
	CHECK_EQ(seen.n_sum, 40 * 41 / 2);
	CHECK_EQ(seen.torn, 0);
	CHECK_EQ(verify_dir(d.path, NULL, NULL, &rep), 0);
	CHECK_EQ(rep.records, 40);
	CHECK_EQ(rep.files > 5, true);
	test_dir_done(&d);
}

/* A copy of the ledger's first file and head, to start from again. */
struct image {
	struct buf file, head;
};

static void image_take(struct image *i, const struct test_dir *d)
{
	test_file_read(d, FIRST, &i->file);
	test_file_read(d, "head", &i->head);
}

static void image_put(const struct image *i, const struct test_dir *d,
		      size_t len, bool head)
{
	struct str f = buf_str(&i->file);

	test_dir_empty(d);
	test_file_write(d, FIRST, (struct str){ f.ptr, len });
	if (head)
		test_file_write(d, "head", buf_str(&i->head));
}

static void image_done(struct image *i)
{
	buf_done(&i->file);
	buf_done(&i->head);
}

/*
 * Records 1..acked are acknowledged, the rest up to @all only written: as a
 * crash before fdatasync leaves it.
 */
static void make_image(struct image *i, const struct test_dir *d,
		       uint64_t acked, uint64_t all, size_t *ret_acked_len)
{
	struct image more;

	{
		AUTO(store) struct store *s = open_store(d, NULL);

		if (acked > 0)
			CHECK_EQ(test_append(s, 1, acked), 0);
	}
	image_take(i, d);
	*ret_acked_len = i->file.len;
	if (all > acked) {
		AUTO(store) struct store *s = open_store(d, NULL);

		CHECK_EQ(test_append(s, acked + 1, all), 0);
	}
	image_take(&more, d);
	buf_done(&i->file);
	buf_done(&more.head);
	i->file = more.file;
}

static size_t count_lines(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\n';
	return n;
}

/* Open, append one record, look.  All must go well. */
static struct seen restart(const struct test_dir *d, struct store_repair *ret)
{
	AUTO(store) struct store *s = NULL;

	CHECK_EQ(store_open(&s, d->path, NULL, ret), 0);
	if (s)
		CHECK_EQ(test_append(s, 0, 0), 0);
	return look(d);
}

static void test_cut_at_every_byte(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;

	test_dir_init(&d);
	make_image(&im, &d, 2, 5, &acked);
	for (size_t len = 0; len <= im.file.len; len++) {
		struct str left = { buf_str(&im.file).ptr, len };
		size_t lines = count_lines(left), torn = len;
		struct store_repair rep;

		image_put(&im, &d, len, true);
		while (torn > 0 && left.ptr[torn - 1] != '\n')
			torn--;
		torn = len - torn;

		struct seen seen = restart(&d, &rep);

		CHECK_EQ(rep.torn_bytes, torn);
		CHECK_EQ(rep.lost, lines < 2 ? 2 - lines : 0);
		CHECK_EQ(rep.damage != NULL, len < acked);
		CHECK_EQ(seen.torn, torn > 0 || len < acked);
		CHECK_EQ(seen.lost, rep.lost);
		CHECK_EQ(seen.records, lines + seen.torn + 1);
		/* Damage stays visible, a torn tail is no damage. */
		CHECK_EQ(verify(&d), len < acked ? VERIFY_E_BROKEN : 0);
		/* And then all is quiet. */
		(void)restart(&d, &rep);
		CHECK_EQ(rep.torn_bytes + rep.lost, 0);
		CHECK_EQ(rep.damage != NULL, false);
		if (test_failures) {
			printf("# cut at %zu\n", len);
			break;
		}
	}
	image_done(&im);
	test_dir_done(&d);
}

static void test_cut_without_head(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;

	test_dir_init(&d);
	make_image(&im, &d, 2, 3, &acked);
	for (size_t len = 0; len <= im.file.len && !test_failures; len++) {
		struct str left = { buf_str(&im.file).ptr, len };
		struct store_repair rep;
		size_t lines = count_lines(left);

		image_put(&im, &d, len, false);
		CHECK_EQ(verify(&d), len > 0 ? VERIFY_E_BROKEN : -ENOENT);

		struct seen seen = restart(&d, &rep);

		CHECK_EQ(rep.damage != NULL, lines > 0);
		CHECK_EQ(seen.records, lines + seen.torn + 1);
		CHECK_EQ(seen.torn, len > 0);
		CHECK_EQ(verify(&d), lines > 0 ? VERIFY_E_BROKEN : 0);
	}
	image_done(&im);
	test_dir_done(&d);
}

static void check_flip(struct image *im, const struct test_dir *d, size_t at,
		       size_t acked)
{
	char *byte = im->file.ptr + im->file.off + at;
	struct store_repair rep;

	*byte ^= 0x11;
	image_put(im, d, im->file.len, true);

	bool in_acked = at < acked;
	int before = verify(d);

	if (in_acked)
		CHECK_EQ(before, VERIFY_E_BROKEN);

	struct seen seen = restart(d, &rep);

	/* A flip is never silently accepted where it was acknowledged. */
	if (in_acked)
		CHECK_EQ(verify(d), VERIFY_E_BROKEN);
	else
		CHECK_EQ(verify(d), 0);
	CHECK_EQ(seen.records >= (in_acked ? 1 : 3), true);
	/* All bytes are somewhere: in the ledger or in torn-*. */
	if (rep.torn_bytes > 0)
		CHECK_EQ(seen.torn, 1);
	*byte ^= 0x11;
}

static void test_flip_every_byte(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;

	test_dir_init(&d);
	make_image(&im, &d, 2, 4, &acked);
	for (size_t at = 0; at < im.file.len; at++) {
		check_flip(&im, &d, at, acked);
		if (test_failures) {
			printf("# flip at %zu of %zu, acked %zu\n", at,
			       im.file.len, acked);
			break;
		}
	}
	image_done(&im);
	test_dir_done(&d);
}

static void test_flip_head(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;

	test_dir_init(&d);
	make_image(&im, &d, 2, 2, &acked);
	for (size_t at = 0; at < im.head.len && !test_failures; at++) {
		struct store_repair rep;

		im.head.ptr[im.head.off + at] ^= 0x01;
		image_put(&im, &d, im.file.len, true);
		CHECK_EQ(verify(&d), VERIFY_E_BROKEN);

		struct seen seen = restart(&d, &rep);

		CHECK_EQ(rep.damage != NULL, true);
		CHECK_EQ(rep.torn_bytes, 0);
		CHECK_EQ(seen.records, 4);
		im.head.ptr[im.head.off + at] ^= 0x01;
	}
	image_done(&im);
	test_dir_done(&d);
}

/*
 * After a power failure any block that was not synced may be missing, and the
 * size may be there without the data.
 */
static void test_lost_blocks(void)
{
	static char zeros[65536];
	struct test_dir d;
	struct image im;
	size_t acked = 0;
	const size_t block = 48; /* several to a line, so all cases come by */

	test_dir_init(&d);
	make_image(&im, &d, 3, 8, &acked);
	for (size_t at = acked; at < im.file.len && !test_failures;
	     at += block / 3) {
		for (unsigned to_end = 0; to_end < 2; to_end++) {
			AUTO(buf) struct buf keep = BUF_NULL;
			char *p = im.file.ptr + im.file.off;
			size_t len = im.file.len - at;
			struct store_repair rep;

			if (!to_end && len > block)
				len = block;
			buf_init(&keep, sizeof(zeros));
			CHECK_EQ(buf_add(&keep, buf_str(&im.file)), true);
			memset(p + at, 0, len);
			image_put(&im, &d, im.file.len, true);
			CHECK_EQ(restart(&d, &rep).records >= 3 + 2, true);
			CHECK_EQ(rep.damage == NULL && rep.torn_bytes > 0,
				 true);
			CHECK_EQ(verify(&d), 0);
			memcpy(p, buf_str(&keep).ptr, keep.len);
		}
	}
	image_done(&im);
	test_dir_done(&d);
}

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Whatever is in the files: it opens, goes on, and a second start is quiet. */
static void test_any_damage(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;
	uint32_t rnd = 1;

	test_dir_init(&d);
	make_image(&im, &d, 4, 7, &acked);
	for (unsigned round = 0; round < 400 && !test_failures; round++) {
		AUTO(buf) struct buf file = BUF_NULL;
		AUTO(buf) struct buf head = BUF_NULL;
		size_t len = random_next(&rnd) % (im.file.len + 1);
		struct store_repair rep;

		buf_init(&file, 65536);
		buf_init(&head, LEDGER_HEAD_BYTES);
		(void)buf_add(&file, buf_str(&im.file));
		(void)buf_add(&head, buf_str(&im.head));
		for (unsigned n = random_next(&rnd) % 4; n > 0; n--)
			file.ptr[random_next(&rnd) % file.len] =
				(char)random_next(&rnd);
		if (round % 3 == 0)
			head.ptr[random_next(&rnd) % head.len] =
				(char)random_next(&rnd);
		test_dir_empty(&d);
		if (round % 5 != 0)
			len = file.len;
		test_file_write(&d, FIRST,
				(struct str){ buf_str(&file).ptr, len });
		if (round % 7 != 0)
			test_file_write(&d, "head", buf_str(&head));
		(void)restart(&d, &rep);
		CHECK_EQ(verify(&d) >= 0, true);
		(void)restart(&d, &rep);
		CHECK_EQ(rep.damage == NULL && rep.torn_bytes == 0, true);
		if (test_failures)
			printf("# round %u\n", round);
	}
	image_done(&im);
	test_dir_done(&d);
}

/* After a power failure head may be old, by a file too. */
static void test_old_head(void)
{
	const struct store_options o = { .file_bytes = 600 };
	AUTO(buf) struct buf head = BUF_NULL;
	struct test_dir d;
	struct store_repair rep;

	test_dir_init(&d);
	for (uint64_t i = 1; i <= 8; i++) {
		AUTO(store) struct store *s = open_store(&d, &o);

		CHECK_EQ(test_append(s, i, i), 0);
		if (i == 2) {
			test_file_read(&d, "head", &head);
		}
	}
	test_file_write(&d, "head", buf_str(&head));
	CHECK_EQ(verify(&d), 0);

	struct seen seen = restart(&d, &rep);

	CHECK_EQ(rep.damage == NULL && rep.torn_bytes == 0, true);
	CHECK_EQ(seen.records, 9);
	CHECK_EQ(verify(&d), 0);
	test_dir_done(&d);
}

/* A crash between the steps of a repair loses no step of it. */
static void test_repair_is_repeated(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;
	struct store_repair rep;

	test_dir_init(&d);
	make_image(&im, &d, 2, 3, &acked);
	image_put(&im, &d, im.file.len - 5, true);
	/* Cut and kept, but the record never came. */
	for (unsigned i = 0; i < 3; i++) {
		AUTO(store) struct store *s = NULL;

		CHECK_EQ(store_open(&s, d.path, NULL, &rep), 0);
		CHECK_EQ(rep.torn_bytes, im.file.len - 5 - acked);
		CHECK_EQ(store_waiting(s), 1);
	}
	/* The record itself was torn. */
	{
		AUTO(fd) int dirfd = test_dir_open(&d);
		AUTO(fd)
		int fd = openat(dirfd, FIRST, O_WRONLY | O_APPEND | O_CLOEXEC);

		CHECK_EQ(fd_write_full(fd, "{\"v\":1,", 7), 0);
	}

	struct seen seen = restart(&d, &rep);

	CHECK_EQ(rep.torn_bytes, im.file.len - 5 - acked + 7);
	CHECK_EQ(seen.torn, 1);
	CHECK_EQ(seen.records, 4);
	CHECK_EQ(verify(&d), 0);
	image_done(&im);
	test_dir_done(&d);
}

/* ---- a world that fails ---- */

static struct {
	int write_in; /* fails the n-th write from now; < 0: never */
	int sync_in;
	int trunc_in;
	int create_in;
	size_t most; /* bytes a write takes; 0: all */
	int error;
} world;

static bool fails(int *in)
{
	if (*in < 0)
		return false;
	if (*in > 0) {
		(*in)--;
		return false;
	}
	errno = world.error;
	return true; /* and so on, until the test says otherwise */
}

static ssize_t bad_pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (world.most && len > world.most && len != 256)
		len = world.most;
	return fails(&world.write_in) ? -1 : pwrite(fd, p, len, at);
}

static int bad_sync(int fd)
{
	return fails(&world.sync_in) ? -1 : fdatasync(fd);
}

static int bad_truncate(int fd, off_t len)
{
	return fails(&world.trunc_in) ? -1 : ftruncate(fd, len);
}

static int bad_create(int dirfd, const char *name)
{
	return fails(&world.create_in)
		       ? -1
		       : openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC,
				0600);
}

static const struct store_world bad_world = { bad_pwrite, bad_sync,
					      bad_truncate, bad_create };

static void world_is_fine(void)
{
	world.write_in = world.sync_in = world.trunc_in = world.create_in = -1;
	world.most = 0;
}

/* The group of @n fails; nothing of it stays but what is to be kept. */
static void check_failure(struct store *s, const struct test_dir *d, int error)
{
	uint64_t before = look(d).records, seq = 0;

	CHECK_EQ(test_add(s, 100, false), 0);
	CHECK_EQ(test_add(s, 200, true), 0);
	CHECK_EQ(test_add(s, 300, false), 0);
	CHECK_EQ(test_add(s, 400, true), 0);
	CHECK_EQ(store_commit(s, &seq), -error);
	CHECK_EQ(store_waiting(s), 2);
	world_is_fine();
	CHECK_EQ(store_commit(s, &seq), 0);
	CHECK_EQ(seq, before + 1);
	CHECK_EQ(look(d).records, before + 2);
	CHECK_EQ(verify(d), 0);
}

static void test_failures_of_the_disk(void)
{
	static const struct {
		int write_in, sync_in, trunc_in;
		size_t most;
		int error;
	} rows[] = {
		{ 0, -1, -1, 0, ENOSPC }, { 1, -1, -1, 10, ENOSPC },
		{ 5, -1, -1, 50, EIO },   { -1, 0, -1, 0, EIO },
		{ -1, 0, -1, 7, ENOSPC }, { 1, -1, 0, 10, EROFS },
		{ -1, 0, 0, 0, EIO },     { 0, -1, 0, 0, EROFS },
	};
	const struct store_options o = { .world = &bad_world };
	struct test_dir d;

	test_dir_init(&d);
	world_is_fine();

	AUTO(store) struct store *s = open_store(&d, &o);

	CHECK_EQ(test_append(s, 1, 3), 0);
	for (size_t i = 0; i < N_ELEMS(rows) && !test_failures; i++) {
		world.write_in = rows[i].write_in;
		world.sync_in = rows[i].sync_in;
		world.trunc_in = rows[i].trunc_in;
		world.most = rows[i].most;
		world.error = rows[i].error;
		check_failure(s, &d, rows[i].error);
		if (test_failures)
			printf("# row %zu\n", i);
	}
	CHECK_EQ(look(&d).n_sum, 6 + N_ELEMS(rows) * 600);
	test_dir_done(&d);
}

/* kill -9 while the disk was failing: the file holds an unfinished group. */
static void test_dies_while_failing(void)
{
	const struct store_options o = { .world = &bad_world };
	struct test_dir d;
	struct store_repair rep;

	test_dir_init(&d);
	world_is_fine();
	{
		AUTO(store) struct store *s = open_store(&d, &o);

		CHECK_EQ(test_append(s, 1, 3), 0);
		world.most = 100;
		world.write_in = 4;
		world.trunc_in = 0;
		world.error = EIO;
		CHECK_EQ(test_append(s, 4, 5), -EIO);
	}

	struct seen seen = restart(&d, &rep);

	CHECK_EQ(rep.torn_bytes > 0, true);
	CHECK_EQ(rep.lost, 0);
	CHECK_EQ(seen.torn, 1);
	CHECK_EQ(verify(&d), 0);
	test_dir_done(&d);
}

static void test_fails_to_rotate(void)
{
	const struct store_options o = { .world = &bad_world,
					 .file_bytes = 300 };
	struct test_dir d;

	test_dir_init(&d);
	world_is_fine();

	AUTO(store) struct store *s = open_store(&d, &o);

	CHECK_EQ(test_append(s, 1, 2), 0);
	world.create_in = 0;
	world.error = ENOSPC;
	CHECK_EQ(test_append(s, 3, 3), -ENOSPC);
	world_is_fine();
	CHECK_EQ(test_append(s, 3, 3), 0);
	CHECK_EQ(look(&d).records, 3);
	/* Made, but nothing written to it. */
	world.write_in = 0;
	CHECK_EQ(test_append(s, 4, 6), -ENOSPC);
	world_is_fine();
	CHECK_EQ(test_append(s, 4, 6), 0);
	CHECK_EQ(look(&d).records, 6);
	CHECK_EQ(verify(&d), 0);
	test_dir_done(&d);
}

/* An empty last file, as a crash right after its creation leaves. */
static void test_empty_last_file(void)
{
	struct test_dir d;
	struct store_repair rep;

	test_dir_init(&d);
	{
		AUTO(store) struct store *s = open_store(&d, NULL);

		CHECK_EQ(test_append(s, 1, 3), 0);
	}
	test_file_write(&d, "000002.jsonl", (struct str){ 0 });
	CHECK_EQ(verify(&d), 0);

	struct seen seen = restart(&d, &rep);

	CHECK_EQ(seen.records, 4);
	CHECK_EQ(rep.damage == NULL && rep.torn_bytes == 0, true);
	CHECK_EQ(verify(&d), 0);
	/* Torn right at the start of a new file. */
	test_file_write(&d, "000003.jsonl", STR("{\"v\":"));
	seen = restart(&d, &rep);
	CHECK_EQ(rep.torn_bytes, 5);
	CHECK_EQ(seen.records, 6);
	CHECK_EQ(verify(&d), 0);
	test_dir_done(&d);
}

static void test_removed_files(void)
{
	const struct store_options o = { .file_bytes = 300 };
	struct test_dir d;
	struct store_repair rep;

	test_dir_init(&d);
	for (uint64_t i = 1; i <= 9; i++) {
		AUTO(store) struct store *s = open_store(&d, &o);

		CHECK_EQ(test_append(s, i, i), 0);
	}

	AUTO(fd) int fd = test_dir_open(&d);

	CHECK_EQ(unlinkat(fd, "000002.jsonl", 0), 0);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	test_dir_empty(&d);
	{
		AUTO(store) struct store *s = open_store(&d, NULL);

		CHECK_EQ(test_append(s, 1, 3), 0);
	}
	/* Everything but head is gone: numbers go on after the lost ones. */
	CHECK_EQ(unlinkat(fd, FIRST, 0), 0);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);

	struct seen seen = restart(&d, &rep);

	CHECK_EQ(rep.lost, 3);
	CHECK_EQ(seen.last_seq, 5);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	test_dir_done(&d);
}

/* A kept file of a history that is lost is not an interrupted repair. */
static void test_old_torn_file(void)
{
	struct test_dir d;
	struct store_repair rep;

	test_dir_init(&d);
	/* Record 4 told of it once; nothing else is left of that time. */
	test_file_write(&d, "torn-000000000004", STR("cut bytes"));

	struct seen seen = restart(&d, &rep);

	CHECK_EQ(rep.lost, 3);
	CHECK_EQ(rep.damage != NULL, true);
	CHECK_EQ(seen.last_seq, 5);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	seen = restart(&d, &rep);
	CHECK_EQ(rep.damage == NULL && rep.torn_bytes == 0, true);
	CHECK_EQ(seen.last_seq, 6);
	test_dir_done(&d);
}

int main(void)
{
	static const struct test tests[] = {
		{ "appends and goes on", test_appends },
		{ "one writer at a time", test_one_writer },
		{ "limits", test_limits },
		{ "rotates", test_rotates },
		{ "cut at every byte", test_cut_at_every_byte },
		{ "cut at every byte, without head", test_cut_without_head },
		{ "every byte flipped", test_flip_every_byte },
		{ "every byte of head flipped", test_flip_head },
		{ "lost blocks", test_lost_blocks },
		{ "any damage", test_any_damage },
		{ "an old head", test_old_head },
		{ "a repair that is cut off", test_repair_is_repeated },
		{ "failures of the disk", test_failures_of_the_disk },
		{ "dies while the disk fails", test_dies_while_failing },
		{ "fails to rotate", test_fails_to_rotate },
		{ "an empty last file", test_empty_last_file },
		{ "removed files", test_removed_files },
		{ "an old torn file", test_old_torn_file },
	};

	return test_main(tests, N_ELEMS(tests));
}
