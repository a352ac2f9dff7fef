/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Asking for the state of each file before the command may run would cost more
 * than the start of a session does, so the first pass keeps what reading the
 * directories gives for nothing: names and inode numbers, as hashes.  When the
 * session is over nothing can change any more, and for each file with a row:
 *
 *   its directory is new           it is created: whatever it is, it was not
 *                                  at this path
 *   no such name was there         created, or moved or linked here
 *   another inode                  changed: replaced by renaming over it
 *   its change time is not before  changed in place.  The change time is the
 *   the session's                  kernel's: utimensat(2) cannot set it
 *   a link that leads elsewhere,   changed
 *   or to what was changed
 *
 * A directory is new when the one above it is, or when its name and inode were
 * not there: so one that was moved is read as new though what is in it bears old
 * times.  An inode number that is used again proves nothing wrong: what is in such a
 * directory came after the session began, with its own names and times.
 *
 * Two things need more than names.  Any directory with HEAD, objects and refs is a
 * git directory, known only when all of it was read; what could be git's is kept
 * aside until then.  And git's configuration changes in ordinary work, so the entries
 * that run a program are kept as hashes, and compared.
 *
 * The clock.  Change times come from the clock of the file system's host.  Where that
 * is not ours (network file systems, FUSE) or has no change times (FAT), the first pass
 * asks for times and size, and compares for equality.  A wall clock that is set
 * back while the session runs is noticed against CLOCK_BOOTTIME.
 *
 * The user's own edits while the session runs are told like the session's: nobody
 * can tell them apart.
 */
#include "jail/later-state.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "jail/later-git.h"
#include "jail/later-keys.h"

#define ARENA_SIZE  ((size_t)64 * 1024 * 1024)
#define CONFIG_SIZE ((size_t)8 * 1024 * 1024)
#define MAX_ASIDE   8u
#define MAX_RUNS    8u /* entries of one configuration that are told */
#define STEP_BACK   NS_PER_MS
#define DETAIL_SIZE 300u

/* What git keeps in a git directory, as far as it matters here. */
enum git_part {
	PART_HEAD = 1u << 0,
	PART_OBJECTS = 1u << 1,
	PART_REFS = 1u << 2,
	PART_COMMON = 1u << 3,
};

struct watched {
	char *path;
	const struct later_row *row;
};

/* The directory that is being read. */
struct here {
	bool active;
	struct str path;
	uint64_t hash;
	int fd;
	bool is_new, foreign, locked;
	size_t heap_len; /* of path, up to the heap; 0: none */
	struct later_here rows;
	unsigned parts;
	bool git, hooks_path;
	struct later_entry aside[MAX_ASIDE];
	char names[MAX_ASIDE][16];
	size_t n_aside;
};

struct later_state {
	struct later_state_config c;
	struct arena arena;
	struct later *later;
	struct later_keys keys;
	struct here here;
	bool over; /* the second pass */
	bool any_hidden;
	bool *foreign; /* one for each tree */
	struct timespec since;
	uint64_t wall_minus_boot; /* at the start */
	struct later_lock locks[LATER_MAX_LOCKS];
	size_t n_locks;
	struct watched watched[LATER_MAX_WATCHED];
	size_t n_watched;
	char *hooks[LATER_MAX_HOOKS];
	size_t n_hooks, n_configs;
};

const char *later_what_name(enum later_what w)
{
	static const char *const names[] = { [LATER_CREATED] = "created",
					     [LATER_CHANGED] = "changed",
					     [LATER_REMOVED] = "removed",
					     [LATER_NOT_SEEN] = "not seen" };

	ASSERT(w > 0 && w < N_ELEMS(names));
	return names[w];
}

/* ---- the clock ---- */

static uint64_t ns_of(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

/* The clock that gives files their times, in steps of a tick. */
static void take_time(struct later_state *s)
{
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &s->since);
	s->wall_minus_boot = clock_utc_ns() - clock_boot_ns();
}

static void mind_steps(struct later_state *s)
{
	uint64_t now = clock_utc_ns() - clock_boot_ns();
	uint64_t back = s->wall_minus_boot - now, since = ns_of(&s->since);

	if ((int64_t)back < (int64_t)STEP_BACK || back > since)
		return;
	since -= back + STEP_BACK;
	s->since = (struct timespec){ .tv_sec = (time_t)(since / NS_PER_S),
				      .tv_nsec = (long)(since % NS_PER_S) };
}

