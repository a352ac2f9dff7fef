/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of one row and one kind of change up to SHOWN_EACH files are named, each on a
 * line of its own; more are one line with the first of them.
 */
#include "jail/later-sum.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/path.h"

#define ARENA_SIZE ((size_t)8 * 1024 * 1024)
#define SHOWN_EACH 3u
#define PATH_SHOWN 160u
#define LINE_SIZE  640u
#define HEAPS_BACK 64u /* items among which a heap is looked for */

void later_sum_init(struct later_sum *s)
{
	/* Not the items: that would touch memory that stays unused. */
	s->n = s->n_single = 0;
	s->total = 0;
	memset(s->each, 0, sizeof(s->each));
	memset(s->rest, 0, sizeof(s->rest));
	arena_init(&s->arena, ARENA_SIZE);
}

void later_sum_done(struct later_sum *s)
{
	arena_done(&s->arena);
}

bool later_sum_is_urgent(const struct later_item *it)
{
	return (it->row->act == LATER_PROTECT && !it->heap) ||
	       it->row == later_special(LATER_CONFIG_RUNS) ||
	       it->row == later_special(LATER_HOOK) ||
	       it->what == LATER_NOT_SEEN;
}

/*
 * Packages bring settings along that nobody's editor opens; git's own hooks and
 * keys that run something are told wherever they are.
 */
static bool goes_to_heap(const struct later_find *f)
{
	if (f->heap.len == 0 || f->detail.len > 0)
		return false;
	return f->row->class != LATER_GIT || f->row->act != LATER_PROTECT;
}

static bool urgent(const struct later_find *f)
{
	struct later_item it = { .row = f->row,
				 .what = f->what,
				 .heap = goes_to_heap(f) };

	return later_sum_is_urgent(&it);
}

static struct later_item *append(struct later_sum *s,
				 const struct later_find *f, struct str path,
				 bool many)
{
	struct later_item *it = &s->v[s->n++];

	ASSERT(s->n <= LATER_MAX_ITEMS);
	*it = (struct later_item){ .row = f->row,
				   .what = f->what,
				   .path = arena_str(&s->arena, path),
				   .count = 1,
				   .many = many };
	if (!many)
		it->detail = arena_str(&s->arena, f->detail);
	return it;
}

/* That of this heap, if it was among the last. */
static struct later_item *find_heap(struct later_sum *s,
				    const struct later_find *f)
{
	size_t stop = s->n > HEAPS_BACK ? s->n - HEAPS_BACK : 0;

	for (size_t i = s->n; i-- > stop;) {
		struct later_item *it = &s->v[i];

		if (it->heap && it->row == f->row && it->what == f->what &&
		    str_eq(it->path, f->heap))
			return it;
	}
	return NULL;
}

/* The longest directory that holds both. */
static struct str common(struct str dir, struct str path)
{
	while (dir.len > 1 && !path_is_below(path, dir))
		dir = path_dirname(dir);
	return dir;
}

static void add_rest(struct later_sum *s, const struct later_find *f)
{
	size_t row = (size_t)(f->row - later_rows);
	uint32_t *rest = &s->rest[row][f->what];
	struct later_item *it;

	if (*rest == 0) {
		(void)append(s, f, path_dirname(f->path), true);
		*rest = (uint32_t)s->n;
		return;
	}
	it = &s->v[*rest - 1];
	it->path = common(it->path, f->path);
	it->count++;
}

void later_sum_add(struct later_sum *s, const struct later_find *f)
{
	size_t row = (size_t)(f->row - later_rows);
	bool heap = goes_to_heap(f);
	struct later_item *it = heap ? find_heap(s, f) : NULL;
	uint32_t *each = &s->each[row][f->what];

	ASSERT(row < LATER_MAX_ROWS && f->what < LATER_N_WHAT);
	s->total++;
	if (it) {
		it->count++;
		return;
	}
	if (*each >= LATER_MAX_EACH ||
	    s->n_single >= (urgent(f) ? LATER_MAX_FINDS : LATER_MAX_CALM)) {
		add_rest(s, f);
		return;
	}
	(*each)++;
	s->n_single++;
	append(s, f, heap ? f->heap : f->path, heap)->heap = heap;
}

