/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits-disk: how much the private directories of a jail hold, measured a
 * little at a time so that nobody waits for it.
 *
 * One pass goes over all directories; its sum is known when it is complete.
 * Hard links are counted each time: a limit that errs on the safe side.
 */
#pragma once

#include "base/base.h"

#define DISK_MAX_DEPTH 256u /* levels; deeper is not counted */

struct disk_scan;

/* @dirs borrowed until disk_scan_free(). */
must_check int disk_scan_new(struct disk_scan **ret, char *const *dirs,
			     size_t n);
void disk_scan_free(struct disk_scan *s);
DEFINE_AUTO(disk_scan, struct disk_scan, disk_scan_free);

/*
 * Look at @n_entries more.  1: a pass is complete, *ret_bytes is its sum and
 * the next call begins another; 0: not yet; -errno.
 */
must_check int disk_scan_step(struct disk_scan *s, uint32_t n_entries,
			      uint64_t *ret_bytes);