/* Files here bear times of our own kernel's clock. */
static bool has_our_clock(const char *path)
{
	static const unsigned long ours[] = {
		EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC,     XFS_SUPER_MAGIC,
		TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		RAMFS_MAGIC,      REISERFS_SUPER_MAGIC,  0x2fc12fc1, /* zfs */
		0xca451a4e, /* bcachefs */
	};
	struct statfs fs;

	if (statfs(path, &fs) == -1)
		return false;
	for (size_t i = 0; i < N_ELEMS(ours); i++) {
		if ((unsigned long)fs.f_type == ours[i])
			return true;
	}
	return false;
}

static bool since_start(const struct later_state *s, const struct timespec *t)
{
	return t->tv_sec > s->since.tv_sec ||
	       (t->tv_sec == s->since.tv_sec && t->tv_nsec >= s->since.tv_nsec);
}

/* ---- keys ---- */

static uint64_t key(const struct later_state *s, enum later_tag tag,
		    struct str name, const void *more, size_t len)
{
	return later_keys_hash(&s->keys, tag, s->here.hash, name, more, len);
}

static bool has(const struct later_state *s, enum later_tag tag,
		struct str name, const void *more, size_t len)
{
	return later_keys_has(&s->keys, key(s, tag, name, more, len));
}

static uint64_t git_key(const struct later_state *s, struct str dir, bool now)
{
	return later_keys_hash(&s->keys, now ? LATER_T_GIT_NOW : LATER_T_GIT,
			       later_keys_dir(&s->keys, dir), (struct str){ 0 },
			       NULL, 0);
}

/* What of a file has to be the same for it to be unchanged. */
struct same {
	uint64_t ino;
	int64_t times[4], size;
};

