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

struct walk {
	const char *proc;
	pid_t *todo; /* a stack */
	size_t n, size;
	bool exact;
	uint64_t page;
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

bool tree_parse_pss(struct str text, uint64_t *ret)
{
	struct str line, word;
	uint64_t kb;

	while (str_cut(&text, '\n', &line)) {
		if (!str_starts(line, STR("Pss:")))
			continue;
		line = str_skip(line, 4);
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

static void count(struct walk *w, pid_t pid)
{
	char path[PATH_SIZE];
	uint64_t bytes = 0;

	(void)snprintf(path, sizeof(path), "%s/%d/%s", w->proc, (int)pid,
		       w->exact ? "smaps_rollup" : "statm");
	if (!load(w, path))
		return;
	if (w->exact ? !tree_parse_pss(buf_str(&w->text), &bytes)
		     : !tree_parse_statm(buf_str(&w->text), w->page, &bytes))
		return;
	w->use.bytes += bytes;
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

int tree_measure(const char *proc, pid_t root, bool exact, struct tree_use *ret)
{
	struct walk w = { .proc = proc, .exact = exact };
	int r;

	w.page = (uint64_t)sysconf(_SC_PAGESIZE);
	buf_init(&w.text, TEXT_MAX);
	r = walk_all(&w, root);
	buf_done(&w.text);
	free(w.todo);
	if (r == 0)
		*ret = w.use;
	return r;
}
