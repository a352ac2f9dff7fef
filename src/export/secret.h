/* SPDX-License-Identifier: Apache-2.0 */
/* secret: a sink's credential, fetched from where sinks.yaml says. */
#pragma once

#include "base/buf.h"
#include "export/sinks.h"

#define SECRET_MAX_BYTES 4096u
#define SECRET_LIMIT_NS  (UINT64_C(10) * 1000 * 1000 * 1000) /* of a command */

/*
 * Initialises @ret, which holds the text without the line end, empty when none
 * is configured.  0; -errno; 1: it cannot be one, or the command failed, and
 * @reterr says why.  Wipe with secret_done().
 */
must_check int secret_load(const struct sink_secret *s, struct buf *ret,
			   struct diag *reterr);
void secret_done(struct buf *b);
