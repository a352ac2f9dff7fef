/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * JSON, strictly; a key of the wrong type is refused, since it may be one that
 * refuses something.  Keys are looked up by their full name in the table of
 * import-keys.c.  A key that is not in it is named, with the nearest that is:
 * what it would have refused is not known.
 *
 *   Claude Code   {"sandbox": {...}, "permissions": {...}, others: the agent's}
 *   srt           {"network": {...}, "filesystem": {...}, ...}
 */
#include "policy/import-work.h"

#include "base/near.h"
#include "base/path.h"
#include "policy/policy-doc.h"
#include "policy/scalar-parse.h"

static struct import_list new_list(struct arena *a)
{
	return (struct import_list){ .items = arena_array(
					     a, IMPORT_MAX_ITEMS,
					     sizeof(struct import_item)) };
}

int import_add(struct import_work *w, struct import_list *l,
	       struct import_item item)
{
	bool notes = l == &w->im.left_out || l == &w->im.remarks;

	if (!item.from.ptr || !l->items)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		const struct import_item *have = &l->items[i];

		if (item.text.ptr && str_eq(have->text, item.text) &&
		    have->port == item.port &&
		    (!notes || str_eq(have->from, item.from)))
			return 0;
	}
	if (l->n == IMPORT_MAX_ITEMS)
		return import_refuse(w, item.from, "too many entries");
	l->items[l->n++] = item;
	return 0;
}

int import_refuse(struct import_work *w, struct str key, const char *why)
{
	char shown[120];

	str_sanitise(key, shown, sizeof(shown));
	diag_set(w->reterr, 0, 0,
		 "%s: %s; a policy cannot be made that refuses as much. Take "
		 "it out, and refuse it by hand",
		 shown, why);
	return 1;
}

int import_leave(struct import_work *w, struct str key, const char *why)
{
	return import_add(
		w, &w->im.left_out,
		(struct import_item){ .text = key, .from = str_of(why) });
}

int import_remark(struct import_work *w, struct str key, const char *how)
{
	return import_add(
		w, &w->im.remarks,
		(struct import_item){ .text = key, .from = str_of(how) });
}

/* ---- the walk ---- */

static bool is_row_for(const struct import_work *w, const struct import_row *r)
{
	return (r->tools & (unsigned)w->im.tool) != 0;
}

static const struct import_row *find_row(const struct import_work *w,
					 struct str name)
{
	for (size_t i = 0; i < import_n_rows; i++) {
		if (is_row_for(w, &import_rows[i]) &&
		    str_eq(str_of(import_rows[i].name), name))
			return &import_rows[i];
	}
	return NULL;
}

static bool is_section(const struct import_work *w, struct str name)
{
	for (size_t i = 0; i < import_n_rows; i++) {
		struct str row = str_of(import_rows[i].name);

		if (is_row_for(w, &import_rows[i]) && row.len > name.len &&
		    str_starts(row, name) && row.ptr[name.len] == '.')
			return true;
	}
	return false;
}

static struct str last_word(struct str name)
{
	const char *dot =
		name.len > 0 ? memrchr(name.ptr, '.', name.len) : NULL;

	return dot ? str_skip(name, (size_t)(dot - name.ptr) + 1) : name;
}

/* @shown: as the settings have it; @name: as the table would. */
static int leave_unknown(struct import_work *w, struct str shown,
			 struct str name)
{
	const char *nearest = NULL;
	unsigned best = NEAR_FAR;

	for (size_t i = 0; i < import_n_rows; i++) {
		struct str row = str_of(import_rows[i].name);
		unsigned d;

		if (!is_row_for(w, &import_rows[i]))
			continue;
		d = near_distance(last_word(name), last_word(row));
		if (d < best) {
			best = d;
			nearest = import_rows[i].name;
		}
	}
	if (!nearest)
		return import_leave(w, shown,
				    "an unknown key; what it refuses is not "
				    "known");
	return import_leave(
		w, shown,
		arena_printf(w->arena,
			     "an unknown key, did you mean %s? What it "
			     "refuses is not known",
			     nearest));
}

