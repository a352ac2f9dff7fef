/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store against cut files, flipped bytes, full disks and failing syncs.
 * After each of them: what was acknowledged is there, the tree is whole from the
 * first record to the last, and what was done about it is on the ledger.
 */
#include <sys/wait.h>

#include "base/test.h"
#include "ledger/checkpoint.h"
#include "ledger/head.h"
#include "ledger/reader.h"
#include "ledger/record-parse.h"
#include "ledger/test-dir.h"
#include "ledger/verify.h"

#define FIRST "journal-000001"

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

static int publish(const struct test_dir *d)
{
	AUTO(store) struct store *s = open_store(d, NULL);

	return store_publish(s);
}

static void remove_name(const struct test_dir *d, const char *name)
{
	AUTO(fd) int fd = test_dir_open(d);

	(void)unlinkat(fd, name, 0);
}

static bool there_is(const struct test_dir *d, const char *name)
{
	AUTO(fd) int fd = test_dir_open(d);
	struct stat st;

	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Bundles, tiles and journals come and go. */
static void test_bundles(void)
{
	const struct store_options o = { .file_bytes = 20000 };
	struct verify_report rep;
	struct test_dir d;

	test_dir_init(&d);
	for (uint64_t i = 0; i < 20; i++) {
		AUTO(store) struct store *s = open_store(&d, &o);

		CHECK_EQ(test_append(s, 50 * i + 1, 50 * i + 50), 0);
		CHECK_EQ(store_settle(s), 0);
		CHECK_EQ(verify(&d), 0);
		if (i % 3 == 0)
			CHECK_EQ(store_publish(s), 0);
		CHECK_EQ(verify(&d), 0);
	}
	CHECK_EQ(publish(&d), 0);

	struct seen seen = look(&d);

	CHECK_EQ(seen.records, 1000);
	CHECK_EQ(seen.n_sum, 1000 * 1001 / 2);
	CHECK_EQ(seen.torn, 0);
	CHECK_EQ(verify_dir(d.path, NULL, NULL, &rep), 0);
	CHECK_EQ(rep.records, 1000);
	CHECK_EQ(rep.size, 1000);
	CHECK(!there_is(&d, FIRST));
	CHECK(there_is(&d, "tile/entries/002") && there_is(&d, "tile/0/002") &&
	      there_is(&d, "payload/002"));
	CHECK(there_is(&d, "tile/entries/003.p/232") &&
	      there_is(&d, "tile/0/003.p/232") &&
	      there_is(&d, "tile/1/000.p/3"));
	/* Only what is full has no partial form any more. */
	CHECK(!there_is(&d, "tile/entries/002.p"));
	test_dir_done(&d);
}

/* A crash before anything of a bundle was synced. */
static void test_bundles_again(void)
{
	static const char *const lost[] = { "tile/entries/001", "tile/0/001",
					    "payload/001", "tile/entries/000" };
	struct test_dir d;

	test_dir_init(&d);
	{
		AUTO(store) struct store *s = open_store(&d, NULL);

		CHECK_EQ(test_append(s, 1, 600), 0);
		CHECK_EQ(store_publish(s), 0);
	}
	for (size_t i = 0; i < N_ELEMS(lost); i++)
		remove_name(&d, lost[i]);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	CHECK_EQ(look(&d).records, 600);
	CHECK_EQ(publish(&d), 0);
	{
		AUTO(store) struct store *s = open_store(&d, NULL);

		CHECK_EQ(store_settle(s), 0);
	}
	CHECK_EQ(verify(&d), 0);
	CHECK_EQ(look(&d).records, 600);
	test_dir_done(&d);
}

/* A copy of the ledger's only journal and checkpoint, to start from again. */
struct image {
	struct buf file, head;
};

static void image_take(struct image *i, const struct test_dir *d)
{
	test_file_read(d, FIRST, &i->file);
	test_file_read(d, "checkpoint", &i->head);
}

static void image_put(const struct image *i, const struct test_dir *d,
		      size_t len, bool head)
{
	struct str f = buf_str(&i->file);

	for (unsigned n = 1; n < 6; n++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "journal-%06u", n);
		remove_name(d, name);
		(void)snprintf(name, sizeof(name), "torn-journal-%06u", n);
		remove_name(d, name);
	}
	test_file_write(d, FIRST, (struct str){ f.ptr, len });
	remove_name(d, "checkpoint");
	if (head)
		test_file_write(d, "checkpoint", buf_str(&i->head));
}

static void image_done(struct image *i)
{
	buf_done(&i->file);
	buf_done(&i->head);
}

