/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: what happened to the files of a ledger: a byte a step, and what it is
 * done to.  The steps append records, settle, publish, cut, overwrite, extend
 * and remove files.  Laws, when a writer opens it afterwards:
 *   1. it opens, and can be written to;
 *   2. opened again there is nothing left to repair;
 *   3. without damage to what was durable every acknowledged record is there,
 *      and verify says that all is well;
 *   4. what was damaged is never passed over: the repair says so, and so does
 *      verify, since the damage is a record;
 *   5. a reader sees numbers that grow, and as many records as verify.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/journal.h"
#include "ledger/reader.h"
#include "ledger/store.h"
#include "ledger/test-dir.h"
#include "ledger/verify.h"

#define FILE_BYTES 3000u /* a dozen records a journal */
#define STEPS_MAX  48u
#define BULK       150u /* records at once, so that bundles get full */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct test_dir dir;

struct world {
	struct str in;
	uint64_t acked; /* records */
	bool disturbed; /* something that was durable */
};

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void remove_dir(void)
{
	test_dir_done(&dir);
}

static uint8_t take(struct world *w)
{
	uint8_t c = w->in.len > 0 ? (uint8_t)w->in.ptr[0] : 0;

	w->in = str_skip(w->in, 1);
	return c;
}

static struct store *open_store(struct store_repair *ret)
{
	const struct store_options o = { .file_bytes = FILE_BYTES };
	struct store *s = NULL;

	*ret = (struct store_repair){ 0 };
	law(store_open(&s, dir.path, &o, ret) == 0);
	return s;
}

static void append(struct store *s, unsigned n, uint64_t *acked)
{
	const struct store_record r = {
		.at = 5,
		.envelope =
			STR("\"session\":\"0s\",\"user\":\"u\",\"task\":\"\""),
		.body = STR("{\"kind\":\"daemon.stop\",\"verdict\":\"none\","
			    "\"trust\":\"kernel\",\"count\":1,\"pid\":7}"),
	};
	uint64_t seq = 0;

	for (unsigned i = 0; i < n; i++)
		law(store_add(s, &r, NULL) == 0);
	law(store_commit(s, &seq) == 0);
	*acked += n;
}

static void write_more(struct world *w, unsigned n)
{
	struct store_repair repair;
	struct store *s = open_store(&repair);
	uint8_t how = take(w);

	/* What a step before did is judged at the end, once. */
	w->disturbed = w->disturbed || repair.damage;
	append(s, n, &w->acked);
	if (how & 1)
		law(store_settle(s) == 0);
	if (how & 2)
		law(store_publish(s) == 0);
	store_free(s);
}

static void write_some(struct world *w)
{
	write_more(w, 1 + take(w) % 5u);
}

static void write_bulk(struct world *w)
{
	write_more(w, BULK + take(w) % 120u);
}

static void name_journal(char *dst, size_t size)
{
	int fd = test_dir_open(&dir);
	uint32_t n = 0;

	law(journal_newest(fd, &n) == 0);
	(void)close(fd);
	(void)snprintf(dst, size, "journal-%06u", n);
}

/* The file that the next byte names. */
static void pick(struct world *w, char *dst, size_t size)
{
	static const char *const names[] = {
		"checkpoint",       "vkey",        "key",
		"tile/entries/000", "tile/0/000",  "payload/000",
		"tile/entries/001", "payload/001",
	};
	uint8_t which = take(w) % 12;
	char name[64];

	if (which < N_ELEMS(names))
		(void)snprintf(name, sizeof(name), "%s", names[which]);
	else
		name_journal(name, sizeof(name));
	(void)snprintf(dst, size, "%s/%s", dir.path, name);
}

static int open_file(struct world *w, off_t *ret_size)
{
	char path[160];
	struct stat st;
	int fd;

	pick(w, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return -1;
	law(fstat(fd, &st) == 0);
	*ret_size = st.st_size;
	return fd;
}

static void cut_file(struct world *w)
{
	off_t size = 0;
	int fd = open_file(w, &size);
	off_t off = take(w);

	if (fd == -1)
		return;
	law(ftruncate(fd, size > off ? size - off : 0) == 0);
	w->disturbed = w->disturbed || (off > 0 && size > 0);
	(void)close(fd);
}

static void overwrite(struct world *w)
{
	off_t size = 0;
	int fd = open_file(w, &size);
	off_t at = take(w) * 7;
	char c = (char)take(w), was = 0;

	if (fd == -1)
		return;
	if (at < size && pread(fd, &was, 1, at) == 1 && was != c) {
		law(pwrite(fd, &c, 1, at) == 1);
		w->disturbed = true;
	}
	(void)close(fd);
}

/* As a write that was under way: bytes nobody was told of. */
static void extend(struct world *w)
{
	size_t n = take(w);
	char path[160], name[64];
	int fd;

	name_journal(name, sizeof(name));
	(void)snprintf(path, sizeof(path), "%s/%s", dir.path, name);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd == -1)
		return;
	n = n < w->in.len ? n : w->in.len;
	law(fd_write_full(fd, w->in.ptr, n) == 0);
	w->in = str_skip(w->in, n);
	(void)close(fd);
}

static void remove_file(struct world *w)
{
	char path[160];

	pick(w, path, sizeof(path));
	if (unlink(path) == 0)
		w->disturbed = true;
}

/* Law 5, and how many there are. */
static uint64_t read_all(void)
{
	struct reader *r = NULL;
	struct reader_line l;
	uint64_t n = 0, last = 0;

	law(reader_open(&r, dir.path) == 0);
	for (;;) {
		int x = reader_next(r, &l);

		law(x == 0 || x == READER_END || x == READER_LONG || x == -EIO);
		if (x != 0 && x != READER_LONG)
			break;
		law(l.index == n);
		law(l.seq == 0 || l.seq > last);
		last = l.seq > 0 ? l.seq : last;
		n++;
	}
	reader_free(r);
	return n;
}

static void judge(struct world *w)
{
	struct store_repair first, second;
	struct verify_report report = { 0 };
	struct store *s = open_store(&first);
	uint64_t more = 0;
	int r;

	append(s, 1, &more);
	law(store_publish(s) == 0);
	store_free(s);
	s = open_store(&second);
	law(second.torn_bytes == 0 && second.lost == 0 && !second.damage);
	store_free(s);
	r = verify_dir(dir.path, NULL, NULL, &report);
	law(r == 0 || r == VERIFY_E_BROKEN);
	if (!w->disturbed) {
		law(!first.damage && first.lost == 0 && r == 0);
		law(report.records >= w->acked);
		law(read_all() == report.records);
	}
	law(!first.damage || r == VERIFY_E_BROKEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(struct world * w) = {
		write_some, write_bulk, cut_file,
		overwrite,  extend,     remove_file,
	};
	struct world w = { .in = { (const char *)data, size } };

	if (dir.path[0] == '\0') {
		test_dir_init(&dir);
		(void)atexit(remove_dir);
	}
	test_dir_empty(&dir);
	for (unsigned i = 0; i < STEPS_MAX && w.in.len > 0; i++)
		steps[take(&w) % N_ELEMS(steps)](&w);
	judge(&w);
	return 0;
}
