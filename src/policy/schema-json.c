/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * The JSON Schema (draft 2020-12) of policies, for editors.  Keys, types,
 * choices, bounds and words come from the rows of schema.c; what is added here
 * is the spelling of each type, as an ECMA 262 pattern.
 *
 * It describes JSON values, not text, so some refusals of the parser have no
 * counterpart: how a number is spelled, keys given twice, anchors and tags,
 * sizes in bytes.  Others need arithmetic or tables: bits of an address beyond
 * its prefix, IDNA.  The schema is never stricter than the parser but in one
 * point: text that YAML itself would read as a number or truth value is to be
 * quoted, except in env.set.  test-schema.py holds the two against each other,
 * with a validator that is not ours, and lists every exception.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "policy/schema.h"

/* Within a character class: controls, and what reorders or separates lines. */
#define CTRL     "\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069"
#define VARIABLE "\\$(?:HOME|SSH_AUTH_SOCK|XDG_[A-Z_]+)"
/* What a path may begin with beside a name: "~", "$HOME", both before "/". */
#define BASE "~(?=/|$)|" VARIABLE "(?=/|$)"

#define PART "[^/$*?\\[" CTRL "]*"
#define PATH "^(?:" BASE "|(?![~$])" PART ")(?:/" PART ")*$"
#define SET  "\\[(?!\\^)!?(?:\\\\.|[^\\]\\\\/$" CTRL "])+\\]"
#define GLOB_PART                                                 \
	"(?:\\*\\*(?=/|$)|(?:[^/$*\\[\\\\" CTRL "]|\\\\[^/$" CTRL \
	"]|\\*(?!\\*)|" SET ")*)"
#define GLOB "^(?:" BASE "|(?![~$])" GLOB_PART ")(?:/" GLOB_PART ")*$"
/* A pattern has no "..": what it would be below of is not known. */
#define GLOB_DOTS "^(?=.*[*?\\[])(?:.*/)?\\.\\.(?:/.*)?$"

#define OCTET     "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define V4        "(?:" OCTET "\\.){3}" OCTET
#define V6        "[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f.]{0,15}){2,7}"
#define PORT                                                              \
	"(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}" \
	"|655[0-2][0-9]|6553[0-5])"
#define ENDPOINT "(?:" V4 "|\\[" V6 "\\]):" PORT

/* Letters and digits of any script; LETTER_ with the hyphen. */
#define LETTER "[^\\u0000-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u007f]"
#define LETTER_                                                         \
	"[^\\u0000-\\u002c\\u002e\\u002f\\u003a-\\u0040\\u005b-\\u0060" \
	"\\u007b-\\u007f]"
#define LABEL   LETTER "(?:" LETTER_ "{0,61}" LETTER ")?"
#define NUMERIC "(?:0[xX][0-9A-Fa-f]*|[0-9]+)\\.?$"

/* Named parts of the schema. */
static const struct def {
	const char *name, *pattern;
	const char *never; /* a pattern that it must not match, or NULL */
	unsigned max_length;
} defs[] = {
	{ "path", PATH, NULL, 4095 },
	{ "glob", GLOB, GLOB_DOTS, 4095 },
	{ "socket", PATH, "^@", 4095 },
	{ "pattern", "^(?=.*[A-Za-z0-9_])[A-Za-z_*][A-Za-z0-9_*]*$", NULL,
	  255 },
	{ "name", "^[A-Za-z_][A-Za-z0-9_]*$", NULL, 255 },
	{ "resolver", "^(?:" V4 "|" V6 "|" ENDPOINT ")$", NULL, 64 },
	{ "host", "^(?:\\*\\.)?(?:" LABEL "\\.)*(?!" NUMERIC ")" LABEL "\\.?$",
	  NULL, 1024 },
	{ "cidr",
	  "^(?:" V4 "/(?:3[0-2]|[12]?[0-9])|" V6
	  "/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))$",
	  "^198\\.1[89]\\.[0-9.]+/(?:1[5-9]|2[0-9]|3[0-2])$", 64 },
	{ "connect", "^" ENDPOINT "$", NULL, 64 },
};

