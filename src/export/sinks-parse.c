/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * yaml_parse() makes a tree, this file walks it along the rows of
 * sinks-schema.c.  A row leads to its reader, which knows types and no keys.
 * The first error ends the walk.
 *
 * `type` is read first, wherever it stands, since it decides which other keys
 * may stand there.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/near.h"
#include "export/sinks-schema.h"
#include "ledger/query.h"
#include "policy/scalar-parse.h"
#include "policy/yaml-parse.h"

#define SINKS_E_SYNTAX 1
#define SHOWN          64u
#define WAIT_S         1u

struct parser {
	struct arena *arena;
	struct diag *err;
	char key[64]; /* what is being read, for messages */
};

typedef int (*reader_fn)(struct parser *p, const struct sinks_row *row,
			 const struct yaml *y, void *target);

printf_like(3, 4) static int refuse(struct parser *p, const struct yaml *y,
				    const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cutting is fine */
	va_end(ap);
	diag_set(p->err, y->line, y->column, "%s%s%s", p->key,
		 *p->key ? ": " : "", text);
	return SINKS_E_SYNTAX;
}

static int want_text(struct parser *p, const struct yaml *y, const char *what)
{
	if (y->type != YAML_SCALAR || y->text.len == 0)
		return refuse(p, y, "must be %s", what);
	return 0;
}

/* A copy that ends with NUL: YAML has none inside. */
static int keep(struct parser *p, struct str s, const char **ret)
{
	*ret = arena_cstr(p->arena, s);
	return *ret ? 0 : -ENOMEM;
}

static bool is_word(struct str s, const char *more)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && !strchr(more, c))
			return false;
	}
	return s.len > 0;
}

static int read_name(struct parser *p, const struct sinks_row *row,
		     const struct yaml *y, void *target)
{
	int r = want_text(p, y, "a name");

	(void)row;
	if (r != 0)
		return r;
	if (y->text.len > SINK_NAME_MAX || !is_word(y->text, "-"))
		return refuse(p, y,
			      "has letters, digits and - only, at most "
			      "%u",
			      SINK_NAME_MAX);
	return keep(p, y->text, target);
}

static int read_type(struct parser *p, const struct sinks_row *row,
		     const struct yaml *y, void *target)
{
	enum sink_type *ret = target;
	int r = want_text(p, y, "a word");

	(void)row;
	if (r != 0)
		return r;
	for (unsigned t = 1; t < SINK_TYPE_MAX_; t++) {
		if (str_eq(y->text, str_of(sinks_types[t].name))) {
			*ret = (enum sink_type)t;
			return 0;
		}
	}
	return refuse(p, y,
		      "must be otlp, syslog, splunk, datadog, elastic, "
		      "http or file");
}

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	}
	return s.len > 0;
}

static int read_text(struct parser *p, const struct sinks_row *row,
		     const struct yaml *y, void *target)
{
	int r = want_text(p, y, "text");

	if (r != 0)
		return r;
	if (y->text.len < row->min || y->text.len > row->max ||
	    !is_printable(y->text) || memchr(y->text.ptr, ':', y->text.len))
		return refuse(p, y,
			      "must be %u letters at most, no blank and "
			      "no colon",
			      (unsigned)row->max);
	return keep(p, y->text, target);
}

/* Digits and dots that begin with 127, or a name for the same. */
static bool is_loopback(struct str host)
{
	if (str_eq(host, STR("localhost")) || str_eq(host, STR("[::1]")))
		return true;
	if (!str_starts(host, STR("127.")))
		return false;
	for (size_t i = 0; i < host.len; i++) {
		if (host.ptr[i] != '.' &&
		    (host.ptr[i] < '0' || host.ptr[i] > '9'))
			return false;
	}
	return true;
}

/* "host:1" -> both; "[::1]:1" too.  Without a port it is @absent. */
static bool split_port(struct str s, struct str absent, struct str *ret_host,
		       struct str *ret_port)
{
	size_t end = s.len;
	uint32_t port;