static size_t same_of(const struct later_state *s, struct str name,
		      uint64_t ino, struct same *ret)
{
	struct stat st;

	*ret = (struct same){ .ino = ino };
	if (!s->here.foreign)
		return sizeof(ret->ino);
	if (fstatat(s->here.fd, name.ptr, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		ret->times[0] = st.st_ctim.tv_sec;
		ret->times[1] = st.st_ctim.tv_nsec;
		ret->times[2] = st.st_mtim.tv_sec;
		ret->times[3] = st.st_mtim.tv_nsec;
		ret->size = st.st_size;
	}
	return sizeof(*ret);
}
_Static_assert(sizeof(struct same) <= 64, "later_keys_hash() takes it");

/* ---- what is found ---- */

static struct str path_of(const struct later_state *s, struct str name,
			  char dst[PATH_LIMIT + 256 + 2])
{
	const struct here *h = &s->here;
	size_t n = h->path.len;

	memcpy(dst, h->path.ptr, n);
	if (name.len > 0) {
		dst[n++] = '/';
		memcpy(dst + n, name.ptr, name.len);
		n += name.len;
	}
	dst[n] = '\0';
	return (struct str){ dst, n };
}

static void emit(struct later_state *s, const struct later_row *row,
		 enum later_what what, struct str name, struct str detail)
{
	char path[PATH_LIMIT + 256 + 2];
	struct later_find f = { .row = row, .what = what, .detail = detail };

	f.path = path_of(s, name, path);
	f.heap = (struct str){ s->here.path.ptr, s->here.heap_len };
	s->c.found(s->c.owner, &f);
}

static const struct later_row *special(enum later_special w)
{
	return later_special(w);
}

/* ---- git's configuration ---- */

static int load_config(struct later_state *s, struct str name, struct arena *a,
		       struct gitconfig *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	AUTO(fd)
	int fd = openat(s->here.fd, name.ptr,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	struct str text;

	if (fd == -1)
		return neg_errno();
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return -EINVAL;
	buf_init(&b, GITCONFIG_MAX_BYTES);
	if (fd_read_all(fd, &b) != 0)
		return -EFBIG;
	text = arena_str(a, buf_str(&b));
	return text.ptr ? gitconfig_parse(a, text, ret, NULL) : -ENOMEM;
}

static struct str entry_text(const struct gitconfig_entry *e,
			     char dst[DETAIL_SIZE])
{
	int n = snprintf(dst, DETAIL_SIZE, "%.*s%s%.*s.%.*s = %.*s",
			 STR_ARG(e->section), e->subsection.ptr ? "." : "",
			 STR_ARG(e->subsection), STR_ARG(e->key),
			 STR_ARG(e->value));

	if (n < 0)
		n = 0;
	if (n >= (int)DETAIL_SIZE)
		n = DETAIL_SIZE - 1;
	return (struct str){ dst, (size_t)n };
}

/* Of an entry in the configuration @name of this directory. */
static uint64_t runs_key(const struct later_state *s, struct str name,
			 const struct gitconfig_entry *e)
{
	uint64_t parts[4] = {
		later_keys_dir(&s->keys, e->section),
		later_keys_dir(&s->keys, e->subsection),
		later_keys_dir(&s->keys, e->key),
		later_keys_dir(&s->keys, e->value),
	};

	return key(s, LATER_T_RUNS, name, parts, sizeof(parts));
}

/* core.hooksPath is seen from the work tree: above ".git". */
static void note_hooks(struct later_state *s, struct str value)
{
	struct str base = s->here.path, path;

	if (value.len == 0 || value.ptr[0] == '~' ||
	    s->n_hooks == LATER_MAX_HOOKS)
		return;
	if (str_eq(path_basename(base), STR(".git")))
		base = path_dirname(base);
	path = path_normalise(&s->arena, base, value);
	if (path.len > 0)
		s->hooks[s->n_hooks] = arena_cstr(&s->arena, path);
	s->n_hooks += path.len > 0 && s->hooks[s->n_hooks];
}

static void read_config(struct later_state *s, struct str name)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct gitconfig c = { 0 };

	if (s->n_configs == LATER_MAX_CONFIGS)
		return; /* all of it will look new, should it change */
	s->n_configs++;
	arena_init(&a, CONFIG_SIZE);
	if (load_config(s, name, &a, &c) != 0)
		return;
	for (size_t i = 0; i < c.n; i++) {
		if (later_git_runs(&c.entries[i]))
			later_keys_add(&s->keys,
				       runs_key(s, name, &c.entries[i]));
	}
	note_hooks(s, later_git_hooks(&c));
}

/* True: it names a program that it did not, and that was told. */
static bool compare_config(struct later_state *s, struct str name,
			   enum later_what what)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct gitconfig c = { 0 };
	char text[DETAIL_SIZE];
	unsigned n = 0;

	arena_init(&a, CONFIG_SIZE);
	if (load_config(s, name, &a, &c) != 0) {
		emit(s, special(LATER_CONFIG_RUNS), what, name,
		     STR("it cannot be read as git reads it"));
		return true;
	}
	for (size_t i = 0; i < c.n && n < MAX_RUNS; i++) {
		const struct gitconfig_entry *e = &c.entries[i];

		if (!later_git_runs(e) ||
		    (!s->here.is_new &&
		     later_keys_has(&s->keys, runs_key(s, name, e))))
			continue;
		emit(s, special(LATER_CONFIG_RUNS), what, name,
		     entry_text(e, text));
		n++;
	}
	return n > 0;
}

/* A link may stand for a directory that has a row. */
static const struct later_row *row_of(const struct later_here *rows,
				      const struct later_entry *e,
				      bool *ret_placed)
{
	const struct later_row *row =
		later_match(rows, e->name, e->type == DT_DIR, ret_placed);

	if (row || e->type != DT_LNK)
		return row;
	return later_match(rows, e->name, true, ret_placed);
}

/* ---- the first pass ---- */

static bool is_open(const struct later_state *s, const char *path)
{
	for (size_t i = 0; i < s->c.n_open; i++) {
		if (strcmp(s->c.open[i], path) == 0)
			return true;
	}
	return false;
}

/* The tree that @path is in; n_trees: none. */
static size_t tree_of(const struct later_state *s, struct str path)
{
	size_t i = 0;

	while (i < s->c.n_trees && !path_is_below(path, str_of(s->c.trees[i])))
		i++;
	return i;
}

/*
 * Where a link leads: that is what is to be protected, if it is in a tree.  A
 * directory only as one of hooks, and never one that holds the link: a link is
 * the project's, and could make anything read-only.
 */
