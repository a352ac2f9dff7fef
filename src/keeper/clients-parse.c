/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grammar of what is understood, by line:
 *
 *   npmrc  = key "=" value                          ; npm's ini
 *   pip    = "[" section "]" / key ( "=" / ":" ) value / WSP value
 *   goenv  = key "=" value
 *   cargo  = "[" table "]" / key "=" DQUOTE text DQUOTE
 *
 * Comments start with "#" or ";".  A value with "${" is npm's way to name a
 * variable, often a token: passed over.
 */
#include "keeper/clients-parse.h"

#include "base/buf.h"

enum var_kind {
	VAR_URL = 1, /* one URL */
	VAR_URLS,    /* separated by blanks */
	VAR_CHAIN,   /* of URLs and words, separated by "," or "|" */
	VAR_WORDS,   /* host patterns, separated by "," or blanks */
	VAR_FILE,
	VAR_DIR,
};

static const struct {
	const char *name; /* of the variable */
	enum var_kind kind;
} vars[CLIENTS_VAR_MAX_] = {
	[CLIENTS_NPM_REGISTRY] = { "npm_config_registry", VAR_URL },
	[CLIENTS_NPM_CAFILE] = { "npm_config_cafile", VAR_FILE },
	[CLIENTS_NPM_NODEDIR] = { "npm_config_nodedir", VAR_DIR },
	[CLIENTS_PIP_INDEX] = { "PIP_INDEX_URL", VAR_URL },
	[CLIENTS_PIP_EXTRA] = { "PIP_EXTRA_INDEX_URL", VAR_URLS },
	[CLIENTS_PIP_TRUSTED] = { "PIP_TRUSTED_HOST", VAR_WORDS },
	[CLIENTS_PIP_CERT] = { "PIP_CERT", VAR_FILE },
	[CLIENTS_GOPROXY] = { "GOPROXY", VAR_CHAIN },
	[CLIENTS_GOSUMDB] = { "GOSUMDB", VAR_CHAIN },
	[CLIENTS_GONOSUMDB] = { "GONOSUMDB", VAR_WORDS },
	[CLIENTS_GOPRIVATE] = { "GOPRIVATE", VAR_WORDS },
	[CLIENTS_GONOPROXY] = { "GONOPROXY", VAR_WORDS },
	[CLIENTS_GOINSECURE] = { "GOINSECURE", VAR_WORDS },
};

const char *clients_var_name(enum clients_var v)
{
	ASSERT((unsigned)v < CLIENTS_VAR_MAX_);
	return vars[v].name;
}

bool clients_var_is_file(enum clients_var v)
{
	ASSERT((unsigned)v < CLIENTS_VAR_MAX_);
	return vars[v].kind == VAR_FILE;
}

bool clients_var_is_dir(enum clients_var v)
{
	ASSERT((unsigned)v < CLIENTS_VAR_MAX_);
	return vars[v].kind == VAR_DIR;
}

/* Printable ASCII; with @blank also spaces. */
static bool is_plain(struct str s, bool blank)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < (blank ? 0x20 : 0x21) || c > 0x7e)
			return false;
	}
	return s.len > 0;
}

static const char *find_byte(struct str s, char c)
{
	return s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
}

/* Up to the first of @stops. */
static struct str until(struct str s, const char *stops)
{
	for (size_t i = 0; i < s.len; i++) {
		if (strchr(stops, s.ptr[i]))
			return (struct str){ s.ptr, i };
	}
	return s;
}

bool clients_public_url(struct arena *a, struct str url, struct str *ret)
{
	static const char *const schemes[] = { "https://", "http://",
					       "sparse+https://",
					       "sparse+http://" };
	struct str rest, authority, host;
	const char *scheme = NULL, *p;

	if (!is_plain(url, false) || url.len > CLIENTS_URL_MAX ||
	    find_byte(url, '\\'))
		return false;
	for (size_t i = 0; i < N_ELEMS(schemes) && !scheme; i++) {
		if (str_starts(url, str_of(schemes[i])))
			scheme = schemes[i];
	}
	if (!scheme)
		return false;
	rest = str_skip(url, strlen(scheme));
	rest = until(rest, "?#");
	authority = until(rest, "/");
	host = authority;
	/* A password may hold "@" itself: the last one counts. */
	for (;;) {
		struct str before = host;

		p = find_byte(before, '@');
		if (!p)
			break;
		host = str_skip(before, (size_t)(p - before.ptr) + 1);
	}
	if (host.len == 0)
		return false;
	rest = str_skip(rest, authority.len);
	p = arena_printf(a, "%s%.*s%.*s", scheme, STR_ARG(host), STR_ARG(rest));
	*ret = str_of(p);
	return p != NULL;
}

