/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammar (git-config(1), "Syntax"; git is laxer about blanks in headers):
 *
 *   file    = *( WSP / LF / comment / header / entry )
 *   comment = ( "#" / ";" ) *any-but-LF
 *   header  = "[" name [ 1*WSP DQUOTE sub DQUOTE ] "]"   ; also "[name.sub]"
 *   name    = 1*( ALPHA / DIGIT / "-" / "." )
 *   sub     = *( "\" any / any-but-LF-DQUOTE )
 *   entry   = key *WSP ( "=" value / LF )
 *   key     = ALPHA *( ALPHA / DIGIT / "-" )
 *   value   = *( plain / DQUOTE *quoted DQUOTE / escape / "\" LF )
 *   escape  = "\" ( "n" / "t" / "b" / "\" / DQUOTE )
 *
 * Blanks around a value go, blanks inside stay; "#" and ";" outside quotes end
 * it.  A NUL is refused, as git does.
 */
#include "jail/gitconfig-parse.h"

struct scan {
	struct arena *arena;
	struct str text; /* what is left */
	unsigned line;
	struct diag *reterr;
	struct str section, subsection;
	struct gitconfig out;
};

static int refuse(const struct scan *s, const char *why)
{
	diag_set(s->reterr, s->line, 0, "%s", why);
	return 1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_key_byte(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '-';
}

/* The next byte, or NUL at the end; text holds no NUL. */
static char peek(const struct scan *s)
{
	return s->text.len > 0 ? s->text.ptr[0] : '\0';
}

static void next(struct scan *s)
{
	if (peek(s) == '\n')
		s->line++;
	s->text = str_skip(s->text, 1);
}

static void skip_blanks(struct scan *s)
{
	while (is_blank(peek(s)))
		next(s);
}

static void skip_line(struct scan *s)
{
	while (peek(s) && peek(s) != '\n')
		next(s);
}

static struct str lower(struct arena *a, struct str s)
{
	char *p = arena_cstr(a, s);

	for (size_t i = 0; p && i < s.len; i++) {
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] - 'A' + 'a');
	}
	return (struct str){ p, p ? s.len : 0 };
}

/* The rest of a header behind the opening quote of its subsection. */
static int read_quoted_subsection(struct scan *s)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, GITCONFIG_MAX_VALUE);
	next(s);
	while (peek(s) != '"') {
		if (peek(s) == '\\')
			next(s);
		if (!peek(s) || peek(s) == '\n')
			return refuse(s, "a section's name does not end");
		(void)buf_addc(&b, peek(s));
		next(s);
	}
	next(s);
	if (b.failed)
		return refuse(s, "a section's name is too long");
	s->subsection = arena_str(s->arena, buf_str(&b));
	return s->subsection.ptr ? 0 : -ENOMEM;
}

static int read_header(struct scan *s)
{
	struct str name = { 0 };
	const char *dot;
	int r;

	next(s);
	name.ptr = s->text.ptr;
	while (is_key_byte(peek(s)) || peek(s) == '.') {
		next(s);
		name.len++;
	}
	if (name.len == 0)
		return refuse(s, "a section without a name");
	dot = memchr(name.ptr, '.', name.len);
	s->subsection = (struct str){ 0 };
	if (dot) {
		/* The old form: its subsection is in lower case. */
		s->subsection = lower(
			s->arena, str_skip(name, (size_t)(dot - name.ptr) + 1));
		name.len = (size_t)(dot - name.ptr);
		if (name.len == 0)
			return refuse(s, "a section without a name");
	}
	s->section = lower(s->arena, name);
	skip_blanks(s);
	if (peek(s) == '"' && !dot) {
		r = read_quoted_subsection(s);
		if (r != 0)
			return r;
	}
	if (peek(s) != ']')
		return refuse(s, "a section's header does not end");
	next(s);
	return 0;
}

/* What stands behind a backslash in a value. */
static int read_escape(struct scan *s, struct buf *b)
{
	static const char from[] = "ntb\\\"", to[] = "\n\t\b\\\"";
	const char *p;

	next(s);
	if (peek(s) == '\r' && s->text.len > 1 && s->text.ptr[1] == '\n')
		next(s);
	if (peek(s) == '\n') {
		next(s);
		return 0;
	}
	p = peek(s) ? strchr(from, peek(s)) : NULL;
	if (!p)
		return refuse(s, "an unknown escape in a value");
	(void)buf_addc(b, to[p - from]);
	next(s);
	return 0;
}

static int read_value(struct scan *s, struct str *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	size_t keep = 0; /* up to here, blanks at the end do not go */
	bool quoted = false;
	int r;

	buf_init(&b, GITCONFIG_MAX_VALUE);
	skip_blanks(s);
	while (peek(s)) {
		char c = peek(s);

		if (c == '\n' && quoted)
			return refuse(s, "a quote does not end");
		if (c == '\n')
			break;
		if (!quoted && (c == '#' || c == ';')) {
			skip_line(s);
			break;
		}
		if (c == '\\') {
			r = read_escape(s, &b);
			if (r != 0)
				return r;
			keep = b.len;
			continue;
		}
		next(s);
		if (c == '"') {
			quoted = !quoted;
			keep = b.len;
			continue;
		}
		(void)buf_addc(&b, c);
		if (quoted || !is_blank(c))
			keep = b.len;
	}
	if (quoted)
		return refuse(s, "a quote does not end");
	if (b.failed)
		return refuse(s, "a value is too long");
	*ret = arena_str(s->arena, (struct str){ buf_str(&b).ptr, keep });
	return ret->ptr ? 0 : -ENOMEM;
}

