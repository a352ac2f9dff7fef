/* SPDX-License-Identifier: Apache-2.0 */
/* store-in: what the files of the store share; nobody else's. */
#pragma once

#include "ledger/checkpoint.h"
#include "ledger/note.h"
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

struct store {
	int dirfd;
	struct store_world world;
	void (*written)(void *owner);
	void *owner;
	uint64_t file_bytes;
	struct store_limits limits;
	bool retaining;
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

/* How many payloads of full bundle @n are meant; with @write they go. */
must_check int erase_bundle(struct store *s, const struct store_erase *e,
			    uint64_t n, bool write, uint64_t *ret);
/* The record that says so, durably. */
must_check int erase_say(struct store *s, const struct store_erase *e,
			 uint64_t n);
