/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helpers: child processes that pump pairs of sockets, so that a session can
 * have more connections than one process may have descriptors.
 *
 * A helper is forked from the relay, under the same confinement; it pumps and
 * sniffs what it is handed, tells the bytes, and ends with the relay.
 */
#pragma once

#include "relay/pump.h"
#include "relay/sniff.h"

#define HELPERS_MAX 16u

/* What a helper must know of a pair, and tells when it refuses it. */
struct helper_pair {
	struct in6_addr orig;
	uint16_t port; /* original */
	uint16_t name_len;
	bool sniff; /* the program has said nothing yet */
	char name[NET_NAME_MAX + 1];
};

struct helpers_ops {
	/* @n pairs ended; bytes to the program and to the upstream */
	void (*ended)(void *owner, size_t n, const uint64_t bytes[2]);
	void (*refused)(void *owner, const struct helper_pair *p,
			enum sniff_result why, struct str sni);
	/* a helper takes more now */
	void (*ready)(void *owner);
	void *owner;
};

struct helpers;

/* @pairs_max: what one helper may hold. */
must_check int helpers_new(struct helpers **ret, struct loop *loop,
			   size_t pairs_max, const struct helpers_ops *ops);
/* Asks all to end and collects their last counts, for at most @timeout_ms. */
void helpers_end(struct helpers *h, int timeout_ms);
void helpers_free(struct helpers *h);
DEFINE_AUTO(helpers, struct helpers, helpers_free);

/*
 * Hand over a pair; @client and @upstream are borrowed, and to be closed by the
 * caller on 0.  -EAGAIN: ops.ready() tells when to try again; -EMFILE: all are
 * full; another -errno: there can be no helper.
 */
must_check int helpers_give(struct helpers *h, const struct helper_pair *p,
			    int client, int upstream);
