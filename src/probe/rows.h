/* SPDX-License-Identifier: Apache-2.0 */
/* rows: the tables of the classes; each file explains its own. */
#pragma once

#include "probe/probe.h"

#define ROWS(name)                                 \
	extern const struct attempt name##_rows[]; \
	extern const size_t n_##name##_rows

ROWS(handover);
ROWS(kernel);
ROWS(family);
ROWS(young);
ROWS(proc);
ROWS(knob);
ROWS(device);
ROWS(fs);
ROWS(place);
ROWS(secret);
ROWS(setid);
ROWS(wtx);
ROWS(ipc);
ROWS(terminal);
ROWS(net);
ROWS(route);
ROWS(res);

#define END_ROWS(name) const size_t n_##name##_rows = N_ELEMS(name##_rows)

/* A row whose function takes a string, a number or nothing. */
#define ROW(id, what, ref, fn, arg)                 \
	{                                           \
		(id), (what), (ref), (fn), (arg), 0 \
	}
