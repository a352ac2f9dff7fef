/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/journal.h"

void journal_digest(struct hash *h, const struct digest *before,
		    const struct journal_frame *f, struct str body,
		    struct digest *ret)
{
	char head[JOURNAL_HEAD_BYTES];

	journal_format(f, head);
	hash_three(h, digest_str(before),
		   (struct str){ head, JOURNAL_DIGEST_AT }, body, ret);
}
