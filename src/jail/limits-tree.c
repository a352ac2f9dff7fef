/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/limits-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"

#define TEXT_MAX  ((size_t)256 * 1024) /* of one /proc file */
#define PATH_SIZE 96u
#define FILES_MAX 1024u /* of memfd, told apart; more count each time */

struct walk {
	const char *proc;
	pid_t *todo; /* a stack */
	size_t n, size;
	enum tree_how how;
	uint64_t page;
	uint64_t mapped, files; /* shared: by mappings, in files of memfd */
	uint64_t seen[FILES_MAX];
	size_t n_seen;
	struct tree_use use;
	struct buf text;
};

bool tree_parse_statm(struct str text, uint64_t page, uint64_t *ret)
{
	struct str word;
	uint64_t v[3];

	for (unsigned i = 0; i < N_ELEMS(v); i++) {
		if (!str_word(&text, &word) ||
		    !str_u64(word, 0, UINT64_MAX / page, &v[i]))
			return false;
	}
	/* size, resident, shared: the last holds tmpfs and files. */
	*ret = (v[1] > v[2] ? v[1] - v[2] : 0) * page;
	return true;
}

bool tree_parse_kb(struct str text, struct str key, uint64_t *ret)
{
	struct str line, word;
	uint64_t kb;

	while (str_cut(&text, '\n', &line)) {
		if (!str_starts(line, key))
			continue;
		line = str_skip(line, key.len);
		if (!str_word(&line, &word) ||
		    !str_u64(word, 0, UINT64_MAX / 1024, &kb))
			return false;
		*ret = kb * 1024;
		return true;
	}
	return false;
}

static bool load(struct walk *w, const char *path)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	buf_clear(&w->text);
	return fd != -1 && fd_read_all(fd, &w->text) == 0;
}

static int push(struct walk *w, pid_t pid)
{
	if (w->use.processes + w->n >= TREE_MAX)
		return 0;
	if (w->n == w->size) {
		size_t size = w->size ? 2 * w->size : 64;
		pid_t *p = reallocarray(w->todo, size, sizeof(*p));

		if (!p)
			return -ENOMEM;
		w->todo = p;
		w->size = size;
	}
	w->todo[w->n++] = pid;
	return 0;
}

static int push_children(struct walk *w, const char *path)
{
	struct str rest, word;
	uint32_t pid;

	if (!load(w, path))
		return 0; /* ended meanwhile */
	rest = buf_str(&w->text);
	while (str_word(&rest, &word)) {
		int r = str_u32(word, 1, INT32_MAX, &pid) ? push(w, (pid_t)pid)
							  : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* A child belongs to the thread that made it. */
static int push_all_children(struct walk *w, pid_t pid)
{
	char path[PATH_SIZE];
	struct dirent *e;
	int r = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/%d/task", w->proc, (int)pid);
	d = opendir(path);
	if (!d)
		return 0;
	while (r == 0 && (e = readdir(d)) != NULL) {
		uint32_t tid;

		if (!str_u32(str_of(e->d_name), 1, INT32_MAX, &tid))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%d/task/%u/children",
			       w->proc, (int)pid, tid);
		r = push_children(w, path);
	}
	(void)closedir(d);
	return r;
}

/* The same file may be open many times, in many processes. */
static bool is_seen(struct walk *w, uint64_t ino)
{
	for (size_t i = 0; i < w->n_seen; i++) {
		if (w->seen[i] == ino)
			return true;
	}
	if (w->n_seen < FILES_MAX)
		w->seen[w->n_seen++] = ino;
	return false;
}

/* What @name of @dir, a process's descriptors, keeps in memory. */
static uint64_t memfd_bytes(struct walk *w, int dir, const char *name)
{
	static const struct str begin = STR("/memfd:");
	char target[sizeof("/memfd:")];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));
	struct stat st;

	if (n < (ssize_t)begin.len ||
	    memcmp(target, begin.ptr, begin.len) != 0 ||
	    fstatat(dir, name, &st, 0) == -1 || is_seen(w, st.st_ino))
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

static uint64_t count_files(struct walk *w, pid_t pid)
{
	char path[PATH_SIZE];
	uint64_t bytes = 0;
	struct dirent *e;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/%d/fd", w->proc, (int)pid);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL)
		bytes += memfd_bytes(w, dirfd(d), e->d_name);
	if (d)
		(void)closedir(d);
	return bytes;
}

/* Private pages to @ret, and those shared by mappings to @ret_mapped. */
static bool count_pages(struct walk *w, pid_t pid, uint64_t *ret,
			uint64_t *ret_mapped)
{
	static const char *const names[] = { [TREE_QUICK] = "statm",
					     [TREE_SHARED] = "status",
					     [TREE_EXACT] = "smaps_rollup" };
	char path[PATH_SIZE];
	struct str text;

	(void)snprintf(path, sizeof(path), "%s/%d/%s", w->proc, (int)pid,
		       names[w->how]);
	if (!load(w, path))
		return false;
	text = buf_str(&w->text);
	if (w->how == TREE_QUICK)
		return tree_parse_statm(text, w->page, ret);
	if (w->how == TREE_SHARED)
		return tree_parse_kb(text, STR("RssAnon:"), ret) &&
		       tree_parse_kb(text, STR("RssShmem:"), ret_mapped);
	if (!tree_parse_kb(text, STR("Pss:"), ret) ||
	    !tree_parse_kb(text, STR("Pss_Shmem:"), ret_mapped))
		return false;
	*ret -= *ret_mapped < *ret ? *ret_mapped : *ret;
	return true;
}

static void count(struct walk *w, pid_t pid)
{
	uint64_t bytes = 0, mapped = 0, files;

	if (!count_pages(w, pid, &bytes, &mapped))
		return;
	files = w->how == TREE_QUICK ? 0 : count_files(w, pid);
	w->use.bytes += bytes;
	w->mapped += mapped;
	w->files += files;
	bytes += mapped > files ? mapped : files;
	if (bytes >= w->use.largest_bytes) {
		w->use.largest = pid;
		w->use.largest_bytes = bytes;
	}
}

static int walk_all(struct walk *w, pid_t root)
{
	int r = push_all_children(w, root);

	while (r == 0 && w->n > 0) {
		pid_t pid = w->todo[--w->n];

		w->use.processes++;
		count(w, pid);
		r = push_all_children(w, pid);
	}
	return r;
}

int tree_measure(const char *proc, pid_t root, enum tree_how how,
		 struct tree_use *ret)
{
	struct walk w = { .proc = proc, .how = how };
	int r;

	w.page = (uint64_t)sysconf(_SC_PAGESIZE);
	buf_init(&w.text, TEXT_MAX);
	r = walk_all(&w, root);
	buf_done(&w.text);
	free(w.todo);
	w.use.bytes += w.mapped > w.files ? w.mapped : w.files;
	if (r == 0)
		*ret = w.use;
	return r;
}

uint64_t tree_machine_shared(const char *proc)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char path[PATH_SIZE];
	uint64_t bytes = 0;

	buf_init(&b, TEXT_MAX);
	(void)snprintf(path, sizeof(path), "%s/meminfo", proc);
	if (file_load(AT_FDCWD, path, &b) < 0 ||
	    !tree_parse_kb(buf_str(&b), STR("Shmem:"), &bytes))
		return 0;
	return bytes;
}
