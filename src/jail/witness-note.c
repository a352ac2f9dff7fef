/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * A note's bytes are its identity: kind, verdict, trust, whether it is cut, and each
 * member as key, length, text.  A table of at most PLACES of them, found by a keyed hash and
 * compared whole, counts what comes again.  They lie in a pool; when that or the
 * table is full, what was only counted is recorded and all are forgotten, so that
 * the next of each is a first one again.
 *
 *   unknown --seen--> recorded with count 1, pending 0
 *   pending n --seen--> pending n + 1
 *   pending n > 0 --a second has passed, the end, no room--> recorded, count n
 *
 * Records gather in one message for the scribe, a line each.
 */
#include "jail/witness-note.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/sip.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"

#define PLACES     8192u /* a power of two */
#define KNOWN_MAX  (PLACES / 4 * 3)
#define POOL_BYTES ((size_t)1024 * 1024)
#define BATCH_FULL (IPC_INLINE_MAX - RECORD_MAX_BODY)
#define CUT_AT     ((size_t)1024) /* of a text that no record has room for */
#define HEAD       4u
#define CUT        3u /* in the head */

struct known {
	uint64_t hash;
	uint32_t at, len; /* in the pool; len 0: a free place */
	uint32_t pending;
	pid_t pid, ppid, inside; /* of the last */
};

struct notes {
	int scribe;
	uint64_t key[2];
	struct known places[PLACES];
	size_t n_known, n_pending; /* entries */
	char *pool;
	size_t used;
	struct buf batch, one;
	uint64_t counted_ns; /* when counts were recorded last */
	uint64_t waited_ns;
};

static const char *const key_names[NOTE_KEY_MAX_] = {
	[NOTE_PATH] = "path",     [NOTE_TO] = "to",
	[NOTE_ARGV] = "argv",     [NOTE_CWD] = "cwd",
	[NOTE_WHAT] = "what",     [NOTE_ACCESS] = "access",
	[NOTE_MODE] = "mode",     [NOTE_SYSCALL] = "syscall",
	[NOTE_ADDR] = "addr",     [NOTE_PORT] = "port",
	[NOTE_FAMILY] = "family", [NOTE_UNREAD] = "unread",
	[NOTE_ERRNO] = "errno",   [NOTE_SHA256] = "sha256",
	[NOTE_REASON] = "reason", [NOTE_BYTES] = "bytes",
	[NOTE_EXE] = "exe",
};

/* ---- a note ---- */

void note_begin(struct note *n, enum record_kind kind, bool deny,
		enum record_trust trust)
{
	n->bytes[0] = (char)kind;
	n->bytes[1] = (char)deny;
	n->bytes[2] = (char)trust;
	n->bytes[CUT] = 0;
	n->len = HEAD;
}

void note_cut(struct note *n)
{
	n->bytes[CUT] = 1;
}

void note_add(struct note *n, enum note_key key, struct str text)
{
	uint16_t len;

	if (text.len == 0)
		return;
	if (text.len > sizeof(n->bytes) - n->len - 3) {
		text.len = 0;
		note_cut(n);
	}
	if (text.len == 0)
		return;
	len = (uint16_t)text.len; /* NOTE_ROOM is less */
	n->bytes[n->len++] = (char)key;
	memcpy(n->bytes + n->len, &len, sizeof(len));
	n->len += sizeof(len);
	memcpy(n->bytes + n->len, text.ptr, text.len);
	n->len += text.len;
}

void note_add_uint(struct note *n, enum note_key key, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, v);
	note_add(n, key, str_of(text));
}

struct str note_path(const struct note *n)
{
	struct str text = { 0 };
	uint16_t len;

	/* It is the first member, if it is there. */
	if (n->len <= HEAD + 3 || n->bytes[HEAD] != NOTE_PATH)
		return text;
	memcpy(&len, n->bytes + HEAD + 1, sizeof(len));
	return (struct str){ .ptr = n->bytes + HEAD + 3, .len = len };
}

/* ---- records ---- */

static bool is_number(enum note_key key)
{
	return key == NOTE_PORT || key == NOTE_ERRNO || key == NOTE_BYTES;
}

static void put_member(struct json_out *w, enum note_key key, struct str text)
{
	uint64_t v = 0;

	if (key == NOTE_UNREAD)
		json_kbool(w, key_names[key], true);
	else if (is_number(key) && str_u64(text, 0, INT64_MAX, &v))
		json_kuint(w, key_names[key], v);
	else
		json_kstr(w, key_names[key], text);
}

/* True: some were cut to @most. */
static bool put_members(struct json_out *w, const char *bytes, size_t len,
			size_t most)
{
	bool cut = false;

	for (size_t at = HEAD; at + 3 <= len;) {
		enum note_key key = (enum note_key)bytes[at];
		struct str text = { .ptr = bytes + at + 3 };
		uint16_t n;

		memcpy(&n, bytes + at + 1, sizeof(n));
		at += 3u + n;
		text.len = n < most ? n : most;
		cut |= text.len < n;
		put_member(w, key, text);
	}
	return cut;
}

struct times {
	uint64_t count;
	pid_t pid, ppid, inside;
	const char *args;
};

static void put_pid(struct json_out *w, const char *key, pid_t pid)
{
	if (pid > 0)
		json_kint(w, key, pid);
}

