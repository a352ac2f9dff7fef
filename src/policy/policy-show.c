/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * One policy, three forms, all from the table of keys:
 *   show       the language itself, a line for each entry, its origin behind;
 *              it parses to a policy with the same canonical form.  Entries
 *              that hold always (env.pass) are comments
 *   JSON       the same for programs: entries are objects with their origin
 *   canonical  the JSON without origins; entries sorted and each once, where
 *              order means nothing
 */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/json.h"
#include "base/utf8.h"
#include "policy/net-text.h"
#include "policy/policy-doc.h"
#include "policy/scalar-parse.h"
#include "policy/yaml-parse.h"

#define ORIGIN_COLUMN 48u
#define ITEM_MAX      ((size_t)64 * 1024)       /* bytes of one entry as JSON */
#define NARROW_MAX    ((size_t)4 * 1024 * 1024) /* of one layer's lists */

/* The text of a scalar key. */
static void format_scalar(const struct schema_row *row, uint64_t v, char *dst,
			  size_t size)
{
	if (row->type == SCHEMA_SIZE)
		scalar_size_format(v, dst, size);
	else if (row->type == SCHEMA_TIME)
		scalar_time_format(v, dst, size);
	else if (row->type == SCHEMA_CPU)
		scalar_cpu_format(v, dst, size);
	else if (row->type == SCHEMA_BOOL)
		(void)snprintf(dst, size, "%s", v ? "true" : "false");
	else if (row->type == SCHEMA_CHOICE)
		(void)snprintf(dst, size, "%s", row->choices[v]);
	else
		(void)snprintf(dst, size, "%" PRIu64, v);
}

static void format_host(const struct net_rule *r, char dst[NET_NAME_MAX + 3])
{
	(void)snprintf(dst, NET_NAME_MAX + 3, "%s%.*s",
		       r->subdomains ? "*." : "", STR_ARG(r->host));
}

/* For humans. */

/* What some reader of YAML takes for something else than text. */
static bool is_other_type(struct str s)
{
	static const char *const words[] = { "null", "true", "false", "yes",
					     "no",   "on",   "off",   "y",
					     "n",    "~" };

	for (size_t i = 0; i < N_ELEMS(words); i++) {
		if (s.len == strlen(words[i]) &&
		    strncasecmp(s.ptr, words[i], s.len) == 0)
			return true;
	}
	return s.len == 0 || (s.ptr[0] >= '0' && s.ptr[0] <= '9');
}

/* Needs no quotes, whatever stands around it. */
static bool is_bare(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '_' || c == '/' ||
			    c == '.' || c == '~' || c == '$';

		if (!word && (i == 0 || (c != '-' && c != '+' && c != '*')))
			return false;
	}
	return !is_other_type(s);
}

static void add_quoted(struct buf *b, struct str s)
{
	buf_addc(b, '"');
	while (s.len > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(s, &c);

		if (n == 0) /* cannot be: it was parsed as UTF-8 */
			n = 1;
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", (char)c);
		else if (c == '\n' || c == '\t')
			buf_printf(b, "\\%c", c == '\n' ? 'n' : 't');
		else if (!yaml_is_plain(c))
			buf_printf(b, "\\U%08" PRIx32, c);
		else
			buf_add(b, (struct str){ .ptr = s.ptr, .len = n });
		s = str_skip(s, n);
	}
	buf_addc(b, '"');
}

static void add_text(struct buf *b, struct str s)
{
	if (is_bare(s))
		buf_add(b, s);
	else
		add_quoted(b, s);
}

static void show_rule(struct buf *b, const struct policy_item *item)
{
	const struct net_rule *r = item->rule;
	char text[NET_NAME_MAX + 3];

	if (!r) {
		buf_printf(b, "{preset: %.*s}", STR_ARG(item->text));
		return;
	}
	if (r->host.len > 0) {
		format_host(r, text);
		buf_printf(b, "{host: \"%s\"", text);
	} else {
		net_cidr_format(&r->addr, r->bits, text);
		buf_printf(b, "{cidr: \"%s\"", text);
	}
	for (size_t i = 0; i < r->n_ports; i++)
		buf_printf(b, "%s%u", i == 0 ? ", ports: [" : ", ",
			   r->ports[i]);
	if (r->n_ports > 0)
		buf_addc(b, ']');
	if (r->connect_port != 0) {
		net_endpoint_format(&r->connect_addr, r->connect_port, text);
		buf_printf(b, ", connect: \"%s\"", text);
	}
	buf_addc(b, '}');
}

