/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owed: the sessions whose closing record may be missing, remembered in
 * STATE/owed so that the next daemon writes it when this one is killed.
 *
 * A session is in it from before its opening record is sent until its closing
 * record is durable; so the next daemon first asks the ledger which of the two
 * are there.
 *
 * Written to the page cache only: that outlives the process, and after a loss
 * of power the ledger's own end is as old as this file's.
 */
#pragma once

#include "base/base.h"
#include "base/id.h"
#include "keeper/keeper.h"
#include "keeper/open-parse.h"

#define OWED_NONE (-1)

struct owed {
	int fd; /* -1: not kept */
	bool used[KEEPER_MAX_SESSIONS];
	bool found[KEEPER_MAX_SESSIONS]; /* of a daemon that died */
	size_t n_found;
};

struct owed_entry {
	char id[ID_SESSION_LEN + 1];
	struct str task; /* borrowed for the call */
	uint64_t after;  /* its records have higher numbers; 0: unknown */
};

void owed_init(struct owed *o);
/* Open the file; the sessions in it keep their places. */
must_check int owed_open(struct owed *o, const char *state_dir);
/*
 * Once the ledger in @ledger_dir can be read up to record @last: calls @close
 * for each session that was found by owed_open() and has no closing record
 * there, whose place stays taken until owed_clear(); the others are cleared.
 */
must_check int owed_recover(struct owed *o, const char *ledger_dir,
			    uint64_t last,
			    int (*close)(void *owner, int slot,
					 const struct owed_entry *e),
			    void *owner);
void owed_done(struct owed *o);

/* 0 and its place; -ENOSPC: all places are taken. */
must_check int owed_add(struct owed *o, const struct owed_entry *e,
			int *ret_slot);
void owed_clear(struct owed *o, int slot);
