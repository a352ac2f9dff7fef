/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A path of the settings has one of four bases:
 *
 *   //x                 absolute, in both dialects
 *   /x                  absolute; in a permission rule it is relative to a
 *                       directory on which versions do not agree
 *   ~  ~/x  $HOME/x     below the home
 *   ./x  x              below the directory in which the tool was started; in
 *                       ~/.claude/settings.json below ~/.claude
 *
 * bawn's "." is the project, the nearest directory above with a ".git", so
 * a relative path is refused at any depth ("**" in front) and allowed only as
 * it is.  A directory and everything below it is the directory's own entry:
 * "x/" and "x/" "**" are "x".
 *
 * What is denied for writing only is hidden when it may lie in something
 * writable: the language has no read-only entry below a writable one.
 *
 * A denied path that is above the project or the home, where bawn mounts
 * nothing by itself, becomes a flag; import_finish_paths() leaves out what it
 * covers.
 */
#include "policy/import-work.h"

#include "base/path.h"
#include "policy/scalar-parse.h"

enum base {
	BASE_ROOT,
	BASE_HOME,
	BASE_PROJECT,
	BASE_UNSURE, /* "/x" of a rule */
};

struct place {
	enum base base;
	struct str rest; /* without "/" at both ends; empty: the base itself */
	bool up;         /* has ".." */
};

static struct str skip_slashes(struct str s)
{
	while (s.len > 0 && s.ptr[0] == '/')
		s = str_skip(s, 1);
	return s;
}

/* @s if it begins with @word, alone or before "/"; what follows. */
static bool skip_base(struct str *s, struct str word)
{
	if (!str_starts(*s, word) ||
	    (s->len > word.len && s->ptr[word.len] != '/'))
		return false;
	*s = str_skip(*s, word.len);
	return true;
}

static void split(struct str s, bool rule, struct place *ret)
{
	ret->base = BASE_PROJECT;
	if (str_starts(s, STR("//")))
		ret->base = BASE_ROOT;
	else if (s.len > 0 && s.ptr[0] == '/')
		ret->base = rule && s.len > 1 ? BASE_UNSURE : BASE_ROOT;
	else if (skip_base(&s, STR("~")) || skip_base(&s, STR("$HOME")) ||
		 skip_base(&s, STR("${HOME}")))
		ret->base = BASE_HOME;
	ret->rest = s;
}

/* One component of a pattern in bawn's spelling. */
static bool put_component(struct buf *b, struct str c, bool literal)
{
	if (!literal && str_eq(c, STR("**")))
		return buf_add(b, c);
	for (size_t i = 0; i < c.len; i++) {
		char ch = c.ptr[i];

		if (literal && strchr("*?[\\", ch))
			(void)buf_addc(b, '\\');
		if (!literal && ch == '*' && i > 0 && c.ptr[i - 1] == '*')
			continue; /* "a**" is "a*" */
		if (!literal && ch == '^' && i > 0 && c.ptr[i - 1] == '[')
			ch = '!';
		/* Any character, since a policy's "$" is a variable. */
		(void)buf_addc(b, ch == '$' ? '?' : ch);
	}
	return !b->failed;
}

/* @s by components: "." and empty ones go, "x/" "**" at the end is "x". */
static int tidy(struct import_work *w, struct place *p, bool literal,
		bool pattern)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct str rest = p->rest, c;

	buf_init(&b, 3 * (PATH_LIMIT + 1));
	while (str_cut(&rest, '/', &c)) {
		if (c.len == 0 || str_eq(c, STR(".")))
			continue;
		if (!literal && str_eq(c, STR("**")) &&
		    skip_slashes(rest).len == 0)
			break;
		if (str_eq(c, STR("..")))
			p->up = true;
		if (b.len > 0)
			(void)buf_addc(&b, '/');
		if (pattern)
			(void)put_component(&b, c, literal);
		else
			(void)buf_add(&b, c);
	}
	if (b.failed)
		return 1;
	p->rest = arena_str(w->arena, buf_str(&b));
	return p->rest.ptr ? 0 : -ENOMEM;
}

