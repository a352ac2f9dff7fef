/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Erasing: by hand and by limits, given up after each step, with a disk that
 * fails at each call, and killed.  Whatever happened: what was meant is gone in
 * the end, a record says so, nothing else is lost, and all verifies at any time.
 */
#include <signal.h>
#include <sys/wait.h>

#include "base/test.h"
#include "ledger/erased.h"
#include "ledger/reader.h"
#include "ledger/test-dir.h"
#include "ledger/verify.h"

static int verify(const struct test_dir *d)
{
	struct verify_report rep;
	int r = verify_dir(d->path, NULL, NULL, &rep);

	if (r != 0)
		printf("# %s: %s\n", rep.file, rep.text);
	return r;
}

static struct store *open_store(const struct test_dir *d,
				const struct store_options *o)
{
	struct store *s = NULL;

	CHECK_EQ(store_open(&s, d->path, o, NULL), 0);
	ASSERT(s != NULL);
	return s;
}

static int publish(const struct test_dir *d)
{
	AUTO(store) struct store *s = open_store(d, NULL);

	return store_publish(s);
}

struct members {
	uint64_t records, with_n, erased;
};

static struct members count_members(const struct test_dir *d)
{
	AUTO(reader) struct reader *r = NULL;
	struct members m = { 0 };
	struct reader_line l;

	CHECK_EQ(reader_open(&r, d->path), 0);
	while (r && reader_next(r, &l) == 0) {
		m.records++;
		m.with_n +=
			memmem(l.text.ptr, l.text.len, ",\"n\":", 5) != NULL;
		m.erased += str_ends(l.text, STR(",\"erased\":true}"));
	}
	return m;
}

/* @text is in no file of the ledger. */
static bool is_gone(const struct test_dir *d, const char *text)
{
	char command[256];

	(void)snprintf(command, sizeof(command),
		       "/bin/grep -raqF -e '%s' %s/journal-* %s/payload", text,
		       d->path, d->path);

	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(99);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status) == 1;
}

