/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>

#include "base/test.h"
#include "jail/place.h"

static int root = -1; /* a new directory, which plays the jail's root */
static struct place place;

static bool is_there(const char *path, mode_t type)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_mode & S_IFMT) == type;
}

static char dir[] = "/tmp/bawn-place-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void tear_down(void)
{
	if (root == -1)
		return;
	(void)close(TAKE_FD(root));
	CHECK_EQ(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void set_up(void)
{
	tear_down();
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	CHECK(mkdtemp(dir) != NULL);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(root != -1);
	CHECK_EQ(place_init(&place, root), 0);
}

static int make_dir(const char *path)
{
	AUTO(fd) int fd = -1;

	return place_dir(&place, path, 0755, &fd);
}

static int make_file(const char *path)
{
	AUTO(fd) int fd = -1;

	return place_file(&place, path, 0644, &fd);
}

static void test_makes_what_is_missing(void)
{
	set_up();
	CHECK_EQ(make_dir("/a"), 0);
	CHECK(is_there("a", S_IFDIR));
	CHECK_EQ(make_dir("/a"), 0); /* it is there already */
	CHECK_EQ(make_dir("/b/c/d"), 0);
	CHECK(is_there("b/c/d", S_IFDIR));
	CHECK_EQ(make_file("/f"), 0);
	CHECK(is_there("f", S_IFREG));
	CHECK_EQ(make_file("/b/c/e/f"), 0);
	CHECK(is_there("b/c/e/f", S_IFREG));
}

static void test_kinds(void)
{
	set_up();
	CHECK_EQ(make_dir("/d"), 0);
	CHECK_EQ(make_file("/f"), 0);
	CHECK_EQ(make_file("/d"), PLACE_E_KIND);
	CHECK_EQ(make_dir("/f"), PLACE_E_KIND);
	CHECK_EQ(make_dir("/f/g"), -ENOTDIR);
}

static void test_symlinks_stay_inside(void)
{
	set_up();
	CHECK_EQ(make_dir("/etc"), 0);
	CHECK_EQ(symlinkat("../run/a/conf", root, "etc/relative"), 0);
	CHECK_EQ(symlinkat("/var/b/conf", root, "etc/absolute"), 0);
	CHECK_EQ(symlinkat("../../../../../out/conf", root, "etc/up"), 0);
	CHECK_EQ(symlinkat("/usr/bin", root, "bin"), 0);

	CHECK_EQ(make_file("/etc/relative"), 0);
	CHECK(is_there("run/a/conf", S_IFREG));
	CHECK_EQ(make_file("/etc/absolute"), 0);
	CHECK(is_there("var/b/conf", S_IFREG));
	CHECK_EQ(make_file("/etc/up"), 0);
	CHECK(is_there("out/conf", S_IFREG));
	CHECK_EQ(make_file("/bin/sh"), 0);
	CHECK(is_there("usr/bin/sh", S_IFREG));
	CHECK(is_there("etc/relative", S_IFLNK));
	CHECK(access("/out/conf", F_OK) == -1);
}

static void test_loops_end(void)
{
	char path[4096] = "";

	set_up();
	CHECK_EQ(symlinkat("b", root, "a"), 0);
	CHECK_EQ(symlinkat("a", root, "b"), 0);
	CHECK_EQ(make_dir("/a"), -ELOOP);
	CHECK_EQ(symlinkat("grow/grow", root, "grow"), 0);
	CHECK_EQ(make_dir("/grow"), -ELOOP);
	for (int i = 0; i < 1500; i++)
		memcpy(path + 2 * i, "/x", 3);
	CHECK_EQ(make_dir(path), -ENAMETOOLONG);
}

static void test_host_is_left_alone(void)
{
	AUTO(fd) int fd = -1;
	char name[256];

	set_up();
	CHECK_EQ(make_dir("/here"), 0);
	CHECK_EQ(symlinkat("/here/nowhere", root, "link"), 0);
	place.n_own = 0; /* as if all below were the host's */
	CHECK_EQ(make_dir("/here"), 0);
	CHECK_EQ(make_dir("/here/new"), PLACE_E_HOST);
	CHECK_EQ(make_file("/here/new"), PLACE_E_HOST);
	CHECK_EQ(make_file("/link"), PLACE_E_HOST);
	CHECK_EQ(place_parent(&place, "/here/new", &fd, name), PLACE_E_HOST);
	CHECK(!is_there("here/new", S_IFREG) && !is_there("here/new", S_IFDIR));
	CHECK(!is_there("here/nowhere", S_IFREG));
}

static void test_parent(void)
{
	AUTO(fd) int fd = -1;
	AUTO(fd) int top = -1;
	char name[256];

	set_up();
	CHECK_EQ(place_parent(&place, "/a/b/c", &fd, name), 0);
	CHECK_STR(str_of(name), STR("c"));
	CHECK(is_there("a/b", S_IFDIR));
	CHECK_EQ(place_parent(&place, "/x", &top, name), 0);
	CHECK_STR(str_of(name), STR("x"));
}

int main(void)
{
	static const struct test tests[] = {
		{ "makes what is missing", test_makes_what_is_missing },
		{ "files and directories are told apart", test_kinds },
		{ "symlinks lead nowhere but inside",
		  test_symlinks_stay_inside },
		{ "loops end", test_loops_end },
		{ "nothing is made on the host's side",
		  test_host_is_left_alone },
		{ "parents", test_parent },
	};

	int code = test_main(tests, N_ELEMS(tests));

	tear_down();
	return code;
}
