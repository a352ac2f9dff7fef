/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * First ask the kernel: openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS).  Only
 * for -ENOENT does this file think: make sure of the parent directory, look
 * there without following.  Nothing there: make it, if the parent's device is
 * one of ours.  A symlink there (its target is what is missing): go on with
 * the target's path, seen from the root or from the parent; links are counted.
 *
 * The tree is ours alone while it is built; host directories in it can change
 * under our hands, but nothing is made in them.
 *
 * One level of recursion for each missing component and each link, at most
 * DEPTH_MAX.
 */
#include "jail/place.h"

#include <limits.h>
#include <stdio.h>

#include "jail/sys.h"

#define IN_ROOT   (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

#define DEPTH_MAX 100u

struct want {
	bool dir;
	mode_t mode;
	unsigned links; /* followed so far */
	unsigned depth;
};

int place_init(struct place *p, int root_fd)
{
	*p = (struct place){ .root_fd = root_fd };
	return place_add_own(p, root_fd);
}

int place_add_own(struct place *p, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (p->n_own == PLACE_MAX_OWN)
		return -ENOSPC;
	p->own[p->n_own++] = st.st_dev;
	return 0;
}

int place_is_own(const struct place *p, int fd, bool *ret, bool *ret_root)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return neg_errno();
	*ret = false;
	for (size_t i = 0; i < p->n_own; i++)
		*ret = *ret || p->own[i] == st.st_dev;
	*ret_root = p->own[0] == st.st_dev;
	return 0;
}

int place_find(const struct place *p, const char *path)
{
	return sys_openat2(p->root_fd, path, O_PATH, IN_ROOT);
}

static int make(const struct place *p, const char *path, struct want want,
		int *ret);

/* Split at the last slash; false: a component or the path is too long. */
static bool split(const char *path, char *parent, char *name)
{
	const char *slash = strrchr(path, '/');
	size_t dir_len = (size_t)(slash - path), name_len = strlen(slash + 1);

	if (dir_len >= PATH_MAX || name_len > NAME_MAX)
		return false;
	if (dir_len == 0)
		dir_len = 1;
	memcpy(parent, path, dir_len);
	parent[dir_len] = '\0';
	memcpy(name, slash + 1, name_len + 1);
	return true;
}

int place_parent(const struct place *p, const char *path, int *ret, char *name)
{
	struct want dir = { .dir = true, .mode = 0755 };
	char parent[PATH_MAX];
	AUTO(fd) int fd = -1;
	bool own = false, root;
	int r;

	if (!split(path, parent, name))
		return -ENAMETOOLONG;
	r = make(p, parent, dir, &fd);
	if (r != 0)
		return r;
	r = place_is_own(p, fd, &own, &root);
	if (r != 0)
		return r;
	if (!own)
		return PLACE_E_HOST;
	*ret = TAKE_FD(fd);
	return 0;
}

/* @parent_fd/@name is a symlink that leads to nothing yet. */
static int follow(const struct place *p, const char *path, int parent_fd,
		  const char *name, struct want want, int *ret)
{
	char target[PATH_MAX], whole[PATH_MAX];
	ssize_t len = readlinkat(parent_fd, name, target, sizeof(target));
	const char *slash = strrchr(path, '/');
	int n;

	if (len == -1)
		return neg_errno();
	if (len == 0 || (size_t)len >= sizeof(target))
		return -ENAMETOOLONG;
	if (want.depth == DEPTH_MAX || want.links == PLACE_MAX_LINKS)
		return -ELOOP;
	target[len] = '\0';
	want.links++;
	want.depth++;
	/*
	 * A relative target is seen from where the link is; the kernel resolves
	 * the ".." of what is joined here.
	 */
	if (target[0] == '/')
		n = snprintf(whole, sizeof(whole), "%s", target);
	else
		n = snprintf(whole, sizeof(whole), "%.*s/%s",
			     (int)(slash - path), path, target);
	if (n < 0 || (size_t)n >= sizeof(whole))
		return -ENAMETOOLONG;
	return make(p, whole, want, ret);
}

static int make_here(int parent_fd, const char *name, struct want want,
		     int *ret)
{
	int r = want.dir ? mkdirat(parent_fd, name, want.mode)
			 : mknodat(parent_fd, name, S_IFREG | want.mode, 0);

	if (r == -1)
		return neg_errno();
	r = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (r == -1)
		return neg_errno();
	*ret = r;
	return 0;
}

/* In the root itself, the usual case: with one call when nothing is there. */
static bool is_top(const char *path)
{
	return path[0] == '/' && path[1] != '\0' && !strchr(path + 1, '/') &&
	       strcmp(path, "/.") != 0 && strcmp(path, "/..") != 0;
}

static int make_missing(const struct place *p, const char *path,
			struct want want, int *ret)
{
	struct want dir = { .dir = true,
			    .mode = 0755,
			    .links = want.links,
			    .depth = want.depth + 1 };
	char parent[PATH_MAX], name[NAME_MAX + 1];
	AUTO(fd) int fd = -1;
	bool own = false, root;
	struct stat st;
	int r;

	if (want.depth == DEPTH_MAX || !split(path, parent, name))
		return -ENAMETOOLONG;
	if (name[0] == '\0' || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return -ENOENT; /* of a symlink; not worth the care */
	r = make(p, parent, dir, &fd);
	if (r != 0)
		return r;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISLNK(st.st_mode)
			       ? follow(p, path, fd, name, want, ret)
			       : -EAGAIN; /* appeared: a host directory */
	if (errno != ENOENT)
		return neg_errno();
	r = place_is_own(p, fd, &own, &root);
	if (r != 0)
		return r;
	return own ? make_here(fd, name, want, ret) : PLACE_E_HOST;
}

static int make(const struct place *p, const char *path, struct want want,
		int *ret)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	int r;

	if (is_top(path)) {
		r = make_here(p->root_fd, path + 1, want, ret);
		if (r != -EEXIST)
			return r;
	}
	r = place_find(p, path);
	fd = r;

	if (r == -ENOENT) {
		fd = -1;
		return make_missing(p, path, want, ret);
	}
	if (r < 0) {
		fd = -1;
		return r;
	}
	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (S_ISDIR(st.st_mode) != want.dir)
		return PLACE_E_KIND;
	*ret = TAKE_FD(fd);
	return 0;
}

int place_dir(const struct place *p, const char *path, mode_t mode, int *ret)
{
	struct want want = { .dir = true, .mode = mode };

	return make(p, path, want, ret);
}

int place_file(const struct place *p, const char *path, mode_t mode, int *ret)
{
	struct want want = { .mode = mode };

	return make(p, path, want, ret);
}
