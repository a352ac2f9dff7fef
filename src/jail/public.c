/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A rule is about all that lies below a directory.  So the tree is walked, and a
 * directory in which everything is public is left to the rule of one above it.
 * One with something private in it, at whatever depth, is MIXED: each of its
 * public entries gets a rule of its own, and the private ones get none.
 *
 *   PUBLIC   others may read it; of a directory: and search it, and all below
 *   MIXED    others may read it, but not all below
 *   PRIVATE  the rest; also what is neither file, directory nor symlink
 *
 * The directories that packages fill are most of a system, and what is in them
 * is in everybody's copy of the package: they are not looked through.
 *
 * Symlinks need no rule: what they lead to is judged where it lies.  What
 * changes meanwhile is changed by the host, and rules go by inodes: a private
 * file that appears later in a mixed directory has none.
 */
#include "jail/public.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "jail/dents.h"
#include "jail/landlock.h"

#define DEPTH_MAX   128u
#define ENTRIES_MAX (4u * 1024 * 1024)
#define APART_MAX   1024u /* not public, in one directory: else none is */

enum verdict {
	PRIVATE,
	MIXED,
	PUBLIC,
};

static const char *const packaged[] = {
	"/usr/bin",   "/usr/games", "/usr/include", "/usr/lib",
	"/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/libx32",
	"/usr/sbin",  "/usr/share", "/usr/src",     "/nix/store",
};

struct walk {
	int ruleset, abi;
	unsigned depth, entries;
	struct {
		dev_t dev;
		ino_t ino; /* 0: not there */
	} packaged[N_ELEMS(packaged)];
};

/* Entries of one directory that are not public. */
struct apart {
	char *names[APART_MAX];
	size_t n;
};

static void apart_free(struct apart *a)
{
	for (size_t i = 0; a && i < a->n; i++)
		free(a->names[i]);
	free(a);
}
DEFINE_AUTO(apart, struct apart, apart_free);
DEFINE_AUTO(room, char, free);

static bool is_apart(const struct apart *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->names[i], name) == 0)
			return true;
	}
	return false;
}

static int judge_dir(struct walk *w, int fd, enum verdict *ret);

static int judge(struct walk *w, int dir, const struct dent *d,
		 enum verdict *ret)
{
	AUTO(fd) int fd = -1;
	struct stat st;

	*ret = PRIVATE;
	if (++w->entries > ENTRIES_MAX)
		return -E2BIG;
	if (d->type == DT_LNK)
		*ret = PUBLIC;
	if (d->type != DT_REG && d->type != DT_DIR)
		return 0;
	if (fstatat(dir, d->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : neg_errno();
	if (S_ISREG(st.st_mode) && st.st_mode & S_IROTH)
		*ret = PUBLIC;
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(dir, d->name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1) /* ours to read, or private */
		return errno == EACCES || errno == ENOENT ? 0 : neg_errno();
	return judge_dir(w, fd, ret);
}

/* Each entry of @fd with a verdict; those that are not public go to @a. */
static int judge_entries(struct walk *w, int fd, struct apart *a,
			 enum verdict *ret)
{
	AUTO(room) char *room = malloc(DENTS_SIZE);
	struct dents d = { .fd = fd, .room = room };
	struct dent e;
	int r = room ? 0 : -ENOMEM;

	while (r == 0 && (r = dents_next(&d, &e)) == 0) {
		enum verdict v;

		r = judge(w, fd, &e, &v);
		if (r != 0 || v == PUBLIC)
			continue;
		*ret = MIXED;
		if (a->n == APART_MAX) {
			*ret = PRIVATE;
			return 0;
		}
		a->names[a->n] = strdup(e.name);
		r = a->names[a->n] ? 0 : -ENOMEM;
		a->n += r == 0;
	}
	return r == 1 ? 0 : r;
}

static int allow_entry(struct walk *w, int dir, const char *name)
{
	AUTO(fd) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return errno == ENOENT ? 0 : neg_errno();
	if (fstat(fd, &st) == -1)
		return neg_errno();
	/* Exchanged since: what it is now was not judged. */
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	return st.st_mode & S_IROTH
		       ? landlock_allow_fd(w->ruleset, w->abi, fd, false)
		       : 0;
}

static int allow_others(struct walk *w, int fd, const struct apart *a)
{
	AUTO(room) char *room = malloc(DENTS_SIZE);
	struct dents d = { .fd = fd, .room = room };
	struct dent e;
	int r = room ? 0 : -ENOMEM;

	if (r == 0 && lseek(fd, 0, SEEK_SET) == -1)
		r = neg_errno();
	if (r == 0)
		r = landlock_allow_names(w->ruleset, fd);
	while (r == 0 && (r = dents_next(&d, &e)) == 0) {
		if (e.type != DT_LNK && !is_apart(a, e.name))
			r = allow_entry(w, fd, e.name);
	}
	return r == 1 ? 0 : r;
}

static void find_packaged(struct walk *w)
{
	for (size_t i = 0; i < N_ELEMS(packaged); i++) {
		struct stat st;

		if (lstat(packaged[i], &st) == -1 || !S_ISDIR(st.st_mode))
			continue;
		w->packaged[i].dev = st.st_dev;
		w->packaged[i].ino = st.st_ino;
	}
}

static bool is_packaged(const struct walk *w, const struct stat *st)
{
	for (size_t i = 0; i < N_ELEMS(packaged); i++) {
		if (w->packaged[i].ino == st->st_ino &&
		    w->packaged[i].dev == st->st_dev)
			return true;
	}
	return false;
}

static int judge_dir(struct walk *w, int fd, enum verdict *ret)
{
	AUTO(apart) struct apart *a = NULL;
	struct stat st;
	int r;

	*ret = PRIVATE;
	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (!(st.st_mode & S_IROTH) || !(st.st_mode & S_IXOTH) ||
	    w->depth == DEPTH_MAX)
		return 0;
	*ret = PUBLIC;
	if (is_packaged(w, &st))
		return 0;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	w->depth++;
	r = judge_entries(w, fd, a, ret);
	w->depth--;
	return r == 0 && *ret == MIXED ? allow_others(w, fd, a) : r;
}

int public_allow(int ruleset, int abi, int fd)
{
	struct walk w = { .ruleset = ruleset, .abi = abi };
	AUTO(fd) int dir = -1;
	enum verdict v = PRIVATE;
	struct stat st;
	int r;

	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (!S_ISDIR(st.st_mode))
		return st.st_mode & S_IROTH
			       ? landlock_allow_fd(ruleset, abi, fd, false)
			       : 0;
	dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return errno == EACCES ? 0 : neg_errno();
	find_packaged(&w);
	r = judge_dir(&w, dir, &v);
	return r == 0 && v == PUBLIC
		       ? landlock_allow_fd(ruleset, abi, fd, false)
		       : r;
}
