/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover: connections of a jail that has no network of its own, as its
 * warden hands them over (ipc/handover.h).  For the gate in the place of a
 * listener.
 */
#pragma once

#include "relay/dns.h"
#include "relay/nflog.h"
#include "relay/telemetry.h"

struct handover_in {
	struct nflog_parts parts;
	struct dns **dns;             /* made after the gate */
	struct telemetry **telemetry; /* likewise; *telemetry NULL: it is off */
};

/*
 * As gate_accept_fn, @owner a struct handover_in: what is not for the gate is
 * served within.
 */
must_check int handover_accept(void *owner, int fd, int *ret_fd,
			       struct sockaddr_in6 *ret_orig);
