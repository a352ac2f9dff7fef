/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warden: what init is in the other backend, where there is no pid namespace.
 * It stays outside of the walls, makes the command's process put them around
 * itself, answers its system calls (behalf.h), adopts every orphan, and ends all
 * of them with the command or with its supervisor.
 */
#pragma once

#include "base/base.h"

struct warden_config {
	int sock; /* to the supervisor */
	bool tty;
};

/* Never returns.  Called in a new process of the supervisor's. */
noreturn_fn void warden_main(const struct warden_config *c);
