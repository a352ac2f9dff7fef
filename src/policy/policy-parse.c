/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * yaml_parse() makes a tree; this file walks it along the tables of schema.c
 * and fills a struct policy_doc.  A key leads to its row, the row's type to a
 * reader in readers[]; readers know types, not keys.
 *
 * The first error ends the walk: *p->err then names the place of the value, or
 * of the key when the key is the error, and the key's full name.
 */
#include <stdarg.h>
#include <stdio.h>

#include "policy/net-text.h"
#include "policy/policy-doc.h"
#include "policy/scalar-parse.h"
#include "policy/yaml-parse.h"

#define POLICY_E_SYNTAX 1
#define SHOWN           64u /* bytes of foreign text in a message */
#define DNS_PORT        53u

struct parser {
	struct arena *arena;
	struct diag *err;
	struct policy_doc *doc;
	/* what is being read, for messages: "network.allow" */
	char key[64];
};

typedef int (*reader_fn)(struct parser *p, const struct schema_row *row,
			 const struct yaml *y, struct policy_value *v);

printf_like(3, 4) static int refuse(struct parser *p, const struct yaml *y,
				    const char *fmt, ...)
{
	char text[sizeof(p->err->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cutting is fine */
	va_end(ap);
	diag_set(p->err, y->line, y->column, "%s%s%s", p->key,
		 *p->key ? ": " : "", text);
	return POLICY_E_SYNTAX;
}

/* The key of @y is wrong; @name is its full name. */
static int refuse_key(struct parser *p, const struct yaml *y, const char *name,
		      const char *why)
{
	diag_set(p->err, y->key_line, y->key_column, "%s: %s", name, why);
	return POLICY_E_SYNTAX;
}

static int refuse_unknown(struct parser *p, const struct yaml *y, bool has_near,
			  const char *near)
{
	char shown[SHOWN];

	str_sanitise(y->key, shown, sizeof(shown));
	diag_set(p->err, y->key_line, y->key_column, "%s: unknown key%s%s%s",
		 shown, has_near ? ", did you mean " : "", has_near ? near : "",
		 has_near ? "?" : "");
	return POLICY_E_SYNTAX;
}

static struct origin origin_at(const struct parser *p, uint32_t line)
{
	return (struct origin){ .layer = p->doc->layer,
				.file = p->doc->file,
				.line = line };
}

static int refuse_type(struct parser *p, const struct yaml *y, const char *want)
{
	char shown[SHOWN];

	if (y->type != YAML_SCALAR)
		return refuse(p, y, "must be %s, not a %s", want,
			      y->type == YAML_MAP ? "mapping" : "list");
	if (y->plain && y->text.len == 0)
		return refuse(p, y, "has no value; must be %s", want);
	str_sanitise(y->text, shown, sizeof(shown));
	return refuse(p, y, "must be %s, not %s%s%s", want,
		      y->plain ? "" : "\"", shown, y->plain ? "" : "\"");
}

static bool is_null(const struct yaml *y)
{
	return y->plain &&
	       (y->text.len == 0 || str_eq(y->text, STR("null")) ||
		str_eq(y->text, STR("Null")) || str_eq(y->text, STR("NULL")));
}

static int want_text(struct parser *p, const struct yaml *y, const char *want)
{
	if (y->type != YAML_SCALAR || is_null(y))
		return refuse_type(p, y, want);
	return 0;
}

/* Numbers are written without quotes: "8" is text. */
static int want_plain(struct parser *p, const struct yaml *y, const char *want)
{
	if (y->type != YAML_SCALAR || !y->plain)
		return refuse_type(p, y, want);
	return 0;
}

static int want_list(struct parser *p, const struct schema_row *row,
		     const struct yaml *y, struct policy_value *v)
{
	if (y->type != YAML_LIST)
		return refuse_type(p, y, schema_type_name(row->type));
	if (y->n > row->max || y->n < row->min)
		return refuse(p, y, "has %zu entries, may have %u to %u", y->n,
			      (unsigned)row->min, (unsigned)row->max);
	v->items = arena_array(p->arena, y->n + 1, sizeof(v->items[0]));
	return v->items ? 0 : -ENOMEM;
}

static struct policy_item *item_add(struct parser *p, struct policy_value *v,
				    const struct yaml *y)
{
	struct policy_item *item = &v->items[v->n++];

	item->origin = origin_at(p, y->line);
	if (y->type == YAML_SCALAR)
		item->text = y->text;
	return item;
}

static int read_version(struct parser *p, const struct schema_row *row,
			const struct yaml *y, struct policy_value *v)
{
	int r = want_plain(p, y, schema_type_name(row->type));

	if (r != 0)
		return r;
	if (!str_eq(y->text, STR("1")))
		return refuse_type(p, y, schema_type_name(row->type));
	v->number = 1;
	return 0;
}

/* YAML 1.1's other spellings (yes, on) are words: one spelling each. */
static int read_bool(struct parser *p, const struct schema_row *row,
		     const struct yaml *y, struct policy_value *v)
{
	int r = want_plain(p, y, schema_type_name(row->type));

	if (r != 0)
		return r;
	if (!str_eq(y->text, STR("true")) && !str_eq(y->text, STR("false")))
		return refuse_type(p, y, schema_type_name(row->type));
	v->number = str_eq(y->text, STR("true")) ? 1 : 0;
	return 0;
}

static int read_choice(struct parser *p, const struct schema_row *row,
		       const struct yaml *y, struct policy_value *v)
{
	int r = want_text(p, y, row->choices[0]);

	if (r != 0)
		return r;
	for (size_t i = 0; row->choices[i]; i++) {
		if (str_eq(y->text, str_of(row->choices[i]))) {
			v->number = i;
			return 0;
		}
	}
	for (size_t i = 0; row->later[i]; i++) {
		if (str_eq(y->text, str_of(row->later[i])))
			return refuse(p, y, "%s: not in this version",
				      row->later[i]);
	}
	return refuse_type(p, y, row->choices[0]);
}

static int read_words(struct parser *p, const struct schema_row *row,
		      const struct yaml *y, struct policy_value *v)
{
	int r = want_list(p, row, y, v);

	if (r != 0)
		return r;
	YAML_EACH(it, y)
	{
		size_t i = 0;

		r = want_text(p, it, row->choices[0]);
		if (r != 0)
			return r;
		while (row->choices[i] &&
		       !str_eq(it->text, str_of(row->choices[i])))
			i++;
		if (!row->choices[i])
			return refuse_type(p, it,
					   "one of the words that the "
					   "reference lists");
		(void)item_add(p, v, it);
	}
	return 0;
}

static int read_paths(struct parser *p, const struct schema_row *row,
		      const struct yaml *y, struct policy_value *v)
{
	int r = want_list(p, row, y, v);

	if (r != 0)
		return r;
	YAML_EACH(it, y)
	{
		const char *why;

		r = want_text(p, it, "a path");
		if (r != 0)
			return r;
		why = scalar_path_check(it->text, row->type == SCHEMA_GLOBS);
		if (!why && row->type == SCHEMA_SOCKETS &&
		    it->text.ptr[0] == '@')
			why = "abstract sockets cannot be passed on";
		if (why) {
			char shown[SHOWN];

			str_sanitise(it->text, shown, sizeof(shown));
			return refuse(p, it, "\"%s\": %s", shown, why);
		}
		(void)item_add(p, v, it);
	}
	return 0;
}

static int read_names(struct parser *p, const struct schema_row *row,
		      const struct yaml *y, struct policy_value *v)
{
	int r = want_list(p, row, y, v);

	if (r != 0)
		return r;
	YAML_EACH(it, y)
	{
		r = want_text(p, it, "a variable's name");
		if (r != 0)
			return r;
		if (!scalar_is_env_name(it->text, true))
			return refuse_type(p, it,
					   "a variable's name, where * stands "
					   "for more but not for all");
		(void)item_add(p, v, it);
	}
	return 0;
}

static int read_assign(struct parser *p, const struct schema_row *row,
		       const struct yaml *y, struct policy_value *v)
{
	int r;

	if (y->type != YAML_MAP)
		return refuse_type(p, y, schema_type_name(row->type));
	if (y->n > row->max)
		return refuse(p, y, "has %zu entries, may have up to %u", y->n,
			      (unsigned)row->max);
	v->items = arena_array(p->arena, y->n + 1, sizeof(v->items[0]));
	if (!v->items)
		return -ENOMEM;
	YAML_EACH(it, y)
	{
		struct policy_item *item;
		char shown[SHOWN];

		str_sanitise(it->key, shown, sizeof(shown));
		if (!scalar_is_env_name(it->key, false))
			return refuse_key(p, it, p->key,
					  "must be a variable's name");
		r = want_text(p, it, "text");
		if (r != 0)
			return r;
		if (it->plain && str_eq(it->text, STR("~")))
			return refuse(p, it, "%s: ~ is no value; quote it",
				      shown);
		item = item_add(p, v, it);
		item->text = it->key;
		item->value = it->text;
	}
	return 0;
}

static int read_resolvers(struct parser *p, const struct schema_row *row,
			  const struct yaml *y, struct policy_value *v)
{
	int r = want_list(p, row, y, v);

	if (r != 0)
		return r;
	YAML_EACH(it, y)
	{
		struct policy_item *item;

		r = want_text(p, it, "ADDRESS or ADDRESS:PORT");
		if (r != 0)
			return r;
		item = item_add(p, v, it);
		if (!net_endpoint_parse(it->text, DNS_PORT,
					&item->resolver.addr,
					&item->resolver.port))
			return refuse_type(p, it, "ADDRESS or ADDRESS:PORT");
	}
	return 0;
}

static int in_bounds(struct parser *p, const struct schema_row *row,
		     const struct yaml *y,
		     void (*format)(uint64_t, char *, size_t), uint64_t v)
{
	char min[24], max[24];

	if (v >= row->min && v <= row->max)
		return 0;
	format(row->min, min, sizeof(min));
	format(row->max, max, sizeof(max));
	return refuse(p, y, "%.*s is not within %s and %s", STR_ARG(y->text),
		      min, max);
}

static int read_size(struct parser *p, const struct schema_row *row,
		     const struct yaml *y, struct policy_value *v)
{
	int r = want_text(p, y, schema_type_name(row->type));

	if (r != 0)
		return r;
	if (!scalar_size(y->text, &v->number))
		return refuse_type(p, y, schema_type_name(row->type));
	return in_bounds(p, row, y, scalar_size_format, v->number);
}

static int read_time(struct parser *p, const struct schema_row *row,
		     const struct yaml *y, struct policy_value *v)
{
	int r = want_text(p, y, schema_type_name(row->type));

	if (r != 0)
		return r;
	if (!scalar_time(y->text, &v->number))
		return refuse_type(p, y, schema_type_name(row->type));
	return in_bounds(p, row, y, scalar_time_format, v->number);
}

static int read_cpu(struct parser *p, const struct schema_row *row,
		    const struct yaml *y, struct policy_value *v)
{
	int r = want_plain(p, y, schema_type_name(row->type));

	if (r != 0)
		return r;
	if (!scalar_cpu(y->text, &v->number))
		return refuse_type(p, y, schema_type_name(row->type));
	return in_bounds(p, row, y, scalar_cpu_format, v->number);
}

static void format_count(uint64_t v, char *dst, size_t size)
{
	(void)snprintf(dst, size, "%llu", (unsigned long long)v);
}

static int read_count(struct parser *p, const struct schema_row *row,
		      const struct yaml *y, struct policy_value *v)
{
	int r = want_plain(p, y, schema_type_name(row->type));

	if (r != 0)
		return r;
	if (!str_u64(y->text, 0, UINT64_MAX, &v->number))
		return refuse_type(p, y, schema_type_name(row->type));
	return in_bounds(p, row, y, format_count, v->number);
}

static int port_add(struct net_rule *rule, uint16_t port)
{
	size_t i = rule->n_ports;

	while (i > 0 && rule->ports[i - 1] > port)
		i--;
	if (i > 0 && rule->ports[i - 1] == port)
		return POLICY_E_SYNTAX;
	memmove(rule->ports + i + 1, rule->ports + i,
		(rule->n_ports - i) * sizeof(rule->ports[0]));
	rule->ports[i] = port;
	rule->n_ports++;
	return 0;
}

static int read_ports(struct parser *p, const struct yaml *y,
		      struct net_rule *rule)
{
	static const char want[] = "a port from 1 to 65535, without quotes";

	if (y->type != YAML_LIST)
		return refuse_type(p, y, "a list of ports, such as [443]");
	if (y->n == 0 || y->n > NET_MAX_PORTS)
		return refuse(p, y, "ports: 1 to %u of them, not %zu",
			      NET_MAX_PORTS, y->n);
	YAML_EACH(it, y)
	{
		uint32_t port;
		int r = want_plain(p, it, want);

		if (r != 0)
			return r;
		if (!str_u32(it->text, 1, UINT16_MAX, &port))
			return refuse_type(p, it, want);
		if (port_add(rule, (uint16_t)port) != 0)
			return refuse(p, it, "port %u is given twice", port);
	}
	return 0;
}

static int read_host(struct parser *p, const struct yaml *y,
		     struct net_rule *rule)
{
	char shown[SHOWN];
	const char *why;
	int r = want_text(p, y, "a host name");

	if (r != 0)
		return r;
	why = scalar_host(p->arena, y->text, &rule->host, &rule->subdomains);
	if (!why)
		return 0;
	str_sanitise(y->text, shown, sizeof(shown));
	return refuse(p, y, "host \"%s\": %s", shown, why);
}

/* What names inside the jail resolve to; see net_classes(). */
static bool is_synthetic(const struct net_rule *rule)
{
	static const struct {
		struct in6_addr addr;
		uint8_t bits;
	} ranges[] = {
		{ { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 18 } } },
		  NET_BITS_V4(15) },
		{ { { { 0xfd, 0x18 } } }, 48 },
	};

	for (size_t i = 0; i < N_ELEMS(ranges); i++) {
		if (rule->bits >= ranges[i].bits &&
		    net_covers(&ranges[i].addr, ranges[i].bits, &rule->addr))
			return true;
	}
	return false;
}

