/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amending: MSG_ERASE and MSG_ROTATE_KEY of a client, which the scribe carries
 * out and records.  The keeper looks at the request, says whose it is, and
 * brings the answer back.
 */
#pragma once

#include "base/json.h"
#include "ipc/ipc.h"

struct client;
struct keeper;

#define AMENDING_MAX ((size_t)4096) /* bytes of a request */

/* One at a time; zeroed = none. */
struct amending {
	struct client *client; /* NULL: none, or its client is gone */
	bool busy;
	uint32_t msg, id; /* @id is the one that the scribe answers */
};

/* Answers @c, now or later.  0; -EPROTO: not such a request; < 0. */
must_check int amending_begin(struct keeper *k, struct client *c,
			      const struct ipc_msg *m, const struct json *body);
/* The scribe's answer. */
void amending_over(struct keeper *k, const struct ipc_msg *m,
		   const struct json *body);
/* @c is going; what it has begun is finished all the same. */
void amending_forget(struct keeper *k, const struct client *c);