	while (end > 0 && s.ptr[end - 1] != ':' && s.ptr[end - 1] != ']')
		end--;
	if (end == 0 || s.ptr[end - 1] == ']') {
		*ret_host = s;
		*ret_port = absent;
		return end == s.len || end == 0;
	}
	*ret_host = (struct str){ s.ptr, end - 1 };
	*ret_port = str_skip(s, end);
	return str_u32(*ret_port, 1, 65535, &port);
}

static bool is_host(struct str h)
{
	if (h.len > 2 && h.ptr[0] == '[' && h.ptr[h.len - 1] == ']')
		return is_word((struct str){ h.ptr + 1, h.len - 2 }, ":.");
	return h.len <= 253 && is_word(h, ".-");
}

static int read_url(struct parser *p, const struct sinks_row *row,
		    const struct yaml *y, void *target)
{
	struct str rest, host, port, authority;
	bool plain = false;
	int r = want_text(p, y, "a URL");

	(void)row;
	if (r != 0)
		return r;
	if (!is_printable(y->text))
		return refuse(p, y, "has a blank or a letter beyond ASCII");
	if (str_starts(y->text, STR("https://"))) {
		rest = str_skip(y->text, strlen("https://"));
	} else if (str_starts(y->text, STR("http://"))) {
		rest = str_skip(y->text, strlen("http://"));
		plain = true;
	} else {
		return refuse(p, y, "must begin with https://");
	}
	if (memchr(rest.ptr, '#', rest.len) || memchr(rest.ptr, '@', rest.len))
		return refuse(p, y,
			      "has a # or @; credentials are the "
			      "token's");
	if (!str_cut(&rest, '/', &authority) ||
	    !split_port(authority, STR("443"), &host, &port) || !is_host(host))
		return refuse(p, y, "has no host");
	if (plain && !is_loopback(host))
		return refuse(p, y, "without TLS only to this machine itself");
	return keep(p, y->text, target);
}

static int read_address(struct parser *p, const struct sinks_row *row,
			const struct yaml *y, void *target)
{
	const char **ret = target; /* host, then port */
	struct str host, port;
	int r = want_text(p, y, "HOST:PORT");

	(void)row;
	_Static_assert(offsetof(struct sink, port) ==
			       offsetof(struct sink, host) + sizeof(char *),
		       "written as two");
	if (r != 0)
		return r;
	if (!split_port(y->text, STR("6514"), &host, &port) || !is_host(host))
		return refuse(p, y, "must be HOST:PORT");
	if (host.ptr[0] == '[')
		host = (struct str){ host.ptr + 1, host.len - 2 };
	r = keep(p, host, &ret[0]);
	return r == 0 ? keep(p, port, &ret[1]) : r;
}

static int read_path(struct parser *p, const struct sinks_row *row,
		     const struct yaml *y, void *target)
{
	int r = want_text(p, y, "a path");

	(void)row;
	if (r != 0)
		return r;
	if (y->text.ptr[0] != '/')
		return refuse(p, y, "must begin with /");
	return keep(p, y->text, target);
}

static int read_form(struct parser *p, const struct sinks_row *row,
		     const struct yaml *y, void *target)
{
	int r = want_text(p, y, "a word");

	(void)row;
	if (r != 0)
		return r;
	if (!export_form_find(y->text, target))
		return refuse(p, y, "must be record, ocsf, ecs or cef");
	return 0;
}

static int read_encoding(struct parser *p, const struct sinks_row *row,
			 const struct yaml *y, void *target)
{
	enum frame_type *ret = target;
	int r = want_text(p, y, "a word");

	(void)row;
	if (r != 0)
		return r;
	if (str_eq(y->text, STR("protobuf")))
		*ret = FRAME_OTLP_PROTO;
	else if (str_eq(y->text, STR("json")))
		*ret = FRAME_OTLP_JSON;
	else
		return refuse(p, y, "must be protobuf or json");
	return 0;
}