static struct str join(struct import_work *w, const struct place *p,
		       bool anywhere)
{
	const char *front = "";

	if (p->base == BASE_ROOT)
		front = "/";
	else if (p->base == BASE_HOME)
		front = p->rest.len > 0 ? "~/" : "~";
	else if (anywhere && !p->up && !str_starts(p->rest, STR("**/")))
		front = "**/";
	else if (p->rest.len > 0 && strchr("~$@", p->rest.ptr[0]))
		front = "./";
	if (p->base == BASE_PROJECT && p->rest.len == 0)
		return STR(".");
	return str_of(
		arena_printf(w->arena, "%s%.*s", front, STR_ARG(p->rest)));
}

/* ---- what is denied ---- */

static bool is_whole(struct str rest)
{
	return rest.len == 0 || str_eq(rest, STR("*")) ||
	       str_eq(rest, STR("**"));
}

/* "/home", "/home/me", "/Users", "/root": where homes and projects are. */
static bool is_above_home(struct str rest)
{
	struct str first;
	size_t n = 0;

	if (str_eq(rest, STR("root")) || str_eq(rest, STR("home")) ||
	    str_eq(rest, STR("Users")))
		return true;
	if (!str_cut(&rest, '/', &first) ||
	    (!str_eq(first, STR("home")) && !str_eq(first, STR("Users"))))
		return false;
	while (str_cut(&rest, '/', &first))
		n++;
	return n <= 1;
}

/* True: @p became a flag, and needs no entry. */
static bool take_whole(struct import_work *w, bool read, const struct place *p)
{
	bool *all = read ? &w->no_read_all : &w->no_write_all;
	bool *home = read ? &w->no_read_home : &w->no_write_home;
	bool *project = read ? &w->no_read_project : &w->no_write_project;

	if (p->up)
		return false;
	if (p->base == BASE_PROJECT) {
		*project = *project || is_whole(p->rest);
		return is_whole(p->rest);
	}
	if (p->base == BASE_ROOT && is_whole(p->rest)) {
		*all = true;
		return true;
	}
	if ((p->base == BASE_HOME && is_whole(p->rest)) ||
	    (p->base == BASE_ROOT && is_above_home(p->rest))) {
		*home = true;
		return true;
	}
	return false;
}

static int hide(struct import_work *w, struct str text, struct str key)
{
	const char *why = text.ptr ? scalar_path_check(text, true) : NULL;

	if (!text.ptr)
		return -ENOMEM;
	if (why)
		return import_refuse(w, key, why);
	return import_add(w, &w->im.hide,
			  (struct import_item){ .text = text, .from = key });
}

/* "/x" of a rule: wherever it may have been meant. */
static int hide_unsure(struct import_work *w, struct place p, struct str key)
{
	static const enum base bases[] = { BASE_ROOT, BASE_HOME, BASE_PROJECT };
	int r = 0;

	for (size_t i = 0; i < N_ELEMS(bases) && r == 0; i++) {
		p.base = bases[i];
		r = hide(w, join(w, &p, true), key);
	}
	return r != 0 ? r
		      : import_remark(w, key,
				      "a rule's /path is relative to a "
				      "directory on which versions differ; "
				      "refused in all of them (//path is "
				      "absolute)");
}

static bool is_system(const struct place *p)
{
	static const char *const tops[] = { "usr", "etc",  "bin", "sbin",
					    "lib", "proc", "sys", "dev" };
	struct str rest = p->rest, first;

	/* People have projects in these two. */
	if (p->base != BASE_ROOT || p->up ||
	    str_starts(rest, STR("usr/src/")) ||
	    str_starts(rest, STR("usr/local/")) || !str_cut(&rest, '/', &first))
		return false;
	for (size_t i = 0; i < N_ELEMS(tops); i++) {
		if (str_eq(first, str_of(tops[i])))
			return true;
	}
	return str_starts(first, STR("lib"));
}

/* Braces are not in bawn's globs; what they stand for is. */
#define BRACES_MAX 64u

/* For writing only; hidden later if something there is writable. */
static int deny_system(struct import_work *w, const struct place *p,
		       struct str key)
{
	return import_add(w, &w->deny_write,
			  (struct import_item){ .text = join(w, p, false),
						.from = key,
						.cidr = true });
}

