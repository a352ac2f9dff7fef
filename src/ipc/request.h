/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request: who may ask what, when.  A peer is presumed hostile: a request that
 * is unknown, too long, carries other descriptors than its row says, is
 * repeated against the table or out of phase is not refused but ends the peer.
 */
#pragma once

#include "ipc/ipc.h"

struct request {
	const char *name; /* for the record */
	int (*answer)(void *peer, struct ipc_msg *m);
	uint32_t max_len; /* bytes of body */
	unsigned phases;  /* bit set */
	uint8_t min_fds, max_fds;
	bool once;
};

/* What is remembered of one peer. */
struct request_state {
	unsigned phase;   /* one bit */
	uint64_t seen[2]; /* bit per type, for `once` */
};

#define REQUEST_TYPES_MAX 128u

/*
 * 0 or what the answer returned; -EPROTO: the caller ends the peer and records
 * why (@reterr gets one line).  @table has @n rows, indexed by type.
 */
must_check int request_dispatch(const struct request *table, size_t n,
				struct request_state *st, void *peer,
				struct ipc_msg *m, struct diag *reterr);
