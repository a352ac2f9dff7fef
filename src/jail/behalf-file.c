/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Landlock guards what is opened, made and removed, not modes and times: with
 * nothing else a session could make the user's keys readable for everybody.  So
 * the warden looks where the file lies that is meant, by its descriptor, and
 * changes that very file, if the plan has it writable.
 *
 * Owners cannot be changed by who is not root; programs that set them to what
 * they are, are told that it is done.
 */
#include "jail/behalf-own.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

#include "base/path.h"
#include "base/wall.h"
#include "jail/missing.h"

#define SET_ID   (S_ISUID | S_ISGID)
#define NO_ARG   (-1)
#define PATH_NUL (PATH_MAX + 1)

enum act {
	ACT_MODE = 1, /* of argument `what` */
	ACT_OWNER,    /* arguments `what` and the next */
	ACT_UTIME,    /* struct utimbuf at `what` */
	ACT_UTIMES,   /* two struct timeval */
	ACT_UTIMENS,  /* two struct timespec */
};

/* How each call says what it means. */
static const struct row {
	long nr;
	enum act act;
	int dir, path; /* NO_ARG: none */
	int what;
	int flags;   /* AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH */
	bool by_fd;  /* dir is the file itself */
	bool follow; /* where there are no flags */
} rows[] = {
#ifdef SYS_chmod
	{ SYS_chmod, ACT_MODE, NO_ARG, 0, 1, NO_ARG, false, true },
	{ SYS_chown, ACT_OWNER, NO_ARG, 0, 1, NO_ARG, false, true },
	{ SYS_lchown, ACT_OWNER, NO_ARG, 0, 1, NO_ARG, false, false },
	{ SYS_utime, ACT_UTIME, NO_ARG, 0, 1, NO_ARG, false, true },
	{ SYS_utimes, ACT_UTIMES, NO_ARG, 0, 1, NO_ARG, false, true },
	{ SYS_futimesat, ACT_UTIMES, 0, 1, 2, NO_ARG, false, true },
#endif
	{ SYS_fchmod, ACT_MODE, 0, NO_ARG, 1, NO_ARG, true, true },
	{ SYS_fchmodat, ACT_MODE, 0, 1, 2, NO_ARG, false, true },
	{ SYS_fchmodat2, ACT_MODE, 0, 1, 2, 3, false, true },
	{ SYS_fchown, ACT_OWNER, 0, NO_ARG, 1, NO_ARG, true, true },
	{ SYS_fchownat, ACT_OWNER, 0, 1, 2, 4, false, true },
	{ SYS_utimensat, ACT_UTIMENS, 0, 1, 2, 3, false, true },
};

static const struct row *find(int nr)
{
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (rows[i].nr == nr)
			return &rows[i];
	}
	return NULL;
}

/* -errno, or O_PATH of what is meant. */
static int open_target(const struct call *c, const struct row *row)
{
	int dir = row->dir == NO_ARG ? AT_FDCWD : (int)c->args[row->dir];
	uint64_t at = row->path == NO_ARG ? 0 : c->args[row->path];
	int flags = row->flags == NO_ARG ? 0 : (int)c->args[row->flags];
	char path[PATH_NUL];
	int r;

	if (row->by_fd || (at == 0 && row->act != ACT_MODE))
		return call_open_fd(c, dir);
	r = call_read_path(c, at, path, sizeof(path));
	if (r != 0)
		return r;
	if (path[0] == '\0')
		return flags & AT_EMPTY_PATH ? call_open_dir(c, dir) : -ENOENT;
	return call_open_path(c, dir, path,
			      row->follow && !(flags & AT_SYMLINK_NOFOLLOW));
}

/* Does the plan let what @fd is be changed? */
static bool is_writable(const struct plan *p, int fd)
{
	char link[40], path[PATH_NUL];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct plan_mount *m = &p->mounts[i];

		if (m->op == PLAN_BIND && m->writable &&
		    path_is_below(str_of(path), str_of(m->dst)))
			return true;
	}
	return false;
}

static int read_times(const struct call *c, const struct row *row,
		      struct timespec ret[2], bool *ret_now)
{
	uint64_t at = c->args[row->what];
	struct timeval tv[2];
	struct utimbuf u;
	int r;

	*ret_now = at == 0;
	if (*ret_now)
		return 0;
	if (row->act == ACT_UTIMENS)
		return call_read(c, at, ret, 2 * sizeof(*ret));
	if (row->act == ACT_UTIME) {
		r = call_read(c, at, &u, sizeof(u));
		ret[0] = (struct timespec){ u.actime, 0 };
		ret[1] = (struct timespec){ u.modtime, 0 };
		return r;
	}
	r = call_read(c, at, tv, sizeof(tv));
	for (size_t i = 0; r == 0 && i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		ret[i] =
			(struct timespec){ tv[i].tv_sec, 1000 * tv[i].tv_usec };
	}
	return r;
}

static int set_times(const struct call *c, const struct row *row, int fd)
{
	struct timespec ts[2];
	char link[40];
	bool now;
	int r = read_times(c, row, ts, &now);
	struct stat st;

	if (r != 0)
		return r;
	/* Of a symlink itself: there is no other way than by its name. */
	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (S_ISLNK(st.st_mode))
		return utimensat(fd, "", now ? NULL : ts, AT_EMPTY_PATH) == 0
			       ? 0
			       : neg_errno();
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return utimensat(AT_FDCWD, link, now ? NULL : ts, 0) == 0 ? 0
								  : neg_errno();
}

static int set_mode(const struct call *c, const struct row *row, int fd)
{
	mode_t mode = (mode_t)c->args[row->what] & 07777;
	struct stat st;
	char link[40];

	if (mode & SET_ID && WALL(BEHALF_SETID))
		return BEHALF_FORBIDDEN;
	if (fstat(fd, &st) == -1)
		return neg_errno();
	if (S_ISLNK(st.st_mode))
		return -EOPNOTSUPP;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return chmod(link, mode) == 0 ? 0 : neg_errno();
}

/* Only what changes nothing. */
static int set_owner(const struct call *c, const struct row *row, int fd)
{
	uint32_t uid = (uint32_t)c->args[row->what];
	uint32_t gid = (uint32_t)c->args[row->what + 1];
	struct stat st;

	if (fstat(fd, &st) == -1)
		return neg_errno();
	return (uid == UINT32_MAX || uid == st.st_uid) &&
			       (gid == UINT32_MAX || gid == st.st_gid)
		       ? 0
		       : -EPERM;
}

int files_change(struct call *c)
{
	const struct row *row = find(c->nr);
	AUTO(fd) int fd = -1;
	int r;

	if (!row)
		return BEHALF_FORBIDDEN;
	r = open_target(c, row);
	if (r < 0)
		return r;
	fd = r;
	if (row->act == ACT_OWNER)
		return set_owner(c, row, fd);
	if (WALL(BEHALF_FILES) && !is_writable(c->b->c.plan, fd))
		return -EPERM;
	return row->act == ACT_MODE ? set_mode(c, row, fd)
				    : set_times(c, row, fd);
}
