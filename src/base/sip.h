/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sip: SipHash-1-3, a hash with a key, for tables whose keys come from somebody
 * who may want to make us slow, or to have two of them meet.  Pure.
 */
#pragma once

#include "base/base.h"

uint64_t sip_hash(const uint64_t key[2], const void *p, size_t len);
