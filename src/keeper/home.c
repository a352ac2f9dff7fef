/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/home.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/path.h"
#include "ledger/hash.h"

#define TAIL_MAX 32u /* letters of the project's name */
#define HASH_MAX 24u /* digits: 96 bits */

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

int home_name(const char *project, char ret[HOME_NAME_MAX])
{
	AUTO(hash) struct hash *h = NULL;
	char hex[LEDGER_HASH_LEN + 1], tail[TAIL_MAX + 1];
	struct str base = path_basename(str_of(project));
	size_t n = 0;
	int r = hash_new(&h);

	if (r == 0)
		r = hash_hex(h, str_of(project), hex);
	if (r != 0)
		return r;
	for (size_t i = 0; i < base.len && n < TAIL_MAX; i++)
		tail[n++] = is_plain(base.ptr[i]) ? base.ptr[i] : '_';
	tail[n] = '\0';
	(void)snprintf(ret, HOME_NAME_MAX, "%s-%.*s",
		       tail[0] == '.' ? "dot" : tail, (int)HASH_MAX, hex);
	return 0;
}

bool home_exists(const char *state_dir, const char *project)
{
	char name[HOME_NAME_MAX], path[PATH_LIMIT + 1];
	int n;

	if (home_name(project, name) != 0)
		return true; /* who cannot know shall not follow a link */
	n = snprintf(path, sizeof(path), "%s/homes/%s", state_dir, name);
	return n < 0 || (size_t)n >= sizeof(path) || access(path, F_OK) == 0;
}

static int open_beneath(int dirfd, const char *rel, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH |
					   RESOLVE_NO_SYMLINKS |
					   RESOLVE_NO_MAGICLINKS };

	for (;;) {
		long fd = syscall(SYS_openat2, dirfd, rel, &how, sizeof(how));

		if (fd != -1)
			return (int)fd;
		if (errno != EINTR && errno != EAGAIN)
			return neg_errno();
	}
}

static int give(int dirfd, const char *name, uid_t uid, gid_t gid)
{
	if (geteuid() != 0 || uid == 0)
		return 0;
	return fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) == -1
		       ? neg_errno()
		       : 0;
}

int home_open(struct arena *a, const char *state_dir, const char *name,
	      uid_t uid, gid_t gid, int *ret_fd, char **ret_path)
{
	char *homes = arena_printf(a, "%s/homes/%s", state_dir, name);
	char *path = arena_printf(a, "%s/homes/%s/home", state_dir, name);
	AUTO(fd) int fd = -1;
	struct stat st;
	int r;

	if (!homes || !path)
		return -ENOMEM;
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) {
		r = dir_make_private(homes);
		if (r != 0)
			return r;
		if (mkdir(path, 0700) == -1 && errno != EEXIST)
			return neg_errno();
		fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1)
			return neg_errno();
	}
	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (st.st_uid != uid) {
		/* Just made, or the project has a new owner. */
		r = give(AT_FDCWD, path, uid, gid);
		if (r != 0)
			return r;
	}
	*ret_path = path;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Make "a", "a/b", ... for all but the last component of @rel. */
static int make_parents(int home_fd, const char *rel, uid_t uid, gid_t gid)
{
	char part[PATH_LIMIT + 1];
	size_t len = strlen(rel);

	if (len > PATH_LIMIT)
		return -ENAMETOOLONG;
	for (size_t i = 1; i < len; i++) {
		int r;

		if (rel[i] != '/')
			continue;
		memcpy(part, rel, i);
		part[i] = '\0';
		r = home_make_point(home_fd, part, true, uid, gid);
		if (r != 0)
			return r;
	}
	return 0;
}

/* The directory that @rel is in, and its name there. */
static int open_parent(int home_fd, const char *rel, const char **ret_name)
{
	char part[PATH_LIMIT + 1];
	struct str dir = path_dirname(str_of(rel));

	*ret_name = path_basename(str_of(rel)).ptr;
	if (dir.len >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, dir.ptr, dir.len);
	part[dir.len] = '\0';
	return open_beneath(home_fd, part, O_PATH | O_DIRECTORY);
}

static int make_file(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd == -1)
		return errno == EEXIST ? 0 : neg_errno();
	(void)close(fd);
	return 0;
}

static int is_there(int home_fd, const char *rel, bool is_dir)
{
	struct stat st;
	AUTO(fd) int fd = -1;
	int r = open_beneath(home_fd, rel, O_PATH);

	if (r < 0)
		return r;
	fd = r;
	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (is_dir)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	return S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

int home_make_point(int home_fd, const char *rel, bool is_dir, uid_t uid,
		    gid_t gid)
{
	AUTO(fd) int dir_fd = -1;
	const char *name;
	int r = is_there(home_fd, rel, is_dir);

	if (r != -ENOENT)
		return r;
	r = make_parents(home_fd, rel, uid, gid);
	if (r != 0)
		return r;
	r = open_parent(home_fd, rel, &name);
	if (r < 0)
		return r;
	dir_fd = r;
	if (!is_dir)
		r = make_file(dir_fd, name);
	else
		r = mkdirat(dir_fd, name, 0700) == -1 && errno != EEXIST
			    ? neg_errno()
			    : 0;
	if (r == 0)
		r = give(dir_fd, name, uid, gid);
	return r != 0 ? r : is_there(home_fd, rel, is_dir);
}

int home_make_link(int home_fd, const char *rel, const char *target, uid_t uid,
		   gid_t gid)
{
	AUTO(fd) int dir_fd = -1;
	const char *name;
	int r = make_parents(home_fd, rel, uid, gid);

	if (r != 0)
		return r;
	r = open_parent(home_fd, rel, &name);
	if (r < 0)
		return r;
	dir_fd = r;
	if (symlinkat(target, dir_fd, name) == -1)
		return errno == EEXIST ? 0 : neg_errno();
	return give(dir_fd, name, uid, gid);
}

bool home_wants_file(int home_fd, const char *rel, int64_t newer_than_s)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	int r = open_beneath(home_fd, rel, O_PATH);

	if (r < 0)
		return true;
	fd = r;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mtim.tv_sec <= newer_than_s;
}

int home_put_file(int home_fd, const char *rel, struct str text,
		  int64_t newer_than_s, uid_t uid, gid_t gid)
{
	AUTO(fd) int dir_fd = -1;
	const char *name = rel;
	int r;

	if (!home_wants_file(home_fd, rel, newer_than_s))
		return 0;
	r = make_parents(home_fd, rel, uid, gid);
	if (r == 0)
		r = open_parent(home_fd, rel, &name);
	if (r < 0)
		return r;
	dir_fd = r;
	file_remove_leftovers(dir_fd, name);
	/* Replaced by rename: what is there is neither opened nor followed. */
	r = file_save(dir_fd, name, text, 0600, false);
	return r != 0 ? r : give(dir_fd, name, uid, gid);
}
