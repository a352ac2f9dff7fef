/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/user-file.h"

#include <fcntl.h>

#include "base/test.h"
#include "policy/policy.h"

static void test_paths(void)
{
	static const struct {
		struct user_file_query q;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ { .home = "/h/u" }, "/h/u/.config/bawn/policy.yaml" },
		{ { .home = "/h/u", .profile = "p-1.x" },
		  "/h/u/.config/bawn/profiles/p-1.x.yaml" },
		{ { .home = "/h/u", .policy = "/a/../b.yaml" }, "/b.yaml" },
		{ { .home = "/h/u", .policy = "b.yaml", .cwd = "/w" },
		  "/w/b.yaml" },
		{ { .policy = "/b", .profile = "p" }, "/b" },
		{ { .home = "/h/u", .policy = "b.yaml" }, NULL },
		{ { .home = NULL }, NULL },
		{ { .home = "h/u" }, NULL },
		{ { .home = "/h/u", .profile = "" }, NULL },
		{ { .home = "/h/u", .profile = "../evil" }, NULL },
		{ { .home = "/h/u", .profile = ".." }, NULL },
		{ { .home = "/h/u", .profile = "a/b" }, NULL },
		{ { .home = "/h/u", .profile = "a b" }, NULL },
	};

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct diag d = { 0 };
		char *path = NULL;
		int r;

		arena_init(&a, 1 << 16);
		r = user_file_path(&a, &cases[i].q, &path, &d);
		CHECK_EQ(r, cases[i].want ? 0 : USER_FILE_E_REFUSED);
		CHECK_EQ(r == 0 || d.text[0], 1);
		if (r == 0 && cases[i].want)
			CHECK_EQ(strcmp(path, cases[i].want), 0);
	}
}

/* The result for @name in the working directory. */
static int read_of(const char *name, size_t *ret_len)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct diag d = { 0 };
	int r = user_file_read(name, &b, NULL, &d);

	CHECK_EQ(r <= 0 || d.text[0], 1);
	*ret_len = b.len;
	return r;
}

static void make(const char *name, mode_t mode, off_t size)
{
	AUTO(fd)
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK_EQ(fd != -1 && fchmod(fd, mode) == 0 && ftruncate(fd, size) == 0,
		 1);
}

static void test_files(void)
{
	static const struct {
		const char *name;
		int want;
		size_t len;
	} cases[] = {
		{ "ok", 0, 11 },
		{ "empty", 0, 0 },
		{ "largest", 0, POLICY_MAX_BYTES },
		{ "link", 0, 11 },
		{ "group", 0, 5 },
		{ "missing", USER_FILE_E_NONE, 0 },
		{ "ok/below", USER_FILE_E_NONE, 0 },
		{ "dangling", USER_FILE_E_NONE, 0 },
		{ "too-large", USER_FILE_E_REFUSED, 0 },
		{ "everybody", USER_FILE_E_REFUSED, 0 },
		{ "fifo", USER_FILE_E_REFUSED, 0 },
		{ ".", USER_FILE_E_REFUSED, 0 },
		{ "/dev/null", USER_FILE_E_REFUSED, 0 },
		{ "loop", -ELOOP, 0 },
	};
	char dir[] = "/tmp/test-user-file-XXXXXX";

	if (!mkdtemp(dir) || chdir(dir) == -1) {
		CHECK_EQ(errno, 0);
		return;
	}
	make("ok", 0600, 11);
	make("empty", 0644, 0);
	make("group", 0664, 5);
	make("largest", 0600, (off_t)POLICY_MAX_BYTES);
	make("too-large", 0600, (off_t)POLICY_MAX_BYTES + 1);
	make("everybody", 0666, 11);
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK_EQ(symlink("ok", "link"), 0);
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_EQ(symlink("loop", "loop"), 0);

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		size_t len = 0;

		CHECK_EQ(read_of(cases[i].name, &len), cases[i].want);
		CHECK_EQ(len, cases[i].len);
	}
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		if (!strchr("./", cases[i].name[0]))
			(void)unlink(cases[i].name); /* some do not exist */
	}
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(rmdir(dir), 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "where the user's layer is", test_paths },
		{ "what is read", test_files },
	};

	return test_main(tests, N_ELEMS(tests));
}