/*
 * "../x" from below the project's top may be in it: its end is refused at any
 * depth, too.
 */
static int hide_up(struct import_work *w, const struct place *p, struct str key)
{
	struct str rest = p->rest, c, tail = { 0 };

	while (str_cut(&rest, '/', &c)) {
		if (str_eq(c, STR("..")))
			tail = rest;
	}
	if (tail.len == 0) {
		w->no_read_project = true;
		return import_remark(w, key,
				     "covers the project; hidden as a whole");
	}
	return hide(w, str_of(arena_printf(w->arena, "**/%.*s", STR_ARG(tail))),
		    key);
}

static int deny_one(struct import_work *w, bool read, struct str text,
		    bool literal, bool rule, struct str key)
{
	struct place p = { .rest = { 0 } };
	bool pattern = glob_is_pattern(text) && !literal;
	int r;

	split(text, rule, &p);
	r = tidy(w, &p, literal, true);
	if (r != 0)
		return r < 0 ? r : import_refuse(w, key, "too long");
	if (pattern && p.up)
		return import_refuse(w, key, "a pattern with .. in it");
	if (take_whole(w, read, &p))
		return import_remark(
			w, key,
			read ? "nothing of it is there but what is named"
			     : "nothing of it is writable, and no other key "
			       "makes it so");
	if (!read && is_system(&p))
		return deny_system(w, &p, key);
	if (!read)
		r = import_add(w, &w->deny_write,
			       (struct import_item){ .text = join(w, &p, false),
						     .from = key });
	if (!read && r == 0)
		r = import_remark(w, key,
				  "not to be written there; hidden here, since "
				  "nothing below a writable directory can be "
				  "read-only");
	if (r == 0 && p.up && p.base == BASE_PROJECT)
		r = hide_up(w, &p, key);
	if (r == 0 && p.base == BASE_UNSURE)
		return hide_unsure(w, p, key);
	if (r == 0)
		r = hide(w, join(w, &p, p.base == BASE_PROJECT), key);
	if (r != 0 || p.base != BASE_PROJECT || rule || !w->relative_to_home)
		return r;
	/* By the book it is below ~/.claude, where it may be meant too. */
	return hide(w,
		    str_of(arena_printf(w->arena, "~/.claude/%.*s",
					STR_ARG(p.rest))),
		    key);
}

static int deny_braces(struct import_work *w, bool read, struct str text,
		       bool rule, struct str key, unsigned *left)
{
	const char *open = memchr(text.ptr, '{', text.len), *close, *next;
	struct str all, word;
	int r = 0;

	close = open ? memchr(open, '}', text.len - (size_t)(open - text.ptr))
		     : NULL;
	if (!close)
		return deny_one(w, read, text, false, rule, key);
	next = memchr(open + 1, '{', (size_t)(close - open) - 1);
	if (next)
		return import_refuse(w, key, "braces within braces");
	all = (struct str){ open + 1, (size_t)(close - open) - 1 };
	while (r == 0 && str_cut(&all, ',', &word)) {
		if ((*left)-- == 0)
			return import_refuse(w, key, "too many braces");
		word = str_of(arena_printf(
			w->arena, "%.*s%.*s%.*s", (int)(open - text.ptr),
			text.ptr, STR_ARG(word),
			(int)(text.len - (size_t)(close + 1 - text.ptr)),
			close + 1));
		if (!word.ptr)
			return -ENOMEM;
		r = word.len == 0 ? 0
				  : deny_braces(w, read, word, rule, key, left);
	}
	return r;
}

static int deny(struct import_work *w, bool read, struct str text, bool literal,
		bool rule, struct str key)
{
	unsigned left = BRACES_MAX;
	struct str name = text;
	int r;

	if (!literal && text.ptr[0] == '!')
		return import_leave(w, key,
				    "an exception to a refusal; bawn's hide "
				    "has none, which is stricter");
	/* gitignore(5): a name without "/" is meant at every depth. */
	if (rule && !memchr(name.ptr, '/', name.len) && name.ptr[0] != '~')
		name = str_of(arena_printf(w->arena, "./%.*s", STR_ARG(name)));
	if (!name.ptr)
		return -ENOMEM;
	if (literal)
		return deny_one(w, read, name, true, rule, key);
	r = deny_braces(w, read, name, rule, key, &left);
	/* A tool that knows no braces means them as they are. */
	if (r == 0 && left != BRACES_MAX)
		r = deny_one(w, read, name, false, rule, key);
	return r;
}