/*
 * Records 1..acked are acknowledged and below the checkpoint, the rest up to
 * @all only written, each as a frame: as a crash before fdatasync leaves it.
 */
static void make_image(struct image *i, const struct test_dir *d,
		       uint64_t acked, uint64_t all, size_t *ret_acked_len)
{
	struct image more;

	{
		AUTO(store) struct store *s = open_store(d, NULL);

		for (uint64_t n = 1; n <= acked; n++)
			CHECK_EQ(test_append(s, n, n), 0);
		CHECK_EQ(store_publish(s), 0);
	}
	image_take(i, d);
	*ret_acked_len = i->file.len;
	{
		AUTO(store) struct store *s = open_store(d, NULL);

		for (uint64_t n = acked + 1; n <= all; n++)
			CHECK_EQ(test_append(s, n, n), 0);
	}
	image_take(&more, d);
	buf_done(&i->file);
	buf_done(&more.head);
	i->file = more.file;
}

static struct seen restart(const struct test_dir *d, struct store_repair *rep)
{
	AUTO(store) struct store *s = NULL;

	CHECK_EQ(store_open(&s, d->path, NULL, rep), 0);
	if (s)
		CHECK_EQ(test_append(s, 1000, 1000), 0);
	return look(d);
}

/* The journal ends after @len bytes, or holds zeros from there. */
static void check_tail(struct image *im, const struct test_dir *d, size_t len,
		       size_t acked, bool zeros)
{
	AUTO(buf) struct buf keep = BUF_NULL;
	char *p = im->file.ptr + im->file.off;
	struct store_repair rep;
	struct seen seen;

	buf_init(&keep, im->file.len);
	CHECK(buf_add(&keep, buf_str(&im->file)));
	if (zeros)
		memset(p + len, 0, im->file.len - len);
	image_put(im, d, zeros ? im->file.len : len, true);
	memcpy(p, buf_str(&keep).ptr, keep.len);
	seen = restart(d, &rep);
	if (len >= acked) {
		CHECK(!rep.damage && rep.lost == 0);
		CHECK(seen.records >= 3 + 1);
		CHECK_EQ(seen.torn, rep.torn_bytes > 0 ? 1 : 0);
		CHECK_EQ(verify(d), 0);
	} else {
		CHECK(rep.damage && rep.lost > 0);
		CHECK_EQ(seen.lost, rep.lost);
		CHECK_EQ(verify(d), VERIFY_E_BROKEN);
	}
	CHECK_EQ(seen.last_seq >= 3 + 1, true);
	(void)restart(d, &rep);
	CHECK(!rep.damage && rep.torn_bytes == 0);
}

static void test_cut_at_every_byte(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;

	test_dir_init(&d);
	make_image(&im, &d, 3, 6, &acked);
	/* From the end: what damage leaves has other partial tiles. */
	for (size_t len = im.file.len + 1; len-- > 0 && !test_failures;) {
		check_tail(&im, &d, len, acked, false);
		if (len < im.file.len)
			check_tail(&im, &d, len, acked, true);
		if (test_failures)
			printf("# at %zu of %zu, acked %zu\n", len, im.file.len,
			       acked);
	}
	image_done(&im);
	test_dir_done(&d);
}

static void test_flip_every_byte(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;

	test_dir_init(&d);
	make_image(&im, &d, 3, 5, &acked);
	for (size_t at = im.file.len; at-- > 0 && !test_failures;) {
		struct store_repair rep;

		im.file.ptr[im.file.off + at] ^= 0x11;
		image_put(&im, &d, im.file.len, true);
		CHECK_EQ(verify(&d), at < acked ? VERIFY_E_BROKEN : 0);
		(void)restart(&d, &rep);
		im.file.ptr[im.file.off + at] ^= 0x11;
		CHECK(rep.torn_bytes > 0);
		CHECK_EQ(rep.damage != NULL, at < acked);
		CHECK_EQ(verify(&d), at < acked ? VERIFY_E_BROKEN : 0);
		if (test_failures)
			printf("# flip at %zu of %zu, acked %zu\n", at,
			       im.file.len, acked);
	}
	image_done(&im);
	test_dir_done(&d);
}

