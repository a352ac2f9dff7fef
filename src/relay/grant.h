/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grant: what was allowed, on the ledger before it has an effect.
 *
 * A grant is (rule, host or original address, port, address dialled).  Its first
 * use is a record of its own, which must be durable before a byte passes; later
 * uses are counted and told every GRANT_FOLD_MS and at the end.
 */
#pragma once

#include "base/loop.h"
#include "policy/net.h"
#include "relay/outq.h"
#include "relay/table.h"

#define GRANT_MAX     8192u /* remembered; the oldest give way */
#define GRANT_FOLD_MS 5000u

struct grants;
struct grant;

struct grant_use {
	const struct net_rule *rule;
	struct str host; /* or empty: a raw address */
	const struct in6_addr *orig;
	const struct in6_addr *addr; /* dialled */
	uint16_t orig_port, port;    /* port: dialled */
};

/* Embedded in who waits for a record; zeroed is not waiting. */
struct grant_wait {
	struct list link;
	struct grant *grant;
	/* @error 0: durable; else it is not, and the effect must not happen */
	void (*done)(struct grant_wait *w, int error);
	void *owner;
};

must_check int grants_new(struct grants **ret, struct loop *loop,
			  struct outq *scribe);
/* Nobody may wait any more. */
void grants_free(struct grants *g);
DEFINE_AUTO(grants, struct grants, grants_free);

/*
 * 0 = the grant is on the ledger, the use is counted; 1 = w->done() will tell,
 * not from within this call; -errno: it cannot be recorded.
 */
must_check int grants_use(struct grants *g, const struct grant_use *u,
			  struct grant_wait *w);
/* No longer interested; harmless when not waiting. */
void grants_cancel(struct grant_wait *w);
/* The scribe answered @id.  1 = nobody asked for it. */
must_check int grants_answer(struct grants *g, uint32_t id, bool ok);
must_check int grants_flush(struct grants *g);
