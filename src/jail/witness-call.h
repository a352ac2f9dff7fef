/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness-call: what each system call that the witness sees says, as notes.
 * Reads the process that waits; answers nothing.
 */
#pragma once

#include "jail/witness-hash.h"
#include "jail/witness-note.h"

/* Most that one call can say: sendmmsg(2)'s messages. */
#define CALL_NOTES_MAX 1024u

struct seccomp_notif;

/* The command of the session. */
struct call_command {
	const char *path; /* NULL: searched for */
	const char *argv; /* quoted */
	const char *cwd;
};

/* One call, being looked at. */
struct call_seen {
	int nr;
	pid_t tid;
	const uint64_t *args;
	const struct look_who *who;
	struct hashes *hashes; /* of programs; NULL: none are wanted */
	/* In the place of what cannot be read, for its first execve(2). */
	const struct call_command *command;
};

/* Takes a note, which is borrowed; below 0 ends the looking. */
typedef int (*call_note_fn)(void *ctx, const struct note *n);

/* Is it execve(2) or execveat(2)? */
bool call_is_exec(int nr);
/*
 * What @c says, through @fn.  0; 1 = the witness does not know this call; what
 * @fn returned.
 */
must_check int call_look(struct call_seen *c, call_note_fn fn, void *ctx);

/* Of open(2) and its kin, for who carries them out. */
struct call_open {
	int dirfd;
	uint64_t path; /* an address of the caller's */
	uint64_t flags;
	uint32_t mode;
};
/* False: it is none, or one that opens nothing. */
bool call_is_open(int nr, const uint64_t args[6], struct call_open *ret);
/* What such a call would say of @path, and with @trust. */
void call_note_open(struct note *n, const struct call_open *o, struct str path,
		    enum record_trust trust, struct str exe);
