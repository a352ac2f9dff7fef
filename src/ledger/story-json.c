/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "ledger/story-view.h"

static void member(struct json_out *w, const char *key,
		   const struct record *rec)
{
	json_key(w, key);
	if (rec->fields)
		json_value(w, rec->fields);
	else
		json_null(w);
}

static void put_counts(struct json_out *w, const struct story *s)
{
	const struct story_table *other = story_table(s, STORY_OTHER);

	json_key(w, "counts");
	json_open(w, '{');
	for (unsigned k = 1; k < RECORD_KIND_MAX_; k++) {
		if (s->counts[k] > 0)
			json_kuint(w, record_kind_name((enum record_kind)k),
				   s->counts[k]);
	}
	json_close(w, '}');
	/* Kinds that this version has no place for. */
	json_key(w, "other");
	json_open(w, '{');
	for (size_t i = 0; i < other->n; i++) {
		json_key_str(w, other->rows[i].name);
		json_uint(w, other->rows[i].count);
	}
	json_close(w, '}');
}

static void put_said(struct json_out *w, const struct story *s)
{
	static const char *const names[] = { "logs", "spans" };
	const struct story_said *t = &s->said;

	if (t->events + t->lost == 0)
		return;
	json_key(w, "said");
	json_open(w, '{');
	json_kuint(w, "events", t->events);
	json_kuint(w, "lost", t->lost);
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		json_key(w, names[i]);
		json_open(w, '{');
		json_kuint(w, "tokens_in", t->by[i].tokens_in);
		json_kuint(w, "tokens_out", t->by[i].tokens_out);
		json_kuint(w, "cost_microusd", t->by[i].cost_microusd);
		json_close(w, '}');
	}
	json_close(w, '}');
}

static void put_facts(struct json_out *w, unsigned facts)
{
	static const struct {
		unsigned fact;
		struct str word;
	} words[] = {
		{ STORY_READ, STR("read") },
		{ STORY_CREATED, STR("created") },
		{ STORY_WROTE, STR("written") },
		{ STORY_RENAMED, STR("renamed") },
		{ STORY_LINKED, STR("linked") },
		{ STORY_MODE, STR("mode") },
		{ STORY_REMOVED, STR("removed") },
	};

	json_key(w, "facts");
	json_open(w, '[');
	for (size_t i = 0; i < N_ELEMS(words); i++) {
		if ((facts & words[i].fact) != 0)
			json_str(w, words[i].word);
	}
	json_close(w, ']');
}

static void put_text(struct json_out *w, const char *key, struct str text)
{
	if (key && text.len > 0)
		json_kstr(w, key, text);
}

/* What the texts of a table's rows are called; NULL: not given. */
static const struct table_names {
	enum story_table_id id;
	const char *table, *name, *about, *hint;
} names[] = {
	{ STORY_PROGRAMS, "programs", "exe", NULL, "argv" },
	{ STORY_LATER, "later", "path", "reason", "detail" },
	{ STORY_FILES, "files", "path", NULL, NULL },
	{ STORY_HOSTS, "connections", "to", "rule", NULL },
	{ STORY_SOCKETS, "sockets", "to", "kind", NULL },
	{ STORY_REFUSED, "refused", "what", "reason", "hint" },
	{ STORY_LIMITS, "limits", "limit", "reason", "hint" },
};

static void put_row(struct json_out *w, const struct table_names *t,
		    const struct story_row *r)
{
	json_open(w, '{');
	json_kstr(w, t->name, r->name);
	put_text(w, t->about, r->about);
	put_text(w, t->hint, r->hint);
	put_text(w, "what", t->id == STORY_LATER ? r->what : (struct str){ 0 });
	put_text(w, "row", r->row);
	put_text(w, "class", r->of);
	if (t->id == STORY_LATER)
		json_kbool(w, "urgent", r->urgent);
	if (t->id == STORY_FILES)
		put_facts(w, r->facts);
	if (r->bytes_in + r->bytes_out > 0) {
		json_kuint(w, "bytes_in", r->bytes_in);
		json_kuint(w, "bytes_out", r->bytes_out);
	}
	json_kbool(w, "claimed", r->claimed);
	json_kuint(w, "count", r->count);
	json_kuint(w, "first", r->first);
	json_kuint(w, "last", r->last);
	json_close(w, '}');
}

