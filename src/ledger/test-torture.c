/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger against everything that a disk, a kill and an enemy do to its files.
 *
 * usage: test-torture [SEED MUTATIONS TEARS KILLS]
 *
 * Mutations: a published ledger that was verified once is changed: bytes edited,
 * files deleted, swapped, cut, records dropped and swapped in a journal whose
 * hashes fit again, all of it made anew by another key, history changed or
 * shortened and signed by the ledger's own key.  Each is detected.
 *
 * Tears: behind what was acknowledged a frame of 64 KB was being written; it is
 * cut, or zero from there, at some byte; 131072 tears are each byte in both ways.
 * Kills: a writer dies by kill -9.  What was acknowledged is there, the rest is
 * cut and said so, all verifies.
 */
#include <signal.h>
#include <sys/wait.h>

#include "base/test.h"
#include "ledger/journal.h"
#include "ledger/note.h"
#include "ledger/reader.h"
#include "ledger/test-dir.h"
#include "ledger/verify.h"

#define RECORDS   900u
#define FILES_MAX 64u
#define TAIL      65536u
#define FRESH     100u /* kills, then a new ledger */

static uint64_t seed = 1;
static unsigned n_mutations = 300, n_tears = 60, n_kills = 8;

static uint32_t pick(uint32_t n)
{
	ASSERT(n > 0);
	seed = seed * UINT64_C(6364136223846793005) +
	       UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % n;
}

/* ---- a ledger as bytes ---- */

struct file {
	char name[96];
	struct buf text;
};

static struct {
	struct test_dir dir;
	char seen[160];
	char vkey[NOTE_VKEY_SIZE];
	struct file files[FILES_MAX];
	size_t n;
} base;

static const char *const names[] = {
	"checkpoint",       "vkey",        "journal-000001",
	"tile/0/000",       "tile/0/001",  "tile/0/002",
	"tile/entries/000", "payload/000", "tile/entries/001",
	"payload/001",      "payload/002", "tile/entries/002",
};

static void fill(struct store *s, unsigned first, unsigned last)
{
	for (unsigned i = first; i <= last; i += 30)
		CHECK_EQ(test_append(s, i, i + 29 < last ? i + 29 : last), 0);
}

static void load(const char *name)
{
	struct file *f = &base.files[base.n];

	ASSERT(base.n < FILES_MAX);
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	test_file_read(&base.dir, name, &f->text);
	CHECK(f->text.len > 0);
	base.n++;
}

static void make_base(void)
{
	const struct store_options o = { .file_bytes = 90000 };
	struct verify_report rep;
	char name[96];

	test_dir_init(&base.dir);
	(void)snprintf(base.seen, sizeof(base.seen), "%s-seen", base.dir.path);
	{
		AUTO(store) struct store *s = NULL;

		CHECK_EQ(store_open(&s, base.dir.path, &o, NULL), 0);
		fill(s, 1, RECORDS);
		CHECK_EQ(store_publish(s), 0);
	}

	const struct verify_options v = { .seen = base.seen };

	CHECK_EQ(verify_ledger(base.dir.path, &v, NULL, NULL, &rep), 0);
	(void)snprintf(base.vkey, sizeof(base.vkey), "%s", rep.key);

	AUTO(fd) int fd = test_dir_open(&base.dir);
	uint32_t number = 0;

	CHECK_EQ(journal_newest(fd, &number), 0);
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		if (strcmp(names[i], "journal-000001") != 0) {
			load(names[i]);
			continue;
		}
		journal_name(number, name);
		load(name);
	}
	(void)snprintf(name, sizeof(name), "tile/0/003.p/%u", RECORDS % 256);
	load(name);
	(void)snprintf(name, sizeof(name), "tile/entries/003.p/%u",
		       RECORDS % 256);
	load(name);
	load("tile/1/000.p/3");
}

static void put(const struct file *f)
{
	test_file_write(&base.dir, f->name, buf_str(&f->text));
}

