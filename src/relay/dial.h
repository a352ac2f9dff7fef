/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial: a connection to the first of some checked addresses that answers,
 * once its grant is on the ledger.
 *
 * Addresses are tried in order, the next one after DIAL_NEXT_MS or as soon as
 * the one before has failed; all within DIAL_TOTAL_MS.
 */
#pragma once

#include "relay/grant.h"
#include "relay/resolve.h"

#define DIAL_NEXT_MS  250u
#define DIAL_TOTAL_MS 10000u

struct dial;

struct dial_to {
	struct grant_use use;                    /* addr is not read */
	struct in6_addr addr[RESOLVE_ADDRS_MAX]; /* checked by the caller */
	size_t n;
};

enum dial_outcome {
	DIAL_PENDING = 1,
	DIAL_NO_ANSWER,    /* no address took the connection */
	DIAL_NOT_RECORDED, /* the ledger did not take the grant */
};

struct dial_result {
	int fd; /* the owner's from now on */
	struct in6_addr addr;
};

/* @outcome 0: *res; else DIAL_NO_ANSWER or DIAL_NOT_RECORDED, res is NULL. */
typedef void (*dial_fn)(void *owner, int outcome,
			const struct dial_result *res);

/*
 * 0 = connected and recorded: *ret_res; DIAL_PENDING: @done will tell, not from
 * within this call, and *ret is valid until then; else another enum
 * dial_outcome, or -errno.  What @to borrows must live until the end.
 */
must_check int dial_start(struct dial **ret, struct loop *loop,
			  struct grants *grants, const struct dial_to *to,
			  dial_fn done, void *owner,
			  struct dial_result *ret_res);
/* Give up; @done is not called.  NULL is a no-op. */
void dial_cancel(struct dial *d);