static void put_tables(struct json_out *w, const struct story *s)
{
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		const struct story_table *t = story_table(s, names[i].id);

		json_key(w, names[i].table);
		json_open(w, '[');
		for (size_t k = 0; k < t->n; k++) {
			if (t->rows[k].count > 0)
				put_row(w, &names[i], &t->rows[k]);
		}
		json_close(w, ']');
	}
	json_key(w, "left_out");
	json_open(w, '{');
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		if (story_table(s, names[i].id)->left_out > 0)
			json_kuint(w, names[i].table,
				   story_table(s, names[i].id)->left_out);
	}
	json_close(w, '}');
}

/* In order, each with its depth: the nesting of JSON has a limit. */
static void put_tree(struct json_out *w, const struct story *s)
{
	uint32_t n = s->nodes[0].child;
	int64_t depth = 0;

	json_key(w, "tree");
	json_open(w, '[');
	while (n != 0) {
		if (s->nodes[n].count > 0) {
			json_open(w, '{');
			json_kint(w, "depth", depth);
			json_kstr(w, "name", s->nodes[n].name);
			json_kuint(w, "count", s->nodes[n].count);
			json_close(w, '}');
		}
		if (s->nodes[n].child != 0) {
			n = s->nodes[n].child;
			depth++;
			continue;
		}
		while (n != 0 && s->nodes[n].next == 0) {
			n = s->nodes[n].parent;
			depth--;
		}
		n = s->nodes[n].next;
	}
	json_close(w, ']');
}

static void put_dirs(struct json_out *w, const struct story *s, bool changed)
{
	struct story_dir *dirs = NULL;
	size_t n = 0;

	json_key(w, changed ? "changed" : "read");
	json_open(w, '[');
	if (story_dirs(s, changed, &dirs, &n) != 0)
		w->b->failed = true;
	for (size_t i = 0; i < n; i++) {
		json_open(w, '{');
		json_kstr(w, "path",
			  dirs[i].path.len > 0 ? dirs[i].path : STR("/"));
		json_kuint(w, "files", dirs[i].n);
		if (changed) {
			json_kuint(w, "created", dirs[i].by[0]);
			json_kuint(w, "removed", dirs[i].by[1]);
			json_kuint(w, "changed", dirs[i].by[2]);
		}
		json_close(w, '}');
	}
	json_close(w, ']');
	free(dirs);
}

void story_json(const struct story *s, const struct story_view *view,
		struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_kuint(&w, "v", 1);
	json_kstr(&w, "session", s->id);
	json_kstr(&w, "state", story_is_over(s) ? STR("over") : STR("running"));
	json_kuint(&w, "elapsed_ms",
		   story_elapsed_ns(s, view->now_ns) / NS_PER_MS);
	member(&w, "open", &s->open);
	member(&w, "start", &s->start);
	member(&w, "close", &s->close);
	json_key(&w, "records");
	json_open(&w, '{');
	json_kuint(&w, "n", s->n_records);
	json_kuint(&w, "first", s->first);
	json_kuint(&w, "last", s->last);
	json_close(&w, '}');
	if (view->checkpoint.len > 0)
		json_kstr(&w, "checkpoint", view->checkpoint);
	put_counts(&w, s);
	put_said(&w, s);
	put_tree(&w, s);
	json_key(&w, "directories");
	json_open(&w, '{');
	put_dirs(&w, s, true);
	put_dirs(&w, s, false);
	json_close(&w, '}');
	put_tables(&w, s);
	json_close(&w, '}');
	(void)buf_addc(b, '\n');
}