static int judge(void)
{
	const struct verify_options v = { .key = str_of(base.vkey),
					  .seen = base.seen };
	struct verify_report rep;

	return verify_ledger(base.dir.path, &v, NULL, NULL, &rep);
}

/* ---- mutations of files ---- */

static void mutate_edit(struct file *f)
{
	size_t at = pick((uint32_t)f->text.len);
	char *p = f->text.ptr + f->text.off + at;
	char was = *p;

	*p = (char)(was ^ (char)(1 + pick(255)));
	put(f);
	*p = was;
}

static void mutate_delete(struct file *f)
{
	AUTO(fd) int fd = test_dir_open(&base.dir);

	CHECK_EQ(unlinkat(fd, f->name, 0), 0);
}

static void mutate_cut(struct file *f)
{
	test_file_write(&base.dir, f->name,
			(struct str){ buf_str(&f->text).ptr,
				      pick((uint32_t)f->text.len) });
}

static void mutate_swap(struct file *f)
{
	const struct file *g = f;

	while (g == f || str_eq(buf_str(&g->text), buf_str(&f->text)))
		g = &base.files[pick((uint32_t)base.n)];
	test_file_write(&base.dir, f->name, buf_str(&g->text));
	test_file_write(&base.dir, g->name, buf_str(&f->text));
}

/* ---- mutations of records, with a journal that fits ---- */

struct entry {
	struct str leaf;
	struct payload payload;
};

static void put_frame(struct hash *h, struct journal_frame *f, struct str body,
		      struct digest *last, struct buf *to)
{
	char head[JOURNAL_HEAD_BYTES];

	f->length = (uint32_t)body.len;
	journal_digest(h, last, f, body, &f->digest);
	*last = f->digest;
	journal_format(f, head);
	(void)buf_add(to, (struct str){ head, sizeof(head) });
	(void)buf_add(to, body);
}

static size_t cut_entries(struct str body, struct entry *v, size_t max)
{
	size_t n = 0;

	while (n < max && journal_next(&body, &v[n].leaf, &v[n].payload))
		n++;
	return n;
}

/* All records of the journal in one frame, one dropped or two swapped. */
static void mutate_records(struct file *f)
{
	static struct entry v[RECORDS];
	AUTO(hash) struct hash *h = NULL;
	AUTO(buf) struct buf out = BUF_NULL;
	AUTO(buf) struct buf body = BUF_NULL;
	struct str rest, start = { 0 };
	struct digest last = { { 0 } };
	struct journal_frame head, fr;
	size_t n = 0, a, b;

	while (!str_starts(str_of(f->name), STR("journal-")))
		f = &base.files[pick((uint32_t)base.n)];
	CHECK_EQ(hash_new(&h), 0);
	for (rest = buf_str(&f->text); journal_parse(rest, &fr);
	     rest = str_skip(rest, JOURNAL_HEAD_BYTES + fr.length)) {
		struct str in = { rest.ptr + JOURNAL_HEAD_BYTES, fr.length };

		if (fr.type == JOURNAL_START) {
			head = fr;
			start = in;
		} else {
			n += cut_entries(in, v + n, RECORDS - n);
		}
	}
	ASSERT(n > 2);
	a = pick((uint32_t)n);
	b = (a + 1 + pick((uint32_t)n - 1)) % n;
	if (pick(2) == 0) {
		struct entry e = v[a];

		v[a] = v[b];
		v[b] = e;
	} else {
		memmove(&v[a], &v[a + 1], (n - a - 1) * sizeof(v[0]));
		n--;
	}
	buf_init(&body, 1 << 20);
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		tile_add_entry(&body, v[i].leaf);
		payload_add(&body, &v[i].payload);
	}
	put_frame(h, &head, start, &last, &out);
	fr = (struct journal_frame){ .type = JOURNAL_RECORDS,
				     .count = (uint32_t)n,
				     .first = head.first,
				     .number = head.number };
	put_frame(h, &fr, buf_str(&body), &last, &out);
	CHECK(!body.failed && !out.failed);
	test_file_write(&base.dir, f->name, buf_str(&out));
}

