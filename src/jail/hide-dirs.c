/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/hide-dirs.h"

#define FIRST_SIZE 256u
#define DEPTH_MAX  2048u /* of a path of 4095 bytes */

void hide_dirs_init(struct hide_dirs *d, uint32_t max)
{
	*d = (struct hide_dirs){ .max = max };
}

void hide_dirs_done(struct hide_dirs *d)
{
	for (uint32_t i = 1; i < d->n; i++)
		free(d->v[i].name);
	free(d->v);
	free(d->by_wd);
	free(d->queue);
	*d = (struct hide_dirs){ 0 };
}

/* *p of *size elements becomes at least @need long; new ones are zero. */
static int grow(void **p, uint32_t *size, uint32_t need, size_t elem)
{
	uint32_t want = *size ? *size : FIRST_SIZE;
	char *q;

	if (need <= *size)
		return 0;
	while (want < need) {
		if (ckd_mul(&want, want, 2u))
			return -ENOMEM;
	}
	q = reallocarray(*p, want, elem);
	if (!q)
		return -ENOMEM;
	memset(q + *size * elem, 0, (want - *size) * elem);
	*p = q;
	*size = want;
	return 0;
}

static uint32_t take_slot(struct hide_dirs *d)
{
	uint32_t i = d->free_slot;

	if (i != HIDE_DIR_NONE) {
		d->free_slot = d->v[i].parent;
		return i;
	}
	if (d->n == 0)
		d->n = 1; /* slot 0 means none */
	return d->n++;
}

int hide_dirs_add(struct hide_dirs *d, uint32_t parent, struct str name,
		  uint32_t *ret)
{
	void *v = d->v;
	char *copy;
	uint32_t i;
	int r;

	if (d->n_used >= d->max)
		return -ENOSPC;
	r = grow(&v, &d->size, d->n + 2, sizeof(*d->v));
	d->v = v;
	if (r < 0)
		return r;
	copy = strndup(name.ptr, name.len);
	if (!copy)
		return -ENOMEM;
	i = take_slot(d);
	d->v[i] = (struct hide_dir){
		.name = copy,
		.parent = parent,
		.tree = parent != HIDE_DIR_NONE ? d->v[parent].tree : 0,
		.deep = parent != HIDE_DIR_NONE && d->v[parent].deep,
		.wd = -1,
	};
	d->n_used++;
	*ret = i;
	return 0;
}

void hide_dirs_drop(struct hide_dirs *d, uint32_t i)
{
	struct hide_dir *e = &d->v[i];

	if (e->wd >= 0 && (uint32_t)e->wd < d->wd_size && d->by_wd[e->wd] == i)
		d->by_wd[e->wd] = HIDE_DIR_NONE;
	free(e->name);
	/* A queued slot is freed by hide_dirs_pop(), which meets it later. */
	*e = (struct hide_dir){ .wd = -1, .queued = e->queued };
	if (!e->queued) {
		e->parent = d->free_slot;
		d->free_slot = i;
	}
	d->n_used--;
}

int hide_dirs_move(struct hide_dirs *d, uint32_t i, uint32_t parent,
		   struct str name)
{
	struct hide_dir *e = &d->v[i];
	char *copy;

	/* Never below itself: hide_dirs_path() would go round. */
	for (uint32_t p = parent, n = 0; p != HIDE_DIR_NONE && n < DEPTH_MAX;
	     p = d->v[p].parent, n++) {
		if (p == i)
			return 0;
	}
	if (e->parent != parent || !str_eq(str_of(e->name), name)) {
		copy = strndup(name.ptr, name.len);
		if (!copy)
			return -ENOMEM;
		free(e->name);
		e->name = copy;
		e->parent = parent;
	}
	e->tree = d->v[parent].tree;
	e->deep = e->deep || d->v[parent].deep;
	return 0;
}

int hide_dirs_set_wd(struct hide_dirs *d, uint32_t i, int wd)
{
	void *v = d->by_wd;
	int r;

	r = grow(&v, &d->wd_size, (uint32_t)wd + 1, sizeof(*d->by_wd));
	d->by_wd = v;
	if (r < 0)
		return r;
	d->by_wd[wd] = i;
	d->v[i].wd = wd;
	return 0;
}

uint32_t hide_dirs_find_wd(const struct hide_dirs *d, int wd)
{
	return wd >= 0 && (uint32_t)wd < d->wd_size ? d->by_wd[wd]
						    : HIDE_DIR_NONE;
}

int hide_dirs_push(struct hide_dirs *d, uint32_t i)
{
	void *v = d->queue;
	int r;

	if (d->v[i].queued)
		return 0;
	r = grow(&v, &d->queue_size, d->n_queue + 1, sizeof(*d->queue));
	d->queue = v;
	if (r < 0)
		return r;
	d->queue[d->n_queue++] = i;
	d->v[i].queued = true;
	return 0;
}

uint32_t hide_dirs_pop(struct hide_dirs *d)
{
	while (d->n_queue > 0) {
		uint32_t i = d->queue[--d->n_queue];

		d->v[i].queued = false;
		if (d->v[i].name)
			return i;
		d->v[i].parent = d->free_slot;
		d->free_slot = i;
	}
	return HIDE_DIR_NONE;
}

bool hide_dirs_path(const struct hide_dirs *d, uint32_t i, char *dst,
		    size_t size, struct str *ret, const char **ret_rel)
{
	size_t at = size - 1;

	dst[at] = '\0';
	*ret_rel = dst + at;
	for (; i != HIDE_DIR_NONE; i = d->v[i].parent) {
		const struct hide_dir *e = &d->v[i];
		size_t len = e->name ? strlen(e->name) : 0;

		if (!e->name || len + 1 > at)
			return false;
		if (e->parent == HIDE_DIR_NONE) {
			if (len == 1) /* the tree "/": its slash is ours */
				len = 0;
			at -= len;
			memcpy(dst + at, e->name, len);
			break;
		}
		at -= len;
		memcpy(dst + at, e->name, len);
		*ret_rel = dst + at;
		dst[--at] = '/';
	}
	*ret = (struct str){ .ptr = dst + at, .len = size - 1 - at };
	return true;
}