/* Each piece of @s between @seps that is a URL becomes a public one. */
static bool public_list(struct arena *a, struct str s, const char *seps,
			bool only_urls, struct str *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 8 * CLIENTS_URL_MAX);
	while (s.len > 0) {
		struct str piece = until(s, seps), url;

		s = str_skip(s, piece.len);
		if (clients_public_url(a, piece, &url))
			(void)buf_add(&b, url);
		else if (!only_urls && !find_byte(piece, '@') &&
			 !find_byte(piece, '/'))
			(void)buf_add(&b, piece);
		else if (piece.len > 0)
			return false; /* leaving it out changes the meaning */
		if (s.len > 0) {
			(void)buf_addc(&b, s.ptr[0]);
			s = str_skip(s, 1);
		}
	}
	*ret = b.failed ? (struct str){ 0 } : arena_str(a, buf_str(&b));
	return ret->len > 0;
}

static bool clean(struct arena *a, enum var_kind kind, struct str value,
		  struct str *ret)
{
	if (!is_plain(value, true) || find_byte(value, '$'))
		return false;
	switch (kind) {
	case VAR_URL:
		return clients_public_url(a, value, ret);
	case VAR_URLS:
		return public_list(a, value, " ", true, ret);
	case VAR_CHAIN:
		/* GOSUMDB: "name+hash+key https://..." */
		return public_list(a, value, ",| ", false, ret);
	case VAR_WORDS:
		*ret = arena_str(a, value);
		return !find_byte(value, '@') && ret->ptr;
	case VAR_FILE:
	case VAR_DIR:
		*ret = arena_str(a, value);
		return value.ptr[0] == '/' && ret->ptr;
	}
	return false;
}

void clients_take_var(struct arena *a, enum clients_var v, struct str value,
		      struct clients_config *ret)
{
	struct str out;

	ASSERT((unsigned)v < CLIENTS_VAR_MAX_);
	if (!ret->value[v].ptr && clean(a, vars[v].kind, value, &out))
		ret->value[v] = out;
}

/* ---- lines ---- */

/* False: the line is empty, or a comment. */
static bool next_line(struct str *text, struct str *ret, bool *ret_indented)
{
	struct str line;

	while (str_cut(text, '\n', &line)) {
		*ret_indented = line.len > 0 &&
				(line.ptr[0] == ' ' || line.ptr[0] == '\t');
		line = str_trim(line);
		if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
			continue;
		*ret = line;
		return true;
	}
	return false;
}

static bool key_value(struct str line, const char *seps, struct str *ret_key,
		      struct str *ret_value)
{
	struct str key = until(line, seps);

	if (key.len == line.len)
		return false;
	*ret_value = str_trim(str_skip(line, key.len + 1));
	*ret_key = str_trim(key);
	return ret_key->len > 0;
}

/* Without the quotes around it. */
static struct str unquote(struct str s)
{
	if (s.len >= 2 && (s.ptr[0] == '"' || s.ptr[0] == '\'') &&
	    s.ptr[s.len - 1] == s.ptr[0])
		return (struct str){ s.ptr + 1, s.len - 2 };
	return s;
}

struct key_row {
	const char *key;
	enum clients_var var;
};

static void take_key(struct arena *a, const struct key_row *rows, size_t n,
		     struct str key, struct str value,
		     struct clients_config *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(key, str_of(rows[i].key)))
			clients_take_var(a, rows[i].var, unquote(value), ret);
	}
}

void clients_parse_npmrc(struct arena *a, struct str text,
			 struct clients_config *ret)
{
	static const struct key_row rows[] = {
		{ "registry", CLIENTS_NPM_REGISTRY },
		{ "cafile", CLIENTS_NPM_CAFILE },
		{ "nodedir", CLIENTS_NPM_NODEDIR },
	};
	struct str line, key, value;
	bool indented;

	while (next_line(&text, &line, &indented)) {
		if (key_value(line, "=", &key, &value))
			take_key(a, rows, N_ELEMS(rows), key, value, ret);
	}
}

