/* SPDX-License-Identifier: Apache-2.0 */
/* id: session ids.  20 letters of Crockford's base32 that sort by time. */
#pragma once

#include "base/base.h"

#define ID_SESSION_LEN 20u

/* 48 bits of milliseconds, then 52 bits of @rnd. */
void id_session_new(char ret[ID_SESSION_LEN + 1], uint64_t utc_ns,
		    const uint8_t rnd[8]);
bool id_session_is(struct str s);
