/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt: one row in a child of its own.
 *
 * The child is killed with all it started at the time limit; whatever becomes
 * of it is an outcome, and the program goes on.
 */
#pragma once

#include "probe/probe.h"

/* Milliseconds that an attempt has, and one that waits for others. */
#define ATTEMPT_MS      3000u
#define ATTEMPT_SLOW_MS 10000u

/* @shared: memory that children share. */
void attempt_run(const struct attempt *a, const struct run *r,
		 struct result *shared);