static void show_entry(struct buf *b, enum schema_type type,
		       const struct policy_item *item)
{
	char text[NET_ADDR_TEXT];

	if (type == SCHEMA_ASSIGN) {
		buf_printf(b, "%.*s: ", STR_ARG(item->text));
		add_quoted(b, item->value);
	} else if (type == SCHEMA_ALLOW || type == SCHEMA_DENY) {
		show_rule(b, item);
	} else if (type == SCHEMA_RESOLVERS) {
		net_endpoint_format(&item->resolver.addr, item->resolver.port,
				    text);
		buf_printf(b, "\"%s\"", text);
	} else {
		add_text(b, item->text);
	}
}

static void show_item(struct buf *b, enum schema_type type,
		      const struct policy_item *item)
{
	buf_printf(b, type == SCHEMA_ASSIGN ? "    " : "    - ");
	show_entry(b, type, item);
}

void policy_show_entry(struct buf *b, enum policy_key key,
		       const struct policy_item *item, uint64_t number)
{
	const struct schema_row *row = &policy_schema[key];
	char text[32];

	if (item) {
		show_entry(b, row->type, item);
		return;
	}
	format_scalar(row, number, text, sizeof(text));
	buf_printf(b, "%s", text);
}

/* Ends the line that began at @begin with where it comes from. */
static void show_origin(struct buf *b, size_t begin, const struct origin *o)
{
	char file[256];
	size_t width = b->len - begin;
	int pad = width < ORIGIN_COLUMN ? (int)(ORIGIN_COLUMN - width) : 1;

	str_sanitise(o->file, file, sizeof(file));
	buf_printf(b, "%*s# ", pad, "");
	if (str_eq(o->layer, o->file))
		buf_printf(b, "%s:%" PRIu32 "\n", file, o->line);
	else
		buf_printf(b, "%.*s %s:%" PRIu32 "\n", STR_ARG(o->layer), file,
			   o->line);
}

/* True: it need not be written, since it holds whatever is written. */
static bool is_implied(const struct schema_row *row,
		       const struct policy_item *item)
{
	return row->beside && str_eq(item->origin.layer, STR("builtin"));
}

/* Those, one comment for each line that they come from. */
static void show_implied(struct buf *b, const struct schema_row *row,
			 const struct policy_value *v)
{
	size_t begin = b->len;

	for (size_t i = 0; i < v->n; i++) {
		const struct policy_item *item = &v->items[i];
		bool last = i + 1 == v->n ||
			    v->items[i + 1].origin.line != item->origin.line;

		if (!is_implied(row, item))
			continue;
		buf_printf(b, "%s%.*s", b->len == begin ? "    # " : " ",
			   STR_ARG(item->text));
		if (last) {
			show_origin(b, begin, &item->origin);
			begin = b->len;
		}
	}
}

static void show_list(struct buf *b, const struct schema_row *row,
		      const struct policy_value *v)
{
	size_t begin = b->len, n = 0;

	for (size_t i = 0; i < v->n; i++)
		n += !is_implied(row, &v->items[i]);
	buf_printf(b, "%s%s:", row->name ? "  " : "",
		   row->name ? row->name : schema_section_name(row->section));
	if (n == 0) {
		buf_printf(b, row->type == SCHEMA_ASSIGN ? " {}" : " []");
		show_origin(b, begin, &v->origin);
	} else {
		buf_addc(b, '\n');
	}
	show_implied(b, row, v);
	for (size_t i = 0; i < v->n; i++) {
		if (is_implied(row, &v->items[i]))
			continue;
		begin = b->len;
		show_item(b, row->type, &v->items[i]);
		show_origin(b, begin, &v->items[i].origin);
	}
}

static void show_value(struct buf *b, const struct schema_row *row,
		       const struct policy_value *v)
{
	const char *name =
		row->name ? row->name : schema_section_name(row->section);
	size_t begin = b->len;
	char text[32];

	if (schema_is_list(row->type)) {
		show_list(b, row, v);
		return;
	}
	format_scalar(row, v->number, text, sizeof(text));
	buf_printf(b, "%s%s: %s", row->name ? "  " : "", name, text);
	show_origin(b, begin, &v->origin);
}

