/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry/rate.h"

#include "base/clock.h"

#define DRY_BYTES 1024u /* most events are not smaller */

void rate_init(struct rate *r, uint64_t now_ns, uint64_t factor)
{
	*r = (struct rate){ .events = RATE_EVENTS_BURST * factor,
			    .bytes = RATE_BYTES_BURST * factor,
			    .factor = factor,
			    .events_at_ns = now_ns,
			    .bytes_at_ns = now_ns };
}

/* What came since *at_ns, at @a_second, up to @max. */
static void fill(uint64_t *v, uint64_t *at_ns, uint64_t now_ns,
		 uint64_t a_second, uint64_t max)
{
	uint64_t step_ns = NS_PER_S / a_second;
	uint64_t more = now_ns > *at_ns ? (now_ns - *at_ns) / step_ns : 0;

	*at_ns += more * step_ns; /* cannot overflow: at most now_ns */
	*v = more >= max - *v ? max : *v + more;
}

static void fill_both(struct rate *r, uint64_t now_ns)
{
	fill(&r->events, &r->events_at_ns, now_ns, RATE_EVENTS_S * r->factor,
	     RATE_EVENTS_BURST * r->factor);
	fill(&r->bytes, &r->bytes_at_ns, now_ns, RATE_BYTES_S * r->factor,
	     RATE_BYTES_BURST * r->factor);
}

bool rate_is_dry(struct rate *r, uint64_t now_ns)
{
	fill_both(r, now_ns);
	return r->events == 0 || r->bytes < DRY_BYTES;
}

bool rate_take(struct rate *r, uint64_t now_ns, size_t bytes)
{
	fill_both(r, now_ns);
	if (r->events == 0 || r->bytes < bytes)
		return false;
	r->events--;
	r->bytes -= bytes;
	return true;
}
