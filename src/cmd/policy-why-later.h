/* SPDX-License-Identifier: Apache-2.0 */
/* policy-why-later: what jail/later.h says of a path that may be written. */
#pragma once

#include "jail/later.h"
#include "jail/plan.h"
#include "keeper/host.h"

struct why_later {
	const struct later_row *row; /* NULL: nothing runs it later */
	/* It is read-only: this, which is it or above it; NULL: it is not. */
	const char *locked;
};

/* @path, without links, is in a writable tree of @p.  -ENOMEM. */
must_check int why_later(struct arena *a, const struct plan *p,
			 const struct host *host, struct str path,
			 struct why_later *ret);
