/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groundsman: the role that makes grounds (jail/ground.h), one for each
 * MSG_GROUND_MAKE, as small as bawnd was at its start: cloning from the keeper
 * would cost more, and keep it from its clients.
 */
#pragma once

#include "base/base.h"

/* Until the keeper's end of @fd closes.  The exit code. */
must_check int groundsman_run(int fd);
