/* SPDX-License-Identifier: Apache-2.0 */
/* caps: giving up what the kernel has of root's power, for good. */
#pragma once

#include "base/base.h"

/*
 * No capability in any set of this process or of any that it starts.
 *
 * *ret_bounded: not even root or a file with capabilities can bring one back.
 * That takes CAP_SETPCAP; without it no_new_privs has to see to it, which stays
 * the caller's.  0 or -errno, and then nothing may be started.
 */
must_check int caps_drop(bool *ret_bounded);
/* None is held, and with @bounded none can be had. */
bool caps_are_gone(bool bounded);
