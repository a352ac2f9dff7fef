/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/handover-parse.h"

bool handover_parse(struct str datagram, bool has_fd, struct handover *ret)
{
	struct handover m;

	if (datagram.len != sizeof(m))
		return false;
	memcpy(&m, datagram.ptr, sizeof(m));
	if (m.kind == 0 || m.kind >= HANDOVER_MAX_ || m.zero != 0 ||
	    has_fd != (m.kind != HANDOVER_REFUSED))
		return false;
	*ret = m;
	return true;
}
