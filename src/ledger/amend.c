/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   idle --take erase--> wanted --begin--> begun --all gone--> answered
 *   idle --take key----> wanted --changed, or not------------> answered
 *
 * What a store before this one had begun to erase is finished first.  A piece
 * that fails is answered once; an erasure that was begun is gone on with all
 * the same, since the next start would do so too.
 */
#include "ledger/amend.h"

#include <stdio.h>

#include "base/json.h"
#include "ipc/protocol.h"
#include "ledger/note.h"
#include "ledger/record.h"

void amend_init(struct amend *a)
{
	*a = (struct amend){ .type = 0 };
	arena_init(&a->arena, AMEND_MAX * 8);
}

void amend_done(struct amend *a)
{
	arena_done(&a->arena);
}

/* ---- requests ---- */

/* All members are there and no others. */
static bool read_request(const struct json *o, uint32_t type,
			 struct store_erase *ret)
{
	const struct json *before = json_find(o, "before");

	*ret = (struct store_erase){ .before = 0 };
	if (!json_is(o, JSON_OBJECT) ||
	    !json_get_str(o, "user", STORE_USER_MAX, &ret->by.user) ||
	    !json_get_str(o, "why", STORE_WHY_MAX, &ret->by.why))
		return false;
	if (type == MSG_ROTATE_KEY)
		return o->kids.n == 2;
	if (!json_get_str(o, "session", RECORD_SESSION_MAX, &ret->session) ||
	    !json_is(before, JSON_INT) || before->integer < 0)
		return false;
	ret->before = (uint64_t)before->integer;
	/* All there is, nobody can mean. */
	return o->kids.n == 4 && (ret->session.len > 0 || ret->before > 0);
}

int amend_take(struct amend *a, uint32_t type, uint32_t id, struct str body)
{
	struct json *o = NULL;
	int r;

	if (a->type != 0)
		return AMEND_LATER;
	amend_done(a);
	amend_init(a);
	/* Strings lie in the arena, or in the body, which goes. */
	body = arena_str(&a->arena, body);
	r = a->arena.failed ? -ENOMEM : json_parse(&a->arena, body, &o, NULL);
	if (r < 0)
		return r;
	if (r > 0 || id == 0 || !read_request(o, type, &a->what))
		return -EPROTO;
	a->type = type;
	a->id = id;
	return 0;
}

/* ---- answers ---- */

static void answered(struct amend *a, uint32_t *ret_id)
{
	*ret_id = a->id;
	a->type = a->id = 0;
	a->begun = false;
}

static void answer_error(struct amend *a, struct buf *b, uint32_t *ret_id,
			 const char *what, int error)
{
	struct json_out w = JSON_OUT(b);
	char text[160];

	if (a->type == 0)
		return; /* nobody waits for it */
	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-error));
	json_open(&w, '{');
	json_kstr(&w, "error", str_of(text));
	json_close(&w, '}');
	answered(a, ret_id);
}

static void answer_erased(struct amend *a, struct buf *b, uint32_t *ret_id,
			  uint64_t n)
{
	struct json_out w = JSON_OUT(b);

	if (!a->begun)
		return; /* that was what another time had left */
	json_open(&w, '{');
	json_kuint(&w, "n", n);
	json_close(&w, '}');
	answered(a, ret_id);
}

/* ---- work ---- */

static void change_key(struct amend *a, struct store *s, struct buf *b,
		       uint32_t *ret_id)
{
	AUTO(buf) struct buf vkey = BUF_NULL;
	struct json_out w = JSON_OUT(b);
	struct note_key k;
	int r = store_change_key(s, &a->what.by, &k);

	if (r != 0) {
		answer_error(a, b, ret_id,
			     "the key could not be changed; the next start "
			     "goes on with it",
			     r);
		return;
	}
	buf_init(&vkey, NOTE_VKEY_SIZE);
	note_vkey_add(&vkey, &k);
	json_open(&w, '{');
	json_kstr(&w, "vkey", buf_str(&vkey));
	json_close(&w, '}');
	answered(a, ret_id);
}

static enum amend_outcome erase(struct amend *a, struct store *s, struct buf *b,
				uint32_t *ret_id)
{
	uint64_t n = 0;
	int r = store_erase_step(s, &n);

	if (r < 0) {
		answer_error(a, b, ret_id,
			     a->begun ? "not all is erased yet; that goes on"
				      : "what was to be erased before is not "
					"gone yet; again later",
			     r);
		return AMEND_LATER;
	}
	if (r == STORE_ERASED)
		answer_erased(a, b, ret_id, n);
	return AMEND_MORE;
}

enum amend_outcome amend_work(struct amend *a, struct store *s,
			      struct buf *answer, uint32_t *ret_id)
{
	enum amend_outcome o = AMEND_MORE;
	int r;

	*ret_id = 0;
	if (a->type == MSG_ROTATE_KEY) {
		change_key(a, s, answer, ret_id);
	} else if (store_is_erasing(s)) {
		o = erase(a, s, answer, ret_id);
	} else if (a->type == MSG_ERASE) {
		r = store_erase_begin(s, &a->what);
		a->begun = r == 0;
		if (r != 0)
			answer_error(a, answer, ret_id, "nothing is erased", r);
	}
	return a->type == 0 && !store_is_erasing(s) ? AMEND_IDLE : o;
}
