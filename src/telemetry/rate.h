/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate: how many records, and how many bytes of them, there may be.  Two
 * buckets; what is there at first is a burst, and more comes with time.  Pure.
 */
#pragma once

#include "base/base.h"

/* Of one session: an agent says some events a second, of about 1 KiB. */
#define RATE_EVENTS_BURST 2048u
#define RATE_EVENTS_S     64u
#define RATE_BYTES_BURST  (4u * 1024 * 1024)
#define RATE_BYTES_S      (16u * 1024)

struct rate {
	uint64_t events, bytes; /* that may be taken now */
	uint64_t factor;
	uint64_t events_at_ns, bytes_at_ns;
};

/* @factor times what is said above. */
void rate_init(struct rate *r, uint64_t now_ns, uint64_t factor);
/* One event of @bytes; false: not now. */
bool rate_take(struct rate *r, uint64_t now_ns, size_t bytes);
/* Nothing of use may be taken now. */
bool rate_is_dry(struct rate *r, uint64_t now_ns);