static void test_erase(void)
{
	struct store_erase e = { .before = 1000 + 401 };
	struct verify_report rep;
	struct test_dir d;
	struct members m;
	uint64_t n = 0;

	test_dir_init(&d);

	AUTO(store) struct store *s = open_store(&d, NULL);

	CHECK_EQ(test_append(s, 1, 700), 0);
	CHECK_EQ(store_publish(s), 0);
	CHECK(!is_gone(&d, "\"n\":400}"));
	CHECK_EQ(store_erase(s, &e, &n), 0);
	CHECK_EQ(n, 400);
	CHECK(is_gone(&d, "\"n\":400}") && !is_gone(&d, "\"n\":401}"));
	CHECK_EQ(verify_dir(d.path, NULL, NULL, &rep), 0);
	CHECK_EQ(rep.erased, 400);
	m = count_members(&d);
	CHECK_EQ(m.records, 701);
	CHECK_EQ(m.erased, 400);
	CHECK_EQ(m.with_n, 301); /* with the record of it */

	/* All of a session, in the journal too; what is gone is not counted. */
	e = (struct store_erase){ .session = STR("0abc") };
	CHECK_EQ(store_erase(s, &e, &n), 0);
	CHECK_EQ(n, 300);
	CHECK(is_gone(&d, "\"n\":700}"));
	CHECK_EQ(store_erase(s, &e, &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(verify_dir(d.path, NULL, NULL, &rep), 0);
	CHECK_EQ(rep.erased, 700);
	store_free(TAKE(s));
	CHECK_EQ(publish(&d), 0);
	CHECK_EQ(count_members(&d).erased, 700);

	/* One more that nobody says anything of. */
	AUTO(buf) struct buf b = BUF_NULL;

	s = open_store(&d, NULL);
	CHECK_EQ(test_append(s, 701, 1100), 0);
	CHECK_EQ(store_publish(s), 0);
	store_free(TAKE(s));
	CHECK_EQ(verify(&d), 0);
	test_file_read(&d, "payload/003", &b);
	for (size_t i = 4; i < b.len; i++)
		b.ptr[b.off + i] = (char)0xff;
	test_file_write(&d, "payload/003", buf_str(&b));
	CHECK_EQ(verify(&d), VERIFY_E_BROKEN);
	test_dir_done(&d);
}

/* The oldest payloads go when there are more than may be, and a record says so. */
static void test_limits_of_payloads(void)
{
	struct store_options o = { .file_bytes = 30000,
				   .limits = { .bytes = 60000 } };
	struct verify_report rep;
	struct store_limits l;
	char path[160];
	struct test_dir d;
	struct members m;

	test_dir_init(&d);
	for (uint64_t i = 1; i <= 3000; i += 100) {
		AUTO(store) struct store *s = open_store(&d, &o);

		CHECK_EQ(test_append(s, i, i + 99), 0);
		CHECK_EQ(store_publish(s), 0);
		CHECK_EQ(verify(&d), 0);
	}
	m = count_members(&d);
	CHECK(m.erased > 1000 && m.erased < 2800);
	CHECK_EQ(verify_dir(d.path, NULL, NULL, &rep), 0);
	CHECK_EQ(rep.erased, m.erased);
	CHECK(is_gone(&d, "\"n\":200}") && !is_gone(&d, "\"n\":2999}"));
	/* They are of 1970: by age all go that are in no journal. */
	o.limits = (struct store_limits){ .age = 1000 };
	CHECK_EQ(verify(&d), 0);
	store_free(open_store(&d, &o));
	CHECK(count_members(&d).erased > m.erased);
	CHECK_EQ(verify(&d), 0);

	(void)snprintf(path, sizeof(path), "%s/limits", d.path);
	CHECK_EQ(store_limits_load(path, &l), 0);
	CHECK(l.bytes == 0 && l.age == 0);
	l = (struct store_limits){ .bytes = 5,
				   .age = UINT64_C(86400) * 1000000000 * 3 };
	CHECK_EQ(store_limits_save(path, &l), 0);
	l = (struct store_limits){ 0 };
	CHECK_EQ(store_limits_load(path, &l), 0);
	CHECK(l.bytes == 5 && l.age == UINT64_C(86400) * 1000000000 * 3);
	test_file_write(&d, "limits", STR("payload-bytes x\n"));
	CHECK_EQ(store_limits_load(path, &l), -EINVAL);
	test_file_write(&d, "limits", STR("payloads 5\n"));
	CHECK_EQ(store_limits_load(path, &l), -EINVAL);
	test_dir_done(&d);
}

/* ---- cut short ---- */

#define MANY 900u

static const struct store_options small = { .file_bytes = 40000 };

/* Some bundles that no journal holds, some that one does, and a rest. */
static struct store *make(const struct test_dir *d,
			  const struct store_options *o)
{
	struct store *s = open_store(d, o);

	for (uint64_t i = 1; i <= MANY; i += 50) {
		CHECK_EQ(test_append(s, i, i + 49), 0);
		CHECK_EQ(store_settle(s), 0);
	}
	CHECK_EQ(store_publish(s), 0);
	return s;
}

/* Number of the newest erasure. */
static uint64_t last_mark(const struct test_dir *d)
{
	AUTO(fd) int fd = test_dir_open(d);
	struct erased e;

	CHECK_EQ(erased_load(fd, &e), 0);
	return erased_last(&e);
}

static bool is_erasing(const struct test_dir *d)
{
	AUTO(fd) int fd = test_dir_open(d);

	return faccessat(fd, "erasing", F_OK, 0) == 0;
}

/* Until nothing is left to do. */
static void finish(struct store *s)
{
	uint64_t n;

	for (unsigned i = 0; store_is_erasing(s); i++) {
		ASSERT(i < 10000);
		(void)!store_erase_step(s, &n);
	}
}

static void check_erased(const struct test_dir *d, uint64_t records,
			 uint64_t erased)
{
	struct members m = count_members(d);

	CHECK_EQ(m.records, records);
	CHECK_EQ(m.erased, erased);
	CHECK(is_gone(d, "\"n\":1}") && is_gone(d, "\"n\":850}"));
	CHECK(!is_gone(d, "\"n\":851}"));
	CHECK_EQ(verify(d), 0);
	CHECK_EQ(last_mark(d), 1);
	CHECK(!is_erasing(d));
}

static void test_given_up(void)
{
	const struct store_erase e = { .before = 1000 + 851,
				       .by = { STR("u\""), STR("a \\ why") } };
	struct test_dir d;
	bool over = false;

	test_dir_init(&d);
	for (unsigned steps = 0; !over && !test_failures; steps++) {
		struct store *s;
		uint64_t n = 0, more = 0, records;

		test_dir_empty(&d);
		s = make(&d, &small);
		CHECK_EQ(store_erase_begin(s, &e), 0);
		CHECK_EQ(store_erase_begin(s, &e), -EBUSY);
		for (unsigned i = 0; i < steps && !over; i++) {
			over = store_erase_step(s, &n) == STORE_ERASED;
			CHECK_EQ(test_append(s, 1000 + i, 1000 + i), 0);
			more++;
			CHECK_EQ(store_settle(s), 0);
			CHECK_EQ(verify(&d), 0);
		}
		CHECK_EQ(is_erasing(&d), !over);
		store_free(s);
		CHECK_EQ(verify(&d), 0);
		s = open_store(&d, &small);
		CHECK_EQ(store_is_erasing(s), !over);
		finish(s);
		CHECK_EQ(store_publish(s), 0);
		records = store_size(s);
		store_free(s);
		/* Said once, or when it was cut short behind that, twice. */
		CHECK(records > MANY + more && records <= MANY + more + 2);
		check_erased(&d, records, 850);
		if (test_failures)
			printf("# given up after %u steps\n", steps);
	}
	CHECK(over);
	test_dir_done(&d);
}

/* What is in `erasing` and not ours to obey. */
static void test_no_intent(void)
{
	static const char *const texts[] = {
		"",
		"{",
		"{}",
		"[]",
		"{\"session\":\"\",\"before\":-1,\"from\":0,\"upto\":9}",
		"{\"session\":\"\",\"before\":0,\"from\":9,\"upto\":8}",
		("{\"session\":\"0123456789012345678901234567890123456789"
		 "0123456789012345678901234\",\"before\":0,\"from\":0,"
		 "\"upto\":9}"),
	};
	struct test_dir d;

	test_dir_init(&d);
	store_free(make(&d, NULL));
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		test_file_write(&d, "erasing", str_of(texts[i]));

		struct store *s = open_store(&d, NULL);

		CHECK(!store_is_erasing(s));
		CHECK(!is_erasing(&d));
		store_free(s);
	}
	CHECK_EQ(count_members(&d).erased, 0);
	test_dir_done(&d);
}

/* ---- a disk that fails ---- */

static int fail_in = -1;

static bool fails(void)
{
	if (fail_in < 0 || fail_in-- > 0)
		return false;
	errno = ENOSPC;
	return true;
}

static ssize_t bad_pwrite(int fd, const void *p, size_t len, off_t at)
{
	return fails() ? -1 : pwrite(fd, p, len, at);
}

static int bad_sync(int fd)
{
	return fails() ? -1 : fdatasync(fd);
}

static int bad_create(int dirfd, const char *name)
{
	return fails() ? -1
		       : openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC,
				0600);
}

