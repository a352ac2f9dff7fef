/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * openat2(RESOLVE_IN_ROOT) treats the root given as "/", for absolute links
 * too, so that a tree made for a test is seen as a machine would be.
 *
 * The machine's own root is looked at some hundred times for one plan, so there
 * the shortest way is taken: a plain stat(2), and a memo of real paths.  An
 * entry of the memo is believed while a stat finds the inode that was found
 * then, and no longer than MEMO_NS: a directory that was moved while a link was
 * turned after it would be found at its old place for that long.
 */
#include "keeper/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fd.h"

#define MEMO_NS   (2 * NS_PER_S)
#define MEMO_SIZE 512u /* entries; a power of two */

struct entry {
	char *path, *real;
	dev_t dev;
	ino_t ino;
	uint64_t until_ns;
};

#define NAMES_MAX 4096u /* in a directory that is remembered */

struct host_names {
	char *dir;
	struct timespec mtime;
	dev_t dev;
	ino_t ino;
	struct arena arena;
	char **names;
	size_t n;
};

struct host_memo {
	struct entry entries[MEMO_SIZE];
	struct host_names names;
};

static int open_in(const struct host *h, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT |
					   RESOLVE_NO_MAGICLINKS };

	for (;;) {
		long fd = syscall(SYS_openat2, h->root_fd, path, &how,
				  sizeof(how));

		if (fd != -1)
			return (int)fd;
		/* EAGAIN: a rename raced with the lookup of ".." */
		if (errno != EINTR && errno != EAGAIN)
			return neg_errno();
	}
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

int host_init(struct host *h, int root_fd)
{
	char root[PATH_MAX];
	int r = path_of_fd(root_fd, root);

	if (r != 0)
		return r;
	*h = (struct host){ .root_fd = root_fd,
			    .whole = strcmp(root, "/") == 0 };
	if (!h->whole)
		return 0;
	h->memo = calloc(1, sizeof(*h->memo));
	return h->memo ? 0 : -ENOMEM;
}

static void forget(struct entry *e)
{
	free(e->path);
	free(e->real);
	*e = (struct entry){ 0 };
}

static void forget_names(struct host_names *n)
{
	arena_done(&n->arena);
	free(n->dir);
	*n = (struct host_names){ 0 };
}

void host_done(struct host *h)
{
	for (size_t i = 0; h->memo && i < MEMO_SIZE; i++)
		forget(&h->memo->entries[i]);
	if (h->memo)
		forget_names(&h->memo->names);
	free(h->memo);
	h->memo = NULL;
}

int host_stat(const struct host *h, const char *path, struct stat *ret)
{
	AUTO(fd) int fd = -1;
	int r;

	if (h->whole)
		return stat(path, ret) == -1 ? neg_errno() : 0;
	r = open_in(h, path, O_PATH);
	if (r < 0)
		return r;
	fd = r;
	return fstat(fd, ret) == -1 ? neg_errno() : 0;
}