static int read_filter(struct parser *p, const struct sinks_row *row,
		       const struct yaml *y, void *target)
{
	AUTO(query) struct query *q = NULL;
	struct diag d = { 0 };
	int r = want_text(p, y, "an expression");

	(void)row;
	if (r == 0)
		r = query_parse(y->text, &q, &d);
	if (r < 0)
		return r;
	if (d.text[0])
		return refuse(p, y, "character %u: %s", d.column, d.text);
	if (r != 0)
		return r;
	if (query_needs_newest(q))
		return refuse(p, y,
			      "which session is the newest changes; @ "
			      "cannot stand here");
	return keep(p, y->text, target);
}

static int read_begin(struct parser *p, const struct sinks_row *row,
		      const struct yaml *y, void *target)
{
	bool *ret = target;
	int r = want_text(p, y, "a word");

	(void)row;
	if (r != 0)
		return r;
	*ret = str_eq(y->text, STR("now"));
	if (!*ret && !str_eq(y->text, STR("start")))
		return refuse(p, y, "must be start or now");
	return 0;
}

static int read_command(struct parser *p, const struct yaml *y,
			struct sink_secret *ret)
{
	size_t n = 0;

	if (y->type != YAML_LIST || y->n == 0 || y->n > SINK_ARGS_MAX)
		return refuse(p, y, "must be a list of 1 to %u words",
			      SINK_ARGS_MAX);
	YAML_EACH(it, y)
	{
		int r = want_text(p, it, "a word");

		if (r == 0)
			r = keep(p, it->text, &ret->argv[n++]);
		if (r != 0)
			return r;
	}
	if (ret->argv[0][0] != '/')
		return refuse(p, y, "must begin with the program's path");
	return 0;
}

static int read_secret(struct parser *p, const struct sinks_row *row,
		       const struct yaml *y, void *target)
{
	struct sink_secret *ret = target;
	const struct yaml *from = y->first;

	if (y->type != YAML_MAP || y->n != 1 ||
	    !str_eq(from->key, STR("from")) || from->type != YAML_MAP ||
	    from->n != 1)
		return refuse(p, y,
			      "a secret never stands here: write {from: "
			      "{file: PATH}}, or env, or command");
	from = from->first;
	if (str_eq(from->key, STR("file"))) {
		ret->from = SECRET_FILE;
		return read_path(p, row, from, &ret->text);
	}
	if (str_eq(from->key, STR("command"))) {
		ret->from = SECRET_COMMAND;
		return read_command(p, from, ret);
	}
	if (!str_eq(from->key, STR("env")))
		return refuse(p, from, "must be from file, env or command");
	ret->from = SECRET_ENV;
	if (from->type != YAML_SCALAR || !scalar_is_env_name(from->text, false))
		return refuse(p, from, "must be the name of a variable");
	return keep(p, from->text, &ret->text);
}

static int read_count(struct parser *p, const struct sinks_row *row,
		      const struct yaml *y, void *target)
{
	if (y->type != YAML_SCALAR || !y->plain ||
	    !str_u32(y->text, (uint32_t)row->min, (uint32_t)row->max, target))
		return refuse(p, y, "must be a number from %u to %u",
			      (unsigned)row->min, (unsigned)row->max);
	return 0;
}

static int read_measure(struct parser *p, const struct sinks_row *row,
			const struct yaml *y, void *target)
{
	bool size = row->value == SINKS_SIZE;
	char min[24], max[24];
	uint64_t *ret = target;

	if (y->type == YAML_SCALAR && y->plain &&
	    (size ? scalar_size(y->text, ret) : scalar_time(y->text, ret)) &&
	    *ret >= row->min && *ret <= row->max)
		return 0;
	(size ? scalar_size_format : scalar_time_format)(row->min, min,
							 sizeof(min));
	(size ? scalar_size_format : scalar_time_format)(row->max, max,
							 sizeof(max));
	return refuse(p, y, "must be %s to %s", min, max);
}