static int read_entry(struct scan *s)
{
	struct gitconfig_entry e = { .section = s->section,
				     .subsection = s->subsection };
	struct str key = { .ptr = s->text.ptr };
	int r = 0;

	if (!is_alpha(peek(s)) || !s->section.ptr)
		return refuse(s, "neither a section nor a key");
	while (is_key_byte(peek(s))) {
		next(s);
		key.len++;
	}
	e.key = lower(s->arena, key);
	skip_blanks(s);
	if (peek(s) == '=') {
		next(s);
		r = read_value(s, &e.value);
	} else if (!peek(s) || peek(s) == '\n' || peek(s) == '#' ||
		   peek(s) == ';') {
		skip_line(s);
		e.bare = true;
		e.value = STR("true");
	} else {
		r = refuse(s, "a key without \"=\"");
	}
	if (r != 0)
		return r;
	if (s->out.n == GITCONFIG_MAX_ENTRIES)
		return refuse(s, "too many entries");
	s->out.entries[s->out.n++] = e;
	return 0;
}

int gitconfig_parse(struct arena *a, struct str text, struct gitconfig *ret,
		    struct diag *reterr)
{
	struct scan s = {
		.arena = a, .text = text, .line = 1, .reterr = reterr
	};
	int r = 0;

	if (text.len > GITCONFIG_MAX_BYTES)
		return refuse(&s, "too long");
	if (text.len > 0 && memchr(text.ptr, '\0', text.len))
		return refuse(&s, "a NUL");
	if (str_starts(text, STR("\xef\xbb\xbf")))
		s.text = str_skip(text, 3);
	s.out.entries =
		arena_array(a, GITCONFIG_MAX_ENTRIES, sizeof(*s.out.entries));
	if (!s.out.entries)
		return -ENOMEM;
	while (r == 0 && s.text.len > 0) {
		char c = peek(&s);

		if (is_blank(c) || c == '\n')
			next(&s);
		else if (c == '#' || c == ';')
			skip_line(&s);
		else if (c == '[')
			r = read_header(&s);
		else
			r = read_entry(&s);
	}
	if (a->failed)
		return -ENOMEM;
	if (r == 0)
		*ret = s.out;
	return r;
}

struct str gitconfig_find(const struct gitconfig *c, const char *section,
			  const char *key)
{
	for (size_t i = c->n; i-- > 0;) {
		const struct gitconfig_entry *e = &c->entries[i];

		if (!e->subsection.ptr && str_eq(e->section, str_of(section)) &&
		    str_eq(e->key, str_of(key)))
			return e->value;
	}
	return (struct str){ 0 };
}

/* Sorted; without subsection. */
static const char *const harmless[] = {
	"branch.sort",       "color.branch",
	"color.diff",        "color.status",
	"color.ui",          "column.ui",
	"commit.verbose",    "core.autocrlf",
	"core.eol",          "core.precomposeunicode",
	"core.quotepath",    "core.safecrlf",
	"core.whitespace",   "diff.algorithm",
	"diff.colormoved",   "diff.mnemonicprefix",
	"diff.renames",      "fetch.prune",
	"help.autocorrect",  "init.defaultbranch",
	"log.date",          "merge.conflictstyle",
	"merge.ff",          "pull.ff",
	"pull.rebase",       "push.autosetupremote",
	"push.default",      "push.followtags",
	"rebase.autosquash", "rebase.autostash",
	"rebase.updaterefs", "rerere.enabled",
	"status.short",      "status.showuntrackedfiles",
	"tag.sort",          "user.email",
	"user.name",         "user.useconfigonly",
};

bool gitconfig_may_enter(const struct gitconfig_entry *e)
{
	struct str rest;

	if (e->subsection.ptr)
		return false;
	/* An alias of git's own words; "!" would be a program. */
	if (str_eq(e->section, STR("alias")))
		return e->value.len > 0 && e->value.ptr[0] != '!';
	for (size_t i = 0; i < N_ELEMS(harmless); i++) {
		struct str name = str_of(harmless[i]);

		if (!str_starts(name, e->section))
			continue;
		rest = str_skip(name, e->section.len);
		if (rest.len > 0 && rest.ptr[0] == '.' &&
		    str_eq(str_skip(rest, 1), e->key))
			return true;
	}
	return false;
}

static void write_quoted(struct buf *b, struct str s, bool is_value)
{
	(void)buf_addc(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '"' || c == '\\') {
			(void)buf_addc(b, '\\');
			(void)buf_addc(b, c);
		} else if (is_value && c == '\n') {
			(void)buf_add(b, STR("\\n"));
		} else if (is_value && c == '\t') {
			(void)buf_add(b, STR("\\t"));
		} else if (is_value && c == '\b') {
			(void)buf_add(b, STR("\\b"));
		} else {
			(void)buf_addc(b, c);
		}
	}
	(void)buf_addc(b, '"');
}

void gitconfig_format(const struct gitconfig *c,
		      bool (*may)(const struct gitconfig_entry *e),
		      struct buf *b)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct gitconfig_entry *e = &c->entries[i];

		if (may && !may(e))
			continue;
		(void)buf_printf(b, "[%.*s", STR_ARG(e->section));
		if (e->subsection.ptr) {
			(void)buf_addc(b, ' ');
			write_quoted(b, e->subsection, false);
		}
		(void)buf_printf(b, "]\n\t%.*s", STR_ARG(e->key));
		if (!e->bare) {
			(void)buf_add(b, STR(" = "));
			write_quoted(b, e->value, true);
		}
		(void)buf_addc(b, '\n');
	}
}