static bool follow(const struct later_state *s, const struct later_row *row,
		   char *path, char target[PATH_MAX])
{
	struct stat st;

	if (!realpath(path, target) || lstat(target, &st) == -1 ||
	    tree_of(s, str_of(target)) == s->c.n_trees)
		return false;
	if (S_ISREG(st.st_mode))
		return true;
	return S_ISDIR(st.st_mode) && strcmp(row->id, "git-hooks") == 0 &&
	       !path_is_below(str_of(path), str_of(target));
}

static int lock(struct later_state *s, const struct later_row *row,
		const struct later_entry *e, bool pin)
{
	char path[PATH_LIMIT + 256 + 2], target[PATH_MAX];
	struct later_lock *l = &s->locks[s->n_locks];
	struct str where = path_of(s, e->name, path);

	if (s->here.heap_len > 0 || s->here.locked ||
	    s->n_locks == LATER_MAX_LOCKS || is_open(s, path))
		return 0;
	if (e->type == DT_LNK) {
		if (!follow(s, row, path, target) || is_open(s, target))
			return 0;
		where = str_of(target);
		pin = false;
	} else if (e->type != DT_REG && e->type != DT_DIR) {
		return 0;
	}
	*l = (struct later_lock){ .path = arena_cstr(&s->arena, where),
				  .row = row,
				  .pin = pin };
	if (!l->path)
		return -ENOMEM;
	s->n_locks++;
	return 0;
}

static int watch(struct later_state *s, const struct later_row *row,
		 struct str name)
{
	char path[PATH_LIMIT + 256 + 2];
	struct watched *w = &s->watched[s->n_watched];

	if (s->here.heap_len > 0 || s->n_watched == LATER_MAX_WATCHED)
		return 0;
	*w = (struct watched){ arena_cstr(&s->arena, path_of(s, name, path)),
			       row };
	if (!w->path)
		return -ENOMEM;
	s->n_watched++;
	return 0;
}

/* git runs none of its samples. */
static bool is_sample(const struct later_row *row, struct str name)
{
	return strcmp(row->id, "git-hooks") == 0 &&
	       str_ends(name, STR(".sample"));
}

static int keep_file(struct later_state *s, const struct later_row *row,
		     const struct later_entry *e, bool placed)
{
	struct same same;
	struct stat st;
	size_t len;
	int r = 0;

	if (!row && e->type != DT_LNK)
		return 0;
	len = same_of(s, e->name, e->ino, &same);
	later_keys_add(&s->keys, key(s, LATER_T_NAME, e->name, NULL, 0));
	later_keys_add(&s->keys, key(s, LATER_T_FILE, e->name, &same, len));
	if (!row)
		return 0;
	if (e->type == DT_LNK && fstatat(s->here.fd, e->name.ptr, &st, 0) == 0)
		later_keys_add(&s->keys, key(s, LATER_T_TARGET, e->name,
					     &st.st_ino, sizeof(st.st_ino)));
	if (row == special(LATER_CONFIG))
		read_config(s, e->name);
	if (!is_sample(row, e->name))
		r = watch(s, row, e->name);
	if (r == 0 && row->act == LATER_PROTECT)
		r = lock(s, row, e, placed);
	return r;
}

static int keep(struct later_state *s, const struct later_here *rows,
		const struct later_entry *e)
{
	const struct later_row *row;
	bool placed = false;

	if (e->hidden) {
		s->any_hidden = true;
		later_keys_add(&s->keys,
			       key(s, LATER_T_HIDDEN, e->name, NULL, 0));
		return 0;
	}
	row = row_of(rows, e, &placed);
	if (e->type != DT_DIR)
		return keep_file(s, row, e, placed);
	later_keys_add(&s->keys,
		       key(s, LATER_T_DIR, e->name, &e->ino, sizeof(e->ino)));
	if (row && row->act == LATER_PROTECT)
		return lock(s, row, e, placed);
	return 0;
}

/* ---- the second pass ---- */

