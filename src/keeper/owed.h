/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owed: the sessions whose closing record is still to be written, remembered
 * in STATE/owed so that the next daemon writes it when this one is killed.
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
};

struct owed_entry {
	char id[ID_SESSION_LEN + 1];
	struct str task; /* borrowed for the call */
};

void owed_init(struct owed *o);
/*
 * Open the file, calling @found for each session in it, whose place stays
 * taken until owed_clear().
 */
must_check int owed_open(struct owed *o, const char *state_dir,
			 int (*found)(void *owner, int slot,
				      const struct owed_entry *e),
			 void *owner);
void owed_done(struct owed *o);

/* 0 and its place; -ENOSPC: all places are taken. */
must_check int owed_add(struct owed *o, const struct owed_entry *e,
			int *ret_slot);
void owed_clear(struct owed *o, int slot);