void clients_parse_go(struct arena *a, struct str text,
		      struct clients_config *ret)
{
	static const struct key_row rows[] = {
		{ "GOPROXY", CLIENTS_GOPROXY },
		{ "GOSUMDB", CLIENTS_GOSUMDB },
		{ "GONOSUMDB", CLIENTS_GONOSUMDB },
		{ "GOPRIVATE", CLIENTS_GOPRIVATE },
		{ "GONOPROXY", CLIENTS_GONOPROXY },
		{ "GOINSECURE", CLIENTS_GOINSECURE },
	};
	struct str line, key, value;
	bool indented;

	while (next_line(&text, &line, &indented)) {
		if (key_value(line, "=", &key, &value))
			take_key(a, rows, N_ELEMS(rows), key, value, ret);
	}
}

/* What a key has gathered over its lines is complete. */
static void take_pip(struct arena *a, struct str key, const struct buf *value,
		     struct clients_config *ret)
{
	static const struct key_row rows[] = {
		{ "index-url", CLIENTS_PIP_INDEX },
		{ "extra-index-url", CLIENTS_PIP_EXTRA },
		{ "trusted-host", CLIENTS_PIP_TRUSTED },
		{ "cert", CLIENTS_PIP_CERT },
	};

	if (key.len > 0 && !value->failed)
		take_key(a, rows, N_ELEMS(rows), key, str_trim(buf_str(value)),
			 ret);
}

void clients_parse_pip(struct arena *a, struct str text,
		       struct clients_config *ret)
{
	AUTO(buf) struct buf value = BUF_NULL;
	struct str line, key = { 0 }, first;
	bool global = false, indented;

	buf_init(&value, 4 * CLIENTS_URL_MAX);
	while (next_line(&text, &line, &indented)) {
		if (indented && key.len > 0) {
			(void)buf_addc(&value, ' ');
			(void)buf_add(&value, line);
			continue;
		}
		take_pip(a, key, &value, ret);
		buf_clear(&value);
		key = (struct str){ 0 };
		if (line.ptr[0] == '[')
			global = str_eq(line, STR("[global]")) ||
				 str_eq(line, STR("[install]"));
		else if (global && key_value(line, "=:", &key, &first))
			(void)buf_add(&value, first);
	}
	take_pip(a, key, &value, ret);
}

/* ---- cargo ---- */

static bool is_bare(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.len > 0;
}

/* "[source.NAME]" or "[registries.NAME]", NAME perhaps in quotes. */
static bool cargo_table(struct str line)
{
	struct str name;

	if (!str_ends(line, STR("]")))
		return false;
	line.len--;
	if (str_starts(line, STR("[source.")))
		name = str_skip(line, 8);
	else if (str_starts(line, STR("[registries.")))
		name = str_skip(line, 12);
	else
		return false;
	return is_bare(unquote(name));
}

static void cargo_key(struct arena *a, struct str key, struct str value,
		      struct buf *out)
{
	struct str text = unquote(value), url;
	bool quoted = text.len + 2 == value.len;
	bool is_url = str_eq(key, STR("registry")) || str_eq(key, STR("index"));
	bool is_word = str_eq(key, STR("replace-with")) ||
		       str_eq(key, STR("protocol"));

	if (!quoted)
		return;
	if (is_url && clients_public_url(a, text, &url) && !find_byte(url, '"'))
		(void)buf_printf(out, "%.*s = \"%.*s\"\n", STR_ARG(key),
				 STR_ARG(url));
	else if (is_word && is_bare(text))
		(void)buf_printf(out, "%.*s = \"%.*s\"\n", STR_ARG(key),
				 STR_ARG(text));
}

void clients_filter_cargo(struct arena *a, struct str text, struct str *ret)
{
	AUTO(buf) struct buf out = BUF_NULL;
	struct str line, key, value;
	bool inside = false, indented;

	buf_init(&out, CLIENTS_FILE_MAX);
	while (next_line(&text, &line, &indented)) {
		if (line.ptr[0] == '[') {
			inside = cargo_table(line);
			if (inside)
				(void)buf_printf(&out, "%.*s\n", STR_ARG(line));
		} else if (inside && key_value(line, "=", &key, &value)) {
			cargo_key(a, key, value, &out);
		}
	}
	*ret = out.failed ? (struct str){ 0 } : arena_str(a, buf_str(&out));
}
