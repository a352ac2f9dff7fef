/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/test.h"

static char root[] = "/tmp/bawn-test-fd-XXXXXX";

static const char *below(const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, sizeof(path[0]), "%s/%s", root, name);
	return p;
}

static unsigned count_files(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n - 2; /* "." and ".." */
}

static mode_t mode_of(const char *path)
{
	struct stat st = { 0 };

	CHECK_EQ(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_pipe(void)
{
	char got[4] = "";
	int p[2];

	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQ(fd_write_full(p[1], "abc", 3), 0);
	CHECK_EQ(fd_read_full(p[0], got, 2), 0);
	CHECK_EQ(fd_set_nonblock(p[0], true), 0);
	CHECK_EQ(fd_read_full(p[0], got, 2), -EAGAIN);
	CHECK_EQ(fd_set_nonblock(p[0], false), 0);
	CHECK_EQ(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0);
	(void)close(p[1]);
	CHECK_EQ(fd_read_full(p[0], got, 1), -EPIPE);
	(void)close(p[0]);
	CHECK_EQ(fd_read_full(-1, got, 1), -EBADF);
	CHECK_EQ(fd_write_full(-1, got, 1), -EBADF);
	CHECK_EQ(fd_set_nonblock(-1, true), -EBADF);
	CHECK_EQ(fd_dup(-1), -EBADF);
}

static void test_fd_dup(void)
{
	AUTO(fd) int fd = fd_dup(0);

	CHECK(fd >= 3);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void test_save_and_load(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	const char *path = below("file");
	char own[40];

	buf_init(&b, 10);
	(void)umask(0077); /* the mode asked for wins */
	CHECK_EQ(file_save(AT_FDCWD, path, STR("0123456789"), 0644, true), 0);
	CHECK_EQ(mode_of(path), 0644);
	CHECK_EQ(file_load(AT_FDCWD, path, &b), 0);
	CHECK_STR(buf_str(&b), STR("0123456789"));

	buf_clear(&b);
	CHECK_EQ(file_save(AT_FDCWD, path, STR("a\0b"), 0600, false), 0);
	CHECK_EQ(mode_of(path), 0600);
	CHECK_EQ(file_load(AT_FDCWD, path, &b), 0);
	CHECK_STR(buf_str(&b), STR("a\0b"));

	buf_clear(&b);
	CHECK_EQ(file_save(AT_FDCWD, path, STR("0123456789a"), 0600, false), 0);
	CHECK_EQ(file_load(AT_FDCWD, path, &b), -EFBIG);
	buf_clear(&b);
	CHECK_EQ(file_save(AT_FDCWD, path, (struct str){ 0 }, 0600, false), 0);
	CHECK_EQ(file_load(AT_FDCWD, path, &b), 0);
	CHECK_EQ(b.len, 0);
	/* What another left that was killed goes; a living one's stays. */
	(void)snprintf(own, sizeof(own), ".file.%ld-99", (long)getppid());
	CHECK_EQ(file_save(AT_FDCWD, below(".file.2147483646-7"), STR("x"),
			   0600, false),
		 0);
	CHECK_EQ(file_save(AT_FDCWD, below(own), STR("x"), 0600, false), 0);
	CHECK_EQ(file_save(AT_FDCWD, below(".file.1-x"), STR("x"), 0600, false),
		 0);
	CHECK_EQ(count_files(root), 4);
	file_remove_leftovers(AT_FDCWD, path);
	CHECK_EQ(count_files(root), 3);
	CHECK_EQ(unlink(below(own)), 0);
	CHECK_EQ(unlink(below(".file.1-x")), 0);
	CHECK_EQ(count_files(root), 1); /* nothing temporary stays */
}

static void test_save_at_dir(void)
{
	AUTO(fd) int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 10);
	CHECK_EQ(file_save(dir, "here", STR("x"), 0600, true), 0);
	CHECK_EQ(file_load(dir, "here", &b), 0);
	CHECK_STR(buf_str(&b), STR("x"));
	CHECK_EQ(unlinkat(dir, "here", 0), 0);
}

static void test_refusals(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char longer[5000];

	buf_init(&b, 100);
	CHECK_EQ(file_load(AT_FDCWD, below("none"), &b), -ENOENT);
	CHECK_EQ(file_load(AT_FDCWD, root, &b), -EINVAL);
	CHECK_EQ(file_load(AT_FDCWD, "/dev/null", &b), -EINVAL);
	CHECK_EQ(mkfifo(below("fifo"), 0600), 0);
	CHECK_EQ(file_load(AT_FDCWD, below("fifo"), &b), -EINVAL);
	CHECK_EQ(unlink(below("fifo")), 0);
	CHECK_EQ(file_save(AT_FDCWD, below("no/x"), STR("x"), 0600, false),
		 -ENOENT);
	/* the name is a directory: the new file goes away again */
	CHECK_EQ(mkdir(below("dir"), 0700), 0);
	CHECK_EQ(file_save(AT_FDCWD, below("dir"), STR("x"), 0600, false),
		 -EISDIR);
	CHECK_EQ(rmdir(below("dir")), 0);
	CHECK_EQ(count_files(root), 1);

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_EQ(file_save(AT_FDCWD, longer, STR("x"), 0600, false),
		 -ENAMETOOLONG);
	longer[0] = '/';
	CHECK_EQ(dir_make(longer, 0700), -ENAMETOOLONG);
	CHECK_EQ(dir_make("relative", 0700), -EINVAL);
	CHECK_EQ(dir_make("", 0700), -EINVAL);
	CHECK_EQ(dir_make(below("file/x"), 0700), -ENOTDIR);
	CHECK_EQ(dir_make(below("file"), 0700), -ENOTDIR);
}

static void test_read_all(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	static char much[40000];
	int p[2];

	buf_init(&b, sizeof(much));
	memset(much, 'x', sizeof(much));
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQ(fd_write_full(p[1], much, sizeof(much)), 0);
	(void)close(p[1]);
	CHECK_EQ(fd_read_all(p[0], &b), 0);
	CHECK_EQ(b.len, sizeof(much));
	(void)close(p[0]);

	buf_done(&b);
	buf_init(&b, 3);
	CHECK_EQ(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQ(fd_write_full(p[1], much, 4), 0);
	(void)close(p[1]);
	CHECK_EQ(fd_read_all(p[0], &b), -EFBIG);
	(void)close(p[0]);
}

static void test_directories(void)
{
	CHECK_EQ(dir_make(below("a//b/c/"), 0755), 0);
	CHECK_EQ(dir_make(below("a/b/c"), 0755), 0);
	CHECK_EQ(dir_make("/", 0755), 0);

	CHECK_EQ(dir_make_private(below("p/q")), 0);
	CHECK_EQ(mode_of(below("p/q")), 0700);
	CHECK_EQ(dir_make_private(below("p/q")), 0);
	CHECK_EQ(chmod(below("p/q"), 0710), 0);
	CHECK_EQ(dir_make_private(below("p/q")), -EPERM);
	CHECK_EQ(chmod(below("p/q"), 0700), 0);
	CHECK_EQ(symlink("q", below("p/link")), 0);
	CHECK_EQ(dir_make_private(below("p/link")), -EPERM);
	CHECK_EQ(dir_make_private(below("file")), -ENOTDIR);
	CHECK_EQ(geteuid() == 0 || dir_make_private("/usr") == -EPERM, true);

	CHECK_EQ(unlink(below("p/link")), 0);
	CHECK_EQ(rmdir(below("p/q")), 0);
	CHECK_EQ(rmdir(below("p")), 0);
	CHECK_EQ(rmdir(below("a/b/c")), 0);
	CHECK_EQ(rmdir(below("a/b")), 0);
	CHECK_EQ(rmdir(below("a")), 0);
	CHECK_EQ(unlink(below("file")), 0);
	CHECK_EQ(rmdir(root), 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "full reads and writes", test_pipe },
		{ "a duplicate", test_fd_dup },
		{ "read to the end", test_read_all },
		{ "save and load", test_save_and_load },
		{ "save below a directory", test_save_at_dir },
		{ "refusals", test_refusals },
		{ "directories", test_directories },
	};

	if (!mkdtemp(root)) {
		printf("1..0 # SKIP no directory for tests\n");
		return TEST_EXIT_SKIP;
	}
	return test_main(tests, N_ELEMS(tests));
}