static int read_cidr(struct parser *p, const struct yaml *y,
		     struct net_rule *rule)
{
	char text[NET_ADDR_TEXT];
	struct in6_addr addr;
	uint8_t bits;
	int r = want_text(p, y, "ADDRESS/BITS");

	if (r != 0)
		return r;
	if (net_addr_parse(y->text, &addr)) {
		net_cidr_format(&addr, 128, text);
		return refuse(p, y, "a cidr has a length; write %s", text);
	}
	r = net_cidr_parse(y->text, &addr, &bits);
	if (r == NET_TEXT_E_HOST_BITS) {
		return refuse(p, y, "cidr %.*s: bits are set beyond the length",
			      STR_ARG(y->text));
	}
	if (r != 0)
		return refuse_type(p, y, "ADDRESS/BITS, such as 10.0.0.0/8");
	rule->addr = addr;
	rule->bits = bits;
	if (is_synthetic(rule))
		return refuse(p, y,
			      "cidr %.*s: names inside the jail have "
			      "these addresses",
			      STR_ARG(y->text));
	return 0;
}

static int read_connect(struct parser *p, const struct yaml *y,
			struct net_rule *rule)
{
	static const char want[] = "ADDRESS:PORT or \"[ADDRESS]:PORT\"";
	int r = want_text(p, y, want);

