/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A label of ten columns, then what there is to say; further lines of a part
 * are indented.  Lines are made in a small buffer and cut at the width, so
 * that a hostile name costs one line; paths are cut in front, since their
 * ends tell them apart.  Colours are names of a table and never come from a
 * record.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "ledger/story-view.h"

#define LABEL_COLUMNS 11u
#define LINE_BYTES    ((size_t)64 * 1024) /* more of a line is not shown */
#define CLEAN_BYTES   (4 * LINE_BYTES + 8)

/* Rows of a part unless all are wanted. */
enum {
	SHOW_PROGRAMS = 4,
	SHOW_TREE = 8,
	SHOW_DIRS = 5,
	SHOW_LATER = 6,
	SHOW_HOSTS = 5,
	SHOW_REFUSED = 5,
	SHOW_LIMITS = 2,
	SHOW_OTHER = 3,
};
#define TREE_DEPTH_MAX 24u

enum colour {
	PLAIN,
	DIM,
	BOLD,
	RED,
	GREEN,
	YELLOW,
};

struct page {
	const struct story *s;
	const struct story_view *view;
	struct buf *b;
	struct buf line; /* what stands behind the label, not cleaned */
	char *clean;     /* CLEAN_BYTES, for put_line() alone */
	const char *label;
	enum colour colour;
};

static const char *const codes[] = {
	[PLAIN] = "",         [DIM] = "\x1b[2m",    [BOLD] = "\x1b[1m",
	[RED] = "\x1b[1;31m", [GREEN] = "\x1b[32m", [YELLOW] = "\x1b[33m",
};

/* ---- lines ---- */

static void put_colour(struct page *p, enum colour c)
{
	if (p->view->colour)
		(void)buf_add(p->b, str_of(codes[c]));
}

static void end_colour(struct page *p, enum colour c)
{
	if (p->view->colour && c != PLAIN)
		(void)buf_add(p->b, STR("\x1b[0m"));
}

/* @text, cleaned before, at most @columns wide. */
static void put_cut(struct page *p, struct str text, size_t columns)
{
	uint32_t c;
	size_t n = 0, at = 0, fits = 0;

	while (at < text.len) {
		size_t len = utf8_decode(str_skip(text, at), &c);

		if (++n > columns)
			break;
		at += len ? len : 1;
		if (n + 3 == columns)
			fits = at;
	}
	if (at >= text.len && n <= columns) {
		(void)buf_add(p->b, text);
		return;
	}
	(void)buf_add(p->b, (struct str){ text.ptr, fits });
	(void)buf_add(p->b, STR("..."));
}

/* The line, behind its label, and begin the next one. */
static void put_line(struct page *p)
{
	put_colour(p, p->label[0] ? BOLD : PLAIN);
	(void)buf_printf(p->b, "%-10s", p->label);
	end_colour(p, p->label[0] ? BOLD : PLAIN);
	(void)buf_addc(p->b, ' ');
	str_sanitise(buf_str(&p->line), p->clean, CLEAN_BYTES);
	put_colour(p, p->colour);
	if (p->view->all)
		(void)buf_add(p->b, str_of(p->clean));
	else
		put_cut(p, str_of(p->clean), p->view->width - LABEL_COLUMNS);
	end_colour(p, p->colour);
	(void)buf_addc(p->b, '\n');
	buf_clear(&p->line);
	p->label = "";
	p->colour = PLAIN;
}

static void add(struct page *p, const char *text)
{
	(void)buf_add(&p->line, str_of(text));
}

static void add_str(struct page *p, struct str s)
{
	(void)buf_add(&p->line, s);
}

/* The end of @s when it is longer than @columns. */
static void add_end(struct page *p, struct str s, size_t columns)
{
	if (p->view->all || s.len <= columns || columns < 8) {
		add_str(p, s);
		return;
	}
	add(p, "...");
	s = str_skip(s, s.len - (columns - 3));
	/* Not in the middle of a character. */
	while (s.len > 0 && ((unsigned char)s.ptr[0] & 0xc0) == 0x80)
		s = str_skip(s, 1);
	add_str(p, s);
}

