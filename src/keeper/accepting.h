/* SPDX-License-Identifier: Apache-2.0 */
/*
 * accepting: MSG_ACCEPT, the user's word that a project's policy counts.  It is
 * recorded, and kept (accept.h) when the record is durable.
 */
#pragma once

#include "base/json.h"
#include "keeper/accept.h"

struct client;
struct keeper;

/* One at a time; zeroed = none. */
struct accepting {
	struct client *client; /* NULL: none, or its client is gone */
	bool busy;
	uint32_t msg;
	char *project;
	char hash[ACCEPT_KEY_TEXT];
};

/* Answers @c, now or later.  0; -EPROTO: not such a request; < 0. */
must_check int accepting_begin(struct keeper *k, struct client *c, uint32_t msg,
			       const struct json *body);
/* The scribe's answer to the record with this id. */
#define ACCEPTING_RECORD 2u
void accepting_recorded(struct keeper *k, bool ok);
/* @c is going; what it has begun is finished all the same. */
void accepting_forget(struct keeper *k, const struct client *c);
void accepting_done(struct keeper *k);
