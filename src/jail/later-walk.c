/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing of the jail runs any more, but other sessions and the user do, so each
 * directory is opened below its tree without following a link, as hide.c does.
 */
#include "jail/later-walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "jail/dents.h"

struct item {
	struct item *next;
	uint32_t tree;
	bool is_new;
	char path[]; /* absolute */
};

struct queue {
	struct item *first, *last;
	size_t n;
};

struct later_walk {
	struct later_state *state;
	const struct later_state_config *c;
	int *tree_fds;
	struct queue near, heaps;
	char *room;
};

static void put(struct queue *q, struct item *it)
{
	if (q->first)
		q->last->next = it;
	else
		q->first = it;
	q->last = it;
	q->n++;
}

static struct item *take(struct queue *q)
{
	struct item *it = q->first;

	if (!it)
		return NULL;
	q->first = it->next;
	q->n--;
	return it;
}

static int push(struct later_walk *w, uint32_t tree, struct str dir,
		struct str name, bool is_new)
{
	size_t len = dir.len + (name.len ? 1 + name.len : 0);
	struct item *it = malloc(sizeof(*it) + len + 1);

	if (!it)
		return -ENOMEM;
	*it = (struct item){ .tree = tree, .is_new = is_new };
	memcpy(it->path, dir.ptr, dir.len);
	if (name.len) {
		it->path[dir.len] = '/';
		memcpy(it->path + dir.len + 1, name.ptr, name.len);
	}
	it->path[len] = '\0';
	put(later_state_in_heap(w->state, (struct str){ it->path, len })
		    ? &w->heaps
		    : &w->near,
	    it);
	return 0;
}

static int open_dir(const struct later_walk *w, const struct item *it)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	const char *rel = it->path + strlen(w->c->trees[it->tree]);

	while (*rel == '/')
		rel++;
	return (int)syscall(SYS_openat2, w->tree_fds[it->tree],
			    *rel ? rel : ".", &how, sizeof(how));
}

static int read_dir(struct later_walk *w, const struct item *it, int fd)
{
	struct dents d = { .fd = fd, .room = w->room };
	struct dent e;
	int r = later_state_begin(w->state, str_of(it->path), fd, it->is_new);

	while (r >= 0 && dents_next(&d, &e) == 0) {
		struct later_entry le = { .name = str_of(e.name),
					  .type = e.type,
					  .ino = e.ino };
		bool is_new;

		r = later_state_entry(w->state, &le, &is_new);
		if (r == 0 && e.type == DT_DIR)
			r = push(w, it->tree, str_of(it->path), le.name,
				 is_new);
	}
	return r < 0 ? r : later_state_end(w->state);
}

static int look(struct later_walk *w, const struct item *it)
{
	int fd = open_dir(w, it);
	int e = fd == -1 ? errno : 0;
	int r;

	if (e == ENOENT || e == ENOTDIR || e == ELOOP)
		return 0; /* gone: taken away, or swapped, by others */
	if (e != 0) {
		later_state_unread(w->state, str_of(it->path), it->is_new,
				   e == ENAMETOOLONG ? "its path is too long"
						     : strerror(e));
		return 0;
	}
	r = read_dir(w, it, fd);
	(void)close(fd);
	return r;
}

int later_walk_step(struct later_walk *w, uint64_t budget_ns)
{
	uint64_t end = clock_mono_ns() + budget_ns;
	struct item *it;

	for (;;) {
		int r;

		it = take(&w->near);
		if (!it)
			it = take(&w->heaps);
		if (!it)
			return 0;
		r = look(w, it);
		free(it);
		if (r < 0)
			return r;
		if (later_walk_left(w) > 0 && clock_mono_ns() >= end)
			return 1;
	}
}

size_t later_walk_left(const struct later_walk *w)
{
	return w->near.n + w->heaps.n;
}

int later_walk_new(struct later_walk **ret, struct later_state *s)
{
	AUTO(later_walk) struct later_walk *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->state = s;
	w->c = later_state_config(s);
	w->room = malloc(DENTS_SIZE);
	w->tree_fds = calloc(w->c->n_trees + 1, sizeof(*w->tree_fds));
	if (!w->room || !w->tree_fds)
		return -ENOMEM;
	for (size_t i = 0; i < w->c->n_trees; i++)
		w->tree_fds[i] = -1;
	for (size_t i = 0; i < w->c->n_trees; i++) {
		int r;

		w->tree_fds[i] =
			open(w->c->trees[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (w->tree_fds[i] == -1)
			continue; /* a file, or gone */
		r = push(w, (uint32_t)i, str_of(w->c->trees[i]),
			 (struct str){ 0 }, false);
		if (r < 0)
			return r;
	}
	*ret = TAKE(w);
	return 0;
}

void later_walk_free(struct later_walk *w)
{
	struct item *it;

	if (!w)
		return;
	while ((it = take(&w->near)) || (it = take(&w->heaps)))
		free(it);
	for (size_t i = 0; w->tree_fds && i < w->c->n_trees; i++) {
		if (w->tree_fds[i] != -1)
			(void)close(w->tree_fds[i]);
	}
	free(w->tree_fds);
	free(w->room);
	free(w);
}
