/* SPDX-License-Identifier: Apache-2.0 */
/* handover-parse: is this what a warden may hand over (ipc/handover.h)?  Pure. */
#pragma once

#include "base/base.h"
#include "ipc/handover.h"

/* False: not one of the three forms; *ret is not touched then. */
must_check bool handover_parse(struct str datagram, bool has_fd,
			       struct handover *ret);