/* ---- all of it signed anew ---- */

/* Another ledger in its place, by its own key or another one. */
static void check_resigned(bool own_key, unsigned records)
{
	const struct verify_options v = { .seen = base.seen };
	AUTO(buf) struct buf key = BUF_NULL;
	AUTO(buf) struct buf vkey = BUF_NULL;
	struct verify_report rep;
	struct test_dir d;

	test_dir_init(&d);
	test_file_read(&base.dir, "key", &key);
	test_file_read(&base.dir, "vkey", &vkey);
	if (own_key) {
		test_file_write(&d, "key", buf_str(&key));
		test_file_write(&d, "vkey", buf_str(&vkey));
	}
	{
		AUTO(store) struct store *s = NULL;

		CHECK_EQ(store_open(&s, d.path, NULL, NULL), 0);
		fill(s, 1 + pick(5), records);
		CHECK_EQ(store_publish(s), 0);
	}
	CHECK_EQ(verify_dir(d.path, NULL, NULL, &rep), 0);
	CHECK_EQ(verify_ledger(d.path, &v, NULL, NULL, &rep), VERIFY_E_BROKEN);
	test_dir_done(&d);
}

static void test_mutations(void)
{
	static void (*const how[])(struct file * f) = {
		mutate_edit, mutate_edit, mutate_edit,    mutate_delete,
		mutate_cut,  mutate_swap, mutate_records,
	};
	unsigned noticed = 0;

	for (unsigned i = 0; i < n_mutations && !test_failures; i++) {
		uint64_t at = seed;

		if (i % 50 == 49) {
			check_resigned(pick(2) == 0, 1 + pick(2 * RECORDS));
			noticed++;
			continue;
		}
		how[pick(N_ELEMS(how))](&base.files[pick((uint32_t)base.n)]);
		CHECK(judge() == VERIFY_E_BROKEN);
		noticed += !test_failures;
		for (size_t k = 0; k < base.n; k++)
			put(&base.files[k]);
		if (test_failures)
			printf("# mutation %u, seed %" PRIu64 "\n", i, at);
	}
	CHECK_EQ(judge(), 0);
	printf("# %u of %u mutations were noticed\n", noticed, n_mutations);
}

/* ---- tears and kills ---- */

static uint64_t count(const struct test_dir *d)
{
	AUTO(reader) struct reader *r = NULL;
	uint64_t n = 0;

	CHECK_EQ(reader_open(&r, d->path), 0);
	CHECK_EQ(reader_count(r, &n), 0);
	return n;
}

/* What was acknowledged is there; what was cut is told.  How much that was. */
static uint64_t check_mended(const struct test_dir *d, uint64_t acked)
{
	struct store_repair rep;
	struct verify_report v;
	struct store *s = NULL;

	CHECK_EQ(store_open(&s, d->path, NULL, &rep), 0);
	CHECK(!rep.damage && rep.lost == 0);
	CHECK(store_size(s) >= acked + (rep.torn_bytes > 0));
	store_free(s);
	CHECK_EQ(verify_dir(d->path, NULL, NULL, &v), 0);
	CHECK_EQ(v.repairs > 0, rep.torn_bytes > 0 || v.repairs > 0);
	CHECK(count(d) >= acked);
	return rep.torn_bytes;
}

/* Where tear @i is, counted from the end. */
static size_t tear_at(unsigned i)
{
	return n_tears >= 2 * TAIL ? i / 2 % TAIL : pick(TAIL);
}