static void add_path(struct page *p, struct str path, size_t columns)
{
	add_end(p, story_path(p->s, path), columns);
}

static void add_times(struct page *p, uint64_t n)
{
	if (n > 1)
		(void)buf_printf(&p->line, "  %" PRIu64 " times", n);
}

static size_t at_most(const struct page *p, size_t n, size_t shown)
{
	return p->view->all || n <= shown + 1 ? n : shown;
}

static void more(struct page *p, size_t n, const char *what)
{
	if (n == 0)
		return;
	(void)buf_printf(&p->line, "and %zu more %s", n, what);
	p->colour = DIM;
	put_line(p);
}

/* ---- the head ---- */

static void add_time(struct page *p, uint64_t at_ns, bool date)
{
	time_t at = (time_t)(at_ns / NS_PER_S);
	struct tm t = { 0 };
	char text[64];

	if (!localtime_r(&at, &t) ||
	    strftime(text, sizeof(text),
		     date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &t) == 0)
		(void)snprintf(text, sizeof(text), "?");
	add(p, text);
}

static bool same_day(uint64_t a_ns, uint64_t b_ns)
{
	time_t a = (time_t)(a_ns / NS_PER_S), b = (time_t)(b_ns / NS_PER_S);
	struct tm x = { 0 }, y = { 0 };

	return localtime_r(&a, &x) && localtime_r(&b, &y) &&
	       x.tm_year == y.tm_year && x.tm_yday == y.tm_yday;
}

static void put_when(struct page *p)
{
	const struct story *s = p->s;
	uint64_t from = s->open.fields ? s->open.head.at : s->first_at;

	p->label = "when";
	add_time(p, from, true);
	if (story_is_over(s)) {
		add(p, " to ");
		add_time(p, s->close.head.at,
			 !same_day(from, s->close.head.at));
	}
	add(p, story_is_over(s) ? ", " : ", for ");
	story_format_ns(story_elapsed_ns(s, p->view->now_ns), &p->line);
	put_line(p);
}

static void field(struct page *p, const char *label, const char *key)
{
	struct str v = json_find_str(p->s->open.fields, key);

	if (v.len == 0)
		return;
	p->label = label;
	add_str(p, v);
	put_line(p);
}

static void put_policy(struct page *p)
{
	const struct json *f = p->s->open.fields;
	struct str hash = json_find_str(f, "policy");
	struct str file = json_find_str(f, "file");
	struct str layers = json_find_str(f, "layers");
	struct str profile = json_find_str(f, "profile");

	if (hash.len == 0 && file.len == 0)
		return;
	p->label = "policy";
	if (!p->view->all && hash.len > 12)
		hash.len = 12;
	add_str(p, hash);
	if (layers.len > 0) {
		add(p, "  of ");
		add_str(p, layers);
	}
	if (profile.len > 0) {
		add(p, ", profile ");
		add_str(p, profile);
	}
	if (file.len > 0) {
		add(p, ", ");
		add_str(p, file);
	}
	put_line(p);
}

static void put_head(struct page *p)
{
	const struct story *s = p->s;
	struct str reason = json_find_str(s->close.fields, "reason");
	struct str user = json_find_str(s->open.fields, "user");
	struct str task = json_find_str(s->open.fields, "task");

	p->label = "session";
	add_str(p, s->id);
	put_line(p);
	p->label = "state";
	story_format_end(s, &p->line);
	if (reason.len > 0) {
		add(p, " (");
		add_str(p, reason);
		add(p, ")");
	}
	p->colour =
		!story_is_over(s) ? YELLOW
		: json_find_int(s->close.fields, "code", 1) == 0 &&
				json_find_int(s->close.fields, "signal", 0) == 0
			? GREEN
			: RED;
	put_line(p);
	p->label = "user";
	add_str(p, user);
	if (task.len > 0) {
		add(p, ", task ");
		add_str(p, task);
	}
	if (user.len > 0)
		put_line(p);
	buf_clear(&p->line);
	field(p, "command", "argv");
	field(p, "in", "cwd");
	put_when(p);
	put_policy(p);
	p->label = "walls";
	story_format_walls(s, &p->line);
	if (p->line.len > 0)
		put_line(p);
}

