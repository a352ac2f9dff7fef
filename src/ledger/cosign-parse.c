/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   request = "old " size LF *63( base64 LF ) LF note
 *   answer  = size LF                              with 409
 */
#include "base/base64.h"
#include "ledger/cosign.h"

static const struct str first = STR("old ");

void cosign_request_add(struct buf *b, const struct cosign_request *r)
{
	(void)buf_printf(b, "old %llu\n", (unsigned long long)r->old);
	for (size_t i = 0; i < r->proof.n; i++) {
		base64_add(b, digest_str(&r->proof.h[i]));
		(void)buf_addc(b, '\n');
	}
	(void)buf_addc(b, '\n');
	(void)buf_add(b, r->note);
}

bool cosign_request_parse(struct str body, struct cosign_request *ret)
{
	struct str line;
	size_t len = 0;

	*ret = (struct cosign_request){ .old = 0 };
	if (body.len > COSIGN_BODY_MAX || !str_cut_line(&body, &line) ||
	    !str_starts(line, first) ||
	    !str_u64(str_skip(line, first.len), 0, INT64_MAX, &ret->old))
		return false;
	while (str_cut_line(&body, &line)) {
		if (line.len == 0) {
			ret->note = body;
			return body.len > 0;
		}
		if (ret->proof.n == COSIGN_PROOF_MAX ||
		    !base64_read(line, ret->proof.h[ret->proof.n++].b,
				 DIGEST_BYTES, &len) ||
		    len != DIGEST_BYTES)
			return false;
	}
	return false;
}

void cosign_size_add(struct buf *b, uint64_t size)
{
	(void)buf_printf(b, "%llu\n", (unsigned long long)size);
}

bool cosign_size_parse(struct str body, uint64_t *ret)
{
	struct str line;

	return str_cut_line(&body, &line) && body.len == 0 &&
	       str_u64(line, 0, INT64_MAX, ret);
}
