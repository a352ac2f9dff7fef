/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * libyaml scans and parses; its events build a tree here.  What the language
 * has beyond mappings, sequences and scalars is refused where its event shows
 * up, because each of these features lets one text mean something else than
 * its reader thinks: an alias or a merge key repeats what stands elsewhere, a
 * tag changes a type, a second document hides below the first.
 *
 * Characters are checked before libyaml sees them, so it has nothing to guess:
 * YAML 1.1 and 1.2 disagree on U+0085, U+2028 and U+2029 as line breaks, and
 * controls that reorder text can make a policy look like another one.
 *
 * The tree is built with a stack, not by recursion.  Memory: the arena, and
 * libyaml's own, which is bounded by the text (a scalar, its token queue).
 */
#include "policy/yaml-parse.h"

#include <yaml.h>

#include "base/utf8.h"

#define YAML_E_SYNTAX 1

struct builder {
	struct arena *arena;
	struct diag *err;
	struct str text;
	uint32_t end_line, end_column;      /* behind the last character */
	struct yaml *stack[YAML_MAX_DEPTH]; /* open containers */
	struct yaml *last[YAML_MAX_DEPTH];  /* their last child so far */
	unsigned depth;
	unsigned n_nodes, n_documents;
	struct yaml *root;
	bool has_key; /* key_* wait for their value */
	struct str key;
	uint32_t key_line, key_column;
};

static void auto_parser(yaml_parser_t *p)
{
	yaml_parser_delete(p);
}

/*
 * Behind a text without a last line feed libyaml counts one line more than
 * there are.
 */
static uint32_t line_of(const struct builder *b, const yaml_mark_t *m)
{
	return m->line < b->end_line ? (uint32_t)m->line + 1 : b->end_line;
}

static uint32_t column_of(const struct builder *b, const yaml_mark_t *m)
{
	return m->line < b->end_line ? (uint32_t)m->column + 1 : b->end_column;
}

static int refuse(struct builder *b, const yaml_mark_t *m, const char *why)
{
	diag_set(b->err, line_of(b, m), column_of(b, m), "%s", why);
	return YAML_E_SYNTAX;
}

/* NULL: @c may stand in a policy. */
static const char *why_not(uint32_t c)
{
	if (c == '\n' || c == '\t')
		return NULL;
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return "a control character";
	if (c == 0x2028 || c == 0x2029)
		return "a Unicode line separator; use a plain line end";
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	    c == 0x200e || c == 0x200f || c == 0x061c)
		return "a control character that reorders text";
	if (c == 0xfeff)
		return "a byte order mark; save the file as UTF-8 without one";
	if ((c & 0xfffe) == 0xfffe)
		return "not a character";
	return NULL;
}

bool yaml_is_plain(uint32_t c)
{
	return !why_not(c);
}

static int check_characters(struct builder *b)
{
	uint32_t line = 1, column = 1;
	struct str text = b->text;

	for (size_t i = 0; i < text.len;) {
		uint32_t c = 0;
		size_t n = utf8_decode(str_skip(text, i), &c);
		const char *why = n > 0 ? why_not(c) : "not UTF-8";
		bool crlf = c == '\r' && i + 1 < text.len &&
			    text.ptr[i + 1] == '\n';

		if (n == 0 || (why && !crlf)) {
			diag_set(b->err, line, column, "%s", why);
			return YAML_E_SYNTAX;
		}
		i += n;
		column++;
		if (c == '\n') {
			line++;
			column = 1;
		}
	}
	b->end_line = line;
	b->end_column = column;
	return 0;
}

/* The character at libyaml's index, which counts characters; 0 at the end. */
static uint32_t char_at(struct str text, size_t index)
{
	uint32_t c = 0;
	size_t n = 1;

	for (size_t k = 0; k <= index && n > 0; k++) {
		n = utf8_decode(text, &c);
		text = str_skip(text, n);
	}
	return n > 0 ? c : 0;
}

/* libyaml's complaint; where it is a known trap, the way out as well. */
static int refuse_syntax(struct builder *b, const yaml_parser_t *p)
{
	const yaml_mark_t *m = &p->problem_mark;
	const char *context = p->context ? p->context : "";
	const char *problem = p->problem ? p->problem : "not YAML";
	uint32_t c = char_at(b->text, m->index);

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (strstr(context, "alias"))
		return refuse(b, &p->context_mark,
			      "a value that begins with * needs quotes");
	if (strstr(context, "anchor"))
		return refuse(b, &p->context_mark,
			      "a value that begins with & needs quotes");
	if (strstr(problem, "cannot start any token") && c == '\t')
		return refuse(b, m, "indent with spaces, not tabs");
	if (strstr(problem, "cannot start any token"))
		return refuse(b, m, "a value that begins so needs quotes");

	diag_set(b->err, line_of(b, m), column_of(b, m), "%s%s%s", problem,
		 *context ? " " : "", context);
	return YAML_E_SYNTAX;
}

static int key_add(struct builder *b, const struct yaml *map,
		   const yaml_event_t *e, struct str text)
{
	YAML_EACH(it, map)
	{
		if (!str_eq(it->key, text))
			continue;
		char shown[64];

		str_sanitise(text, shown, sizeof(shown));
		diag_set(b->err, line_of(b, &e->start_mark),
			 column_of(b, &e->start_mark),
			 "%s: given before, in line %u", shown, it->key_line);
		return YAML_E_SYNTAX;
	}
	b->has_key = true;
	b->key = text;
	b->key_line = line_of(b, &e->start_mark);
	b->key_column = column_of(b, &e->start_mark);
	return 0;
}