static void test_tears(void)
{
	AUTO(buf) struct buf journal = BUF_NULL;
	uint64_t acked = 50;
	struct test_dir d;
	size_t end = 0;

	test_dir_init(&d);
	{
		AUTO(store) struct store *s = NULL;

		CHECK_EQ(store_open(&s, d.path, NULL, NULL), 0);
		fill(s, 1, (unsigned)acked);
		CHECK_EQ(store_publish(s), 0);
		test_file_read(&d, "journal-000001", &journal);
		end = journal.len;
		buf_done(&journal);
		/* One frame that is being written. */
		CHECK_EQ(test_append(s, 51, 450), 0);
	}
	test_file_read(&d, "journal-000001", &journal);
	CHECK(journal.len - end > TAIL);
	for (unsigned i = 0; i < n_tears && !test_failures; i++) {
		size_t at = journal.len - 1 - tear_at(i);
		struct str all = buf_str(&journal);
		AUTO(buf) struct buf torn = BUF_NULL;
		AUTO(fd) int fd = test_dir_open(&d);

		buf_init(&torn, journal.len);
		(void)buf_add(&torn, (struct str){ all.ptr, at });
		while (i % 2 == 1 && torn.len < journal.len)
			(void)buf_addc(&torn, '\0');
		(void)unlinkat(fd, "journal-000002", 0);
		(void)unlinkat(fd, "torn-journal-000001", 0);
		test_file_write(&d, "journal-000001", buf_str(&torn));
		CHECK_EQ(check_mended(&d, acked), torn.len - end);
		if (test_failures)
			printf("# torn at %zu of %zu\n", at, journal.len);
	}
	test_dir_done(&d);
}

static noreturn_fn void write_until_killed(const struct test_dir *d, int out)
{
	const struct store_options o = { .file_bytes = 50000 };
	struct store *s = NULL;

	if (store_open(&s, d->path, &o, NULL) != 0)
		_exit(1);
	for (uint64_t i = 0;; i++) {
		unsigned n = 1 + pick(40);
		uint64_t size;

		if (test_append(s, 1, n) != 0)
			_exit(1);
		size = store_size(s);
		if (write(out, &size, sizeof(size)) != sizeof(size))
			_exit(1);
		if (pick(4) == 0 && store_settle(s) != 0)
			_exit(1);
		if (pick(6) == 0 && store_publish(s) != 0)
			_exit(1);
	}
}

static void test_kills(void)
{
	struct test_dir d;
	uint64_t acked = 0;

	test_dir_init(&d);
	for (unsigned i = 0; i < n_kills && !test_failures; i++) {
		int fds[2], status;
		uint64_t size;
		pid_t pid;

		if (i % FRESH == FRESH - 1) { /* all is verified each time */
			test_dir_empty(&d);
			acked = 0;
		}
		ASSERT(pipe2(fds, O_CLOEXEC) == 0);
		pid = fork();
		if (pid == 0)
			write_until_killed(&d, fds[1]);
		(void)close(fds[1]);
		for (unsigned n = 1 + pick(60); n > 0; n--) {
			if (read(fds[0], &size, sizeof(size)) == sizeof(size))
				acked = size;
		}
		(void)usleep(pick(3000));
		(void)kill(pid, SIGKILL);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
		while (read(fds[0], &size, sizeof(size)) == sizeof(size))
			acked = size;
		(void)close(fds[0]);
		(void)check_mended(&d, acked);
		(void)pick(7);
	}
	test_dir_done(&d);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "mutations are noticed", test_mutations },
		{ "torn writes are cut", test_tears },
		{ "killed writers", test_kills },
	};
	uint32_t *const wanted[] = { &n_mutations, &n_tears, &n_kills };

	if (argc == 5) {
		ASSERT(str_u64(str_of(argv[1]), 0, UINT64_MAX, &seed));
		for (int i = 0; i < 3; i++)
			ASSERT(str_u32(str_of(argv[i + 2]), 0, 10000000,
				       wanted[i]));
	}
	make_base();

	int r = test_main(tests, N_ELEMS(tests));

	(void)unlink(base.seen);
	for (size_t i = 0; i < base.n; i++)
		buf_done(&base.files[i].text);
	test_dir_done(&base.dir);
	return r;
}