/* ---- what ran ---- */

struct tree {
	struct page *p;
	size_t shown, left_out;
};

static void add_node(struct page *p, const struct story_node *n)
{
	add_str(p, n->name);
	if (n->count > 1)
		(void)buf_printf(&p->line, " x%" PRIu64, n->count);
}

/* Do none of its children have children? */
static bool is_fan(const struct story *s, uint32_t n)
{
	for (n = s->nodes[n].child; n != 0; n = s->nodes[n].next) {
		if (s->nodes[n].child != 0)
			return false;
	}
	return true;
}

static void put_node(struct tree *t, uint32_t n, unsigned depth)
{
	const struct story *s = t->p->s;
	bool fan = is_fan(s, n), any = false;

	if (s->nodes[n].count == 0)
		return; /* what failed to execute */
	if (t->shown == SHOW_TREE && !t->p->view->all) {
		t->left_out++;
		return;
	}
	t->shown++;
	(void)buf_printf(&t->p->line, "%*s", (int)(2 * depth + 2), "");
	add_node(t->p, &s->nodes[n]);
	for (uint32_t c = s->nodes[n].child; fan && c != 0;
	     c = s->nodes[c].next) {
		if (s->nodes[c].count == 0)
			continue;
		add(t->p, any ? ", " : ": ");
		add_node(t->p, &s->nodes[c]);
		any = true;
	}
	put_line(t->p);
	if (fan)
		return;
	for (uint32_t c = s->nodes[n].child; c != 0; c = s->nodes[c].next) {
		if (depth + 1 < TREE_DEPTH_MAX)
			put_node(t, c, depth + 1);
		else
			t->left_out++;
	}
}

static void put_ran(struct page *p)
{
	const struct story *s = p->s;
	const struct story_table *programs = story_table(s, STORY_PROGRAMS);
	const struct story_row **v = NULL;
	struct tree t = { .p = p };
	size_t n = at_most(p, story_n_rows(programs), SHOW_PROGRAMS);

	if (programs->total == 0 || story_sort(programs, &v) != 0)
		return;
	p->label = "ran";
	(void)buf_printf(
		&p->line, "%" PRIu64 " times %zu program%s:", programs->total,
		story_n_rows(programs), story_n_rows(programs) == 1 ? "" : "s");
	if (p->view->all)
		put_line(p);
	for (size_t i = 0; i < n; i++) {
		add(p, p->view->all ? "  " : i > 0 ? ", " : " ");
		add_path(p, v[i]->name, 40);
		if (v[i]->count > 1)
			(void)buf_printf(&p->line, " x%" PRIu64, v[i]->count);
		if (p->view->all)
			put_line(p);
	}
	add(p, n < story_n_rows(programs) ? ", ..." : "");
	if (!p->view->all)
		put_line(p);
	free(v);
	p->label = p->view->all ? "tree" : "";
	for (uint32_t c = s->nodes[0].child; c != 0; c = s->nodes[c].next)
		put_node(&t, c, 0);
	more(p, t.left_out, "below: bawn show --all");
}

/* ---- files ---- */

static void put_later(struct page *p)
{
	const struct story_table *later = story_table(p->s, STORY_LATER);
	const struct story_row **v = NULL;
	size_t n = at_most(p, story_n_rows(later), SHOW_LATER);

	if (later->total == 0 || story_sort(later, &v) != 0)
		return;
	for (size_t i = 0; i < n; i++) {
		p->label = "later";
		p->colour = v[i]->urgent ? RED : YELLOW;
		add_str(p, v[i]->what);
		add(p, " ");
		add_path(p, v[i]->name, 48);
		if (v[i]->count > 1)
			(void)buf_printf(&p->line, ", %" PRIu64 " in it",
					 v[i]->count);
		if (v[i]->hint.len > 0) {
			add(p, ": ");
			add_str(p, v[i]->hint);
		}
		if (v[i]->about.len > 0) {
			add(p, " (");
			add_str(p, v[i]->about);
			add(p, ")");
		}
		add(p, v[i]->urgent ? " !" : "");
		put_line(p);
	}
	free(v);
	more(p, story_n_rows(later) - n, "files that run later outside");
}