/* Of a list's entries. */
static const char *const item_defs[SCHEMA_TYPE_MAX_] = {
	[SCHEMA_PATHS] = "path",         [SCHEMA_GLOBS] = "glob",
	[SCHEMA_SOCKETS] = "socket",     [SCHEMA_NAMES] = "pattern",
	[SCHEMA_ALLOW] = "allow",        [SCHEMA_DENY] = "deny",
	[SCHEMA_RESOLVERS] = "resolver",
};

static void put_ref(struct json_out *w, const char *def)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "#/$defs/%s", def);
	json_open(w, '{');
	json_kstr(w, "$ref", str_of(text));
	json_close(w, '}');
}

static void put_def(struct json_out *w, const struct def *d)
{
	json_key(w, d->name);
	json_open(w, '{');
	json_kstr(w, "type", STR("string"));
	json_kuint(w, "minLength", 1);
	json_kuint(w, "maxLength", d->max_length);
	json_kstr(w, "pattern", str_of(d->pattern));
	if (d->never) {
		json_key(w, "not");
		json_open(w, '{');
		json_kstr(w, "pattern", str_of(d->never));
		json_close(w, '}');
	}
	json_close(w, '}');
}

/* ---- numbers with units, as patterns ---- */

#define DIGITS 20u

static void repeat_digit(struct buf *b, size_t n)
{
	if (n > 0)
		(void)buf_printf(b, "[0-9]{%zu}", n);
}

static bool all(const char *digits, char c)
{
	return strspn(digits, (char[]){ c, '\0' }) == strlen(digits);
}

/* Numbers of as many digits as @lo and @hi have, from one to the other. */
static void put_same_length(struct buf *b, const char *lo, const char *hi)
{
	size_t n = strlen(lo);
	char first = lo[0], last = hi[0], edge[DIGITS + 1];

	if (n == 0)
		return;
	if (all(lo, '0') && all(hi, '9')) {
		repeat_digit(b, n);
		return;
	}
	if (first == last) {
		(void)buf_addc(b, first);
		put_same_length(b, lo + 1, hi + 1);
		return;
	}
	(void)buf_add(b, STR("(?:"));
	if (!all(lo + 1, '0')) {
		memset(edge, '9', n - 1);
		edge[n - 1] = '\0';
		(void)buf_addc(b, first++);
		put_same_length(b, lo + 1, edge);
		(void)buf_addc(b, '|');
	}
	if (!all(hi + 1, '9')) {
		memset(edge, '0', n - 1);
		edge[n - 1] = '\0';
		(void)buf_addc(b, last--);
		put_same_length(b, edge, hi + 1);
		(void)buf_addc(b, first <= last ? '|' : ')');
	}
	if (first <= last) {
		(void)buf_printf(b, "[%c-%c]", first, last);
		repeat_digit(b, n - 1);
		(void)buf_addc(b, ')');
	}
}

/* Decimal numbers from @lo to @hi without leading zeros. */
static void put_range(struct buf *b, uint64_t lo, uint64_t hi)
{
	char from[DIGITS + 4], to[DIGITS + 4];
	uint64_t end = 10;

	for (; lo <= hi; lo = end, end *= 10) {
		/* cannot overflow: bounds are below 2^60 */
		while (end <= lo)
			end *= 10;
		(void)snprintf(from, sizeof(from), "%" PRIu64, lo);
		(void)snprintf(to, sizeof(to), "%" PRIu64,
			       hi < end ? hi : end - 1);
		put_same_length(b, from, to);
		if (end <= hi)
			(void)buf_addc(b, '|');
	}
}

struct unit {
	char name;
	uint64_t factor;
};

static const struct unit sizes[] = { { 'K', UINT64_C(1) << 10 },
				     { 'M', UINT64_C(1) << 20 },
				     { 'G', UINT64_C(1) << 30 },
				     { 'T', UINT64_C(1) << 40 },
				     { 0, 0 } };
