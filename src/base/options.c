/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include <inttypes.h>

#include "base/json.h"

#define HELP_COLUMN 28u

struct parser {
	const struct option *table;
	size_t n_rows;
	char *target;
	uint64_t seen; /* bit per row */
	struct diag *err;
};

static const struct option *find_row(const struct parser *p, struct str word)
{
	bool is_long = str_starts(word, STR("--"));
	struct str name = str_skip(word, is_long ? 2 : 1);

	for (size_t i = 0; i < p->n_rows; i++) {
		const struct option *o = &p->table[i];

		if (is_long && str_eq(name, str_of(o->name)))
			return o;
		if (!is_long && name.len == 1 && name.ptr[0] == o->letter)
			return o;
	}
	return NULL;
}

static bool store_u32(const struct parser *p, const struct option *o,
		      const char *value)
{
	uint32_t v;

	if (!str_u32(str_of(value), o->min, o->max, &v)) {
		diag_set(p->err, 0, 0,
			 "--%s wants a number from %" PRIu32 " to %" PRIu32,
			 o->name, o->min, o->max);
		return false;
	}
	memcpy(p->target + o->target, &v, sizeof(v));
	return true;
}

static bool store_item(const struct parser *p, const struct option *o,
		       const char *value)
{
	void *at = p->target + o->target;
	struct option_list *l = at;

	if (l->n == OPTION_LIST_MAX) {
		diag_set(p->err, 0, 0, "--%s more than %u times", o->name,
			 OPTION_LIST_MAX);
		return false;
	}
	l->items[l->n++] = value;
	return true;
}

static bool store(struct parser *p, const struct option *o, const char *value)
{
	uint64_t bit = UINT64_C(1) << (o - p->table);
	static const bool yes = true;

	if (o->kind != OPTION_LIST && (p->seen & bit)) {
		diag_set(p->err, 0, 0, "--%s is given twice", o->name);
		return false;
	}
	p->seen |= bit;
	if (o->present)
		memcpy(p->target + o->present, &yes, sizeof(yes));

	switch (o->kind) {
	case OPTION_FLAG:
		memcpy(p->target + o->target, &yes, sizeof(yes));
		return true;
	case OPTION_STRING:
		memcpy(p->target + o->target, &value, sizeof(value));
		return true;
	case OPTION_U32:
		return store_u32(p, o, value);
	case OPTION_LIST:
		return store_item(p, o, value);
	}
	ASSERT(false); /* no such kind */
}

/* A foreign word, made fit for a message. */
static bool refuse(const struct parser *p, const char *fmt, struct str word)
{
	char safe[80];

	str_sanitise(word, safe, sizeof(safe));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	diag_set(p->err, 0, 0, fmt, safe);
#pragma GCC diagnostic pop
	return false;
}

/* @word starts with "-"; @next may be its value.  Counts *i up when it was. */
static bool parse_one(struct parser *p, const char *word, const char *next,
		      int *i)
{
	struct str name, rest = str_of(word);
	const struct option *o;
	const char *value = NULL;

	(void)str_cut(&rest, '=', &name);
	if (!str_starts(name, STR("--")))
		name = str_of(word);
	else if (name.len < strlen(word))
		value = word + name.len + 1;

	o = find_row(p, name);
	if (!o)
		return refuse(p, "no option %s", name);
	if (o->kind == OPTION_FLAG) {
		if (value)
			return refuse(p, "%s takes no value", name);
		return store(p, o, NULL);
	}
	if (!value) {
		if (!next)
			return refuse(p, "%s wants a value", name);
		value = next;
		(*i)++;
	}
	return store(p, o, value);
}

bool options_parse(const struct option *table, size_t n_rows, int argc,
		   char *const argv[], void *target, int *ret,
		   struct diag *reterr)
{
	struct parser p = { table, n_rows, target, 0, reterr };
	int i = 1;

	ASSERT(n_rows <= OPTIONS_MAX);
	for (; i < argc; i++) {
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			break;
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (!parse_one(&p, argv[i], i + 1 < argc ? argv[i + 1] : NULL,
			       &i))
			return false;
	}
	*ret = i < argc ? i : argc;
	return true;
}

void options_help(const struct option *table, size_t n_rows, struct buf *b)
{
	for (size_t i = 0; i < n_rows; i++) {
		const struct option *o = &table[i];
		size_t start = b->len;

		if (o->letter)
			(void)buf_printf(b, "  -%c, --%s", o->letter, o->name);
		else
			(void)buf_printf(b, "      --%s", o->name);
		if (o->arg)
			(void)buf_printf(b, " %s", o->arg);
		do
			(void)buf_addc(b, ' ');
		while (!b->failed && b->len - start < HELP_COLUMN);
		(void)buf_printf(b, "%s\n", o->help);
	}
}

void options_json(const char *name, const char *synopsis, const char *help,
		  const struct option *table, size_t n_rows, struct json_out *w)
{
	json_open(w, '{');
	json_kstr(w, "name", str_of(name));
	json_kstr(w, "synopsis", str_of(synopsis));
	json_kstr(w, "help", str_of(help));
	json_key(w, "options");
	json_open(w, '[');
	for (size_t i = 0; i < n_rows; i++) {
		const struct option *o = &table[i];
		char letter[2] = { o->letter, '\0' };

		json_open(w, '{');
		json_kstr(w, "name", str_of(o->name));
		if (o->letter)
			json_kstr(w, "letter", str_of(letter));
		if (o->arg)
			json_kstr(w, "arg", str_of(o->arg));
		json_kstr(w, "help", str_of(o->help));
		json_kbool(w, "repeats", o->kind == OPTION_LIST);
		json_close(w, '}');
	}
	json_close(w, ']');
	json_close(w, '}');
}