/* ---- what is allowed ---- */

static bool is_private(const struct place *p)
{
	static const char *const tops[] = { "tmp", "var/tmp", "private/tmp",
					    "dev", "proc",    "sys",
					    "run" };

	for (size_t i = 0; p->base == BASE_ROOT && i < N_ELEMS(tops); i++) {
		struct str rest = p->rest;

		if (skip_base(&rest, str_of(tops[i])))
			return true;
	}
	return false;
}

/* Why @p cannot be in files.read or files.write; NULL: it can. */
static const char *why_not(const struct place *p, struct str text)
{
	if (p->up)
		return "relative to where the tool was started, which may not "
		       "be the project; name it from / or ~";
	if (p->base == BASE_UNSURE)
		return "a rule's /path is relative to a directory on which "
		       "versions differ; write //path or ~/path";
	if (is_private(p))
		return "a session has its own";
	if ((p->base == BASE_ROOT &&
	     (p->rest.len == 0 || is_above_home(p->rest))) ||
	    (p->base == BASE_HOME && p->rest.len == 0))
		return "it holds the home directory, which is private in a "
		       "session; name what is needed below it";
	return scalar_path_check(text, false);
}

static int allow(struct import_work *w, bool write, struct str text,
		 bool literal, bool rule, struct str key)
{
	struct place p = { .rest = { 0 } };
	const char *why;
	int r;

	split(text, rule, &p);
	r = tidy(w, &p, literal, false);
	if (r != 0)
		return r < 0 ? r : import_leave(w, key, "too long");
	if (p.base == BASE_PROJECT && w->relative_to_home && !rule)
		return import_leave(w, key,
				    "relative to ~/.claude in this file; name "
				    "it from / or ~");
	if (p.base == BASE_PROJECT && p.rest.len == 0) {
		*(write ? &w->write_project : &w->read_project) = true;
		return 0;
	}
	text = join(w, &p, false);
	if (!text.ptr)
		return -ENOMEM;
	why = why_not(&p, text);
	if (why)
		return import_leave(w, key, why);
	return import_add(w, write ? &w->im.write : &w->im.read,
			  (struct import_item){ .text = text, .from = key });
}

int import_path(struct import_work *w, enum import_access access,
		struct str text, bool literal, bool rule, struct str key)
{
	if (text.len == 0)
		return import_refuse(w, key, "an empty path");
	if (access == IMPORT_DENY_READ || access == IMPORT_DENY_WRITE)
		return deny(w, access == IMPORT_DENY_READ, text, literal, rule,
			    key);
	return allow(w, access == IMPORT_ALLOW_WRITE, text, literal, rule, key);
}

/* ---- all together ---- */

/* Both as join() spells them. */
static bool covers(struct str above, struct str below)
{
	return str_eq(above, below) ||
	       (str_starts(below, above) && below.ptr[above.len] == '/');
}

static bool is_denied(const struct import_work *w, bool write, struct str text)
{
	const struct import_list *l = write ? &w->deny_write : &w->im.hide;
	bool home = text.ptr[0] == '~' || str_starts(text, STR("/home/"));
	bool project = text.ptr[0] != '/' && !home;

	/*
	 * A denyRead of all or of the home gives way to what is named to be
	 * read or written; denyWrite gives way to nothing.
	 */
	if (write && (w->no_write_all || (w->no_write_home && home) ||
		      ((w->no_write_home || w->no_write_project) && project)))
		return true;
	for (size_t i = 0; i < l->n; i++) {
		if (covers(l->items[i].text, text))
			return true;
	}
	return false;
}

