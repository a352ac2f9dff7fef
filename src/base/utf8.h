/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: one character at a time, strict as RFC 3629.  Pure. */
#pragma once

#include "base/base.h"

/*
 * The character at the start of @s: its length 1..4, or 0 when @s is empty or
 * starts with something else (overlong, surrogate, above U+10FFFF, cut short).
 */
size_t utf8_decode(struct str s, uint32_t *ret);
/* Writes 1..4 bytes of @c <= U+10FFFF, no surrogate, to @dst. */
size_t utf8_encode(uint32_t c, char dst[4]);
/*
 * Safe to show on a terminal: no control, no direction override, no zero-width
 * character or line separator that changes how others are read.
 */
bool utf8_is_printable(uint32_t c);
