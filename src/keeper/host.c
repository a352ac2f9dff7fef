/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openat2(RESOLVE_IN_ROOT) treats the root given as "/", for absolute links
 * too, so that a tree made for a test is seen as a machine would be.  For the
 * real root it is a plain open.
 */
#include "keeper/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "base/fd.h"

static int open_in(int root_fd, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT |
					   RESOLVE_NO_MAGICLINKS };

	for (;;) {
		long fd = syscall(SYS_openat2, root_fd, path, &how,
				  sizeof(how));

		if (fd != -1)
			return (int)fd;
		/* EAGAIN: a rename raced with the lookup of ".." */
		if (errno != EINTR && errno != EAGAIN)
			return neg_errno();
	}
}

int host_open(int root_fd, const char *path)
{
	return open_in(root_fd, path, O_PATH);
}

int host_stat(int root_fd, const char *path, struct stat *ret)
{
	AUTO(fd) int fd = -1;
	int r = host_open(root_fd, path);

	if (r < 0)
		return r;
	fd = r;
	return fstat(fd, ret) == -1 ? neg_errno() : 0;
}

bool host_is_dir(int root_fd, const char *path)
{
	struct stat st;

	return host_stat(root_fd, path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool host_is_file(int root_fd, const char *path)
{
	struct stat st;

	return host_stat(root_fd, path, &st) == 0 && S_ISREG(st.st_mode);
}

int host_load(int root_fd, const char *path, struct buf *b)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	int r;

	/* O_NONBLOCK: a FIFO in this place must not hold us up. */
	r = open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (r < 0)
		return r;
	fd = r;
	if (fstat(fd, &st) == -1)
		return neg_errno();
	return S_ISREG(st.st_mode) ? fd_read_all(fd, b) : -EINVAL;
}

/* The path of @fd as the kernel knows it. */
static int path_of_fd(int fd, char ret[PATH_MAX])
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	if (n == -1)
		return neg_errno();
	if (n >= PATH_MAX - 1)
		return -ENAMETOOLONG;
	ret[n] = '\0';
	return 0;
}

int host_real(struct arena *a, int root_fd, const char *path, char **ret,
	      struct stat *ret_st)
{
	char found[PATH_MAX], root[PATH_MAX];
	AUTO(fd) int fd = -1;
	struct str p;
	size_t cut;
	int r;

	r = host_open(root_fd, path);
	if (r < 0)
		return r;
	fd = r;
	if (ret_st && fstat(fd, ret_st) == -1)
		return neg_errno();
	r = path_of_fd(fd, found);
	if (r == 0)
		r = path_of_fd(root_fd, root);
	if (r != 0)
		return r;
	cut = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(found, root, cut) != 0)
		return -ENOENT; /* moved out of the tree meanwhile */
	p = str_of(found + cut);
	*ret = arena_cstr(a, p.len > 0 ? p : STR("/"));
	return *ret ? 0 : -ENOMEM;
}

int host_readlink(struct arena *a, int root_fd, const char *path, char **ret)
{
	char text[PATH_MAX];
	AUTO(fd) int fd = -1;
	ssize_t n;
	int r;

	r = open_in(root_fd, path, O_PATH | O_NOFOLLOW);
	if (r < 0)
		return r;
	fd = r;
	n = readlinkat(fd, "", text, sizeof(text));
	if (n == -1)
		return errno == ENOENT ? -EINVAL : neg_errno();
	if ((size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	*ret = arena_cstr(a, (struct str){ .ptr = text, .len = (size_t)n });
	return *ret ? 0 : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

static void auto_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

int host_list(struct arena *a, int root_fd, const char *path, size_t max,
	      char ***ret, size_t *ret_n)
{
	AUTO(fd) int fd = -1;
	AUTO(dir) DIR *d = NULL;
	const struct dirent *e;
	char **names;
	size_t n = 0;
	int r;

	r = open_in(root_fd, path, O_RDONLY | O_DIRECTORY);
	if (r < 0)
		return r;
	fd = r;
	d = fdopendir(fd);
	if (!d)
		return neg_errno();
	(void)TAKE_FD(fd);
	names = arena_array(a, max, sizeof(char *));
	if (!names)
		return -ENOMEM;
	for (;;) {
		e = n < max ? readdir(d) : NULL;
		if (!e)
			break;
		if (e->d_name[0] == '.')
			continue;
		names[n] = arena_cstr(a, str_of(e->d_name));
		if (!names[n])
			return -ENOMEM;
		n++;
	}
	if (n > 0)
		qsort(names, n, sizeof(names[0]), by_name);
	*ret = names;
	*ret_n = n;
	return 0;
}