/* The section's own line: "files:", or "limits: {}" when it says nothing. */
static void show_section(const struct policy *p, enum schema_section s,
			 struct buf *b)
{
	const struct origin *origin = NULL;
	size_t begin = b->len;

	buf_printf(b, "%s:", schema_section_name(s));
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		if (policy_schema[i].section != s)
			continue;
		if (p->value[i].set) {
			buf_addc(b, '\n');
			return;
		}
		origin = &p->value[i].origin;
	}
	buf_printf(b, " {}");
	if (origin)
		show_origin(b, begin, origin);
}

/* What another layer has written, as comments: it only takes away. */
static void show_narrow(struct buf *b, const struct policy_narrow *n)
{
	AUTO(buf) struct buf text = BUF_NULL;
	struct str rest, line;
	char name[64];

	buf_init(&text, NARROW_MAX);
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		const struct schema_row *row = &policy_schema[i];

		if (!n->value[i].set || row->join != JOIN_AGREE)
			continue;
		schema_key_name((enum policy_key)i, name, sizeof(name));
		buf_printf(&text, "%s, only:\n", name);
		for (size_t k = 0; k < n->value[i].n; k++) {
			size_t begin = text.len;

			show_item(&text, row->type, &n->value[i].items[k]);
			show_origin(&text, begin, &n->value[i].items[k].origin);
		}
	}
	if (text.failed)
		b->failed = true;
	if (text.len == 0 || text.failed)
		return;
	buf_printf(b, "# narrowed by the %s's layer:\n",
		   policy_layer_name(n->layer));
	rest = buf_str(&text);
	while (str_cut(&rest, '\n', &line)) {
		if (line.len > 0)
			buf_printf(b, "#   %.*s\n", STR_ARG(line));
	}
}

void policy_show(const struct policy *p, struct buf *b)
{
	enum schema_section last = SECTION_MAX_;

	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		const struct schema_row *row = &policy_schema[i];

		if (row->section != last && schema_section_is_map(row->section))
			show_section(p, row->section, b);
		last = row->section;
		if (p->value[i].set)
			show_value(b, row, &p->value[i]);
	}
	for (size_t i = 0; i < p->n_narrow; i++)
		show_narrow(b, &p->narrow[i]);
}

/* For programs. */

static void json_origin(struct json_out *w, const struct origin *o)
{
	json_kstr(w, "layer", o->layer);
	json_kstr(w, "file", o->file);
	json_kuint(w, "line", o->line);
}

static void json_rule(struct json_out *w, const struct policy_item *item)
{
	const struct net_rule *r = item->rule;
	char text[NET_NAME_MAX + 3];

	if (!r) {
		json_kstr(w, "preset", item->text);
		return;
	}
	if (r->host.len > 0)
		format_host(r, text);
	else
		net_cidr_format(&r->addr, r->bits, text);
	json_kstr(w, r->host.len > 0 ? "host" : "cidr", str_of(text));
	if (r->n_ports > 0) {
		json_key(w, "ports");
		json_open(w, '[');
		for (size_t i = 0; i < r->n_ports; i++)
			json_uint(w, r->ports[i]);
		json_close(w, ']');
	}
	if (r->connect_port != 0) {
		net_endpoint_format(&r->connect_addr, r->connect_port, text);
		json_kstr(w, "connect", str_of(text));
	}
}

