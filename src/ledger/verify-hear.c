/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/verify-hear.h"

#include "ledger/record-parse.h"
#include "ledger/store.h"

#define ARENA_BYTES (RECORD_MAX_BYTES * 8)

static int follow_key(struct verify *v, const struct record *rec)
{
	struct str vkey = json_find_str(rec->fields, "vkey"), text, line, more;
	struct note_key next;
	struct note n;

	if (!note_vkey_parse(v->checker.hash, vkey, NOTE_ED25519, &next) ||
	    !note_parse(json_find_str(rec->fields, "note"), &n) ||
	    note_verify(&n, &v->key) != 0)
		return 0; /* not by the key that we trust: not heard */
	text = n.text;
	if (str_cut(&text, '\n', &line) && str_eq(line, STR(KEY_NOTE_FIRST)) &&
	    str_cut(&text, '\n', &more) && str_eq(more, vkey))
		v->key = next;
	return 0;
}

/* @before: the number before it. */
static int hear(struct verify *v, struct str text, uint64_t before,
		uint64_t index, const char *file)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record rec;
	int64_t lost;

	arena_init(&a, ARENA_BYTES);
	if (record_read(&a, text, &rec) != 0)
		return verify_broken(v, file, index, "no record");
	if (rec.head.kind == RECORD_LEDGER_KEY)
		return index < v->marks[MARK_NOW].size ? follow_key(v, &rec)
						       : 0;
	if (rec.head.kind == RECORD_LEDGER_ERASE)
		v->erasable += (uint64_t)json_find_int(rec.fields, "n", 0);
	if (rec.head.kind != RECORD_LEDGER_TORN)
		return 0;
	lost = json_find_int(rec.fields, "lost", -1);
	if (json_find_bool(rec.fields, "damage", true))
		return verify_broken(v, file, index,
				     "a record of damage: what was durable was "
				     "missing or changed");
	if (lost != 0 || rec.head.seq != before + 1)
		return verify_broken(v, file, index,
				     "a number does not follow");
	v->out->repairs++;
	return 0;
}

int verify_hear(struct verify *v, struct str leaves, struct str payloads,
		uint64_t index, const char *file)
{
	uint64_t before = v->last_seq;
	struct record_line l;
	struct payload p;
	struct str leaf;
	int r = 0;

	while (r == 0 && tile_next_entry(&leaves, &leaf) &&
	       payload_next(&payloads, &p)) {
		AUTO(buf) struct buf b = BUF_NULL;

		buf_init(&b, RECORD_MAX_BYTES * 4);
		if (memmem(leaf.ptr, leaf.len, ",\"kind\":\"ledger.", 16)) {
			record_join(leaf, &p, &b);
			r = b.failed
				    ? -ENOMEM
				    : hear(v, buf_str(&b), before, index, file);
		}
		if (record_line_scan(leaf, &l))
			before = l.seq;
		index++;
	}
	return r;
}
