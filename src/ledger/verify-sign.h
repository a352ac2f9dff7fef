/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify-sign: the checkpoint, what was known of the ledger before, and by which
 * key it has to be signed.
 */
#pragma once

#include "ledger/verify-in.h"

/* The checkpoint that all is compared with, first of all. */
must_check int verify_load_checkpoint(struct verify *v);
/* The key to begin with, and the checkpoints of before. */
must_check int verify_load_keys(struct verify *v);

/* After the walk, which may have led to another key. */

/* The checkpoint is signed by it; v->out->key says which. */
must_check int verify_check_signature(struct verify *v);
/* The ledger names it as its last one. */
must_check int verify_check_vkeys(struct verify *v);
/* All is well: remember that for the next time.  0 or -errno. */
must_check int verify_save_seen(struct verify *v);