static void json_item(struct json_out *w, enum schema_type type,
		      const struct policy_item *item, bool origin)
{
	char text[NET_ADDR_TEXT];

	json_open(w, '{');
	if (type == SCHEMA_ALLOW || type == SCHEMA_DENY) {
		json_rule(w, item);
	} else if (type == SCHEMA_RESOLVERS) {
		net_endpoint_format(&item->resolver.addr, item->resolver.port,
				    text);
		json_kstr(w, "address", str_of(text));
	} else if (type == SCHEMA_NAMES || type == SCHEMA_ASSIGN ||
		   type == SCHEMA_WORDS) {
		json_kstr(w, "name", item->text);
		if (type == SCHEMA_ASSIGN)
			json_kstr(w, "value", item->value);
	} else {
		json_kstr(w, "path", item->text);
	}
	if (origin)
		json_origin(w, &item->origin);
	json_close(w, '}');
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The entries, sorted and once each. */
static void json_sorted(struct json_out *w, enum schema_type type,
			const struct policy_value *v, struct arena *a)
{
	struct str *texts = arena_array(a, v->n + 1, sizeof(*texts));

	if (!texts)
		return;
	for (size_t i = 0; i < v->n; i++) {
		AUTO(buf) struct buf one = BUF_NULL;
		struct json_out item = JSON_OUT(&one);

		buf_init(&one, ITEM_MAX);
		json_item(&item, type, &v->items[i], false);
		if (one.failed)
			w->b->failed = true;
		texts[i] = arena_str(a, buf_str(&one));
	}
	if (type != SCHEMA_RESOLVERS) /* the first is asked first */
		qsort(texts, v->n, sizeof(*texts), compare_str);
	for (size_t i = 0; i < v->n && !a->failed; i++) {
		if (i == 0 || !str_eq(texts[i - 1], texts[i]))
			json_raw(w, texts[i]);
	}
}

/* @a for the canonical form; NULL: with origins. */
static void json_policy_value(struct json_out *w, const struct schema_row *row,
			      const struct policy_value *v, struct arena *a)
{
	char text[32];

	json_key(w, row->name ? row->name : schema_section_name(row->section));
	if (schema_is_list(row->type)) {
		json_open(w, '[');
		if (a)
			json_sorted(w, row->type, v, a);
		for (size_t i = 0; i < v->n && !a; i++)
			json_item(w, row->type, &v->items[i], true);
		json_close(w, ']');
		return;
	}
	json_open(w, '{');
	if (row->type == SCHEMA_CHOICE) {
		format_scalar(row, v->number, text, sizeof(text));
		json_kstr(w, "value", str_of(text));
	} else if (row->type == SCHEMA_BOOL) {
		json_kbool(w, "value", v->number != 0);
	} else {
		json_kuint(w, "value", v->number);
	}
	if (!a)
		json_origin(w, &v->origin);
	json_close(w, '}');
}

/* Only keys of @join; 0: all. */
static bool is_shown(const struct schema_row *row, const struct policy_value *v,
		     enum schema_join join, bool canonical)
{
	if (!v->set || (join != 0 && row->join != join))
		return false;
	/* Given or not: an empty list gives nothing; as a condition it does. */
	return join != 0 || !canonical || !schema_is_list(row->type) ||
	       v->n > 0;
}

static void json_values(struct json_out *w, const struct policy_value *v,
			enum schema_join join, struct arena *a)
{
	enum schema_section last = SECTION_MAX_;

	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		const struct schema_row *row = &policy_schema[i];

		if (row->section != last) {
			if (schema_section_is_map(last))
				json_close(w, '}');
			last = row->section;
			if (schema_section_is_map(last)) {
				json_key(w, schema_section_name(last));
				json_open(w, '{');
			}
		}
		if (is_shown(row, &v[i], join, a != NULL))
			json_policy_value(w, row, &v[i], a);
	}
	if (schema_section_is_map(last))
		json_close(w, '}');
}

static void json_policy(const struct policy *p, struct buf *b, struct arena *a)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_values(&w, p->value, 0, a);
	if (p->n_narrow > 0) {
		json_key(&w, "narrowed");
		json_open(&w, '[');
		for (size_t i = 0; i < p->n_narrow; i++) {
			const struct policy_narrow *n = &p->narrow[i];

			json_open(&w, '{');
			json_kstr(&w, "layer",
				  str_of(policy_layer_name(n->layer)));
			json_values(&w, n->value, JOIN_AGREE, a);
			/* says as much as an empty network.allow */
			json_kbool(&w, "closed",
				   n->value[POLICY_NETWORK_DEFAULT].set);
			json_close(&w, '}');
		}
		json_close(&w, ']');
	}
	json_close(&w, '}');
}

void policy_show_json(const struct policy *p, struct buf *b)
{
	json_policy(p, b, NULL);
}

int policy_canonical(struct arena *a, const struct policy *p, struct buf *b)
{
	json_policy(p, b, a);
	return a->failed || b->failed ? -ENOMEM : 0;
}