static void add_part(struct page *p, size_t n, const char *word, bool *any)
{
	if (n == 0)
		return;
	(void)buf_printf(&p->line, "%s%zu %s", *any ? ", " : "", n, word);
	*any = true;
}

static void put_dir(struct page *p, const struct story_dir *d, bool changed)
{
	bool any = false;

	add(p, "  ");
	if (d->path.len == 0)
		add(p, "/");
	else if (str_eq(d->path, json_find_str(p->s->open.fields, "cwd")))
		add(p, "."); /* where it ran */
	else
		add_path(p, d->path, 40);
	add(p, "  ");
	if (changed) {
		add_part(p, d->by[0], "created", &any);
		add_part(p, d->by[2], "changed", &any);
		add_part(p, d->by[1], "removed", &any);
	} else {
		(void)buf_printf(&p->line, "%zu", d->n);
	}
	put_line(p);
}

static void put_all_files(struct page *p, bool changed)
{
	const struct story_table *t = story_table(p->s, STORY_FILES);

	for (size_t i = 0; p->view->all && i < t->n; i++) {
		const struct story_row *r = &t->rows[i];

		if (((r->facts & STORY_CHANGED) != 0) != changed)
			continue;
		add(p, "    ");
		add_path(p, r->name, SIZE_MAX);
		add(p, "  ");
		story_format_facts(r->facts, &p->line);
		add_times(p, r->count);
		put_line(p);
	}
}

static void put_files(struct page *p, bool changed)
{
	size_t files = 0, n = 0, shown;
	struct story_dir *dirs = NULL;

	if (story_dirs(p->s, changed, &dirs, &n) != 0)
		return;
	for (size_t i = 0; i < n; i++)
		files += dirs[i].n;
	if (files > 0) {
		p->label = changed ? "changed" : "read";
		(void)buf_printf(&p->line, "%zu file%s in %zu director%s",
				 files, files == 1 ? "" : "s", n,
				 n == 1 ? "y" : "ies");
		put_line(p);
	}
	shown = at_most(p, n, changed ? SHOW_DIRS : SHOW_DIRS / 2);
	for (size_t i = 0; i < shown; i++)
		put_dir(p, &dirs[i], changed);
	more(p, n - shown, "directories");
	free(dirs);
	put_all_files(p, changed);
}

/* ---- the network, refusals, limits ---- */

static void put_hosts(struct page *p, enum story_table_id id, const char *label)
{
	const struct story_table *hosts = story_table(p->s, id);
	const struct story_row **v = NULL;
	size_t n = at_most(p, story_n_rows(hosts), SHOW_HOSTS);

	if (hosts->total == 0 || story_sort(hosts, &v) != 0)
		return;
	p->label = label;
	for (size_t i = 0; i < n; i++) {
		add_path(p, v[i]->name, 44);
		add_times(p, v[i]->count);
		if (v[i]->bytes_in + v[i]->bytes_out > 0) {
			add(p, ", ");
			story_format_bytes(v[i]->bytes_in, &p->line);
			add(p, " in, ");
			story_format_bytes(v[i]->bytes_out, &p->line);
			add(p, " out");
		}
		if (v[i]->about.len > 0) {
			add(p, id == STORY_HOSTS ? "  (rule " : "  (");
			add_str(p, v[i]->about);
			add(p, ")");
		}
		put_line(p);
	}
	free(v);
	more(p, story_n_rows(hosts) - n, "addresses");
}

static void put_refused(struct page *p, enum story_table_id id,
			const char *label, size_t show)
{
	const struct story_table *t = story_table(p->s, id);
	const struct story_row **v = NULL;
	size_t n = at_most(p, story_n_rows(t), show);

	if (t->total == 0 || story_sort(t, &v) != 0)
		return;
	p->label = label;
	for (size_t i = 0; i < n; i++) {
		p->colour = RED;
		add_str(p, v[i]->name);
		add_times(p, v[i]->count);
		if (v[i]->about.len > 0) {
			add(p, "  (");
			add_str(p, v[i]->about);
			add(p, ")");
		}
		put_line(p);
		if (v[i]->hint.len == 0)
			continue;
		p->colour = DIM;
		add(p, "  to allow: ");
		add_str(p, v[i]->hint);
		put_line(p);
	}
	free(v);
	more(p, story_n_rows(t) - n, "of these: bawn show --all");
}

