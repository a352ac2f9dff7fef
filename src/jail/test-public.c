/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "jail/landlock.h"
#include "jail/public.h"

static char dir[] = "/tmp/bawn-public-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* In this order; a path that ends in '/' is a directory. */
static const struct {
	const char *path;
	mode_t mode;
	int open; /* what opening it comes to inside */
} tree[] = {
	{ "all/", 0755, 0 },
	{ "all/a", 0644, 0 },
	{ "all/deep/", 0755, 0 },
	{ "all/deep/b", 0604, 0 },
	{ "some/", 0755, 0 },
	{ "some/a", 0644, 0 },
	{ "some/secret", 0640, EACCES },
	{ "some/kept/", 0755, 0 },
	{ "some/kept/a", 0644, 0 },
	{ "some/mixed/", 0755, 0 },
	{ "some/mixed/a", 0644, 0 },
	{ "some/mixed/secret", 0600, EACCES },
	/* Names may be listed below what is mixed; contents may not be read. */
	{ "some/closed/", 0700, 0 },
	{ "some/closed/a", 0644, EACCES },
	{ "some/listed/", 0744, 0 },
	{ "some/listed/a", 0644, EACCES },
};

static void make_tree(void)
{
	char path[128];

	for (size_t i = 0; i < N_ELEMS(tree); i++) {
		int n = snprintf(path, sizeof(path), "%s/%s", dir,
				 tree[i].path);

		if (path[n - 1] == '/')
			CHECK_EQ(mkdir(path, 0700), 0);
		else
			(void)close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC,
					 0600));
		CHECK_EQ(chmod(path, tree[i].mode), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/all/link", dir);
	CHECK_EQ(symlink("../some/secret", path), 0);
}

static unsigned look(void)
{
	unsigned bad = 0;
	char path[128];

	for (size_t i = 0; i < N_ELEMS(tree); i++) {
		int fd, e;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, tree[i].path);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		e = fd == -1 ? errno : 0;
		auto_fd(&fd);
		if (e == tree[i].open)
			continue;
		printf("# %s: %s\n", tree[i].path, strerror(e));
		bad++;
	}
	(void)snprintf(path, sizeof(path), "%s/all/link", dir);
	bad += open(path, O_RDONLY | O_CLOEXEC) != -1 || errno != EACCES;
	(void)snprintf(path, sizeof(path), "%s/some/later", dir);
	bad += open(path, O_RDONLY | O_CLOEXEC) != -1 || errno != EACCES;
	(void)snprintf(path, sizeof(path), "%s/all/new", dir);
	bad += open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) != -1 ||
	       errno != EACCES;
	return bad;
}

static int enter(int abi, const char *only)
{
	int ruleset = landlock_new(abi);
	char path[128];
	int fd, r;

	(void)snprintf(path, sizeof(path), "%s%s", dir, only);
	fd = open(path, O_PATH | O_CLOEXEC);
	r = ruleset < 0 || fd == -1 ? -EINVAL : public_allow(ruleset, abi, fd);
	/* A file that comes later has no rule. */
	(void)snprintf(path, sizeof(path), "%s/some/later", dir);
	if (r == 0)
		(void)close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		r = -EPERM;
	return r == 0 ? landlock_enter(ruleset) : r;
}

static void inside(const char *only, unsigned (*fn)(void))
{
	int abi = landlock_abi(), status = -1;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (enter(abi, only) != 0)
			_exit(99);
		unsigned bad = fn();

		(void)fflush(stdout);
		_exit(bad != 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void test_tree(void)
{
	inside("", look);
}

static unsigned look_at_secret(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/some/secret", dir);
	return open(path, O_RDONLY | O_CLOEXEC) != -1 || errno != EACCES;
}

static void test_single(void)
{
	inside("/some/secret", look_at_secret);
	inside("/some/closed", look_at_secret);
}

int main(void)
{
	static const struct test tests[] = {
		{ "only what everybody may read", test_tree },
		{ "a private file or directory by itself", test_single },
	};
	int r;

	if (landlock_abi() == 0)
		return TEST_EXIT_SKIP;
	if (!mkdtemp(dir) || chmod(dir, 0755) == -1)
		return 1;
	make_tree();
	r = test_main(tests, N_ELEMS(tests));
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}