static bool leads_out(const struct later_state *s, struct str name)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	char target[PATH_LIMIT + 1];
	ssize_t n = readlinkat(s->here.fd, name.ptr, target, sizeof(target));
	struct str path;

	if (n <= 0)
		return false; /* gone */
	arena_init(&a, (size_t)8 * PATH_LIMIT);
	path = path_normalise(&a, s->here.path,
			      (struct str){ target, (size_t)n });
	/* Of the tree the link is in, not of any. */
	return path.len == 0 ||
	       !path_is_below(path,
			      str_of(s->c.trees[tree_of(s, s->here.path)]));
}

/* 0: as it was. */
static enum later_what compare(struct later_state *s,
			       const struct later_entry *e)
{
	bool named = has(s, LATER_T_NAME, e->name, NULL, 0);
	struct same same;
	struct stat st;
	size_t len;

	if (fstatat(s->here.fd, e->name.ptr, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0; /* nothing runs: the host took it away */
	len = same_of(s, e->name, e->ino, &same);
	if (s->here.is_new)
		return LATER_CREATED;
	if (!named && !s->here.hooks_path &&
	    (!s->keys.full || since_start(s, &st.st_ctim)))
		return LATER_CREATED;
	if (named && !has(s, LATER_T_FILE, e->name, &same, len))
		return LATER_CHANGED;
	if (!s->here.foreign && since_start(s, &st.st_ctim))
		return LATER_CHANGED;
	return 0;
}

/* A link that is as it was, to a file that is not. */
static bool target_changed(struct later_state *s, const struct later_entry *e)
{
	struct stat st;

	if (e->type != DT_LNK || fstatat(s->here.fd, e->name.ptr, &st, 0) == -1)
		return false;
	return !has(s, LATER_T_TARGET, e->name, &st.st_ino,
		    sizeof(st.st_ino)) ||
	       (!s->here.foreign && S_ISREG(st.st_mode) &&
		since_start(s, &st.st_ctim));
}

static void tell_file(struct later_state *s, const struct later_row *row,
		      const struct later_entry *e)
{
	enum later_what what;

	if (is_sample(row, e->name))
		return;
	what = compare(s, e);
	if (what == 0 && target_changed(s, e))
		what = LATER_CHANGED;
	if (what == 0)
		return;
	/* Said by its keys, or by the new repository. */
	if (row == special(LATER_CONFIG) &&
	    (compare_config(s, e->name, what) ||
	     (what == LATER_CREATED && s->here.is_new)))
		return;
	emit(s, row, what, e->name, (struct str){ 0 });
}

/* Covered all the time: what it is now is not the session's doing. */
static bool was_hidden(const struct later_state *s, struct str name)
{
	return s->any_hidden && !s->here.is_new &&
	       has(s, LATER_T_HIDDEN, name, NULL, 0);
}

static int tell(struct later_state *s, const struct later_here *rows,
		const struct later_entry *e, bool *ret_new)
{
	const struct later_row *row;

	if (e->type == DT_DIR) {
		if (was_hidden(s, e->name))
			return 1;
		*ret_new = s->here.is_new || !has(s, LATER_T_DIR, e->name,
						  &e->ino, sizeof(e->ino));
		return 0;
	}
	row = row_of(rows, e, NULL);
	if (!row && s->here.hooks_path)
		row = special(LATER_HOOK);
	if ((!row && e->type != DT_LNK) || was_hidden(s, e->name))
		return 0;
	if (row)
		tell_file(s, row, e);
	else if (compare(s, e) != 0 && leads_out(s, e->name))
		emit(s, special(LATER_LINK), LATER_CREATED, e->name,
		     (struct str){ 0 });
	return 0;
}

/* ---- git directories ---- */

static bool put_aside(struct later_state *s, const struct later_entry *e)
{
	static const struct {
		struct str name;
		unsigned part; /* 0: what has a row once it is git's */
	} names[] = {
		{ STR("HEAD"), PART_HEAD }, { STR("objects"), PART_OBJECTS },
		{ STR("refs"), PART_REFS }, { STR("commondir"), PART_COMMON },
		{ STR("config"), 0 },       { STR("config.worktree"), 0 },
		{ STR("hooks"), 0 },
	};
	struct here *h = &s->here;

	if (!strchr("Horch", e->name.ptr[0]))
		return false;
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		if (!str_eq(e->name, names[i].name))
			continue;
		h->parts |= names[i].part;
		if (h->git || (names[i].part & ~(unsigned)PART_COMMON) ||
		    h->n_aside == MAX_ASIDE)
			return false;
		memcpy(h->names[h->n_aside], e->name.ptr, e->name.len + 1);
		h->aside[h->n_aside] = *e;
		h->aside[h->n_aside].name.ptr = h->names[h->n_aside];
		h->n_aside++;
		return e->type != DT_DIR;
	}
	return false;
}

static bool looks_like_git(const struct here *h)
{
	return (h->parts & PART_HEAD) &&
	       ((h->parts & PART_COMMON) ||
		(h->parts & (PART_OBJECTS | PART_REFS)) ==
			(PART_OBJECTS | PART_REFS));
}

/*
 * Where git will put a submodule that is not there yet, with hooks or settings
 * that are.  One whose name ends in "hooks" has a repository where these would be.
 */
static bool awaits_git(const struct here *h)
{
	struct str modules = STR("/.git/modules/");

	if (!memmem(h->path.ptr, h->path.len, modules.ptr, modules.len))
		return false;
	for (size_t i = 0; i < h->n_aside; i++) {
		if (str_eq(h->aside[i].name, STR("config")) &&
		    h->aside[i].type != DT_DIR)
			return true;
		if (str_eq(h->aside[i].name, STR("hooks")) &&
		    faccessat(h->fd, "hooks/HEAD", F_OK, AT_SYMLINK_NOFOLLOW) ==
			    -1)
			return true;
	}
	return false;
}

/* What was kept aside: by the rows of a git directory, or as any other. */
static int serve_aside(struct later_state *s)
{
	struct here *h = &s->here;
	struct later_here rows = h->rows;
	int r = 0;

	if (h->git)
		later_enter(s->later, h->path, LATER_GIT_DIR, &rows);
	for (size_t i = 0; i < h->n_aside && r >= 0; i++) {
		bool is_new;

		if (h->aside[i].type == DT_DIR && (s->over || !h->git))
			continue; /* was served at once, and no more to say */
		r = s->over ? tell(s, &rows, &h->aside[i], &is_new)
			    : keep(s, &rows, &h->aside[i]);
	}
	return r < 0 ? r : 0;
}

static void tell_git(struct later_state *s)
{
	struct here *h = &s->here;
	bool known = !h->is_new &&
		     later_keys_has(&s->keys, git_key(s, h->path, false));

	/* That of a worktree says so by its "commondir". */
	if (!known && !(h->parts & PART_COMMON))
		emit(s, special(LATER_REPO), LATER_CREATED, (struct str){ 0 },
		     (struct str){ 0 });
}

/* ---- one directory ---- */

static struct str below_tree(const struct later_state *s, struct str dir,
			     size_t tree)
{
	struct str root = str_of(s->c.trees[tree]);
	size_t at = root.len;

	while (at > 0 && root.ptr[at - 1] != '/')
		at--;
	return str_skip(dir, at);
}

static size_t heap_len(const struct later_state *s, struct str dir, size_t tree)
{
	size_t at = strlen(s->c.trees[tree]);
	struct str rest = str_skip(dir, at), name;

	while (str_cut(&rest, '/', &name)) {
		size_t end = (size_t)(name.ptr - dir.ptr) + name.len;

		if (name.len > 0 && later_is_heap(name))
			return end;
	}
	return 0;
}

static bool is_locked(const struct later_state *s, struct str dir)
{
	for (size_t i = 0; i < s->n_locks; i++) {
		if (path_is_below(dir, str_of(s->locks[i].path)))
			return true;
	}
	return false;
}

static bool is_hooks_path(const struct later_state *s, struct str dir)
{
	for (size_t i = 0; i < s->n_hooks; i++) {
		if (str_eq(dir, str_of(s->hooks[i])))
			return true;
	}
	return false;
}

int later_state_begin(struct later_state *s, struct str dir, int fd,
		      bool is_new)
{
	struct here *h = &s->here;
	size_t tree = tree_of(s, dir);
	enum later_git git = LATER_GIT_NONE;

	*h = (struct here){ .active = tree < s->c.n_trees && dir.len > 1 &&
				      dir.len <= PATH_LIMIT };
	if (!h->active)
		return 0;
	h->path = dir;
	h->hash = later_keys_dir(&s->keys, dir);
	h->fd = fd;
	h->is_new = is_new;
	h->foreign = s->foreign[tree];
	h->heap_len = heap_len(s, dir, tree);
	h->locked = !s->over && is_locked(s, dir);
	h->hooks_path = s->over && is_hooks_path(s, dir);
	h->git = str_eq(path_basename(dir), STR(".git"));
	if (h->git)
		git = LATER_GIT_DIR;
	else if (later_keys_has(&s->keys,
				git_key(s, path_dirname(dir), s->over)))
		git = LATER_GIT_BELOW;
	if (h->git)
		later_keys_add(&s->keys, git_key(s, dir, s->over));
	later_enter(s->later, below_tree(s, dir, tree), git, &h->rows);
	return 0;
}

int later_state_entry(struct later_state *s, const struct later_entry *e,
		      bool *ret_new)
{
	*ret_new = false;
	if (!s->here.active || e->name.len > NAME_MAX)
		return 0;
	if (!e->hidden && put_aside(s, e))
		return 0;
	return s->over ? tell(s, &s->here.rows, e, ret_new)
		       : keep(s, &s->here.rows, e);
}

int later_state_end(struct later_state *s)
{
	struct here *h = &s->here;

	if (!h->active)
		return 0;
	if (looks_like_git(h) || awaits_git(h)) {
		h->git = true;
		later_keys_add(&s->keys, git_key(s, h->path, s->over));
		if (s->over)
			tell_git(s);
	}
	h->active = false;
	return serve_aside(s);
}

void later_state_unread(struct later_state *s, struct str dir, bool is_new,
			const char *why)
{
	size_t tree = tree_of(s, dir);
	struct stat st;
	AUTO(arena) struct arena a = ARENA_NULL;
	const char *path;

	arena_init(&a, (size_t)2 * PATH_LIMIT);
	path = arena_cstr(&a, dir);
	if (tree == s->c.n_trees)
		return;
	if (!is_new && path && lstat(path, &st) == 0 &&
	    !since_start(s, &st.st_ctim))
		return; /* as it was: the jail may read it as little */
	s->here = (struct here){ .path = dir,
				 .heap_len = heap_len(s, dir, tree) };
	emit(s, special(LATER_UNREAD), LATER_NOT_SEEN, (struct str){ 0 },
	     str_of(why));
}

void later_state_removed(struct later_state *s)
{
	for (size_t i = 0; i < s->n_watched; i++) {
		const struct watched *w = &s->watched[i];
		struct str path = str_of(w->path);
		struct stat st;

		if (lstat(w->path, &st) == 0 ||
		    (errno != ENOENT && errno != ENOTDIR))
			continue;
		s->here = (struct here){ .path = path };
		emit(s, w->row, LATER_REMOVED, (struct str){ 0 },
		     (struct str){ 0 });
	}
}

/* ---- birth and death ---- */

const struct later_lock *later_state_locks(const struct later_state *s,
					   size_t *ret_n)
{
	*ret_n = s->n_locks;
	return s->locks;
}

void later_state_over(struct later_state *s)
{
	s->over = true;
	mind_steps(s);
}

bool later_state_in_heap(const struct later_state *s, struct str dir)
{
	size_t tree = tree_of(s, dir);

	return tree < s->c.n_trees && heap_len(s, dir, tree) > 0;
}

const struct later_state_config *later_state_config(const struct later_state *s)
{
	return &s->c;
}

int later_state_new(struct later_state **ret,
		    const struct later_state_config *c)
{
	AUTO(later_state) struct later_state *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->c = *c;
	arena_init(&s->arena, ARENA_SIZE);
	r = later_keys_init(&s->keys);
	if (r == 0)
		r = later_new(&s->later);
	s->foreign = calloc(c->n_trees + 1, sizeof(*s->foreign));
	if (r == 0 && !s->foreign)
		r = -ENOMEM;
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n_trees; i++)
		s->foreign[i] = !has_our_clock(c->trees[i]);
	take_time(s);
	*ret = TAKE(s);
	return 0;
}

void later_state_free(struct later_state *s)
{
	if (!s)
		return;
	later_keys_done(&s->keys);
	later_free(s->later);
	free(s->foreign);
	arena_done(&s->arena);
	free(s);
}
