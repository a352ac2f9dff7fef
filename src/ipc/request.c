/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/request.h"

static bool refuse(struct diag *d, const char *name, const char *why)
{
	diag_set(d, 0, 0, "request %s: %s", name, why);
	return false;
}

static bool is_allowed(const struct request *q, const struct request_state *st,
		       const struct ipc_msg *m, struct diag *d)
{
	uint64_t bit = UINT64_C(1) << (m->type % 64);

	if (!(q->phases & st->phase))
		return refuse(d, q->name, "out of phase");
	if (m->body.len > q->max_len)
		return refuse(d, q->name, "too long");
	if (m->n_fds < q->min_fds || m->n_fds > q->max_fds)
		return refuse(d, q->name, "wrong number of descriptors");
	if (q->once && (st->seen[m->type / 64] & bit))
		return refuse(d, q->name, "repeated");
	return true;
}

int request_dispatch(const struct request *table, size_t n,
		     struct request_state *st, void *peer, struct ipc_msg *m,
		     struct diag *reterr)
{
	ASSERT(n <= REQUEST_TYPES_MAX);
	if (m->type >= n || !table[m->type].answer) {
		diag_set(reterr, 0, 0, "request of unknown type %u", m->type);
		return -EPROTO;
	}
	if (!is_allowed(&table[m->type], st, m, reterr))
		return -EPROTO;
	st->seen[m->type / 64] |= UINT64_C(1) << (m->type % 64);
	return table[m->type].answer(peer, m);
}
