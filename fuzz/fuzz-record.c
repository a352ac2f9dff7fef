/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte, which chooses the role, and a record as a writer sends it.
 * The laws:
 *   1. what record_check() accepts, json_parse() accepts, as a flat object with
 *      the kind that was reported, and without a name of the scribe's;
 *   2. put into a line it is one line, which both record_line_scan() and
 *      record_read() accept, and in which number, session and prev are those
 *      the scribe gave;
 *   3. no proper prefix of a record is one;
 *   4. a refusal names a place within the text, or just behind it, and why;
 *   5. what record_read() accepts can be told, in one line without controls.
 */
#include "base/json.h"
#include "ledger/head.h"
#include "ledger/record-parse.h"
#include "ledger/tell.h"

#define ROOM ((size_t)4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_tree(struct str body, enum record_kind kind)
{
	static const char *const reserved[] = { "v",       "seq",  "at",
						"session", "user", "task",
						"prev" };
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *o = NULL;

	arena_init(&a, ROOM);
	law(json_parse(&a, body, &o, NULL) == 0);
	law(json_is(o, JSON_OBJECT) && o->kids.n <= RECORD_MAX_FIELDS);
	JSON_EACH (it, o) {
		law(it->type == JSON_STRING || it->type == JSON_INT ||
		    it->type == JSON_BOOL || it->type == JSON_NULL);
		law(record_is_name(it->key));
	}
	law(str_eq(json_find_str(o, "kind"), str_of(record_kind_name(kind))));
	law(json_find_int(o, "count", 0) >= 1);
	for (size_t i = 0; i < N_ELEMS(reserved); i++)
		law(!json_find(o, reserved[i]));
}

static void check_told(struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct record rec;
	struct str text;

	arena_init(&a, ROOM);
	if (record_read(&a, line, &rec) != 0)
		return;
	buf_init(&b, TELL_LINE_MAX);
	tell_record(&(struct tell){ .now_ns = 1, .show_session = true }, &rec,
		    &b);
	law(!b.failed && b.len > 0);
	text = buf_str(&b);
	law(text.ptr[text.len - 1] == '\n');
	for (size_t i = 0; i + 1 < text.len; i++)
		law((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f);
}

static void check_line(struct str body)
{
	static const struct str front =
		STR("{\"v\":1,\"seq\":77,\"at\":88,\"session\":\"0s\","
		    "\"user\":\"\",\"task\":\"\",");
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct record_line l;
	struct record rec;

	arena_init(&a, ROOM);
	buf_init(&b, RECORD_MAX_BYTES);
	(void)buf_add(&b, front);
	(void)buf_add(&b, (struct str){ body.ptr + 1, body.len - 2 });
	(void)buf_add(&b, STR(",\"prev\":\"" LEDGER_HASH_ZERO "\"}"));
	law(!b.failed);
	law(!memchr(buf_str(&b).ptr, '\n', b.len));
	law(record_line_scan(buf_str(&b), &l) && l.seq == 77 && l.at == 88);
	law(str_eq(l.session, STR("0s")));
	law(record_read(&a, buf_str(&b), &rec) == 0);
	law(rec.head.seq == 77 && rec.head.at == 88);
	law(str_eq(rec.head.session, STR("0s")));
	law(str_eq(json_find_str(rec.fields, "prev"), STR(LEDGER_HASH_ZERO)));
	check_told(buf_str(&b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = { .ptr = (const char *)data, .len = size };
	enum record_role role = RECORD_ROLE_RELAY;
	enum record_kind kind = 0;
	struct diag d = { 0 };
	int r;

	if (size > 0) {
		role = (enum record_role)(data[0] % (RECORD_ROLE_MAX_ + 1));
		body = str_skip(body, 1);
	}
	check_told(body); /* a stored line may be anything */
	r = record_check(body, role, &kind, &d);
	law(r >= 0);
	if (r > 0) {
		law(d.column >= 1 && d.column <= body.len + 1 && d.text[0]);
		return 0;
	}
	law(record_role_may(role, kind));
	check_tree(body, kind);
	check_line(body);
	for (size_t n = 0; n < body.len; n += 1 + body.len / 64)
		law(record_check((struct str){ body.ptr, n }, role, &kind,
				 NULL) != 0);
	return 0;
}