static int walk(struct import_work *w, const struct json *o, struct str shown,
		struct str name);

static int walk_member(struct import_work *w, const struct json *m,
		       struct str shown, struct str name)
{
	const struct import_row *row = find_row(w, name);

	if (row && row->take)
		return row->take(w, m, shown);
	if (row)
		return import_leave(w, shown, row->why);
	if (!is_section(w, name))
		return leave_unknown(w, shown, name);
	if (!json_is(m, JSON_OBJECT))
		return import_refuse(w, shown, "must be an object");
	return walk(w, m, shown, name);
}

static struct str member(struct import_work *w, struct str front,
			 struct str key)
{
	return str_of(arena_printf(w->arena, "%.*s%s%.*s", STR_ARG(front),
				   front.len > 0 ? "." : "", STR_ARG(key)));
}

/* Depth is that of the table: sections have no sections. */
static int walk(struct import_work *w, const struct json *o, struct str shown,
		struct str name)
{
	int r = 0;

	JSON_EACH (m, o) {
		struct str full_shown = member(w, shown, m->key);
		struct str full = member(w, name, m->key);

		if (!full.ptr || !full_shown.ptr)
			return -ENOMEM;
		r = walk_member(w, m, full_shown, full);
		if (r != 0)
			return r;
	}
	return 0;
}

static int walk_section(struct import_work *w, const struct json *m,
			struct str name)
{
	if (!json_is(m, JSON_OBJECT))
		return import_refuse(w, m->key, "must be an object");
	return walk(w, m, m->key, name);
}

static int walk_claude(struct import_work *w, const struct json *o)
{
	static const char *const sections[] = { "sandbox", "permissions" };
	int r = 0;

	JSON_EACH (m, o) {
		const char *near = NULL;

		if (str_eq(m->key, STR("sandbox"))) {
			r = walk_section(w, m, (struct str){ 0 });
		} else if (str_eq(m->key, STR("permissions"))) {
			r = walk_section(w, m, m->key);
		} else {
			for (size_t i = 0; i < N_ELEMS(sections); i++) {
				if (near_distance(m->key, str_of(sections[i])) <
				    NEAR_FAR)
					near = sections[i];
			}
			r = import_leave(
				w, m->key,
				near ? arena_printf(w->arena,
						    "an unknown key, did you "
						    "mean %s? What it refuses "
						    "is not known",
						    near)
				     : "the agent's own, not about what a "
				       "session may do");
		}
		if (r != 0)
			return r;
	}
	return 0;
}

static int detect(struct import_work *w, const struct json *o,
		  enum import_tool tool)
{
	bool claude = json_find(o, "sandbox") || json_find(o, "permissions");
	bool srt = json_find(o, "network") || json_find(o, "filesystem");

	if (!json_is(o, JSON_OBJECT)) {
		diag_set(w->reterr, 0, 0, "not settings: not a JSON object");
		return 1;
	}
	if (claude != srt && tool == (claude ? IMPORT_SRT : IMPORT_CLAUDE)) {
		diag_set(w->reterr, 0, 0,
			 "these are the settings of %s, by their keys",
			 claude ? "Claude Code" : "sandbox-runtime");
		return 1;
	}
	w->im.tool = tool;
	if (tool == IMPORT_ANY && claude != srt)
		w->im.tool = claude ? IMPORT_CLAUDE : IMPORT_SRT;
	if (w->im.tool != IMPORT_ANY)
		return 0;
	diag_set(w->reterr, 0, 0,
		 "whose settings are these? Neither \"sandbox\" or "
		 "\"permissions\" (Claude Code) nor \"network\" or "
		 "\"filesystem\" (sandbox-runtime) alone is in them; say "
		 "--from claude or --from srt");
	return 1;
}

/* ---- what is known at the end ---- */