	if (r != 0)
		return r;
	if (!net_endpoint_parse(y->text, 0, &rule->connect_addr,
				&rule->connect_port))
		return refuse_type(p, y, want);
	return 0;
}

static int read_preset(struct parser *p, const struct yaml *y,
		       struct policy_item *item)
{
	int r = want_text(p, y, "a preset's name");

	if (r != 0)
		return r;
	for (size_t i = 0; policy_presets[i]; i++) {
		if (str_eq(y->text, str_of(policy_presets[i]))) {
			item->text = y->text;
			return 0;
		}
	}
	return refuse_type(p, y, "package-registries or git-hosts");
}

/* Sort the members of a rule into @ret, each a row of policy_fields[]. */
static int collect_fields(struct parser *p, const struct yaml *y, bool allow,
			  const struct yaml *ret[FIELD_MAX_])
{
	if (y->type != YAML_MAP)
		return refuse_type(p, y,
				   allow ? "a mapping such as {host: "
					   "NAME, ports: [443]}"
					 : "a mapping such as {host: "
					   "NAME}");
	YAML_EACH(it, y)
	{
		enum schema_field f;
		char name[2 * SHOWN];
		bool near;

		if (!schema_find_field(it->key, &f)) {
			near = schema_nearest_field(it->key, allow, name,
						    sizeof(name));
			return refuse_unknown(p, it, near, name);
		}
		(void)snprintf(name, sizeof(name), "%s.%s", p->key,
			       policy_fields[f].name);
		if (policy_fields[f].later && allow)
			return refuse_key(p, it, name, "not in this version");
		if (allow ? !policy_fields[f].allow : !policy_fields[f].deny)
			return refuse_key(p, it, name, "only in network.allow");
		ret[f] = it;
	}
	return 0;
}

