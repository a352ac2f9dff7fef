/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A pattern is compiled into a name, with a prefix and a suffix when it holds a
 * star, and the directories it has to stand in.  Most have none, so a directory
 * entry is decided by a few of its bytes in the usual case.  Those that have some
 * are chosen once for a directory (later_enter), not for each entry of it.
 *
 * DIR and two stars is a unit: the directory itself matches it, and whatever has such
 * a directory above it is inside.  Several rows may fit; the first of the table
 * decides.
 */
#include "jail/later.h"

#define MAX_PATTERNS 1024u
#define NO_PATTERN   UINT16_MAX
#define BUCKETS      256u

struct pattern {
	struct str dir; /* ".github/workflows"; empty: anywhere */
	struct str prefix, suffix;
	bool star; /* else prefix is the name */
	bool git, unit;
	uint16_t row;
	uint16_t next;      /* of the same chain */
	uint16_t next_unit; /* a unit is in a chain of units too */
};

struct later {
	struct pattern v[MAX_PATTERNS];
	size_t n;
	/* Chains of those without a directory; by_first, by_last: with a star. */
	uint16_t by_name[BUCKETS], by_first[BUCKETS], by_last[BUCKETS];
	uint16_t by_dir[BUCKETS]; /* of the others, by its last component */
	uint16_t by_unit[BUCKETS];
};

/* ---- compiling ---- */

static struct str last_component(struct str s, struct str *ret_dir)
{
	size_t at = s.len;

	while (at > 0 && s.ptr[at - 1] != '/')
		at--;
	*ret_dir = (struct str){ s.ptr, at > 0 ? at - 1 : 0 };
	return str_skip(s, at);
}

static unsigned bucket(struct str name)
{
	if (name.len == 0)
		return 0;
	return (unsigned)(name.len * 7 + (uint8_t)name.ptr[name.len / 2] * 3u +
			  (uint8_t)name.ptr[name.len - 1]) %
	       BUCKETS;
}

static void chain(struct later *l, uint16_t *head, uint16_t i)
{
	l->v[i].next = *head;
	*head = i;
}

/* Into the chains in which it will be looked for. */
static void file(struct later *l, uint16_t i)
{
	struct pattern *p = &l->v[i];
	struct str up;

	if (p->git || p->dir.len > 0)
		chain(l, &l->by_dir[bucket(last_component(p->dir, &up))], i);
	else if (!p->star)
		chain(l, &l->by_name[bucket(p->prefix)], i);
	else if (p->prefix.len > 0)
		chain(l, &l->by_first[(uint8_t)p->prefix.ptr[0]], i);
	else
		chain(l, &l->by_last[(uint8_t)p->suffix.ptr[p->suffix.len - 1]],
		      i);
	if (p->unit) {
		ASSERT(!p->star);
		p->next_unit = l->by_unit[bucket(p->prefix)];
		l->by_unit[bucket(p->prefix)] = i;
	}
}

static void add_pattern(struct later *l, struct str text, size_t row)
{
	struct pattern *p = &l->v[l->n];
	struct str name;
	const char *star;

	ASSERT(l->n < MAX_PATTERNS);
	*p = (struct pattern){ .row = (uint16_t)row };
	p->git = str_starts(text, STR("GIT/"));
	if (p->git)
		text = str_skip(text, 4);
	p->unit = str_ends(text, STR("/**"));
	if (p->unit)
		text.len -= 3;
	name = last_component(text, &p->dir);
	star = memchr(name.ptr, '*', name.len);
	p->star = star != NULL;
	p->prefix = name;
	if (star) {
		p->prefix.len = (size_t)(star - name.ptr);
		p->suffix = str_skip(name, p->prefix.len + 1);
	}
	ASSERT(p->git || p->dir.len + p->prefix.len + p->suffix.len > 0);
	file(l, (uint16_t)l->n++);
}

int later_new(struct later **ret)
{
	struct later *l = malloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->n = 0;
	memset(l->by_name, 0xff, sizeof(l->by_name));
	memset(l->by_first, 0xff, sizeof(l->by_first));
	memset(l->by_last, 0xff, sizeof(l->by_last));
	memset(l->by_dir, 0xff, sizeof(l->by_dir));
	memset(l->by_unit, 0xff, sizeof(l->by_unit));
	for (size_t row = 0; row < later_n_rows; row++) {
		struct str rest = str_of(later_rows[row].patterns), text;

		while (str_word(&rest, &text))
			add_pattern(l, text, row);
	}
	*ret = l;
	return 0;
}