/* Variables that a session gets without being asked are made empty. */
static int finish_env(struct import_work *w)
{
	const struct policy_doc *builtin = NULL;
	const struct policy_value *pass;
	struct import_list *l = &w->im.blank;
	size_t n = 0;
	int r = policy_builtin(w->arena, &builtin);

	if (r != 0)
		return r;
	pass = &builtin->value[POLICY_ENV_PASS];
	for (size_t i = 0; i < l->n && r == 0; i++) {
		struct str name = l->items[i].text;
		bool passed = false;

		for (size_t k = 0; k < pass->n; k++)
			passed =
				passed || glob_match(pass->items[k].text, name);
		if (passed && scalar_is_env_name(name, false))
			l->items[n++] = l->items[i];
		else
			r = import_remark(w, l->items[i].from,
					  "no variable is passed that env.pass "
					  "does not name");
	}
	l->n = n;
	return r;
}

static int check_limits(struct import_work *w)
{
	const struct {
		const struct import_list *list;
		enum policy_key key;
	} rows[] = { { &w->im.read, POLICY_FILES_READ },
		     { &w->im.write, POLICY_FILES_WRITE },
		     { &w->im.hide, POLICY_FILES_HIDE },
		     { &w->im.blank, POLICY_ENV_SET },
		     { &w->im.allow, POLICY_NETWORK_ALLOW },
		     { &w->im.deny, POLICY_NETWORK_DENY } };

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint64_t max = policy_schema[rows[i].key].max;

		if (rows[i].list->n > max)
			return import_refuse(w, rows[i].list->items[max].from,
					     "more entries than a policy has "
					     "room for");
	}
	return 0;
}

static int walk_all(struct import_work *w, const struct json *o)
{
	int r = w->im.tool == IMPORT_CLAUDE
			? walk_claude(w, o)
			: walk(w, o, (struct str){ 0 }, (struct str){ 0 });

	/* It may write where it is started; sandbox-runtime names that. */
	if (w->im.tool == IMPORT_CLAUDE)
		w->write_project = true;
	if (r == 0)
		r = import_finish_paths(w);
	if (r == 0)
		r = import_finish_hosts(w);
	if (r == 0)
		r = finish_env(w);
	return r != 0 ? r : check_limits(w);
}

/* Some editors let comments into JSON; what one hides is not guessed. */
static void explain_comment(struct str text, struct diag *d)
{
	struct str line = { 0 };

	for (unsigned i = 0; i < d->line; i++) {
		if (!str_cut(&text, '\n', &line))
			return;
	}
	if (d->column > 0 && d->column <= line.len &&
	    line.ptr[d->column - 1] == '/')
		diag_set(d, d->line, d->column,
			 "a comment; JSON has none, so take it out");
}

int import_parse(struct arena *a, struct str text, bool of_user,
		 enum import_tool tool, struct import *ret, struct diag *reterr)
{
	struct import_work w = { .arena = a, .reterr = reterr };
	struct import_list *lists[] = { &w.im.read,     &w.im.write,
					&w.im.hide,     &w.im.blank,
					&w.im.allow,    &w.im.deny,
					&w.im.left_out, &w.im.remarks,
					&w.deny_write,  &w.denied_ports };
	struct json *o = NULL;
	int r;

	if (text.len > IMPORT_MAX_BYTES) {
		diag_set(reterr, 0, 0, "larger than %zu KiB",
			 IMPORT_MAX_BYTES / 1024);
		return 1;
	}
	for (size_t i = 0; i < N_ELEMS(lists); i++)
		*lists[i] = new_list(a);
	w.relative_to_home = of_user;
	r = json_parse(a, text, &o, reterr);
	if (r > 0 && reterr)
		explain_comment(text, reterr);
	if (r == 0)
		r = detect(&w, o, tool);
	if (r == 0)
		r = walk_all(&w, o);
	if (a->failed)
		return -ENOMEM;
	if (r == 0)
		*ret = w.im;
	return r;
}