static void test_failing_disk(void)
{
	static const struct store_world bad = { .pwrite = bad_pwrite,
						.fdatasync = bad_sync,
						.create = bad_create };
	const struct store_options o = { .file_bytes = 40000, .world = &bad };
	const struct store_erase e = { .before = 1000 + 851 };
	struct test_dir d;
	bool failed = true;

	test_dir_init(&d);
	for (int n = 0; failed && !test_failures; n++) {
		struct store *s;
		uint64_t one;

		failed = false;
		test_dir_empty(&d);
		s = make(&d, &o);
		CHECK_EQ(store_erase_begin(s, &e), 0);
		fail_in = n;
		while (store_is_erasing(s) && !failed)
			failed = store_erase_step(s, &one) < 0;
		fail_in = -1;
		CHECK_EQ(verify(&d), 0);
		finish(s);
		CHECK_EQ(store_publish(s), 0);
		check_erased(&d, store_size(s), 850);
		store_free(s);
		if (test_failures)
			printf("# call %d failed\n", n);
	}
	test_dir_done(&d);
}

/* ---- killed ---- */

static noreturn_fn void write_and_erase(const struct test_dir *d, int out)
{
	struct store *s = NULL;
	uint64_t n;

	if (store_open(&s, d->path, &small, NULL) != 0)
		_exit(1);
	for (uint64_t i = 1;; i++) {
		struct store_erase e = { .before = 1000 + i % 7 * 3 };
		uint64_t size;

		if (test_append(s, 1, 20) != 0)
			_exit(1);
		size = store_size(s);
		if (write(out, &size, sizeof(size)) != sizeof(size))
			_exit(1);
		if (!store_is_erasing(s) && i % 3 == 0 &&
		    store_erase_begin(s, &e) != 0)
			_exit(1);
		if (store_is_erasing(s) && store_erase_step(s, &n) < 0)
			_exit(1);
		if (i % 5 == 0 && store_publish(s) != 0)
			_exit(1);
	}
}

