/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: one system call by a program of 32 bits, of this architecture's
 * elder: i386's on x86-64, ARM's on arm64, whose processes have no other door
 * to those calls.  The program is a few words long and made here.
 */
#pragma once

#include "probe/probe.h"

/*
 * Makes the call @nr with five arguments; -1 with errno, or 0 when it went
 * through.  False: it came to no call, and @out says why.
 */
bool program_call(int nr, const long *args, struct result *out, long *ret);
