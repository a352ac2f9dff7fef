/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/request.h"

#include <inttypes.h>

#include "base/wall.h"
#include "ipc/protocol.h"

_Static_assert(MSG_MAX_ <= REQUEST_TYPES_MAX, "a bit per type in seen[]");
_Static_assert(MSG_HELLO == 1 && MSG_OPEN == 2 && MSG_LIST == 5 &&
		       MSG_KILL == 6 && MSG_DRAIN == 7 && MSG_STATUS == 8 &&
		       MSG_REFUSED == 10,
	       "other builds know these numbers");

/* What @m breaks, in the words of the record; NULL = nothing. */
static const char *violation(const struct request *q,
			     const struct request_state *st,
			     const struct ipc_msg *m)
{
	if (!WALL(REQUEST_TABLE))
		return NULL;
	if (!(q->phases & st->phase))
		return "out of phase";
	if (m->body.len > q->max_len)
		return "too long";
	if (m->n_fds < q->min_fds || m->n_fds > q->max_fds)
		return "wrong number of descriptors";
	if (q->once && (st->seen[m->type / 64] >> (m->type % 64) & 1))
		return "repeated";
	return NULL;
}

int request_dispatch(const struct request *table, size_t n,
		     struct request_state *st, void *peer, struct ipc_msg *m,
		     struct diag *reterr)
{
	const struct request *q;
	const char *why;

	ASSERT(n <= REQUEST_TYPES_MAX);
	if (m->type >= n || !table[m->type].answer) {
		diag_set(reterr, 0, 0, "request %" PRIu32 ": unknown", m->type);
		return -EPROTO;
	}
	q = &table[m->type];
	why = violation(q, st, m);
	if (why) {
		diag_set(reterr, 0, 0, "request %s: %s", q->name, why);
		return -EPROTO;
	}

	st->seen[m->type / 64] |= UINT64_C(1) << (m->type % 64);
	return q->answer(peer, m);
}