static int check_fields(struct parser *p, const struct yaml *y, bool allow,
			const struct yaml *const f[FIELD_MAX_])
{
	unsigned targets = 0;

	for (unsigned i = FIELD_HOST; i <= FIELD_PRESET; i++)
		targets += f[i] ? 1 : 0;

	if (targets != 1)
		return refuse(p, y, "a rule has one of host%s cidr%s",
			      allow ? "," : " and", allow ? " and preset" : "");
	if (f[FIELD_CONNECT] && !f[FIELD_HOST])
		return refuse(p, f[FIELD_CONNECT], "connect goes with host");
	if (f[FIELD_PORTS] && f[FIELD_PRESET])
		return refuse(p, f[FIELD_PORTS],
			      "a preset has ports of its own");
	return 0;
}

static int fill_rule(struct parser *p, const struct yaml *const f[FIELD_MAX_],
		     struct net_rule *rule)
{
	int r;

	ASSERT(f[FIELD_HOST] || f[FIELD_CIDR]); /* check_fields() saw to it */
	r = f[FIELD_HOST] ? read_host(p, f[FIELD_HOST], rule)
			  : read_cidr(p, f[FIELD_CIDR], rule);
	if (r == 0 && f[FIELD_PORTS])
		r = read_ports(p, f[FIELD_PORTS], rule);
	if (r == 0 && f[FIELD_CONNECT])
		r = read_connect(p, f[FIELD_CONNECT], rule);
	return r;
}

