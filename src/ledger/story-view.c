/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/story-view.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/path.h"

void story_format_ns(uint64_t ns, struct buf *b)
{
	uint64_t ms = ns / NS_PER_MS, s = ns / NS_PER_S;

	if (ms < 1000)
		(void)buf_printf(b, "%" PRIu64 " ms", ms);
	else if (s < 60)
		(void)buf_printf(b, "%" PRIu64 ".%" PRIu64 " s", s,
				 ms / 100 % 10);
	else if (s < 3600)
		(void)buf_printf(b, "%" PRIu64 " min %02" PRIu64 " s", s / 60,
				 s % 60);
	else
		(void)buf_printf(b, "%" PRIu64 " h %02" PRIu64 " min", s / 3600,
				 s / 60 % 60);
}

void story_format_bytes(uint64_t n, struct buf *b)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	uint64_t tenths = n * 10;
	size_t u = 0;

	if (n > UINT64_MAX / 10)
		tenths = UINT64_MAX;
	for (; tenths >= 10000 && u + 1 < N_ELEMS(units); u++)
		tenths /= 1000;
	if (u == 0 || tenths >= 100)
		(void)buf_printf(b, "%" PRIu64 " %s", tenths / 10, units[u]);
	else
		(void)buf_printf(b, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10,
				 tenths % 10, units[u]);
}

uint64_t story_checkpoint_size(const struct story_view *view)
{
	struct str rest = view->checkpoint, origin, line;
	uint64_t size = 0;

	/* Origin, size, root: what is signed begins with these lines. */
	if (!str_cut_line(&rest, &origin) || !str_cut_line(&rest, &line) ||
	    !str_u64(line, 1, INT64_MAX, &size))
		return 0;
	return size;
}

struct str story_path(const struct story *s, struct str path)
{
	struct str cwd = json_find_str(s->open.fields, "cwd");

	if (cwd.len > 1 && path_is_below(path, cwd) && path.len > cwd.len + 1)
		return str_skip(path, cwd.len + 1);
	return path;
}

void story_format_said(const struct story *s, struct buf *b)
{
	const struct story_said *t = &s->said;
	size_t i = t->by[0].n == 0; /* spans, if logs say nothing of it */
	uint64_t cent = t->by[i].cost_microusd / 10000;

	if (t->events + t->lost == 0)
		return;
	(void)buf_printf(b, "%" PRIu64 " event%s", t->events,
			 t->events == 1 ? "" : "s");
	if (t->by[i].tokens_in + t->by[i].tokens_out > 0)
		(void)buf_printf(b, ", %" PRIu64 " tokens in, %" PRIu64 " out",
				 t->by[i].tokens_in, t->by[i].tokens_out);
	if (t->by[i].cost_microusd > 0)
		(void)buf_printf(b, ", $%" PRIu64 ".%02" PRIu64, cent / 100,
				 cent % 100);
	(void)buf_add(b, STR(" (telemetry claimed by the agent)"));
	if (t->lost > 0)
		(void)buf_printf(b, ", %" PRIu64 " more not recorded", t->lost);
}

void story_format_facts(unsigned facts, struct buf *b)
{
	static const struct {
		unsigned fact;
		const char *word;
	} words[] = {
		{ STORY_CREATED, "created" }, { STORY_WROTE, "written" },
		{ STORY_RENAMED, "renamed" }, { STORY_LINKED, "linked" },
		{ STORY_MODE, "mode" },       { STORY_REMOVED, "removed" },
		{ STORY_READ, "read" },
	};
	bool any = false;

	for (size_t i = 0; i < N_ELEMS(words); i++) {
		if ((facts & words[i].fact) == 0)
			continue;
		(void)buf_printf(b, "%s%s", any ? ", " : "", words[i].word);
		any = true;
	}
}

void story_format_walls(const struct story *s, struct buf *b)
{
	static const struct str prefix = STR("layer.");
	bool any = false;

	JSON_EACH (f, s->start.fields) {
		if (!str_starts(f->key, prefix))
			continue;
		(void)buf_add(b, any ? STR(", ") : STR(""));
		any = true;
		if (f->type == JSON_BOOL && !f->boolean)
			(void)buf_add(b, STR("no "));
		(void)buf_add(b, str_skip(f->key, prefix.len));
		if (f->type == JSON_INT)
			(void)buf_printf(b, " %" PRId64, f->integer);
		else if (f->type == JSON_STRING) {
			(void)buf_addc(b, ' ');
			(void)buf_add(b, f->string);
		}
	}
}

static int by_count(const void *a, const void *b)
{
	const struct story_row *x = *(const struct story_row *const *)a;
	const struct story_row *y = *(const struct story_row *const *)b;

	if (x->urgent != y->urgent)
		return x->urgent ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

int story_sort(const struct story_table *t, const struct story_row ***ret)
{
	const struct story_row **v = calloc(t->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++)
		v[i] = &t->rows[i];
	qsort(v, t->n, sizeof(*v), by_count);
	*ret = v;
	return 0;
}

static struct str dir_of(struct str path)
{
	const char *slash =
		path.len > 0 ? memrchr(path.ptr, '/', path.len) : NULL;

	return slash ? (struct str){ path.ptr, (size_t)(slash - path.ptr) }
		     : (struct str){ 0 };
}

static int by_dir(const void *a, const void *b)
{
	const struct story_row *x = *(const struct story_row *const *)a;
	const struct story_row *y = *(const struct story_row *const *)b;
	int c = str_cmp(dir_of(x->name), dir_of(y->name));

	return c ? c : str_cmp(x->name, y->name);
}

static int by_n(const void *a, const void *b)
{
	const struct story_dir *x = a, *y = b;

	if (x->is_here != y->is_here)
		return x->is_here ? -1 : 1;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return str_cmp(x->path, y->path);
}

int story_dirs(const struct story *s, bool changed, struct story_dir **ret,
	       size_t *ret_n)
{
	const struct story_table *t = story_table(s, STORY_FILES);
	const struct story_row **v = calloc(t->n + 1, sizeof(*v));
	struct story_dir *dirs = calloc(t->n + 1, sizeof(*dirs));
	struct str cwd = json_find_str(s->open.fields, "cwd");
	size_t n = 0, n_dirs = 0;

	if (!v || !dirs) {
		free(v);
		free(dirs);
		return -ENOMEM;
	}
	for (size_t i = 0; i < t->n; i++) {
		if (((t->rows[i].facts & STORY_CHANGED) != 0) == changed)
			v[n++] = &t->rows[i];
	}
	qsort(v, n, sizeof(*v), by_dir);
	for (size_t i = 0; i < n; i++) {
		struct str path = dir_of(v[i]->name);
		unsigned facts = v[i]->facts;

		if (n_dirs == 0 || !str_eq(dirs[n_dirs - 1].path, path)) {
			dirs[n_dirs].is_here =
				cwd.len > 0 && path_is_below(path, cwd);
			dirs[n_dirs++].path = path;
		}
		dirs[n_dirs - 1].n++;
		dirs[n_dirs - 1].by[(facts & STORY_REMOVED) != 0   ? 1
				    : (facts & STORY_CREATED) != 0 ? 0
								   : 2]++;
	}
	free(v);
	qsort(dirs, n_dirs, sizeof(*dirs), by_n);
	*ret = dirs;
	*ret_n = n_dirs;
	return 0;
}
