/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-note: what was seen, folded and sent to the scribe.
 *
 * A thing seen is a kind and members that say what it is.  The first of it is
 * recorded at once; the same again is counted and recorded each NOTE_COUNT_NS and
 * at the end: the sum of `count` is exact.  Nothing is dropped: when the scribe
 * does not take it, we wait.
 */
#pragma once

#include "base/base.h"
#include "jail/witness-look.h"
#include "ledger/record.h"

#define NOTE_FLUSH_MS 20u /* until a record is on its way */
#define NOTE_COUNT_NS UINT64_C(1000000000)

enum note_key {
	NOTE_PATH = 1,
	NOTE_TO,
	NOTE_ARGV,
	NOTE_CWD,
	NOTE_WHAT,
	NOTE_ACCESS,
	NOTE_MODE,
	NOTE_SYSCALL,
	NOTE_ADDR,
	NOTE_PORT, /* a number, as text */
	NOTE_FAMILY,
	NOTE_UNREAD,
	NOTE_ERRNO, /* a number, as text */
	NOTE_SHA256,
	NOTE_REASON,
	NOTE_BYTES, /* a number, as text */
	NOTE_EXE,
	NOTE_KEY_MAX_,
};

/*
 * One thing seen, in the making.  What finds no room is cut, and the record says
 * so; the parts before it are not.
 */
#define NOTE_ROOM ((size_t)24 * 1024)
struct note {
	size_t len;
	/* kind, verdict, trust, whether it is cut; then key, length, text */
	char bytes[NOTE_ROOM];
};

void note_begin(struct note *n, enum record_kind kind, bool deny,
		enum record_trust trust);
/* An empty text is left out. */
void note_add(struct note *n, enum note_key key, struct str text);
/* Something of it had no room, or could not be read to its end. */
void note_cut(struct note *n);
void note_add_uint(struct note *n, enum note_key key, uint64_t v);

/* Its NOTE_PATH, borrowed; empty: none. */
struct str note_path(const struct note *n);

struct notes;
/* @scribe: a writer of role witness; borrowed, blocks; -1: told by notes_to(). */
must_check int notes_new(struct notes **ret, int scribe);
void notes_to(struct notes *ns, int scribe);
void notes_free(struct notes *ns);
DEFINE_AUTO(notes, struct notes, notes_free);

/*
 * @more, of who did it and what is different each time, is told of the first
 * and, but for @args, of the last; both may be NULL.  0 or -errno: the scribe is
 * gone.
 */
must_check int notes_take(struct notes *ns, const struct note *n,
			  const struct look_who *who, const char *args);
/* Send what is there; with @counts also what was only counted. */
must_check int notes_flush(struct notes *ns, bool counts);
/* Is there something that was not sent, or not recorded? */
bool notes_waiting(const struct notes *ns);
/* How long the scribe made us wait, altogether. */
uint64_t notes_waited_ns(const struct notes *ns);