static int read_rule(struct parser *p, const struct yaml *y, bool allow,
		     struct policy_value *v)
{
	const struct yaml *f[FIELD_MAX_] = { 0 };
	struct policy_item *item;
	struct net_rule *rule;
	int r;

	r = collect_fields(p, y, allow, f);
	if (r == 0)
		r = check_fields(p, y, allow, f);
	if (r != 0)
		return r;

	item = item_add(p, v, y);
	if (f[FIELD_PRESET])
		return read_preset(p, f[FIELD_PRESET], item);

	rule = arena_alloc(p->arena, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	r = fill_rule(p, f, rule);
	if (r != 0)
		return r;
	if (allow && !f[FIELD_PORTS]) {
		(void)port_add(rule, 80);
		(void)port_add(rule, 443);
	}
	rule->origin = item->origin;
	item->text = f[FIELD_HOST] ? f[FIELD_HOST]->text : f[FIELD_CIDR]->text;
	item->rule = rule;
	return 0;
}

static int read_rules(struct parser *p, const struct schema_row *row,
		      const struct yaml *y, struct policy_value *v)
{
	int r = want_list(p, row, y, v);

	if (r != 0)
		return r;
	YAML_EACH(it, y)
	{
		r = read_rule(p, it, row->type == SCHEMA_ALLOW, v);
		if (r != 0)
			return r;
	}
	return 0;
}

static const reader_fn readers[SCHEMA_TYPE_MAX_] = {
	[SCHEMA_VERSION] = read_version, [SCHEMA_BOOL] = read_bool,
	[SCHEMA_CHOICE] = read_choice,   [SCHEMA_WORDS] = read_words,
	[SCHEMA_PATHS] = read_paths,     [SCHEMA_GLOBS] = read_paths,
	[SCHEMA_SOCKETS] = read_paths,   [SCHEMA_NAMES] = read_names,
	[SCHEMA_ASSIGN] = read_assign,   [SCHEMA_ALLOW] = read_rules,
	[SCHEMA_DENY] = read_rules,      [SCHEMA_RESOLVERS] = read_resolvers,
	[SCHEMA_SIZE] = read_size,       [SCHEMA_CPU] = read_cpu,
	[SCHEMA_COUNT] = read_count,     [SCHEMA_TIME] = read_time,
};

static int read_key(struct parser *p, enum policy_key key, const struct yaml *y)
{
	const struct schema_row *row = &policy_schema[key];
	struct policy_value *v = &p->doc->value[key];

	schema_key_name(key, p->key, sizeof(p->key));
	v->set = true;
	v->origin = origin_at(p, y->key_line);
	return readers[row->type](p, row, y, v);
}

static int read_section(struct parser *p, enum schema_section s,
			const struct yaml *y)
{
	(void)snprintf(p->key, sizeof(p->key), "%s", schema_section_name(s));
	if (y->type != YAML_MAP)
		return refuse_type(p, y, "a mapping");
	YAML_EACH(it, y)
	{
		enum policy_key key = POLICY_KEY_MAX_;
		enum schema_found found = schema_find(s, it->key, &key);
		char name[SHOWN];
		bool near;
		int r;

		if (found == SCHEMA_LATER) {
			(void)snprintf(name, sizeof(name), "%s.%.*s",
				       schema_section_name(s),
				       STR_ARG(it->key));
			return refuse_key(p, it, name, "not in this version");
		}
		if (found != SCHEMA_KEY) {
			near = schema_nearest(s, it->key, name, sizeof(name));
			return refuse_unknown(p, it, near, name);
		}
		r = read_key(p, key, it);
		if (r != 0)
			return r;
	}
	return 0;
}

static int read_top(struct parser *p, const struct yaml *y)
{
	enum schema_section s = SECTION_MAX_;
	enum policy_key key = POLICY_KEY_MAX_;
	enum schema_found found = schema_find_top(y->key, &key, &s);
	char name[SHOWN];
	bool near;

	if (found == SCHEMA_LATER) {
		str_sanitise(y->key, name, sizeof(name));
		return refuse_key(p, y, name, "not in this version");
	}
	if (found == SCHEMA_NONE) {
		near = schema_nearest(SECTION_MAX_, y->key, name, sizeof(name));
		return refuse_unknown(p, y, near, name);
	}
	p->doc->section[s].present = true;
	p->doc->section[s].origin = origin_at(p, y->key_line);
	return found == SCHEMA_SECTION ? read_section(p, s, y)
				       : read_key(p, key, y);
}

static int read_document(struct parser *p, const struct yaml *y)
{
	static const struct yaml top = { .line = 1, .column = 1 };

	if (!y || (y->type == YAML_SCALAR && is_null(y)))
		return refuse(p, &top,
			      "empty; a policy has at least "
			      "\"version: 1\"");
	if (y->type != YAML_MAP)
		return refuse_type(p, y, "a mapping of keys to values");
	YAML_EACH(it, y)
	{
		int r = read_top(p, it);

		if (r != 0)
			return r;
	}
	p->key[0] = 0;
	if (!p->doc->section[SECTION_VERSION].present)
		return refuse(p, y,
			      "version: missing; a policy has "
			      "\"version: 1\"");
	return 0;
}

int policy_parse(struct arena *a, struct str text, struct str layer,
		 struct str file, const struct policy_doc **ret,
		 struct diag *reterr)
{
	struct parser p = { .arena = a, .err = reterr };
	struct yaml *y = NULL;
	int r;

	if (text.len > POLICY_MAX_BYTES) {
		diag_set(reterr, 1, 1, "larger than %zu KiB",
			 POLICY_MAX_BYTES / 1024);
		return POLICY_E_SYNTAX;
	}
	p.doc = arena_alloc(a, sizeof(*p.doc));
	if (!p.doc)
		return -ENOMEM;
	p.doc->layer = arena_str(a, layer);
	p.doc->file = arena_str(a, file);

	r = yaml_parse(a, text, &y, reterr);
	if (r == 0)
		r = read_document(&p, y);
	if (r != 0)
		return r;
	if (a->failed)
		return -ENOMEM;
	*ret = p.doc;
	return 0;
}
