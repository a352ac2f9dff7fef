/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse: what was refused, told to the ledger and to the user, folded.
 *
 * The first of its kind is told at once; repeats are counted and told every
 * REFUSE_FOLD_MS and at the end.  Nothing is lost: beyond REFUSE_MAX kinds, or
 * REFUSE_RATE new kinds a second, what is refused is counted without its name.
 */
#pragma once

#include "base/loop.h"
#include "policy/net.h"
#include "relay/outq.h"

#define REFUSE_MAX     1024u /* kinds remembered */
#define REFUSE_BURST   2048u /* new kinds told at once */
#define REFUSE_RATE    64u   /* new kinds a second after that */
#define REFUSE_FOLD_MS 5000u

enum refuse_proto {
	REFUSE_TCP = 1,
	REFUSE_UDP,
	REFUSE_ICMP,
	REFUSE_DNS,
	REFUSE_TLS,
	REFUSE_OTHER,
	REFUSE_PROTO_MAX_,
};

enum refuse_reason {
	REFUSE_POLICY = 1, /* no rule allows it, or one denies it */
	REFUSE_ADDRESS,    /* the name leads to a range that is not allowed */
	REFUSE_UNNAMED,    /* a synthetic address that stands for no name */
	REFUSE_NOT_A_NAME, /* no host name */
	REFUSE_NAMES_FULL, /* no synthetic address is left */
	REFUSE_NOT_TLS,    /* see enum sniff_result */
	REFUSE_BAD_HELLO,
	REFUSE_NO_SNI,
	REFUSE_OTHER_SNI,
	REFUSE_LATE_HELLO,
	REFUSE_LEDGER,  /* the grant could not be recorded */
	REFUSE_NOT_TCP, /* only TCP leaves the jail */
	REFUSE_MANY,    /* beyond the limits above, without names */
	REFUSE_LOST,    /* the kernel saw more than it could tell */
	REFUSE_REASON_MAX_,
};

/* Not refused, but the user should know; not on the ledger. */
enum fail_reason {
	FAIL_RESOLVE = 1, /* the name does not resolve */
	FAIL_CONNECT,     /* no address answers */
	FAIL_STUCK,       /* a peer read nothing for long */
	FAIL_REASON_MAX_,
};

struct refusal {
	struct str host;             /* text, any bytes; or empty */
	const struct in6_addr *addr; /* or NULL */
	uint16_t port;               /* 0: none */
	enum refuse_proto proto;
	enum refuse_reason reason;
	const struct net_verdict *verdict; /* what decided; or NULL */
	struct str sni;                    /* what TLS asked for; or empty */
};

struct refusals;

/* @scribe and @supervisor are borrowed. */
must_check int refusals_new(struct refusals **ret, struct loop *loop,
			    struct outq *scribe, struct outq *supervisor);
void refusals_free(struct refusals *r);
DEFINE_AUTO(refusals, struct refusals, refusals_free);

/* @n times.  -errno: the ledger cannot be reached, the relay must end. */
must_check int refusals_add(struct refusals *r, const struct refusal *f,
			    uint64_t n);
/* A failure, told to the user alone. */
void refusals_fail(struct refusals *r, struct str host,
		   const struct in6_addr *addr, uint16_t port,
		   enum fail_reason reason);
/* Tell what was only counted so far. */
must_check int refusals_flush(struct refusals *r);
