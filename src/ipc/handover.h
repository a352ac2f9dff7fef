/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover: what the warden of a jail without a network of its own tells the
 * relay, one datagram each, over a SOCK_SEQPACKET pair; the relay answers
 * nothing.  doc/PROTOCOL.ipc has it too.
 */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

/* With audit.telemetry: a jail's 127.0.0.1 there leads to the relay. */
#define HANDOVER_TELEMETRY_PORT 4318u

enum handover_kind {
	/* + descriptor: a connection that the program made to addr, port */
	HANDOVER_STREAM = 1,
	/* + descriptor: questions to a resolver, a SOCK_SEQPACKET pair's end */
	HANDOVER_QUESTIONS,
	/* no descriptor: an attempt that was refused; proto as in IP */
	HANDOVER_REFUSED,
	HANDOVER_MAX_,
};

struct handover {
	uint8_t kind;
	uint8_t proto;
	uint16_t port; /* host byte order */
	uint32_t zero;
	struct in6_addr addr; /* v4 mapped */
};
_Static_assert(sizeof(struct handover) == 24, "no padding to leak or compare");