static void format(struct buf *b, const char *bytes, size_t len,
		   const struct times *t, size_t most)
{
	struct json_out w = JSON_OUT(b);
	bool cut;

	buf_clear(b);
	record_begin(&w, (enum record_kind)bytes[0], bytes[1] ? "deny" : "none",
		     (enum record_trust)bytes[2], NULL, t->count);
	cut = put_members(&w, bytes, len, most);
	if (cut || bytes[CUT])
		json_kbool(&w, "cut", true);
	put_pid(&w, "pid", t->pid);
	put_pid(&w, "ppid", t->ppid);
	put_pid(&w, "inside", t->inside);
	if (t->args)
		json_kstr(&w, "args", str_of(t->args));
	record_end(&w);
}

static int send_batch(struct notes *ns)
{
	uint64_t before;
	int r;

	if (ns->batch.len == 0)
		return 0;
	before = clock_mono_ns();
	r = ipc_send(ns->scribe, MSG_APPEND, 0, buf_str(&ns->batch), NULL, 0);
	ns->waited_ns += clock_mono_ns() - before;
	buf_clear(&ns->batch);
	return r;
}

static int record(struct notes *ns, const char *bytes, size_t len,
		  const struct times *t)
{
	int r = 0;

	format(&ns->one, bytes, len, t, SIZE_MAX);
	if (ns->one.failed) /* so many bytes that have to be escaped */
		format(&ns->one, bytes, len, t, CUT_AT);
	if (ns->one.failed)
		return -ENOMEM;
	if (ns->batch.len > 0)
		(void)buf_addc(&ns->batch, '\n');
	(void)buf_add(&ns->batch, buf_str(&ns->one));
	if (ns->batch.failed)
		return -ENOMEM;
	if (ns->batch.len >= BATCH_FULL)
		r = send_batch(ns);
	return r;
}

static int record_pending(struct notes *ns, struct known *k)
{
	struct times t = { .count = k->pending,
			   .pid = k->pid,
			   .ppid = k->ppid,
			   .inside = k->inside };

	k->pending = 0;
	ns->n_pending--;
	return record(ns, ns->pool + k->at, k->len, &t);
}

static int record_counts(struct notes *ns)
{
	int r = 0;

	for (size_t i = 0; i < PLACES && ns->n_pending > 0 && r == 0; i++) {
		if (ns->places[i].pending > 0)
			r = record_pending(ns, &ns->places[i]);
	}
	return r;
}

/* ---- the table ---- */

int notes_new(struct notes **ret, int scribe)
{
	AUTO(notes) struct notes *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return -ENOMEM;
	ns->scribe = scribe;
	ns->pool = malloc(POOL_BYTES);
	if (!ns->pool)
		return -ENOMEM;
	if (getrandom(ns->key, sizeof(ns->key), 0) != sizeof(ns->key))
		return neg_errno();
	buf_init(&ns->batch, IPC_INLINE_MAX);
	buf_init(&ns->one, RECORD_MAX_BODY);
	*ret = TAKE(ns);
	return 0;
}

void notes_to(struct notes *ns, int scribe)
{
	ns->scribe = scribe;
}

void notes_free(struct notes *ns)
{
	if (!ns)
		return;
	buf_done(&ns->batch);
	buf_done(&ns->one);
	free(ns->pool);
	free(ns);
}

/* Its place, or the free one where it belongs. */
static struct known *find(struct notes *ns, const struct note *n, uint64_t hash)
{
	for (size_t i = (size_t)hash & (PLACES - 1);;
	     i = (i + 1) & (PLACES - 1)) {
		struct known *k = &ns->places[i];

		if (k->len == 0 ||
		    (k->hash == hash && k->len == n->len &&
		     memcmp(ns->pool + k->at, n->bytes, n->len) == 0))
			return k;
	}
}

static int forget(struct notes *ns)
{
	int r = record_counts(ns);

	memset(ns->places, 0, sizeof(ns->places));
	ns->n_known = ns->used = 0;
	return r;
}

static int first(struct notes *ns, struct known *k, const struct note *n,
		 uint64_t hash, const struct times *t)
{
	*k = (struct known){ .hash = hash,
			     .at = (uint32_t)ns->used,
			     .len = (uint32_t)n->len };
	memcpy(ns->pool + ns->used, n->bytes, n->len);
	ns->used += n->len;
	ns->n_known++;
	return record(ns, n->bytes, n->len, t);
}

static int again(struct notes *ns, struct known *k, const struct look_who *who)
{
	ns->n_pending += k->pending == 0;
	k->pending++;
	if (who) {
		k->pid = who->tgid;
		k->ppid = who->ppid;
		k->inside = who->inside;
	}
	return k->pending == UINT32_MAX ? record_pending(ns, k) : 0;
}

int notes_take(struct notes *ns, const struct note *n,
	       const struct look_who *who, const char *args)
{
	uint64_t hash = sip_hash(ns->key, n->bytes, n->len);
	struct times t = { .count = 1, .args = args };
	struct known *k = find(ns, n, hash);
	int r = 0;

	if (k->len != 0)
		return again(ns, k, who);
	if (ns->n_known == KNOWN_MAX || n->len > POOL_BYTES - ns->used) {
		r = forget(ns);
		k = find(ns, n, hash);
	}
	if (who) {
		t.pid = who->tgid;
		t.ppid = who->ppid;
		t.inside = who->inside;
	}
	return r != 0 ? r : first(ns, k, n, hash, &t);
}

int notes_flush(struct notes *ns, bool counts)
{
	uint64_t now = clock_mono_ns();
	int r = 0;

	if (counts || now - ns->counted_ns >= NOTE_COUNT_NS) {
		r = record_counts(ns);
		ns->counted_ns = now;
	}
	return r == 0 ? send_batch(ns) : r;
}

bool notes_waiting(const struct notes *ns)
{
	return ns->batch.len > 0 || ns->n_pending > 0;
}

uint64_t notes_waited_ns(const struct notes *ns)
{
	return ns->waited_ns;
}
