/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grounds: the one ground (jail/ground.h) that waits for the next session.  It
 * holds nothing of any policy, user or session, so nothing can make it stale: it is
 * given away once, and dies with us.  Whoever gets none makes his own.
 */
#pragma once

#include "jail/ground.h"
#include "keeper/link.h"

struct client;
struct keeper;

struct grounds {
	struct link groundsman; /* closed: there will be none any more */
	struct ground held;     /* .user_ns == -1: none */
	char limits[256];       /* of who made it: the body to go with it */
	bool asked;             /* one is on its way */
};

void grounds_init(struct grounds *g);
/* @fd: a channel to the groundsman; copied; -1: there is none. */
must_check int grounds_open(struct keeper *k, int fd);
void grounds_done(struct grounds *g);
/* Have one made, unless it is there. */
void grounds_want(struct grounds *g);
bool grounds_has(const struct grounds *g);
/* MSG_GROUND to @c, if there is one. */
void grounds_hand(struct grounds *g, struct client *c);