bool host_is_dir(const struct host *h, const char *path)
{
	struct stat st;

	return host_stat(h, path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool host_is_file(const struct host *h, const char *path)
{
	struct stat st;

	return host_stat(h, path, &st) == 0 && S_ISREG(st.st_mode);
}

int host_open(const struct host *h, const char *path, int flags)
{
	/* O_NONBLOCK: a FIFO in this place must not hold us up. */
	return open_in(h, path,
		       (uint64_t)flags | O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

int host_load(const struct host *h, const char *path, struct buf *b)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	int r;

	r = host_open(h, path, 0);
	if (r < 0)
		return r;
	fd = r;
	if (fstat(fd, &st) == -1)
		return neg_errno();
	return S_ISREG(st.st_mode) ? fd_read_all(fd, b) : -EINVAL;
}

/* ---- real paths ---- */

static int find_real(struct arena *a, const struct host *h, const char *path,
		     char **ret, struct stat *ret_st)
{
	char found[PATH_MAX], root[PATH_MAX];
	AUTO(fd) int fd = -1;
	size_t cut = 0;
	struct str p;
	int r;

	r = open_in(h, path, O_PATH);
	if (r < 0)
		return r;
	fd = r;
	if (fstat(fd, ret_st) == -1)
		return neg_errno();
	r = path_of_fd(fd, found);
	if (r == 0 && !h->whole) {
		r = path_of_fd(h->root_fd, root);
		cut = strlen(root);
	}
	if (r != 0)
		return r;
	if (cut > 0 && strncmp(found, root, cut) != 0)
		return -ENOENT; /* moved out of the tree meanwhile */
	p = str_of(found + cut);
	*ret = arena_cstr(a, p.len > 0 ? p : STR("/"));
	return *ret ? 0 : -ENOMEM;
}

static struct entry *entry_of(const struct host *h, const char *path)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = path; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	return &h->memo->entries[(hash >> 20) & (MEMO_SIZE - 1)];
}

static bool remembers(const struct entry *e, const char *path,
		      const struct stat *st)
{
	return e->path && strcmp(e->path, path) == 0 && e->dev == st->st_dev &&
	       e->ino == st->st_ino && clock_mono_ns() < e->until_ns;
}

/* Without memory it is not remembered. */
static void remember(struct entry *e, const char *path, const char *real,
		     const struct stat *st)
{
	forget(e);
	*e = (struct entry){ .path = strdup(path),
			     .real = strdup(real),
			     .dev = st->st_dev,
			     .ino = st->st_ino,
			     .until_ns = clock_mono_ns() + MEMO_NS };
	if (!e->path || !e->real)
		forget(e);
}

int host_real(struct arena *a, const struct host *h, const char *path,
	      char **ret, mode_t *ret_mode)
{
	struct entry *e = NULL;
	struct stat st;
	int r = 0;

	if (h->memo) {
		if (stat(path, &st) == -1)
			return neg_errno();
		e = entry_of(h, path);
	}
	if (e && remembers(e, path, &st)) {
		*ret = arena_cstr(a, str_of(e->real));
		r = *ret ? 0 : -ENOMEM;
	} else {
		r = find_real(a, h, path, ret, &st);
		if (r == 0 && e)
			remember(e, path, *ret, &st);
	}
	if (r == 0 && ret_mode)
		*ret_mode = st.st_mode;
	return r;
}

int host_readlink(struct arena *a, const struct host *h, const char *path,
		  char **ret)
{
	char text[PATH_MAX];
	AUTO(fd) int fd = -1;
	ssize_t n;
	int r;

	if (h->whole) {
		n = readlink(path, text, sizeof(text));
	} else {
		r = open_in(h, path, O_PATH | O_NOFOLLOW);
		if (r < 0)
			return r;
		fd = r;
		n = readlinkat(fd, "", text, sizeof(text));
		if (n == -1 && errno == ENOENT)
			return -EINVAL; /* what an empty path says of a file */
	}
	if (n == -1)
		return neg_errno();
	if ((size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	*ret = arena_cstr(a, (struct str){ .ptr = text, .len = (size_t)n });
	return *ret ? 0 : -ENOMEM;
}

/* ---- directories ---- */

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

int host_list(struct arena *a, const struct host *h, const char *path,
	      size_t max, char ***ret, size_t *ret_n)
{
	AUTO(fd) int fd = -1;
	AUTO(dir) DIR *d = NULL;
	const struct dirent *e;
	char **names;
	size_t n = 0;
	int r;

	r = open_in(h, path, O_RDONLY | O_DIRECTORY);
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
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
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

static int compare_name(const void *key, const void *element)
{
	const char *name = key;
	const char *const *e = element;

	return strcmp(name, *e);
}

bool host_names_has(const struct host_names *n, const char *name)
{
	return n->n > 0 &&
	       bsearch(name, n->names, n->n, sizeof(n->names[0]), compare_name);
}

static bool is_current(const struct host_names *n, const char *dir,
		       const struct stat *st)
{
	return n->dir && strcmp(n->dir, dir) == 0 && n->dev == st->st_dev &&
	       n->ino == st->st_ino && n->mtime.tv_sec == st->st_mtim.tv_sec &&
	       n->mtime.tv_nsec == st->st_mtim.tv_nsec;
}

const struct host_names *host_names(const struct host *h, const char *dir)
{
	struct host_names *n;
	struct stat st;

	if (!h->memo || stat(dir, &st) == -1)
		return NULL;
	n = &h->memo->names;
	if (is_current(n, dir, &st))
		return n;
	forget_names(n);
	arena_init(&n->arena, (size_t)2 * 1024 * 1024);
	/* Read after the stat: what comes in between is found next time. */
	if (host_list(&n->arena, h, dir, NAMES_MAX, &n->names, &n->n) != 0 ||
	    n->n == NAMES_MAX) {
		forget_names(n);
		return NULL;
	}
	n->dir = strdup(dir);
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	n->mtime = st.st_mtim;
	return n->dir ? n : NULL;
}
