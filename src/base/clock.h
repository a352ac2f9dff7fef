/* SPDX-License-Identifier: Apache-2.0 */
/* clock: the two clocks.  Not pure. */
#pragma once

#include <stdint.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

/* CLOCK_MONOTONIC, for durations and timers. */
uint64_t clock_mono_ns(void);
/* CLOCK_BOOTTIME: like mono, but time in suspend counts. */
uint64_t clock_boot_ns(void);
/* UTC since 1970, for records only. */
uint64_t clock_utc_ns(void);
/* "2026-11-20T20:21:22.123456789Z" into @dst of at least 32 bytes. */
void clock_format_utc(uint64_t utc_ns, char *dst, unsigned long size);
