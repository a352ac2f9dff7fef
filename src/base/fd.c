/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/path.h"
#include "base/wall.h"

#define LEFTOVERS_LOOK 4096                /* entries of a directory */
#define READ_CHUNK     ((size_t)16 * 1024) /* bytes */

/* As read(2), 0 at the end; -errno. */
static ssize_t read_some(int fd, void *p, size_t len)
{
	for (;;) {
		ssize_t n = read(fd, p, len);

		if (n != -1)
			return n;
		if (errno != EINTR)
			return neg_errno();
	}
}

int fd_read_full(int fd, void *p, size_t len)
{
	char *at = p;

	while (len > 0) {
		ssize_t n = read_some(fd, at, len);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EPIPE;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_write_full(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return neg_errno();
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_read_all(int fd, struct buf *b)
{
	for (;;) {
		size_t room = b->max - b->len;
		char probe;
		ssize_t n;

		if (room == 0) {
			n = read_some(fd, &probe, 1);
			return n > 0 ? -EFBIG : (int)n;
		}
		if (room > READ_CHUNK)
			room = READ_CHUNK;

		char *p = buf_reserve(b, room);

		if (!p)
			return -ENOMEM;
		n = read_some(fd, p, room);
		if (n <= 0)
			return (int)n;
		buf_added(b, (size_t)n);
	}
}

int fd_raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1)
		return neg_errno();
	l.rlim_cur = l.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &l) == -1 ? neg_errno() : 0;
}

int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);
	int want;

	if (flags == -1)
		return neg_errno();
	want = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	if (want != flags && fcntl(fd, F_SETFL, want) == -1)
		return neg_errno();
	return 0;
}

int fd_dup(int fd)
{
	int r = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return r == -1 ? neg_errno() : r;
}

static int open_retry(int dirfd, const char *path, int flags, mode_t mode)
{
	for (;;) {
		int fd =
			openat(dirfd, path, flags | O_CLOEXEC | O_NOCTTY, mode);

		if (fd != -1)
			return fd;
		if (errno != EINTR)
			return neg_errno();
	}
}

static int sync_fd(int fd)
{
	while (fsync(fd) == -1) {
		if (errno != EINTR)
			return neg_errno();
	}
	return 0;
}

int file_load(int dirfd, const char *path, struct buf *b)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	int r;

	/* O_NONBLOCK: a FIFO in this place must not hold us up. */
	r = open_retry(dirfd, path, O_RDONLY | O_NONBLOCK, 0);
	if (r < 0)
		return r;
	fd = r;
	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > 0 && (uintmax_t)st.st_size > b->max - b->len)
		return -EFBIG;
	return fd_read_all(fd, b);
}

/* "DIR/.NAME.PID-N" for @path; the number makes it new within the process. */
static int temporary_name(const char *path, char *dst, size_t size)
{
	static unsigned count;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int n = snprintf(dst, size, "%.*s.%s.%ld-%u", (int)(name - path), path,
			 name, (long)getpid(), ++count);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* The directory that @path is in; a descriptor or -errno. */
static int open_dir_of(int dirfd, const char *path)
{
	char dir[PATH_LIMIT + 1];
	struct str d = path_dirname(str_of(path));

	if (d.len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, d.ptr, d.len);
	dir[d.len] = '\0';
	return open_retry(dirfd, dir, O_RDONLY | O_DIRECTORY, 0);
}

/* @entry is ".NAME.PID-N" and its process is no more. */
static bool is_leftover(struct str entry, struct str name)
{
	struct str pid;
	uint32_t number, n;

	if (entry.len < name.len + 2 || entry.ptr[0] != '.' ||
	    !str_starts(str_skip(entry, 1), name))
		return false;
	entry = str_skip(entry, 1 + name.len);
	if (entry.ptr[0] != '.')
		return false;
	entry = str_skip(entry, 1);
	return str_cut(&entry, '-', &pid) &&
	       str_u32(pid, 1, INT32_MAX, &number) &&
	       str_u32(entry, 1, UINT32_MAX, &n) &&
	       kill((pid_t)number, 0) == -1 && errno == ESRCH;
}

void file_remove_leftovers(int dirfd, const char *path)
{
	struct str name = path_basename(str_of(path));
	int fd = open_dir_of(dirfd, path);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!d) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	for (int i = 0; i < LEFTOVERS_LOOK && (e = readdir(d)) != NULL; i++) {
		if (is_leftover(str_of(e->d_name), name))
			(void)unlinkat(fd, e->d_name, 0);
	}
	(void)closedir(d);
}

static int write_file(int fd, struct str content, mode_t mode, bool durable)
{
	int r;

	if (fchmod(fd, mode) == -1)
		return neg_errno();
	r = fd_write_full(fd, content.ptr, content.len);
	if (r != 0)
		return r;
	return durable ? sync_fd(fd) : 0;
}

static int sync_dir_of(int dirfd, const char *path)
{
	AUTO(fd) int fd = -1;
	int r = open_dir_of(dirfd, path);

	if (r < 0)
		return r;
	fd = r;
	return sync_fd(fd);
}

int file_save(int dirfd, const char *path, struct str content, mode_t mode,
	      bool durable)
{
	char temporary[PATH_LIMIT + 1];
	AUTO(fd) int fd = -1;
	int r;

	r = temporary_name(path, temporary, sizeof(temporary));
	if (r != 0)
		return r;

	/* Left over by a process of our pid that died; nobody else's name. */
	r = open_retry(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (r == -EEXIST && unlinkat(dirfd, temporary, 0) == 0)
		r = open_retry(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL,
			       0600);
	if (r < 0)
		return r;
	fd = r;

	r = write_file(fd, content, mode, durable);
	if (r == 0 && renameat(dirfd, temporary, dirfd, path) == -1)
		r = neg_errno();
	if (r != 0) {
		(void)unlinkat(dirfd, temporary, 0);
		return r;
	}
	return durable ? sync_dir_of(dirfd, path) : 0;
}

static int make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	/*
	 * Whatever the reason (EEXIST, EROFS, EACCES), a directory that is
	 * there already will do.
	 */
	int r = neg_errno();

	if (stat(path, &st) == -1)
		return r;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int dir_each(int dirfd, int (*fn)(void *owner, const char *name), void *owner)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *e;
	int r = 0;
	DIR *d;

	if (fd == -1)
		return neg_errno();
	d = fdopendir(fd);
	if (!d) {
		(void)close(fd);
		return -ENOMEM;
	}
	while (r == 0) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			r = errno == 0 ? 0 : neg_errno();
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = fn(owner, e->d_name);
	}
	(void)closedir(d);
	return r;
}

int dir_make(const char *path, mode_t mode)
{
	char part[PATH_LIMIT + 1];
	size_t len = strlen(path);

	if (path[0] != '/')
		return -EINVAL;
	if (len >= sizeof(part))
		return -ENAMETOOLONG;

	for (size_t i = 1; i <= len; i++) {
		int r;

		if (i < len && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		r = make_one(part, mode);
		if (r != 0)
			return r;
	}
	return 0;
}

int dir_make_private(const char *path)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	int r;

	r = dir_make(path, 0700);
	if (r != 0)
		return r;
	r = open_retry(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	/* O_NOFOLLOW with O_DIRECTORY says ENOTDIR for a symlink, else ELOOP */
	if (r == -ENOTDIR || r == -ELOOP)
		return -EPERM;
	if (r < 0)
		return r;
	fd = r;
	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (!WALL(PRIVATE_DIRS))
		return 0;
	return st.st_uid == geteuid() && (st.st_mode & 077) == 0 ? 0 : -EPERM;
}
