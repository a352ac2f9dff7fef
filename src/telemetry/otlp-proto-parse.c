/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * One reader for all messages, led by otlp_schema.  A message becomes an
 * object; each repeated field an array in it, made at its first element.  The
 * depth is counted as the JSON reader counts it, object and array, so that both
 * encodings have one limit.
 *
 * Recursion is bounded by it; memory by the arena.  Nothing is copied but text
 * that looks different in JSON: strings are slices of the body.
 *
 * Deviations from protobuf.dev/programming-guides/encoding: a field that may
 * be there once and is there twice is refused, where the last wins there; a
 * known field of another wire type is refused, where it is unknown there.  No
 * encoder writes either.
 */
#include "telemetry/otlp-parse.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/base64.h"

#define WIRE_VARINT  0u
#define WIRE_FIXED64 1u
#define WIRE_BYTES   2u
#define WIRE_FIXED32 5u
#define NUMBER_TEXT  40u

struct reader {
	struct arena *arena;
	unsigned depth;
};

/* A message that is being read. */
struct frame {
	const struct otlp_field *fields;
	struct json *object;
	struct json **tail;
	struct json *array[OTLP_FIELDS_MAX];
	struct json **array_tail[OTLP_FIELDS_MAX];
	bool seen[OTLP_FIELDS_MAX];
};

static int read_message(struct reader *r, struct str s, enum otlp_message m,
			struct json *ret);

static bool cut_varint(struct str *s, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 10 && i < s->len; i++) {
		unsigned char c = (unsigned char)s->ptr[i];

		/* The tenth byte has room for one bit. */
		if (i == 9 && c > 1)
			return false;
		v |= (uint64_t)(c & 0x7fu) << (7 * i);
		if (c < 0x80u) {
			*s = str_skip(*s, i + 1);
			*ret = v;
			return true;
		}
	}
	return false;
}

static bool cut_bytes(struct str *s, size_t n, struct str *ret)
{
	if (n > s->len)
		return false;
	*ret = (struct str){ s->ptr, n };
	*s = str_skip(*s, n);
	return true;
}

static bool cut_fixed(struct str *s, unsigned bytes, uint64_t *ret)
{
	struct str raw;
	uint64_t v = 0;

	if (!cut_bytes(s, bytes, &raw))
		return false;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)(unsigned char)raw.ptr[i] << (8 * i);
	*ret = v;
	return true;
}

/* What a field holds: a number, or bytes. */
static bool cut_value(struct str *s, unsigned wire, uint64_t *ret_number,
		      struct str *ret_bytes)
{
	uint64_t len = 0;

	switch (wire) {
	case WIRE_VARINT:
		return cut_varint(s, ret_number);
	case WIRE_FIXED64:
		return cut_fixed(s, 8, ret_number);
	case WIRE_FIXED32:
		return cut_fixed(s, 4, ret_number);
	case WIRE_BYTES:
		return cut_varint(s, &len) && len <= s->len &&
		       cut_bytes(s, (size_t)len, ret_bytes);
	default: /* groups, and what does not exist */
		return false;
	}
}

static const unsigned wires[] = {
	[OTLP_STRING] = WIRE_BYTES,    [OTLP_HEX] = WIRE_BYTES,
	[OTLP_BASE64] = WIRE_BYTES,    [OTLP_BOOL] = WIRE_VARINT,
	[OTLP_ENUM] = WIRE_VARINT,     [OTLP_INT64] = WIRE_VARINT,
	[OTLP_FIXED64] = WIRE_FIXED64, [OTLP_SFIXED64] = WIRE_FIXED64,
	[OTLP_DOUBLE] = WIRE_FIXED64,  [OTLP_MESSAGE] = WIRE_BYTES,
	[OTLP_MESSAGES] = WIRE_BYTES,
};

static int set_text(struct reader *r, struct json *j, enum json_type type,
		    struct str s)
{
	j->type = type;
	j->string = arena_str(r->arena, s);
	return j->string.ptr ? 0 : -ENOMEM;
}

/* The shortest that reads back as the same. */
static int set_double(struct reader *r, struct json *j, uint64_t bits)
{
	char text[NUMBER_TEXT];
	double v;

	memcpy(&v, &bits, sizeof(v));
	if (isnan(v))
		return set_text(r, j, JSON_STRING, STR("NaN"));
	if (isinf(v))
		return set_text(r, j, JSON_STRING,
				v < 0 ? STR("-Infinity") : STR("Infinity"));
	if (v == 0)
		return set_text(r, j, JSON_NUMBER, STR("0")); /* -0 too */
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	return set_text(r, j, JSON_NUMBER, str_of(text));
}

static int set_unsigned(struct reader *r, struct json *j, uint64_t v)
{
	char text[NUMBER_TEXT];

	if (v <= INT64_MAX) {
		j->type = JSON_INT;
		j->integer = (int64_t)v;
		return 0;
	}
	(void)snprintf(text, sizeof(text), "%" PRIu64, v);
	return set_text(r, j, JSON_NUMBER, str_of(text));
}

