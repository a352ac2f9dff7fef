/* SPDX-License-Identifier: Apache-2.0 */
/* test-dir: a directory for one test, and records to put there. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ledger/store.h"

struct test_dir {
	char path[128];
};

static inline void test_dir_init(struct test_dir *d)
{
	/* In memory where there is such a place: thousands of fsync(2). */
	bool shm = access("/dev/shm", W_OK) == 0;

	(void)snprintf(d->path, sizeof(d->path), "%s/ledger-XXXXXX",
		       shm ? "/dev/shm" : "/tmp");
	ASSERT(mkdtemp(d->path) != NULL);
}

static inline void test_empty_at(int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *e;

	ASSERT(dir != NULL);
	while ((e = readdir(dir)) != NULL) {
		int sub;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) == 0)
			continue;
		sub = openat(dirfd(dir), e->d_name,
			     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		ASSERT(sub != -1);
		test_empty_at(sub);
		ASSERT(unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR) == 0);
	}
	(void)closedir(dir);
}

static inline void test_dir_empty(const struct test_dir *d)
{
	int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ASSERT(fd != -1);
	test_empty_at(fd);
}

static inline void test_dir_done(const struct test_dir *d)
{
	test_dir_empty(d);
	(void)rmdir(d->path);
}

static inline int test_dir_open(const struct test_dir *d)
{
	return open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* 16 MiB at most; empty when absent. */
static inline void test_file_read(const struct test_dir *d, const char *name,
				  struct buf *b)
{
	AUTO(fd) int fd = test_dir_open(d);
	int r;

	buf_init(b, (size_t)16 * 1024 * 1024);
	r = file_load(fd, name, b);
	ASSERT(r == 0 || r == -ENOENT);
}

static inline void test_file_write(const struct test_dir *d, const char *name,
				   struct str content)
{
	AUTO(fd) int fd = test_dir_open(d);

	ASSERT(file_save(fd, name, content, 0600, false) == 0);
}

#define TEST_ENVELOPE "\"session\":\"0abc\",\"user\":\"u\",\"task\":\"\""
#define TEST_BODY(n)                                                          \
	"{\"kind\":\"net.grant\",\"verdict\":\"allow\",\"trust\":\"kernel\"," \
	"\"count\":1,\"n\":" n "}"

static inline int test_add(struct store *s, uint64_t n, bool keep)
{
	char body[128];

	(void)snprintf(body, sizeof(body), TEST_BODY("%llu"),
		       (unsigned long long)n);
	return store_add(s,
			 &(struct store_record){ .at = 1000 + n,
						 .envelope = STR(TEST_ENVELOPE),
						 .body = str_of(body),
						 .keep = keep },
			 NULL);
}

/* Records @from .. @to as one group. */
static inline int test_append(struct store *s, uint64_t from, uint64_t to)
{
	uint64_t seq = 0;

	for (uint64_t n = from; n <= to; n++)
		ASSERT(test_add(s, n, false) == 0);
	return store_commit(s, &seq);
}