static int by_urgency(const void *a, const void *b)
{
	const struct later_item *x = a, *y = b;
	bool ux = later_sum_is_urgent(x), uy = later_sum_is_urgent(y);

	if (ux != uy)
		return ux ? -1 : 1;
	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	if (x->what != y->what)
		return x->what < y->what ? -1 : 1;
	return str_cmp(x->path, y->path);
}

void later_sum_sort(struct later_sum *s)
{
	if (s->n > 0)
		qsort(s->v, s->n, sizeof(s->v[0]), by_urgency);
}

static void path_text(struct str path, struct str base, char dst[PATH_SHOWN])
{
	if (path.len > base.len + 1 && path_is_below(path, base))
		path = str_skip(path, base.len + 1);
	str_sanitise(path, dst, PATH_SHOWN);
}

static void one_line(const struct later_item *it, struct str base,
		     char dst[LINE_SIZE])
{
	char path[PATH_SHOWN], detail[PATH_SHOWN], many[48] = "";

	path_text(it->path, base, path);
	str_sanitise(it->detail, detail, sizeof(detail));
	if (it->many)
		(void)snprintf(many, sizeof(many), "%" PRIu64 " file%s in ",
			       it->count, it->count == 1 ? "" : "s");
	(void)snprintf(dst, LINE_SIZE, "  %s %s%s%s%s (%s)",
		       later_what_name(it->what), many, path,
		       detail[0] ? ": " : "", detail, it->row->why);
}

static void many_line(const struct later_item *it, size_t n, uint64_t count,
		      struct str base, char dst[LINE_SIZE])
{
	char first[PATH_SHOWN], last[PATH_SHOWN];

	path_text(it[0].path, base, first);
	path_text(it[n - 1].path, base, last);
	(void)snprintf(dst, LINE_SIZE, "  %s %" PRIu64 " files, %s to %s (%s)",
		       later_what_name(it->what), count, first, last,
		       it->row->why);
}

/* How many from @i on are told as one: same row, same change. */
static size_t group(const struct later_sum *s, size_t i, uint64_t *ret_count)
{
	size_t n = 0;

	*ret_count = 0;
	while (i + n < s->n && s->v[i + n].row == s->v[i].row &&
	       s->v[i + n].what == s->v[i].what)
		*ret_count += s->v[i + n++].count;
	return n;
}

static void headline(const struct later_sum *s, char dst[LINE_SIZE])
{
	uint64_t urgent = 0;

	for (size_t i = 0; i < s->n; i++)
		urgent += later_sum_is_urgent(&s->v[i]) ? s->v[i].count : 0;
	(void)snprintf(dst, LINE_SIZE,
		       "%s%" PRIu64
		       " file%s that run%s, or decide%s what runs, "
		       "outside the session later:",
		       urgent > 0 ? "LOOK BEFORE YOU GO ON: " : "", s->total,
		       s->total == 1 ? "" : "s", s->total == 1 ? "s" : "",
		       s->total == 1 ? "s" : "");
}

void later_sum_tell(const struct later_sum *s, struct str base,
		    const char *more,
		    void (*line)(void *owner, const char *text), void *owner)
{
	char text[LINE_SIZE];
	unsigned lines = 1;
	uint64_t told = 0;

	if (s->n == 0)
		return;
	headline(s, text);
	line(owner, text);
	for (size_t i = 0; i < s->n && lines + 2 <= LATER_MAX_LINES;) {
		uint64_t count;
		size_t n = group(s, i, &count);
		bool each = n <= SHOWN_EACH || s->v[i].detail.len > 0;

		if (each) {
			n = 1;
			count = s->v[i].count;
			one_line(&s->v[i], base, text);
		} else {
			many_line(&s->v[i], n, count, base, text);
		}
		line(owner, text);
		lines++;
		told += count;
		i += n;
	}
	if (told == s->total)
		return;
	(void)snprintf(text, sizeof(text), "  and %" PRIu64 " more: %s",
		       s->total - told, more);
	line(owner, text);
}