static const struct unit times[] = {
	{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 0, 0 }
};

static void put_measure(struct json_out *w, const struct schema_row *row,
			const struct unit *units)
{
	AUTO(buf) struct buf b = BUF_NULL;
	bool some = false;

	buf_init(&b, (size_t)16 * 1024);
	(void)buf_add(&b, STR("^(?:"));
	for (const struct unit *u = units; u->name; u++) {
		uint64_t lo = (row->min + u->factor - 1) / u->factor;
		uint64_t hi = row->max / u->factor;

		if (lo > hi)
			continue;
		(void)buf_add(&b, some ? STR("|(?:") : STR("(?:"));
		put_range(&b, lo, hi);
		(void)buf_printf(&b, ")%c", u->name);
		some = true;
	}
	(void)buf_add(&b, STR(")$"));
	if (b.failed)
		w->b->failed = true;
	json_kstr(w, "type", STR("string"));
	json_kstr(w, "pattern", buf_str(&b));
}

/* ---- keys ---- */

static void put_words(struct json_out *w, const char *key,
		      const char *const *words)
{
	json_key(w, key);
	json_open(w, '[');
	for (size_t i = 0; words[i]; i++)
		json_str(w, str_of(words[i]));
	json_close(w, ']');
}

static void put_list(struct json_out *w, const struct schema_row *row)
{
	json_kstr(w, "type", STR("array"));
	if (row->min > 0)
		json_kuint(w, "minItems", row->min);
	json_kuint(w, "maxItems", row->max);
	json_key(w, "items");
	if (row->type == SCHEMA_WORDS) {
		json_open(w, '{');
		put_words(w, "enum", row->choices);
		json_close(w, '}');
		return;
	}
	put_ref(w, item_defs[row->type]);
}

static void put_assign(struct json_out *w, const struct schema_row *row)
{
	static const char *const plain[] = { "string", "number", "boolean",
					     NULL };

	json_kstr(w, "type", STR("object"));
	json_kuint(w, "maxProperties", row->max);
	json_key(w, "propertyNames");
	put_ref(w, "name");
	json_key(w, "additionalProperties");
	json_open(w, '{');
	put_words(w, "type", plain);
	json_kstr(w, "pattern", STR("^[^\\u0000]*$"));
	json_close(w, '}');
}

static void put_cpu_bound(struct json_out *w, const char *key, uint64_t v)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64 ".%03u", v / 1000,
		       (unsigned)(v % 1000));
	json_key(w, key);
	json_raw(w, str_of(text));
}

static void put_type(struct json_out *w, const struct schema_row *row)
{
	switch (row->type) {
	case SCHEMA_VERSION:
	case SCHEMA_COUNT:
		json_kstr(w, "type", STR("integer"));
		json_kuint(w, "minimum", row->min);
		json_kuint(w, "maximum", row->max);
		return;
	case SCHEMA_BOOL:
		json_kstr(w, "type", STR("boolean"));
		return;
	case SCHEMA_CHOICE:
		put_words(w, "enum", row->choices);
		return;
	case SCHEMA_WORDS:
	case SCHEMA_PATHS:
	case SCHEMA_GLOBS:
	case SCHEMA_SOCKETS:
	case SCHEMA_NAMES:
	case SCHEMA_ALLOW:
	case SCHEMA_DENY:
	case SCHEMA_RESOLVERS:
		put_list(w, row);
		return;
	case SCHEMA_ASSIGN:
		put_assign(w, row);
		return;
	case SCHEMA_SIZE:
		put_measure(w, row, sizes);
		return;
	case SCHEMA_TIME:
		put_measure(w, row, times);
		return;
	case SCHEMA_CPU:
		json_kstr(w, "type", STR("number"));
		put_cpu_bound(w, "minimum", row->min);
		put_cpu_bound(w, "maximum", row->max);
		return;
	case SCHEMA_TYPE_MAX_:
		break;
	}
	ASSERT(false); /* no such type */
}

