/* SPDX-License-Identifier: Apache-2.0 */
/* base64: RFC 4648 section 4, with padding, one spelling.  Pure. */
#pragma once

#include "base/base.h"
#include "base/buf.h"

#define BASE64_SIZE(n) (((n) + 2) / 3 * 4) /* characters for @n bytes */

void base64_add(struct buf *b, struct str bytes);
/*
 * At most @max bytes into @dst.  False: other characters, wrong padding, bits
 * that are not zero behind the end, or longer.
 */
must_check bool base64_read(struct str text, void *dst, size_t max,
			    size_t *ret_len);
