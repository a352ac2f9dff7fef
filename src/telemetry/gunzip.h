/* SPDX-License-Identifier: Apache-2.0 */
/* gunzip: a whole gzip body, one member, with a limit.  Pure. */
#pragma once

#include "base/base.h"
#include "base/buf.h"

/*
 * Onto @out, whose maximum is the limit.  0; 1: not gzip, cut, or something
 * behind it; 2: larger than @out may be; -ENOMEM.
 */
must_check int gunzip(struct str in, struct buf *out);