static void test_flip_checkpoint(void)
{
	struct test_dir d;
	struct image im;
	size_t acked = 0;

	test_dir_init(&d);
	make_image(&im, &d, 2, 2, &acked);
	for (size_t at = 0; at < im.head.len && !test_failures; at++) {
		struct store_repair rep;
		struct seen seen;

		im.head.ptr[im.head.off + at] ^= 0x01;
		image_put(&im, &d, im.file.len, true);
		CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
		seen = restart(&d, &rep);
		CHECK(rep.damage != NULL);
		CHECK_EQ(rep.torn_bytes, 0);
		CHECK_EQ(seen.records, 4);
		im.head.ptr[im.head.off + at] ^= 0x01;
		if (test_failures)
			printf("# flip at %zu\n", at);
	}
	/* And without it. */
	struct store_repair rep;

	image_put(&im, &d, im.file.len, false);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	(void)restart(&d, &rep);
	CHECK(rep.damage != NULL);
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
	for (unsigned round = 0; round < 300 && !test_failures; round++) {
		struct image m = { 0 };
		size_t len = random_next(&rnd) % (im.file.len + 1);
		struct store_repair rep;

		buf_init(&m.file, 65536);
		buf_init(&m.head, 65536);
		(void)buf_add(&m.file, buf_str(&im.file));
		(void)buf_add(&m.head, buf_str(&im.head));
		for (unsigned n = random_next(&rnd) % 4; n > 0; n--)
			m.file.ptr[random_next(&rnd) % m.file.len] =
				(char)random_next(&rnd);
		if (round % 3 == 0)
			m.head.ptr[random_next(&rnd) % m.head.len] =
				(char)random_next(&rnd);
		image_put(&m, &d, round % 5 != 0 ? m.file.len : len,
			  round % 7 != 0);
		image_done(&m);
		(void)restart(&d, &rep);
		CHECK_EQ(verify(&d) >= 0, true);
		(void)restart(&d, &rep);
		CHECK(!rep.damage && rep.torn_bytes == 0);
		if (test_failures)
			printf("# round %u\n", round);
	}
	image_done(&im);
	test_dir_done(&d);
}

