/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The new root is a tmpfs of ours, attached where nothing is needed any more,
 * and everything is put into it by descriptor: a source as a detached copy, a
 * target as an O_PATH descriptor found by place.c.  So no path is resolved
 * twice, and none of the host's tree is changed.
 *
 * Our mount namespace belongs to a user namespace of less privilege than the
 * host's, so its mounts are slaves: nothing done here reaches the host, and
 * what is bound is made private, so nothing mounted later comes in.
 *
 * Files of ours that must lie inside host directories (resolv.conf in /etc) are
 * made in MOUNTS_BLANK and bound over what is there.
 *
 * Order in mounts_enter(): pivot_root(".", ".") stacks the old root over the
 * new one, and detaching what is at "." takes away the old.  Only then is the
 * root made read-only: nothing can be added to a jail that was entered.
 */
#include "jail/mounts.h"

#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/wall.h"
#include "jail/hinder.h"
#include "jail/landlock.h"
#include "jail/source.h"
#include "jail/special.h"
#include "jail/sys.h"

#define ROOT_BYTES   ((uint64_t)64 * 1024 * 1024) /* files of ours, of plans */
#define ROOT_AT      "/proc" /* there is one, or nothing works */
#define NAME_BYTES   (NAME_MAX + 1)
#define LISTEN_QUEUE 64

static int fail(struct diag *err, const char *what, int r)
{
	diag_set(err, 0, 0, "%s: %s", what, strerror(-r));
	return r;
}

static int make_blank(struct mounts *m)
{
	int r;

	if (mkdirat(m->root_fd, MOUNTS_BLANK, 0100) == -1)
		return neg_errno();
	r = openat(m->root_fd, MOUNTS_BLANK, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r == -1)
		return neg_errno();
	m->blank_fd = r;
	if (mknodat(r, "file", S_IFREG, 0) == -1 || mkdirat(r, "dir", 0) == -1)
		return neg_errno();
	return 0;
}

/* What mounts_make_ahead() has made. */
static int begin_on(struct mounts *m, int take_root)
{
	AUTO(fd) int shm = -1;
	int r;

	m->root_fd = take_root;
	r = sys_move_mount(m->root_fd, AT_FDCWD, ROOT_AT);
	if (r == 0)
		r = place_init(&m->place, m->root_fd);
	if (r != 0)
		return r;
	m->blank_fd = openat(m->root_fd, MOUNTS_BLANK,
			     O_PATH | O_DIRECTORY | O_CLOEXEC);
	shm = openat(m->root_fd, "dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->blank_fd == -1 || shm == -1)
		return neg_errno();
	m->early_dev = true;
	return place_add_own(&m->place, shm);
}

int mounts_begin(struct mounts *m, int take_root, struct diag *reterr)
{
	int r;

	*m = (struct mounts){ .root_fd = -1, .blank_fd = -1 };
	if (take_root != -1) {
		r = begin_on(m, take_root);
		return r == 0 ? 0 : fail(reterr, "cannot enter the root", r);
	}
	r = special_tmpfs(ROOT_BYTES, 0755, 0);
	if (r < 0) {
		struct hindrance h;

		hinder_mounts(r, &h);
		diag_set(reterr, 0, 0, "%s: %s", h.why, h.mend);
		return r;
	}
	m->root_fd = r;
	r = sys_move_mount(m->root_fd, AT_FDCWD, ROOT_AT);
	if (r == 0)
		r = place_init(&m->place, m->root_fd);
	if (r == 0)
		r = make_blank(m);
	return r == 0 ? 0 : fail(reterr, "cannot make the jail's root", r);
}

static int attach(int mount, int target)
{
	return sys_move_mount(mount, target, "");
}

static int do_bind(struct mounts *m, size_t i)
{
	const struct plan_mount *pm = &m->plan->mounts[i];
	AUTO(fd) int mount = -1;
	AUTO(fd) int target = -1;
	struct stat st;
	int r;

	if (m->sources)
		r = m->sources[i] == -1 ? -ENOENT : TAKE_FD(m->sources[i]);
	else
		r = source_open(pm, -1);
	if (r < 0)
		return r;
	mount = r;
	if (fstat(mount, &st) == -1)
		return neg_errno();
	if (S_ISDIR(st.st_mode))
		r = place_dir(&m->place, pm->dst, 0755, &target);
	else
		r = place_file(&m->place, pm->dst, 0444, &target);
	return r == 0 ? attach(mount, target) : r;
}

static int do_dir(struct mounts *m, size_t i)
{
	const struct plan_mount *pm = &m->plan->mounts[i];
	AUTO(fd) int fd = -1;

	return place_dir(&m->place, pm->dst, pm->mode ? pm->mode : 0755, &fd);
}

static int write_file(int dir, const char *name, const struct plan_mount *pm)
{
	AUTO(fd)
	int fd = openat(dir, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			pm->mode ? pm->mode : 0644);

	if (fd == -1)
		return neg_errno();
	return fd_write_full(fd, pm->text, pm->text_len);
}

/* The name in MOUNTS_BLANK of what is made for mount @i. */
static void name_aside(size_t i, char name[24])
{
	(void)snprintf(name, 24, "%zu", i);
}

/* A file that we make aside, over @target. */
static int cover_with_file(struct mounts *m, size_t i, int target)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_RDONLY |
					    MOUNT_ATTR_NOSUID |
					    MOUNT_ATTR_NODEV };
	AUTO(fd) int mount = -1;
	char name[24];
	int r;

	name_aside(i, name);
	r = write_file(m->blank_fd, name, &m->plan->mounts[i]);
	if (r != 0)
		return r;
	r = sys_open_tree(m->blank_fd, name);
	if (r < 0)
		return r;
	mount = r;
	r = sys_mount_setattr(mount, false, &a);
	return r == 0 ? attach(mount, target) : r;
}