static void test_killed(void)
{
	struct test_dir d;
	uint64_t acked = 0;

	test_dir_init(&d);
	for (unsigned i = 0; i < 40 && !test_failures; i++) {
		int fds[2], status;
		struct store *s;
		uint64_t size;
		pid_t pid;

		ASSERT(pipe2(fds, O_CLOEXEC) == 0);
		pid = fork();
		if (pid == 0)
			write_and_erase(&d, fds[1]);
		(void)close(fds[1]);
		for (unsigned n = 0; n < 5 + i; n++) {
			if (read(fds[0], &size, sizeof(size)) == sizeof(size))
				acked = size;
		}
		(void)usleep(i * 37 % 400);
		(void)kill(pid, SIGKILL);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
		while (read(fds[0], &size, sizeof(size)) == sizeof(size))
			acked = size;
		(void)close(fds[0]);
		CHECK_EQ(verify(&d), 0);
		s = open_store(&d, &small);
		CHECK(store_size(s) >= acked);
		finish(s);
		CHECK_EQ(store_publish(s), 0);
		store_free(s);
		CHECK_EQ(verify(&d), 0);
		CHECK(!is_erasing(&d));
	}
	CHECK(acked > 1000);
	test_dir_done(&d);
}

/* A limit is reached in the middle of a commit: nothing of it is lost. */
static void test_limit_in_commit(void)
{
	const struct store_options o = { .file_bytes = 30000,
					 .limits = { .bytes = 20000 } };
	struct store_repair repair;
	struct store *s;
	struct test_dir d;
	uint64_t seq = 0, size;

	test_dir_init(&d);
	s = make(&d, &o);
	for (uint64_t i = 1; i <= 9000; i += 100)
		CHECK_EQ(test_append(s, i, i + 99), 0);
	CHECK_EQ(test_add(s, 1, false), 0);
	/* While one waits the limits are not looked at, but afterwards. */
	CHECK_EQ(store_publish(s), 0);
	CHECK_EQ(store_waiting(s), 1);
	size = store_size(s);
	CHECK_EQ(store_commit(s, &seq), 0);
	CHECK_EQ(seq, size + 1);
	CHECK_EQ(store_publish(s), 0);
	size = store_size(s);
	store_free(s);
	CHECK_EQ(store_open(&s, d.path, &o, &repair), 0);
	CHECK_EQ(repair.torn_bytes, 0);
	CHECK(store_size(s) >= size);
	store_free(s);
	CHECK(count_members(&d).erased > 5000);
	CHECK(last_mark(&d) > 1);
	CHECK_EQ(verify(&d), 0);
	test_dir_done(&d);
}

/* ---- what is told of it ---- */

static void test_marks(void)
{
	static const char *const bad[] = {
		"1 0 5",          "1 0 5\n\n",      "1 0\n",
		"0 0 5\n",        "1 5 5\n",        "1 6 5\n",
		"2 0 5\n2 0 5\n", "2 0 5\n1 0 5\n", "01 0 5\n",
		"1 0 5 6\n",      "-1 0 5\n",       "1 0 9223372036854775808\n",
		"1\n0 5\n",
	};
	AUTO(buf) struct buf b = BUF_NULL;
	struct erased e = { .n = 0 }, f;

	CHECK(erased_parse(STR(""), &f) && f.n == 0);
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		CHECK(!erased_parse(str_of(bad[i]), &f));
	for (uint64_t i = 0; i < 3 * ERASED_MAX; i++)
		erased_add(&e, 256 * (i % 50), 256 * (i % 50 + 1));
	CHECK_EQ(e.n, ERASED_MAX);
	CHECK_EQ(erased_last(&e), 3 * ERASED_MAX);
	/* The first line is about all before it. */
	CHECK(e.v[0].from == 0 && e.v[0].to == 256 * 50);
	CHECK_EQ(e.v[1].to - e.v[1].from, 256);
	buf_init(&b, ERASED_BYTES);
	erased_format(&e, &b);
	CHECK(!b.failed && erased_parse(buf_str(&b), &f));
	CHECK(f.n == e.n && memcmp(f.v, e.v, sizeof(f.v)) == 0);
	(void)buf_add(&b, STR("9999 0 1\n"));
	CHECK(!erased_parse(buf_str(&b), &f));
	/* As long as they can be. */
	for (size_t i = 0; i < ERASED_MAX; i++)
		e.v[i] = (struct erased_mark){ INT64_MAX - ERASED_MAX + i,
					       INT64_MAX - 1, INT64_MAX };
	buf_clear(&b);
	erased_format(&e, &b);
	CHECK(!b.failed && erased_parse(buf_str(&b), &f));
}

int main(void)
{
	static const struct test tests[] = {
		{ "erasing", test_erase },
		{ "limits of payloads", test_limits_of_payloads },
		{ "given up after each step", test_given_up },
		{ "no intent of ours", test_no_intent },
		{ "a disk that fails at each call", test_failing_disk },
		{ "killed", test_killed },
		{ "a limit within a commit", test_limit_in_commit },
		{ "marks", test_marks },
	};

	return test_main(tests, N_ELEMS(tests));
}