static const reader_fn readers[] = {
	[SINKS_NAME] = read_name,       [SINKS_TYPE] = read_type,
	[SINKS_TEXT] = read_text,       [SINKS_URL] = read_url,
	[SINKS_ADDRESS] = read_address, [SINKS_PATH] = read_path,
	[SINKS_FORM] = read_form,       [SINKS_ENCODING] = read_encoding,
	[SINKS_FILTER] = read_filter,   [SINKS_BEGIN] = read_begin,
	[SINKS_SECRET] = read_secret,   [SINKS_COUNT] = read_count,
	[SINKS_SIZE] = read_measure,    [SINKS_TIME] = read_measure,
};

/* ---- keys ---- */

static bool in_section(const struct sinks_row *row, const char *section)
{
	if (!section || !row->section)
		return section == row->section;
	return strcmp(section, row->section) == 0;
}

static int refuse_unknown(struct parser *p, const struct yaml *y,
			  const char *section)
{
	const char *near = NULL;
	unsigned best = NEAR_FAR;
	char shown[SHOWN];

	for (size_t i = 0; i < sinks_n_rows; i++) {
		unsigned d;

		if (!in_section(&sinks_rows[i], section))
			continue;
		d = near_distance(y->key, str_of(sinks_rows[i].name));
		if (d < best) {
			best = d;
			near = sinks_rows[i].name;
		}
	}
	str_sanitise(y->key, shown, sizeof(shown));
	diag_set(p->err, y->key_line, y->key_column, "%s: unknown key%s%s%s",
		 shown, near ? ", did you mean " : "", near ? near : "",
		 near ? "?" : "");
	return SINKS_E_SYNTAX;
}

static int read_key(struct parser *p, const struct yaml *y, const char *section,
		    struct sink *s)
{
	for (size_t i = 0; i < sinks_n_rows; i++) {
		const struct sinks_row *row = &sinks_rows[i];

		if (!in_section(row, section) ||
		    !str_eq(y->key, str_of(row->name)))
			continue;
		(void)snprintf(p->key, sizeof(p->key), "%s%s%s",
			       section ? section : "", section ? "." : "",
			       row->name);
		if (!(row->may & SINKS_IN(s->type)))
			return refuse(p, y, "not for a sink of type %s",
				      sink_type_name(s->type));
		return readers[row->value](p, row, y, (char *)s + row->target);
	}
	p->key[0] = '\0';
	return refuse_unknown(p, y, section);
}

static int read_section(struct parser *p, const struct yaml *y,
			const char *section, struct sink *s)
{
	(void)snprintf(p->key, sizeof(p->key), "%s", section);
	if (y->type != YAML_MAP)
		return refuse(p, y, "must be a mapping");
	YAML_EACH(it, y)
	{
		int r = read_key(p, it, section, s);

		if (r != 0)
			return r;
	}
	return 0;
}

static const struct yaml *find(const struct yaml *map, const char *key)
{
	YAML_EACH(it, map)
	{
		if (str_eq(it->key, str_of(key)))
			return it;
	}
	return NULL;
}

static int check_missing(struct parser *p, const struct yaml *y,
			 const struct sink *s)
{
	p->key[0] = '\0';
	for (size_t i = 0; i < sinks_n_rows; i++) {
		const struct sinks_row *row = &sinks_rows[i];

		if ((row->must & SINKS_IN(s->type)) && !find(y, row->name))
			return refuse(p, y, "a sink of type %s needs %s",
				      sink_type_name(s->type), row->name);
	}
	if (!s->certificate != !s->key)
		return refuse(p, y, "tls.certificate and tls.key go together");
	if (s->header && s->token.from == SECRET_NONE)
		return refuse(p, y, "header: there is no token to put there");
	return 0;
}

static void set_defaults(struct sink *s)
{
	const struct sinks_type_row *t = &sinks_types[s->type];

	s->frame = t->frame;
	s->form = t->form;
	s->max_records = t->max_records;
	s->max_bytes = t->max_bytes;
	s->wait_s = WAIT_S;
}