/* The journal is gone: what is in bundles is found again. */
static void test_without_journal(void)
{
	struct test_dir d;
	struct store_repair rep;
	struct seen seen;

	test_dir_init(&d);
	{
		AUTO(store) struct store *s = open_store(&d, NULL);

		CHECK_EQ(test_append(s, 1, 600), 0);
		CHECK_EQ(store_publish(s), 0);
	}
	remove_name(&d, FIRST);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	CHECK_EQ(look(&d).records, 512);
	seen = restart(&d, &rep);
	CHECK(rep.damage != NULL);
	CHECK_EQ(rep.lost, 88);
	CHECK_EQ(seen.records, 514);
	CHECK_EQ(seen.last_seq, 602);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	/* And with a bundle that is none. */
	remove_name(&d, "journal-000001");
	remove_name(&d, "journal-000002");
	test_file_write(&d, "tile/entries/001", STR("no bundle"));
	seen = restart(&d, &rep);
	CHECK(rep.damage != NULL);
	CHECK_EQ(seen.records, 258);
	CHECK(there_is(&d, "torn-bundle-1"));
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

/* A crash between the steps of a repair loses no step of it. */
static void test_repair_is_repeated(void)
{
	const struct store_options o = { .world = &bad_world };
	struct test_dir d;
	struct image im;
	size_t acked = 0;
	struct store_repair rep;

	test_dir_init(&d);
	world_is_fine();
	make_image(&im, &d, 2, 3, &acked);
	for (int n = 0; n < 4; n++) {
		struct store *s = NULL;
		struct seen seen;

		image_put(&im, &d, im.file.len - 5, true);
		world.error = EIO;
		world.write_in = n < 2 ? 0 : -1;
		world.sync_in = n == 2 ? 0 : -1;
		world.create_in = n == 3 ? 0 : -1;
		CHECK_EQ(store_open(&s, d.path, &o, &rep), -EIO);
		world_is_fine();
		seen = restart(&d, &rep);
		CHECK_EQ(rep.torn_bytes, im.file.len - 5 - acked);
		CHECK_EQ(seen.torn, 1);
		CHECK_EQ(seen.records, 4);
		CHECK_EQ(verify(&d), 0);
	}
	image_done(&im);
	test_dir_done(&d);
}

/* Bundles and journals that cannot be written are no reason to refuse. */
static void test_fails_to_settle(void)
{
	const struct store_options o = { .world = &bad_world,
					 .file_bytes = 3000 };
	struct test_dir d;

	test_dir_init(&d);
	world_is_fine();

	AUTO(store) struct store *s = open_store(&d, &o);

	CHECK_EQ(test_append(s, 1, 600), 0);
	world.create_in = 0;
	world.error = ENOSPC;
	CHECK_EQ(store_settle(s), -ENOSPC);
	CHECK_EQ(store_publish(s), -ENOSPC);
	CHECK_EQ(test_append(s, 601, 700), 0);
	CHECK_EQ(look(&d).records, 700);
	CHECK_EQ(verify(&d), 0);
	for (int n = 1; n < 12 && !test_failures; n++) {
		world_is_fine();
		world.create_in = n;
		(void)!store_publish(s);
		CHECK_EQ(look(&d).records, 700);
		CHECK_EQ(verify(&d), 0);
	}
	world_is_fine();
	CHECK_EQ(store_publish(s), 0);
	CHECK_EQ(look(&d).records, 700);
	CHECK_EQ(verify(&d), 0);
	test_dir_done(&d);
}

/* ---- keys ---- */

static int verify_with(const struct test_dir *d, const char *seen,
		       struct str key, struct verify_report *rep)
{
	const struct verify_options o = { .key = key, .seen = seen };

	return verify_ledger(d->path, &o, NULL, NULL, rep);
}

static void test_keys(void)
{
	struct verify_report first, rep;
	char seen[160], key[NOTE_VKEY_SIZE];
	struct note_key k;
	struct test_dir d;
	AUTO(buf) struct buf before = BUF_NULL;

	test_dir_init(&d);
	(void)snprintf(seen, sizeof(seen), "%s-seen", d.path);
	{
		AUTO(store) struct store *s = open_store(&d, NULL);

		CHECK_EQ(test_append(s, 1, 300), 0);
		CHECK_EQ(store_publish(s), 0);
		CHECK_EQ(verify_with(&d, seen, STR(""), &first), 0);
		CHECK(!first.key_was_told);
		(void)snprintf(key, sizeof(key), "%s", first.key);
		test_file_read(&d, "checkpoint", &before);
		CHECK_EQ(store_change_key(s, NULL, &k), 0);
		CHECK_EQ(verify_with(&d, seen, STR(""), &rep), 0);
		CHECK(rep.key_was_told && rep.since == 300);
		CHECK(strcmp(rep.key, key) != 0);
		CHECK_EQ(test_append(s, 301, 310), 0);
		CHECK_EQ(store_publish(s), 0);
	}
	CHECK(!there_is(&d, "key.new"));
	CHECK_EQ(verify_with(&d, seen, STR(""), &rep), 0);
	/* From the old key the new one follows; of another one nothing does. */
	CHECK_EQ(verify_with(&d, NULL, str_of(key), &rep), 0);
	CHECK_EQ(verify_with(&d, NULL, STR("not a key"), &rep), -EINVAL);

	/* Its last line lacks its end: that is told, and mended by a start. */
	AUTO(buf) struct buf vkeys = BUF_NULL;

	test_file_read(&d, "vkey", &vkeys);
	test_file_write(&d, "vkey",
			(struct str){ buf_str(&vkeys).ptr, vkeys.len - 1 });
	CHECK_EQ(verify_with(&d, seen, STR(""), &rep), VERIFY_E_BROKEN);
	CHECK_EQ(publish(&d), 0);
	CHECK_EQ(verify_with(&d, seen, STR(""), &rep), 0);

	/* What was, signed by who may: but it is shorter than it was. */
	test_file_write(&d, "checkpoint", buf_str(&before));
	CHECK_EQ(verify_with(&d, seen, STR(""), &rep), VERIFY_E_BROKEN);

	/* Everything made anew, by another key. */
	test_dir_empty(&d);
	{
		AUTO(store) struct store *s = open_store(&d, NULL);

		CHECK_EQ(test_append(s, 1, 400), 0);
		CHECK_EQ(store_publish(s), 0);
	}
	CHECK_EQ(verify(&d), 0);
	CHECK_EQ(verify_with(&d, seen, STR(""), &rep), VERIFY_E_BROKEN);
	CHECK_EQ(verify_with(&d, NULL, str_of(key), &rep), VERIFY_E_BROKEN);

	/* A key that is gone is another key. */
	struct store_repair repair;

	remove_name(&d, "key");
	(void)restart(&d, &repair);
	CHECK(repair.damage != NULL);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	(void)unlink(seen);
	test_dir_done(&d);
}

/* ---- the first form ---- */

static void add_old_line(struct hash *h, unsigned seq, char prev[65],
			 struct buf *b)
{
	char line[512];
	int n = snprintf(line, sizeof(line),
			 "{\"v\":1,\"seq\":%u,\"at\":5,\"session\":\"0abc\","
			 "\"user\":\"u\",\"task\":\"\",\"kind\":\"net.grant\","
			 "\"verdict\":\"allow\",\"trust\":\"kernel\","
			 "\"count\":1,\"n\":%u,\"prev\":\"%s\"}",
			 seq, seq, prev);

	CHECK_EQ(hash_hex(h, (struct str){ line, (size_t)n }, prev), 0);
	(void)buf_add(b, (struct str){ line, (size_t)n });
	(void)buf_addc(b, '\n');
}

/* @n records in two files, as the first form has them. */
static void make_old(const struct test_dir *d, unsigned n)
{
	struct ledger_head head = { .seq = n, .file = 2 };
	char prev[65] = LEDGER_HASH_ZERO, text[LEDGER_HEAD_BYTES];
	AUTO(hash) struct hash *h = NULL;

	CHECK_EQ(hash_new(&h), 0);
	for (unsigned file = 1; file <= 2; file++) {
		AUTO(buf) struct buf b = BUF_NULL;
		char name[LEDGER_NAME_SIZE];

		buf_init(&b, 1 << 20);
		for (unsigned i = file == 1 ? 1 : n / 2 + 1;
		     i <= (file == 1 ? n / 2 : n); i++)
			add_old_line(h, i, prev, &b);
		ledger_file_name(file, name);
		test_file_write(d, name, buf_str(&b));
		head.size = b.len;
	}
	memcpy(head.hash, prev, sizeof(head.hash));
	ledger_head_format(&head, text);
	test_file_write(d, "head", (struct str){ text, sizeof(text) });
}

static void test_first_form(void)
{
	const struct store_options o = { .world = &bad_world };
	struct verify_report rep;
	struct test_dir d;
	struct seen seen;

	test_dir_init(&d);
	for (int fail = 0; fail < 14 && !test_failures; fail++) {
		struct store_repair repair;
		struct store *s = NULL;

		test_dir_empty(&d);
		make_old(&d, 700);
		/* What crashes in between is done again. */
		world_is_fine();
		world.error = EIO;
		world.create_in = fail;
		if (store_open(&s, d.path, &o, &repair) == 0)
			store_free(s);
		world_is_fine();
		seen = restart(&d, &repair);
		CHECK(!repair.damage && repair.torn_bytes == 0);
		CHECK_EQ(seen.records, 702); /* ledger.first, and one more */
		CHECK_EQ(seen.last_seq, 702);
		CHECK_EQ(verify_dir(d.path, NULL, NULL, &rep), 0);
		CHECK_EQ(rep.first_form, 700);
		CHECK(there_is(&d, "first/000001.jsonl") &&
		      there_is(&d, "first/000002.jsonl") &&
		      there_is(&d, "first/head"));
		CHECK(!there_is(&d, "000001.jsonl") && !there_is(&d, "head"));
		if (test_failures)
			printf("# fail %d\n", fail);
	}
	test_dir_done(&d);
}

/* Damage of the first form stays damage. */
static void test_first_form_damaged(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct store_repair repair;
	struct test_dir d;

	test_dir_init(&d);
	make_old(&d, 20);
	test_file_read(&d, "000002.jsonl", &b);
	test_file_write(&d, "000002.jsonl",
			(struct str){ buf_str(&b).ptr, b.len - 400 });
	CHECK_EQ(restart(&d, &repair).records, 21);
	CHECK(repair.lost == 2 && repair.damage && repair.torn_bytes > 0);
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	test_dir_done(&d);
}

int main(void)
{
	static const struct test tests[] = {
		{ "appends and goes on", test_appends },
		{ "one writer at a time", test_one_writer },
		{ "limits", test_limits },
		{ "bundles, tiles, journals", test_bundles },
		{ "bundles that were not synced", test_bundles_again },
		{ "cut and zeroed at every byte", test_cut_at_every_byte },
		{ "every byte flipped", test_flip_every_byte },
		{ "every byte of the checkpoint", test_flip_checkpoint },
		{ "any damage", test_any_damage },
		{ "without its journal", test_without_journal },
		{ "a repair that is cut off", test_repair_is_repeated },
		{ "failures of the disk", test_failures_of_the_disk },
		{ "dies while the disk fails", test_dies_while_failing },
		{ "bundles that cannot be written", test_fails_to_settle },
		{ "keys, their change, and others", test_keys },
		{ "the first form is taken in", test_first_form },
		{ "and its damage stays damage", test_first_form_damaged },
	};

	return test_main(tests, N_ELEMS(tests));
}
