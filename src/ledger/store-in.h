/* SPDX-License-Identifier: Apache-2.0 */
/* store-in: what the files of the store share; nobody else's. */
#pragma once

#include "ledger/checkpoint.h"
#include "ledger/note.h"
#include "ledger/record.h"
#include "ledger/store.h"
#include "ledger/tree.h"

#define KEY_NAME     "key"
#define KEY_NEW_NAME "key.new"
#define VKEY_NAME    "vkey"
#define SIGNERS_MAX  2u /* two while the key is changed */
#define SALTS        256u
#define SALT_BYTES   16u

struct journal {
	int fd;
	uint32_t number;
	uint64_t size;
	struct digest last; /* digest of the last frame */
	bool dirty;         /* there may be bytes beyond size */
	uint64_t first;     /* index of its first record */
};

enum erase_step {
	ERASE_NOTHING = 0,
	ERASE_COUNT, /* how many will go, a bundle at a time */
	ERASE_SAY,
	ERASE_LEAVE, /* the journal, which holds them, too */
	ERASE_WRITE, /* they go, a bundle at a time */
	ERASE_END,
};

/* What is being erased (store-erase.c). */
struct eraser {
	enum erase_step step;
	char session[RECORD_SESSION_MAX], user[STORE_USER_MAX];
	char why[STORE_WHY_MAX];
	size_t session_len, user_len, why_len;
	uint64_t before;     /* UTC ns; 0: any time */
	uint64_t from, upto; /* places in the tree: only records of those */
	bool limit;          /* by a limit, not by somebody */
	bool resumed;        /* begun by a store before this one */
	uint64_t at;         /* the bundle that is next */
	uint64_t n;          /* payloads that were found */
	uint64_t first, end; /* places: all of them are there */
};

struct store {
	int dirfd;
	struct store_world world;
	void (*written)(void *owner);
	void *owner;
	uint64_t file_bytes;
	struct store_limits limits;
	bool retain_due; /* there is a new journal */
	bool in_pieces;
	struct eraser eraser;
	struct hash *hash;
	struct tree tree;
	struct journal journal;
	uint64_t next_seq;
	struct note_signer *signers[SIGNERS_MAX];
	size_t n_signers;
	bool published;                   /* by this process, or found */
	uint64_t published_size;          /* of the checkpoint there is */
	struct buf group;                 /* of struct waiting and bytes */
	struct buf frame;                 /* a commit's output */
	struct buf leaf, payload, common; /* of one record */
	size_t n_waiting;
	uint8_t salts[SALTS * SALT_BYTES];
	size_t salts_left;
};

/* ---- store.c ---- */

int store_write_at(struct store *s, int fd, struct str data, uint64_t at);
int store_sync(struct store *s, int fd);
/* The record @body with number @seq becomes s->leaf and s->payload. */
must_check int store_word(struct store *s, uint64_t at, struct str envelope,
			  struct str body, uint64_t seq);
/* A record of ours, durable.  Only while nothing else waits. */
must_check int store_say(struct store *s, struct str user, struct str body);
/* A record of ours into the tree, without the journal: store_switch() follows. */
must_check int store_add_own(struct store *s, struct str body);
/* Everything so far into files; a new journal with the rest. */
must_check int store_switch(struct store *s);

/* ---- store-open.c ---- */

must_check int store_start(struct store *s, struct store_repair *ret);

/* ---- store-first.c ---- */

/* What the first form leaves behind. */
struct first_form {
	uint64_t next_seq, lines;
	struct store_repair repair;
	char kept[40]; /* name of a file of torn bytes, or "" */
};

/* There are files of the first form in the ledger's directory. */
must_check int first_is_there(int dirfd, bool *ret);
/* Its lines into the tree. */
must_check int first_take_in(struct store *s, struct first_form *ret);
/* Its files away from where the new form is. */
must_check int first_move_away(int dirfd);

/* ---- store-key.c ---- */

/* Read the key, or make it.  1: that, though the ledger is not @fresh. */
must_check int key_open(struct store *s, bool fresh);
/* What of a change of keys is left to do; nothing when there is none. */
must_check int key_finish_change(struct store *s);

/* ---- store-erase.c ---- */

/* Go on with what a store before this one had begun, if it had. */
must_check int erase_resume(struct store *s);
/* All payloads of records @from to @upto - 1, whole bundles, by a limit. */
must_check int erase_by_limit(struct store *s, uint64_t from, uint64_t upto);