static int do_file(struct mounts *m, size_t i)
{
	const struct plan_mount *pm = &m->plan->mounts[i];
	AUTO(fd) int target = -1;
	int r = place_file(&m->place, pm->dst, 0444, &target);

	return r == 0 ? cover_with_file(m, i, target) : r;
}

static int do_symlink(struct mounts *m, size_t i)
{
	const struct plan_mount *pm = &m->plan->mounts[i];
	char name[NAME_BYTES];
	AUTO(fd) int dir = -1;
	int r = place_parent(&m->place, pm->dst, &dir, name);

	if (r != 0)
		return r;
	return symlinkat(pm->text, dir, name) == -1 ? neg_errno() : 0;
}

static int do_tmpfs(struct mounts *m, size_t i)
{
	const struct plan_mount *pm = &m->plan->mounts[i];
	AUTO(fd) int target = -1;
	AUTO(fd) int mount = -1;
	int r = place_dir(&m->place, pm->dst, 0755, &target);

	if (r != 0)
		return r;
	r = special_tmpfs(pm->size, pm->mode ? pm->mode : 0755,
			  pm->noexec ? MOUNT_ATTR_NOEXEC : 0);
	if (r < 0)
		return r;
	mount = r;
	r = attach(mount, target);
	return r == 0 ? place_add_own(&m->place, mount) : r;
}

static int listen_at(int dir, const char *name, int *ret)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	AUTO(fd) int fd = -1;
	int n;

	/* A path may be longer than an address: go there. */
	n = snprintf(a.sun_path, sizeof(a.sun_path), "%s", name);
	if (n < 0 || (size_t)n >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || fchdir(dir) == -1 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof(a)) == -1 ||
	    fchmodat(dir, name, 0600, 0) == -1 ||
	    listen(fd, LISTEN_QUEUE) == -1)
		return neg_errno();
	*ret = TAKE_FD(fd);
	return 0;
}

/* Over the host's own socket file, where that is in sight. */
static int cover_with_socket(struct mounts *m, size_t i, int target, int *ret)
{
	AUTO(fd) int mount = -1;
	char name[24];
	int r;

	name_aside(i, name);
	r = listen_at(m->blank_fd, name, ret);
	if (r != 0)
		return r;
	r = sys_open_tree(m->blank_fd, name);
	if (r < 0)
		return r;
	mount = r;
	return attach(mount, target);
}

static int do_socket(struct mounts *m, size_t i)
{
	const struct plan_mount *pm = &m->plan->mounts[i];
	char name[NAME_BYTES];
	AUTO(fd) int fd = -1;
	AUTO(fd) int listener = -1;
	int r = place_find(&m->place, pm->dst);

	if (r >= 0) {
		fd = r;
		r = cover_with_socket(m, i, fd, &listener);
	} else if (r == -ENOENT) {
		r = place_parent(&m->place, pm->dst, &fd, name);
		if (r == 0)
			r = listen_at(fd, name, &listener);
	}
	if (r == 0)
		m->listeners[m->n_listeners++] = TAKE_FD(listener);
	return r;
}