static void put_other(struct page *p)
{
	const struct story_table *t = story_table(p->s, STORY_OTHER);

	if (t->total == 0)
		return;
	p->label = "also";
	for (size_t i = 0; i < t->n && (i < SHOW_OTHER || p->view->all); i++) {
		add(p, i > 0 ? ", " : "");
		add_str(p, t->rows[i].name);
		if (t->rows[i].count > 1)
			(void)buf_printf(&p->line, " x%" PRIu64,
					 t->rows[i].count);
	}
	put_line(p);
}

static void put_said(struct page *p)
{
	p->label = "said";
	story_format_said(p->s, &p->line);
	if (p->line.len > 0)
		put_line(p);
}

/* ---- what it cost, and where the proof is ---- */

static uint64_t used(const struct page *p, const char *key)
{
	int64_t v = json_find_int(p->s->close.fields, key, 0);

	return v > 0 ? (uint64_t)v : 0;
}

static void put_cost(struct page *p)
{
	uint64_t cpu_us = used(p, "utime_us") + used(p, "stime_us");

	p->label = "cost";
	story_format_ns(story_elapsed_ns(p->s, p->view->now_ns), &p->line);
	if (!story_is_over(p->s)) {
		add(p, " so far; the rest is known at the end");
		put_line(p);
		return;
	}
	add(p, ", processor ");
	story_format_ns(cpu_us <= UINT64_MAX / 1000 ? cpu_us * 1000 : 0,
			&p->line);
	if (used(p, "maxrss_kb") > 0) {
		add(p, ", at most ");
		story_format_bytes(used(p, "maxrss_kb") * 1024, &p->line);
	}
	if (used(p, "bytes_in") + used(p, "bytes_out") > 0) {
		add(p, ", ");
		story_format_bytes(used(p, "bytes_in"), &p->line);
		add(p, " in, ");
		story_format_bytes(used(p, "bytes_out"), &p->line);
		add(p, " out");
	}
	put_line(p);
	if (used(p, "ledger_ms") >= STORY_WAITED_MS) {
		p->colour = YELLOW;
		story_format_ns(used(p, "ledger_ms") % (1ull << 40) * NS_PER_MS,
				&p->line);
		add(p, " of it waiting for the ledger");
		put_line(p);
	}
}

static void put_proof(struct page *p)
{
	const struct story *s = p->s;

	p->label = "proof";
	if (s->n_records == 1)
		(void)buf_printf(&p->line, "record %" PRIu64, s->first);
	else
		(void)buf_printf(&p->line,
				 "%" PRIu64 " records, %" PRIu64 " to %" PRIu64,
				 s->n_records, s->first, s->last);
	if (s->last > 0 && story_checkpoint_size(p->view) >= s->last)
		(void)buf_printf(&p->line,
				 ", signed for by the checkpoint of %" PRIu64,
				 story_checkpoint_size(p->view));
	add(p, "; bawn ledger verify");
	put_line(p);
}

void story_text(const struct story *s, const struct story_view *view,
		struct buf *b)
{
	struct page p = { .s = s, .view = view, .b = b, .label = "" };

	ASSERT(view->width >= STORY_WIDTH_MIN);
	p.clean = malloc(CLEAN_BYTES);
	if (!p.clean) {
		b->failed = true;
		return;
	}
	buf_init(&p.line, LINE_BYTES);
	put_head(&p);
	put_ran(&p);
	put_later(&p);
	put_files(&p, true);
	put_files(&p, false);
	put_hosts(&p, STORY_HOSTS, "connected");
	if (view->all)
		put_hosts(&p, STORY_SOCKETS, "sockets");
	put_refused(&p, STORY_REFUSED, "refused", SHOW_REFUSED);
	put_refused(&p, STORY_LIMITS, "limits", SHOW_LIMITS);
	put_said(&p);
	put_other(&p);
	put_cost(&p);
	put_proof(&p);
	buf_done(&p.line);
	free(p.clean);
}
