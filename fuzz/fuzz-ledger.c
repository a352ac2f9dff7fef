/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: what happened to the files of a ledger: a byte a step, and what it is
 * done to.  The steps append records, cut, overwrite, extend and remove files.
 * Laws, when a writer opens it afterwards:
 *   1. it opens, and can be written to;
 *   2. opened again there is nothing left to repair;
 *   3. without damage to what was durable every acknowledged record is there,
 *      and verify says that all is well;
 *   4. what was damaged is never passed over: the repair says so, and so does
 *      verify, since the damage is a record.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/head.h"
#include "ledger/store.h"
#include "ledger/verify.h"

#define FILE_BYTES 700u /* a few records a file */
#define STEPS_MAX  64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

struct world {
	struct str in;
	uint64_t acked; /* records */
	bool disturbed; /* something that was durable, or head */
};

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void remove_files(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		(void)closedir(d);
}

static void remove_dir(void)
{
	remove_files();
	(void)rmdir(dir);
}

static void make_dir(void)
{
	const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	(void)snprintf(dir, sizeof(dir), "%s/bawn-fuzz-XXXXXX", shm);
	law(mkdtemp(dir) != NULL);
	(void)atexit(remove_dir);
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
	law(store_open(&s, dir, &o, ret) == 0);
	return s;
}

static void append(struct store *s, unsigned n, uint64_t *acked)
{
	const struct store_record r = {
		.at = 5,
		.envelope =
			STR("\"session\":\"0s\",\"user\":\"u\",\"task\":\"\""),
		.body = STR("{\"kind\":\"daemon.stop\",\"verdict\":\"none\","
			    "\"trust\":\"kernel\",\"count\":1}"),
	};
	uint64_t seq = 0;

	for (unsigned i = 0; i < n; i++)
		law(store_add(s, &r, NULL) == 0);
	law(store_commit(s, &seq) == 0);
	*acked += n;
}

static void write_some(struct world *w)
{
	struct store_repair repair;
	struct store *s = open_store(&repair);

	/* What a step before did is judged at the end, once. */
	w->disturbed = w->disturbed || repair.damage;
	append(s, 1 + take(w) % 5u, &w->acked);
	store_free(s);
}

/* The file that the next bytes name, and its size. */
static int open_file(struct world *w, off_t *ret_size)
{
	char path[96], name[LEDGER_NAME_SIZE] = "head";
	uint8_t which = take(w) % 5;
	struct stat st;
	int fd;

	if (which > 0)
		ledger_file_name(which, name);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
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
	off_t at = take(w) * 5;
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
	char path[96], name[LEDGER_NAME_SIZE];
	int fd, last = 0;

	for (uint32_t i = 1; i < 200; i++) {
		ledger_file_name(i, name);
		(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (access(path, F_OK) == 0)
			last = (int)i;
	}
	if (last == 0)
		return;
	ledger_file_name((uint32_t)last, name);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	law(fd != -1);
	n = n < w->in.len ? n : w->in.len;
	law(fd_write_full(fd, w->in.ptr, n) == 0);
	w->in = str_skip(w->in, n);
	(void)close(fd);
}

static void remove_file(struct world *w)
{
	char path[96], name[LEDGER_NAME_SIZE] = "head";
	uint8_t which = take(w) % 5;

	if (which > 0)
		ledger_file_name(which, name);
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (unlink(path) == 0)
		w->disturbed = true;
}

static void judge(struct world *w)
{
	struct store_repair first, second;
	struct verify_report report = { 0 };
	struct store *s = open_store(&first);
	uint64_t more = 0;
	int r;

	append(s, 1, &more);
	store_free(s);
	s = open_store(&second);
	law(second.torn_bytes == 0 && second.lost == 0 && !second.damage);
	store_free(s);
	r = verify_dir(dir, NULL, NULL, &report);
	law(r == 0 || r == VERIFY_E_BROKEN);
	if (!w->disturbed) {
		law(!first.damage && first.lost == 0 && r == 0);
		law(report.records >= w->acked);
	}
	law(!first.damage || r == VERIFY_E_BROKEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const steps[])(struct world * w) = {
		write_some, write_some, cut_file,
		overwrite,  extend,     remove_file,
	};
	struct world w = { .in = { (const char *)data, size } };

	if (dir[0] == '\0')
		make_dir();
	remove_files();
	for (unsigned i = 0; i < STEPS_MAX && w.in.len > 0; i++)
		steps[take(&w) % N_ELEMS(steps)](&w);
	judge(&w);
	return 0;
}