static int make_special(struct mounts *m, enum plan_op op, const char *dst,
			uint64_t size, struct diag *err)
{
	AUTO(fd) int dir = -1;
	AUTO(fd) int shm = -1;
	int r = place_dir(&m->place, dst, 0755, &dir);

	if (r != 0)
		return r;
	if (op == PLAN_PROC)
		return special_proc(dir, m->blank_fd, err);
	r = special_dev(dir, size, err);
	if (r != 0)
		return r;
	/* A project may lie in there. */
	shm = openat(dir, "shm", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return shm == -1 ? neg_errno() : place_add_own(&m->place, shm);
}

int mounts_early(struct mounts *m, struct diag *reterr)
{
	int r;

	reterr->text[0] = '\0';
	r = make_special(m, PLAN_PROC, "/proc", 0, reterr);
	m->early_proc = r == 0;
	if (r == 0 && !m->early_dev)
		r = make_special(m, PLAN_DEV, "/dev", 0, reterr);
	m->early_dev = r == 0;
	return r == 0 || reterr->text[0] != '\0'
		       ? r
		       : fail(reterr, "cannot make /proc and /dev", r);
}

int mounts_make_ahead(struct diag *reterr)
{
	static struct mounts m;
	int r;

	reterr->text[0] = '\0';
	r = mounts_begin(&m, -1, reterr);
	if (r == 0)
		r = make_special(&m, PLAN_DEV, "/dev", 0, reterr);
	if (r == 0)
		r = sys_open_tree(m.root_fd, "");
	auto_fd(&m.root_fd);
	auto_fd(&m.blank_fd);
	return r >= 0 || reterr->text[0] != '\0'
		       ? r
		       : fail(reterr, "cannot make a root and /dev", r);
}

static int do_special(struct mounts *m, size_t i, struct diag *err)
{
	const struct plan_mount *pm = &m->plan->mounts[i];
	bool proc = pm->op == PLAN_PROC;
	bool *early = proc ? &m->early_proc : &m->early_dev;

	if (*early && pm->size == 0 &&
	    strcmp(pm->dst, proc ? "/proc" : "/dev") == 0) {
		*early = false;
		return 0;
	}
	return make_special(m, pm->op, pm->dst, pm->size, err);
}

static int do_one(struct mounts *m, size_t i, struct diag *err)
{
	switch (m->plan->mounts[i].op) {
	case PLAN_BIND:
		return do_bind(m, i);
	case PLAN_DIR:
		return do_dir(m, i);
	case PLAN_FILE:
		return do_file(m, i);
	case PLAN_SYMLINK:
		return do_symlink(m, i);
	case PLAN_TMPFS:
		return do_tmpfs(m, i);
	case PLAN_PROC:
	case PLAN_DEV:
		return do_special(m, i, err);
	case PLAN_SOCKET:
		return do_socket(m, i);
	case PLAN_OP_MAX_:
	default:
		return -EINVAL;
	}
}

static int explain(const struct plan_mount *pm, int r, struct diag *err)
{
	const char *why =
		r == PLACE_E_HOST   ? "its place would have to be made in a "
				      "directory of the host"
		: r == PLACE_E_KIND ? "a directory and a file stand against "
				      "each other"
		: r == -ELOOP       ? SOURCE_EXCHANGED
				    : strerror(-r);

	if (err->text[0] == '\0')
		diag_set(err, 0, 0, "cannot put %s into the jail: %s", pm->dst,
			 why);
	return r > 0 ? -ENOTDIR : r;
}

/* What may be wrong with an optional mount without being our failure. */
static bool is_passable(int r)
{
	return r > 0 || r == -ENOENT || r == -ENOTDIR || r == -EACCES ||
	       r == -ELOOP || r == -EEXIST;
}

int mounts_do(struct mounts *m, const struct plan *p, int *sources,
	      struct diag *reterr)
{
	m->plan = p;
	m->sources = sources;
	reterr->text[0] = '\0';
	for (size_t i = 0; i < m->plan->n_mounts; i++) {
		const struct plan_mount *pm = &m->plan->mounts[i];
		int r = do_one(m, i, reterr);

		m->done[i] = r == 0;
		if (r != 0 && !(pm->optional && is_passable(r)))
			return explain(pm, r, reterr);
	}
	if (m->early_proc || m->early_dev) {
		diag_set(reterr, 0, 0, "a plan without /proc and /dev");
		return -EINVAL;
	}
	return p->nested ? special_nested(m->blank_fd, reterr) : 0;
}

int mounts_enter(struct mounts *m, struct diag *reterr)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	int r;

	if (fchdir(m->root_fd) == -1)
		return fail(reterr, "cannot enter the jail", neg_errno());
	r = sys_pivot_root(".", ".");
	if (r == 0 && WALL(OLD_ROOT) && umount2(".", MNT_DETACH) == -1)
		r = neg_errno();
	if (r == 0 && WALL(ROOT_RO))
		r = sys_mount_setattr(m->root_fd, false, &read_only);
	/* So that what is covered later is covered in namespaces below too. */
	if (r == 0 && m->plan->nested &&
	    mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == -1)
		r = neg_errno();
	if (r == 0 && chdir("/") == -1)
		r = neg_errno();
	return r == 0 ? 0 : fail(reterr, "cannot enter the jail", r);
}

static bool is_writable(const struct plan_mount *pm)
{
	return pm->op == PLAN_TMPFS || pm->op == PLAN_PROC ||
	       pm->op == PLAN_DEV || (pm->op == PLAN_BIND && pm->writable);
}

int mounts_allow(const struct mounts *m, int ruleset, int abi,
		 struct diag *reterr)
{
	int r = landlock_allow(ruleset, abi, "/", false);

	for (size_t i = 0; i < m->plan->n_mounts && r == 0; i++) {
		const struct plan_mount *pm = &m->plan->mounts[i];

		if (m->done[i] && is_writable(pm))
			r = landlock_allow(ruleset, abi, pm->dst, true);
		if (r == -EACCES) /* then nobody in the jail gets there */
			r = 0;
	}
	return r == 0 ? 0 : fail(reterr, "cannot state the Landlock rules", r);
}