/* Takes out of @l what is denied all the same. */
static int drop_denied(struct import_work *w, struct import_list *l, bool write)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++) {
		if (is_denied(w, write, l->items[i].text))
			r = import_leave(w, l->items[i].from,
					 "refused by another key, which wins "
					 "here");
		else
			l->items[n++] = l->items[i];
	}
	l->n = n;
	return r;
}

static int add_text(struct import_work *w, struct import_list *l, struct str s,
		    struct str from)
{
	return import_add(w, l,
			  (struct import_item){ .text = s, .from = from });
}

/* What programs are made of; the settings let everything be read. */
static int add_base(struct import_work *w)
{
	static const char *const dirs[] = { "/usr", "/etc", "/opt" };
	int r = 0;

	for (size_t i = 0; i < N_ELEMS(dirs) && r == 0; i++) {
		struct str dir = str_of(dirs[i]);

		if (w->no_read_all || is_denied(w, false, dir))
			continue;
		r = add_text(w, &w->im.read, dir,
			     STR("bawn's own, for programs"));
	}
	return r;
}

/* A whole base directory is refused by not being named. */
static int drop_base(struct import_work *w)
{
	struct import_list *l = &w->im.hide;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++) {
		struct str t = l->items[i].text;

		if (str_eq(t, STR("/usr")) || str_eq(t, STR("/etc")) ||
		    str_eq(t, STR("/opt")))
			r = import_remark(w, l->items[i].from,
					  "refused by not being in files.read");
		else
			l->items[n++] = l->items[i];
	}
	l->n = n;
	return r;
}

/* Denied for writing, and never writable unless a key says so. */
static int finish_system(struct import_work *w)
{
	bool some = false;
	int r = 0;

	for (size_t i = 0; i < w->im.write.n; i++) {
		struct place p = { .rest = { 0 } };

		split(w->im.write.items[i].text, false, &p);
		p.rest = skip_slashes(p.rest);
		some = some || is_system(&p);
	}
	for (size_t i = 0; i < w->deny_write.n && r == 0; i++) {
		const struct import_item *it = &w->deny_write.items[i];

		if (it->cidr && some)
			r = hide(w, it->text, it->from);
		else if (it->cidr)
			r = import_remark(w, it->from,
					  "nothing is writable there");
	}
	return r;
}

/* "." has them already. */
static int drop_below_project(struct import_work *w)
{
	struct import_list *l = &w->im.write;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++) {
		char first = l->items[i].text.ptr[0];

		if (first != '/' && first != '~' && first != '$')
			r = import_leave(w, l->items[i].from,
					 "the project is writable as a whole");
		else
			l->items[n++] = l->items[i];
	}
	l->n = n;
	return r;
}

static int add_project(struct import_work *w)
{
	bool write = w->write_project && !w->no_write_all &&
		     !w->no_write_home && !w->no_write_project;
	/* What is named to be read or written is given back. */
	bool read = w->read_project ||
		    (!w->no_read_project &&
		     (write || !(w->no_read_all || w->no_read_home)));
	int r;

	if (!read)
		return import_remark(
			w, STR("denyRead"),
			"covers the project, so the project is not there; "
			"no session can start with this policy before \".\" "
			"is in files.read or files.write");
	if (!write)
		return add_text(w, &w->im.read, STR("."),
				STR("the project; not writable"));
	r = drop_below_project(w);
	return r != 0 ? r
		      : add_text(w, &w->im.write, STR("."), STR("the project"));
}

int import_finish_paths(struct import_work *w)
{
	int r = drop_denied(w, &w->im.write, true);

	if (r == 0)
		r = finish_system(w);
	if (r == 0)
		r = drop_denied(w, &w->im.write, false);
	if (r == 0)
		r = drop_denied(w, &w->im.read, false);
	if (r == 0)
		r = add_base(w);
	if (r == 0)
		r = drop_base(w);
	if (r == 0)
		r = add_text(w, &w->im.hide, STR("**/.env"),
			     STR("bawn's own; there, only if a key says so"));
	if (r == 0)
		r = add_text(w, &w->im.hide, STR("**/.env.*"),
			     STR("bawn's own; there, only if a key says so"));
	return r != 0 ? r : add_project(w);
}
