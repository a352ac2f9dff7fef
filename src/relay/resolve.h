/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: names to addresses, by the hosts table and the name servers.
 *
 * Answers are kept for their time to live, between RESOLVE_TTL_MIN_S and
 * RESOLVE_TTL_MAX_S, so that a connection to a known name costs no round trip.
 * Whether an address may be dialled is not decided here.
 */
#pragma once

#include "base/loop.h"
#include "relay/relay-config-parse.h"
#include "relay/table.h"

#define RESOLVE_ADDRS_MAX  16u   /* of one name */
#define RESOLVE_NAMES_MAX  4096u /* remembered */
#define RESOLVE_TTL_MIN_S  5u
#define RESOLVE_TTL_MAX_S  300u
#define RESOLVE_FAIL_MS    2000u  /* a failure is remembered */
#define RESOLVE_TIMEOUT_MS 10000u /* of one look-up, unless configured */
#define RESOLVE_SECOND_MS  50u /* for the other family once one has answered */

struct resolver;
struct resolver_entry;

struct resolved {
	struct in6_addr addr[RESOLVE_ADDRS_MAX]; /* in the order to try them */
	size_t n;
};

/* Embedded in who waits; zeroed is not waiting. */
struct resolve_wait {
	struct list link;
	struct resolver_entry *entry;
	/* @res is NULL when the name does not resolve; borrowed. */
	void (*done)(struct resolve_wait *w, const struct resolved *res);
	void *owner;
};

/*
 * Call before the file system goes away: the library draws the key of its
 * query ids from a device file.  Asks nobody until resolver_set().
 */
must_check int resolver_new(struct resolver **ret, struct loop *loop);
/* Nobody may wait any more. */
void resolver_free(struct resolver *r);
DEFINE_AUTO(resolver, struct resolver, resolver_free);

/*
 * Servers, search list and hosts; copied.  Forgets all answers; what is under
 * way is asked anew.
 */
must_check int resolver_set(struct resolver *r,
			    const struct relay_resolvers *config);

/*
 * @name as net_name_parse() made it.  0 = *ret, valid until the next call on
 * @r; 1 = w->done() will tell, not from within this call; 2 = it does not
 * resolve; -errno.
 */
must_check int resolver_find(struct resolver *r, struct str name,
			     struct resolve_wait *w,
			     const struct resolved **ret);
void resolver_cancel(struct resolve_wait *w);
/* A connection to @addr succeeded: offer it first next time. */
void resolver_prefer(struct resolver *r, struct str name,
		     const struct in6_addr *addr);