static void put_row(struct json_out *w, const struct schema_row *row)
{
	json_open(w, '{');
	json_kstr(w, "description", str_of(row->help));
	put_type(w, row);
	json_close(w, '}');
}

static void put_section(struct json_out *w, enum schema_section s)
{
	json_key(w, schema_section_name(s));
	if (schema_section_is_map(s)) {
		json_open(w, '{');
		json_kstr(w, "type", STR("object"));
		json_kbool(w, "additionalProperties", false);
		json_key(w, "properties");
		json_open(w, '{');
	}
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		const struct schema_row *row = &policy_schema[i];

		if (row->section != s)
			continue;
		if (row->name)
			json_key(w, row->name);
		put_row(w, row);
	}
	if (schema_section_is_map(s)) {
		json_close(w, '}');
		json_close(w, '}');
	}
}

/* ---- rules of the network ---- */

static void put_field(struct json_out *w, unsigned f)
{
	const struct schema_field_row *row = &policy_fields[f];

	json_key(w, row->name);
	json_open(w, '{');
	json_kstr(w, "description", str_of(row->help));
	if (f == FIELD_PRESET) {
		put_words(w, "enum", policy_presets);
	} else if (f == FIELD_PORTS) {
		json_kstr(w, "type", STR("array"));
		json_kuint(w, "minItems", 1);
		json_kuint(w, "maxItems", NET_MAX_PORTS);
		json_kbool(w, "uniqueItems", true);
		json_key(w, "items");
		json_raw(w, STR("{\"type\":\"integer\",\"minimum\":1,"
				"\"maximum\":65535}"));
	} else {
		json_kstr(w, "$ref",
			  f == FIELD_HOST   ? STR("#/$defs/host")
			  : f == FIELD_CIDR ? STR("#/$defs/cidr")
					    : STR("#/$defs/connect"));
	}
	json_close(w, '}');
}

/* What check_fields() of the parser says. */
static void put_rule(struct json_out *w, const char *name, bool allow)
{
	json_key(w, name);
	json_open(w, '{');
	json_kstr(w, "type", STR("object"));
	json_kbool(w, "additionalProperties", false);
	json_key(w, "properties");
	json_open(w, '{');
	for (unsigned i = 0; i < FIELD_MAX_; i++) {
		const struct schema_field_row *row = &policy_fields[i];

		if (!row->later && (allow ? row->allow : row->deny))
			put_field(w, i);
	}
	json_close(w, '}');
	json_key(w, "oneOf");
	json_raw(w, allow ? STR("[{\"required\":[\"host\"]},"
				"{\"required\":[\"cidr\"]},"
				"{\"required\":[\"preset\"],"
				"\"not\":{\"required\":[\"ports\"]}}]")
			  : STR("[{\"required\":[\"host\"]},"
				"{\"required\":[\"cidr\"]}]"));
	if (allow) {
		json_key(w, "dependentRequired");
		json_raw(w, STR("{\"connect\":[\"host\"]}"));
	}
	json_close(w, '}');
}

void policy_schema_json(struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	json_kstr(&w, "$schema",
		  STR("https://json-schema.org/draft/2020-12/schema"));
	json_kstr(&w, "title", STR("bawn policy"));
	json_kstr(&w, "description",
		  STR("What a session may read, write, reach and spend."));
	json_kstr(&w, "type", STR("object"));
	json_key(&w, "required");
	json_raw(&w, STR("[\"version\"]"));
	json_kbool(&w, "additionalProperties", false);
	json_key(&w, "properties");
	json_open(&w, '{');
	for (unsigned s = 0; s < SECTION_MAX_; s++)
		put_section(&w, (enum schema_section)s);
	json_close(&w, '}');
	json_key(&w, "$defs");
	json_open(&w, '{');
	for (size_t i = 0; i < N_ELEMS(defs); i++)
		put_def(&w, &defs[i]);
	put_rule(&w, "allow", true);
	put_rule(&w, "deny", false);
	json_close(&w, '}');
	json_close(&w, '}');
	(void)buf_addc(b, '\n');
}
