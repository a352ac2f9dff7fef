/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grounds: the one ground (jail/ground.h) that waits for the next session.  It
 * holds nothing of any policy, user or session, so nothing can make it stale: it is
 * given away once, and dies with us.  Whoever gets none makes his own.
 */
#pragma once

#include "base/clock.h"
#include "base/loop.h"
#include "jail/ground.h"
#include "keeper/link.h"

struct client;
struct keeper;

struct grounds {
	struct link groundsman; /* closed: there will be none any more */
	struct ground held;     /* .user_ns == -1: none */
	char limits[256];       /* of who made it: the body to go with it */
	bool asked;             /* one is on its way */
	struct loop *loop;
	struct loop_timer timer; /* then one will be asked for */
	uint64_t due_ns;         /* of the timer; 0: it is not armed */
};

/*
 * Making one takes some of a processor's time, which a session that starts or ends
 * had better have: the maker waits until it is over, or has begun for good.
 */
#define GROUND_AFTER_END_NS   (1 * NS_PER_MS)
#define GROUND_AFTER_START_NS (20 * NS_PER_MS)

/* @loop is borrowed. */
void grounds_init(struct grounds *g, struct loop *loop);
/* @fd: a channel to the groundsman; copied; -1: there is none. */
must_check int grounds_open(struct keeper *k, int fd);
void grounds_done(struct grounds *g);
/* Have one made in @wait_ns, unless it is there or comes before. */
void grounds_want(struct grounds *g, uint64_t wait_ns);
bool grounds_has(const struct grounds *g);
/* MSG_GROUND to @c, if there is one. */
void grounds_hand(struct grounds *g, struct client *c);