void later_free(struct later *l)
{
	free(l);
}

/* ---- one directory ---- */

/* The last components of @path are @dir. */
static bool ends_in(struct str path, struct str dir)
{
	return dir.len == 0 || (str_ends(path, dir) &&
				(path.len == dir.len ||
				 path.ptr[path.len - dir.len - 1] == '/'));
}

static bool name_fits(const struct pattern *p, struct str name)
{
	if (!p->star)
		return str_eq(p->prefix, name);
	return name.len >= p->prefix.len + p->suffix.len &&
	       str_starts(name, p->prefix) && str_ends(name, p->suffix);
}

static void better(const struct later *l, uint16_t i,
		   const struct later_row **best)
{
	const struct later_row *row = &later_rows[l->v[i].row];

	if (!*best || row < *best)
		*best = row;
}

/* The units that the last component of @path is. */
static void find_unit(const struct later *l, struct str path, bool git,
		      const struct later_row **best)
{
	struct str up, name = last_component(path, &up);

	for (uint16_t i = l->by_unit[bucket(name)]; i != NO_PATTERN;
	     i = l->v[i].next_unit) {
		const struct pattern *p = &l->v[i];

		if (name_fits(p, name) && (p->git ? git : ends_in(up, p->dir)))
			better(l, i, best);
	}
}

static bool stands_here(const struct pattern *p, struct str dir,
			enum later_git git)
{
	struct str up;

	if (!p->git)
		return ends_in(dir, p->dir);
	return p->dir.len == 0
		       ? git == LATER_GIT_DIR
		       : git == LATER_GIT_BELOW &&
				 str_eq(p->dir, last_component(dir, &up));
}

static void choose(struct later_here *h, unsigned bucket, struct str dir,
		   enum later_git git)
{
	const struct later *l = h->later;

	for (uint16_t i = l->by_dir[bucket]; i != NO_PATTERN;
	     i = l->v[i].next) {
		if (!stands_here(&l->v[i], dir, git))
			continue;
		ASSERT(h->n < LATER_HERE_MAX); /* test-later.c counts them */
		h->pats[h->n++] = i;
	}
}

void later_enter(const struct later *l, struct str dir, enum later_git git,
		 struct later_here *ret)
{
	struct str up, name = last_component(dir, &up);
	unsigned b = bucket(name);

	*ret = (struct later_here){ .later = l };
	for (size_t end = 1; end <= dir.len; end++) {
		bool last = end == dir.len;

		if (last || dir.ptr[end] == '/')
			find_unit(l, (struct str){ dir.ptr, end },
				  last && git == LATER_GIT_BELOW, &ret->inside);
	}
	choose(ret, b, dir, git);
	if (git == LATER_GIT_DIR && b != 0)
		choose(ret, 0, dir, git); /* those directly in GIT */
}

static void try_pattern(const struct later *l, uint16_t i, struct str name,
			bool is_dir, const struct later_row **best,
			bool *placed)
{
	const struct pattern *p = &l->v[i];
	const struct later_row *before = *best;

	if (p->unit != is_dir || !name_fits(p, name))
		return;
	better(l, i, best);
	if (*best != before)
		*placed = p->git || p->dir.len > 0;
}

const struct later_row *later_match(const struct later_here *h, struct str name,
				    bool is_dir, bool *ret_placed)
{
	const struct later *l = h->later;
	const struct later_row *best = is_dir ? NULL : h->inside;
	bool placed = false;
	uint16_t chains[3];

	if (name.len == 0)
		return NULL;
	chains[0] = l->by_name[bucket(name)];
	chains[1] = l->by_first[(uint8_t)name.ptr[0]];
	chains[2] = l->by_last[(uint8_t)name.ptr[name.len - 1]];
	for (size_t i = 0; i < h->n; i++)
		try_pattern(l, h->pats[i], name, is_dir, &best, &placed);
	for (size_t k = 0; k < N_ELEMS(chains); k++) {
		for (uint16_t i = chains[k]; i != NO_PATTERN; i = l->v[i].next)
			try_pattern(l, i, name, is_dir, &best, &placed);
	}
	if (ret_placed)
		*ret_placed = placed;
	return best;
}
