/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn: one connection of a program in the jail.
 *
 *          .--HELLO--.  (ports on which TLS is demanded)
 *   accept-|         |-> RESOLVE -> DIAL -> PUMP -> ended
 *          '---------'
 *   any state but PUMP -> ended, with a reset: refused, failed, too late
 */
#pragma once

#include "relay/dial.h"
#include "relay/gate.h"
#include "relay/sniff.h"

enum conn_state {
	CONN_HELLO = 1, /* collects the ClientHello */
	CONN_RESOLVE,   /* asks for addresses of the name */
	CONN_DIAL,      /* connects, and has the grant recorded */
	CONN_PUMP,      /* bytes pass */
};

struct conn;

/* What a connection needs of the gate. */
struct conn_ops {
	/* Moves between the gate's lists; then in CONN_PUMP. */
	void (*running)(struct gate *g, struct conn *c);
	/* Sockets are closed; the gate frees it with conn_free(). */
	void (*ended)(struct gate *g, struct conn *c);
	/* The ledger cannot be reached any more: the relay must end. */
	void (*broken)(struct gate *g, int error);
};

struct conn {
	struct list link; /* the gate's */
	struct gate *gate;
	const struct gate_parts *parts;
	const struct conn_ops *ops;
	enum conn_state state;
	struct in6_addr orig;
	uint16_t port;
	struct str name; /* empty: a raw address.  Lives in names */
	const struct net_rule *rule;
	struct pump pump;
	struct loop_io io; /* the client, in CONN_HELLO */
	struct sniff *sniff;
	struct resolve_wait wait;
	struct dial *dial;
};

/*
 * Decide on an accepted socket, which is taken; non-blocking.  0 = *ret is a
 * connection of which ops will tell, not from within this call; 1 = it was
 * refused, and closed; -errno likewise, @fd is closed.
 */
must_check int conn_new(struct conn **ret, struct gate *g,
			const struct gate_parts *parts,
			const struct conn_ops *ops, int take_fd,
			const struct in6_addr *orig, uint16_t port);
/*
 * Set it going, after the gate has put it into a list.  ops.ended() may come
 * from within.
 */
void conn_begin(struct conn *c);
/*
 * Ask the policy again.  False: refused and recorded, the gate is to end it;
 * *ret_error is 0 or what makes the relay end.
 */
must_check bool conn_decide_again(struct conn *c, int *ret_error);
/* Closes what is open, with a reset. */
void conn_free(struct conn *c);

/* In CONN_PUMP and without bytes in hand: could go to a helper. */
bool conn_is_idle(const struct conn *c);
void conn_describe(const struct conn *c, struct helper_pair *ret);

/* Record that TLS did not agree with the name. */
must_check int conn_refuse_hello(const struct gate_parts *parts,
				 struct str name, const struct in6_addr *orig,
				 uint16_t port, enum sniff_result why,
				 struct str sni);