static int check_form(struct parser *p, const struct yaml *y,
		      const struct sink *s)
{
	bool json = export_forms[s->form].is_json;

	if (!json && (s->type == SINK_ELASTIC || s->type == SINK_HTTP))
		return refuse(p, y, "form: this receiver takes JSON only");
	return 0;
}

static int read_sink(struct parser *p, const struct yaml *y, struct sink *s)
{
	const struct yaml *type;
	int r;

	p->key[0] = '\0';
	if (y->type != YAML_MAP)
		return refuse(p, y, "a sink is a mapping");
	s->line = y->line;
	type = find(y, "type");
	if (!type)
		return refuse(p, y, "a sink needs type");
	(void)snprintf(p->key, sizeof(p->key), "type");
	r = read_type(p, NULL, type, &s->type);
	if (r != 0)
		return r;
	set_defaults(s);
	YAML_EACH(it, y)
	{
		if (str_eq(it->key, STR("tls")))
			r = read_section(p, it, "tls", s);
		else if (str_eq(it->key, STR("batch")))
			r = read_section(p, it, "batch", s);
		else
			r = read_key(p, it, NULL, s);
		if (r != 0)
			return r;
	}
	r = check_missing(p, y, s);
	return r == 0 ? check_form(p, y, s) : r;
}

static int read_all(struct parser *p, const struct yaml *y, struct sinks *ret)
{
	(void)snprintf(p->key, sizeof(p->key), "sinks");
	if (y->type != YAML_LIST || y->n > SINKS_MAX)
		return refuse(p, y, "must be a list of at most %u", SINKS_MAX);
	YAML_EACH(it, y)
	{
		struct sink *s = &ret->v[ret->n];
		int r = read_sink(p, it, s);

		if (r != 0)
			return r;
		for (size_t i = 0; i < ret->n; i++) {
			if (strcmp(ret->v[i].name, s->name) == 0)
				return refuse(p, it,
					      "%s: the sink in line %u has "
					      "that name",
					      s->name, ret->v[i].line);
		}
		ret->n++;
	}
	return 0;
}

static int read_top(struct parser *p, const struct yaml *y, struct sinks *ret)
{
	const struct yaml *version;

	if (y->type != YAML_MAP)
		return refuse(p, y, "must be a mapping");
	version = find(y, "version");
	if (!version || version->type != YAML_SCALAR || !version->plain ||
	    !str_eq(version->text, STR("1")))
		return refuse(p, version ? version : y,
			      "version: must be the number 1");
	YAML_EACH(it, y)
	{
		int r = 0;

		p->key[0] = '\0';
		if (str_eq(it->key, STR("sinks")))
			r = read_all(p, it, ret);
		else if (it != version)
			r = refuse_unknown(p, it, "");
		if (r != 0)
			return r;
	}
	return 0;
}

int sinks_parse(struct arena *a, struct str text, struct sinks *ret,
		struct diag *reterr)
{
	struct parser p = { .arena = a, .err = reterr };
	struct sinks s = { .n = 0 };
	struct yaml *root = NULL;
	int r;

	if (text.len > SINKS_MAX_BYTES) {
		diag_set(reterr, 0, 0, "larger than 64 KiB");
		return SINKS_E_SYNTAX;
	}
	r = yaml_parse(a, text, &root, reterr);
	if (r == 0 && !root) {
		diag_set(reterr, 1, 1, "version: must be the number 1");
		r = SINKS_E_SYNTAX;
	}
	if (r == 0)
		r = read_top(&p, root, &s);
	if (r == 0)
		*ret = s;
	return r;
}

const char *sink_where(const struct sink *s, char *dst, size_t size)
{
	if (s->host)
		(void)snprintf(dst, size, "%s:%s", s->host, s->port);
	else
		(void)snprintf(dst, size, "%s", s->url ? s->url : s->path);
	return dst;
}