/* Hang @n into the open container. */
static int node_add(struct builder *b, const yaml_event_t *e, struct yaml *n)
{
	struct yaml *up = b->depth > 0 ? b->stack[b->depth - 1] : NULL;

	if (!up) {
		b->root = n;
		return 0;
	}
	if (up->n >= YAML_MAX_KIDS)
		return refuse(b, &e->start_mark, "too many entries");
	if (up->type == YAML_MAP) {
		if (!b->has_key)
			return refuse(b, &e->start_mark, "a key must be text");
		n->key = b->key;
		n->key_line = b->key_line;
		n->key_column = b->key_column;
		b->has_key = false;
	}
	if (up->first)
		b->last[b->depth - 1]->next = n;
	else
		up->first = n;
	b->last[b->depth - 1] = n;
	up->n++;
	return 0;
}

static int node_new(struct builder *b, const yaml_event_t *e,
		    enum yaml_type type, struct yaml **ret)
{
	struct yaml *n;

	if (++b->n_nodes > YAML_MAX_NODES)
		return refuse(b, &e->start_mark, "too many values");
	n = arena_alloc(b->arena, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->type = type;
	n->line = line_of(b, &e->start_mark);
	n->column = column_of(b, &e->start_mark);
	*ret = n;
	return 0;
}

static int refuse_marks(struct builder *b, const yaml_event_t *e,
			const unsigned char *anchor, const unsigned char *tag)
{
	if (anchor)
		return refuse(b, &e->start_mark,
			      "anchors are not allowed; a "
			      "value that begins with & "
			      "needs quotes");
	if (tag)
		return refuse(b, &e->start_mark,
			      "tags are not allowed; a "
			      "value that begins with ! "
			      "needs quotes");
	return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *e)
{
	const struct yaml *up = b->depth > 0 ? b->stack[b->depth - 1] : NULL;
	struct str text = { .ptr = (const char *)e->data.scalar.value,
			    .len = e->data.scalar.length };
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct yaml *n = NULL;
	int r;

	r = refuse_marks(b, e, e->data.scalar.anchor, e->data.scalar.tag);
	if (r != 0)
		return r;
	if (plain && !e->data.scalar.plain_implicit)
		return refuse(b, &e->start_mark, "tags are not allowed");
	if (text.len > YAML_MAX_SCALAR)
		return refuse(b, &e->start_mark, "too long");
	if (text.len > 0 && memchr(text.ptr, 0, text.len))
		return refuse(b, &e->start_mark, "NUL is not allowed");

	text = arena_str(b->arena, text);
	if (!text.ptr)
		return -ENOMEM;
	if (up && up->type == YAML_MAP && !b->has_key)
		return key_add(b, up, e, text);

	r = node_new(b, e, YAML_SCALAR, &n);
	if (r != 0)
		return r;
	n->text = text;
	n->plain = plain;
	return node_add(b, e, n);
}

static int on_open(struct builder *b, const yaml_event_t *e)
{
	bool map = e->type == YAML_MAPPING_START_EVENT;
	struct yaml *n = NULL;
	int r;

	r = map ? refuse_marks(b, e, e->data.mapping_start.anchor,
			       e->data.mapping_start.tag)
		: refuse_marks(b, e, e->data.sequence_start.anchor,
			       e->data.sequence_start.tag);
	if (r != 0)
		return r;
	if (b->depth == YAML_MAX_DEPTH)
		return refuse(b, &e->start_mark, "nested too deeply");
	r = node_new(b, e, map ? YAML_MAP : YAML_LIST, &n);
	if (r != 0)
		return r;
	r = node_add(b, e, n);
	if (r != 0)
		return r;
	b->stack[b->depth] = n;
	b->last[b->depth] = NULL;
	b->depth++;
	return 0;
}

static int on_document(struct builder *b, const yaml_event_t *e)
{
	const yaml_tag_directive_t *tag =
		e->data.document_start.tag_directives.start;

	if (++b->n_documents > 1)
		return refuse(b, &e->start_mark, "only one document");
	if (e->data.document_start.version_directive ||
	    tag != e->data.document_start.tag_directives.end)
		return refuse(b, &e->start_mark, "directives are not allowed");
	return 0;
}

static int on_event(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(b, e);
	case YAML_SCALAR_EVENT:
		return on_scalar(b, e);
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, e);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		b->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(b, &e->start_mark,
			      "aliases are not allowed; a value that begins "
			      "with * needs quotes");
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return refuse(b, &e->start_mark, "not understood");
}

/* One event.  *ret_end: it was the last. */
static int step(struct builder *b, yaml_parser_t *p, bool *ret_end)
{
	yaml_event_t e = { 0 };
	int r;

	if (!yaml_parser_parse(p, &e))
		return refuse_syntax(b, p);
	r = on_event(b, &e);
	*ret_end = e.type == YAML_STREAM_END_EVENT;
	yaml_event_delete(&e);
	return r;
}

int yaml_parse(struct arena *a, struct str text, struct yaml **ret,
	       struct diag *reterr)
{
	AUTO(parser) yaml_parser_t p = { 0 };
	struct builder b = { .arena = a, .err = reterr, .text = text };
	bool end = false;
	int r;

	if (text.len == 0) {
		*ret = NULL;
		return 0;
	}
	r = check_characters(&b);
	if (r != 0)
		return r;
	if (!yaml_parser_initialize(&p))
		return -ENOMEM;
	yaml_parser_set_input_string(&p, (const unsigned char *)text.ptr,
				     text.len);
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	while (!end) {
		r = step(&b, &p, &end);
		if (r != 0)
			return r;
	}
	*ret = b.root;
	return 0;
}