static int set_bytes(struct reader *r, struct json *j, struct str s, bool hex)
{
	static const char digits[] = "0123456789abcdef";
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, OTLP_BODY_MAX * 2);
	for (size_t i = 0; hex && i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		(void)buf_addc(&b, digits[c >> 4]);
		(void)buf_addc(&b, digits[c & 15]);
	}
	if (!hex)
		base64_add(&b, s);
	return b.failed ? -ENOMEM : set_text(r, j, JSON_STRING, buf_str(&b));
}

static int set_value(struct reader *r, struct json *j,
		     const struct otlp_field *f, uint64_t number, struct str s)
{
	switch (f->type) {
	case OTLP_STRING:
		j->type = JSON_STRING;
		j->string = s;
		return 0;
	case OTLP_HEX:
	case OTLP_BASE64:
		return set_bytes(r, j, s, f->type == OTLP_HEX);
	case OTLP_BOOL:
		j->type = JSON_BOOL;
		j->boolean = number != 0;
		return 0;
	case OTLP_ENUM:
	case OTLP_INT64:
	case OTLP_SFIXED64:
		j->type = JSON_INT;
		j->integer = f->type == OTLP_ENUM ? (int32_t)(uint32_t)number
						  : (int64_t)number;
		return 0;
	case OTLP_FIXED64:
		return set_unsigned(r, j, number);
	case OTLP_DOUBLE:
		return set_double(r, j, number);
	case OTLP_MESSAGE:
	case OTLP_MESSAGES:
		return read_message(r, s, f->of, j);
	default:
		return 1;
	}
}

static void append(struct frame *f, struct json *kid)
{
	*f->tail = kid;
	f->tail = &kid->next;
	f->object->kids.n++;
}

/* The array of field @i, which is an object's member. */
static int begin_array(struct reader *r, struct frame *f, size_t i)
{
	struct json *a = arena_alloc(r->arena, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->type = JSON_ARRAY;
	a->key = str_of(f->fields[i].json);
	f->array[i] = a;
	f->array_tail[i] = &a->kids.first;
	append(f, a);
	return 0;
}

static int take_field(struct reader *r, struct frame *f, size_t i,
		      uint64_t number, struct str bytes)
{
	const struct otlp_field *row = &f->fields[i];
	bool many = row->type == OTLP_MESSAGES;
	struct json *j = arena_alloc(r->arena, sizeof(*j));
	int e = 0;

	if (!j)
		return -ENOMEM;
	if (!many && f->seen[i])
		return 1;
	if (many && !f->seen[i])
		e = begin_array(r, f, i);
	f->seen[i] = true;
	if (many && r->depth == OTLP_DEPTH_MAX)
		return 1;
	r->depth += many;
	if (e == 0)
		e = set_value(r, j, row, number, bytes);
	r->depth -= many;
	if (e != 0)
		return e;
	if (!many) {
		j->key = str_of(row->json);
		append(f, j);
		return 0;
	}
	*f->array_tail[i] = j;
	f->array_tail[i] = &j->next;
	f->array[i]->kids.n++;
	return 0;
}

/* 0; 1; -ENOMEM. */
static int read_field(struct reader *r, struct frame *f, struct str *s)
{
	uint64_t tag = 0, number = 0;
	struct str bytes = { 0 };
	unsigned wire;

	if (!cut_varint(s, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
		return 1;
	wire = (unsigned)(tag & 7u);
	if (!cut_value(s, wire, &number, &bytes))
		return 1;
	for (size_t i = 0; i < OTLP_FIELDS_MAX && f->fields[i].number; i++) {
		if (f->fields[i].number != tag >> 3)
			continue;
		return wires[f->fields[i].type] == wire
			       ? take_field(r, f, i, number, bytes)
			       : 1;
	}
	return 0;
}

static int read_message(struct reader *r, struct str s, enum otlp_message m,
			struct json *ret)
{
	struct frame f = { .fields = otlp_schema[m].v, .object = ret };
	int e = 0;

	if (r->depth == OTLP_DEPTH_MAX)
		return 1;
	r->depth++;
	ret->type = JSON_OBJECT;
	ret->kids.first = NULL;
	ret->kids.n = 0;
	f.tail = &ret->kids.first;
	while (s.len > 0 && e == 0)
		e = read_field(r, &f, &s);
	r->depth--;
	return e;
}

int otlp_proto_parse(struct arena *a, struct str body, enum otlp_message m,
		     struct json **ret)
{
	struct reader r = { .arena = a };
	struct json *j = arena_alloc(a, sizeof(*j));
	int e;

	if (!j)
		return -ENOMEM;
	e = read_message(&r, body, m, j);
	if (e == 0)
		*ret = j;
	return e;
}
