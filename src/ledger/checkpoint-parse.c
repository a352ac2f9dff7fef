/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   checkpoint = origin LF size LF base64 LF *( extension LF )
 *   size       = "0" / %x31-39 *18DIGIT       below 2^63
 *
 *   receipt    = "c2sp.org/tlog-proof@v1" LF [ "extra " base64 LF ]
 *                "index " size LF *64( base64 LF ) LF note
 */
#include "base/base64.h"
#include "ledger/checkpoint.h"

#define RECEIPT_FIRST "c2sp.org/tlog-proof@v1"

void checkpoint_add(struct buf *b, const struct checkpoint *c)
{
	(void)buf_add(b, c->origin);
	(void)buf_printf(b, "\n%llu\n", (unsigned long long)c->size);
	base64_add(b, digest_str(&c->root));
	(void)buf_addc(b, '\n');
}

static bool read_digest(struct str text, struct digest *ret)
{
	size_t len = 0;

	return base64_read(text, ret->b, DIGEST_BYTES, &len) &&
	       len == DIGEST_BYTES;
}

bool checkpoint_parse(struct str text, struct checkpoint *ret)
{
	struct str origin, size, root, more;

	if (text.len == 0 || text.len > CHECKPOINT_MAX ||
	    text.ptr[text.len - 1] != '\n')
		return false;
	if (!str_cut_line(&text, &origin) || origin.len == 0 ||
	    !str_cut_line(&text, &size) ||
	    !str_u64(size, 0, INT64_MAX, &ret->size) ||
	    !str_cut_line(&text, &root) || !read_digest(root, &ret->root))
		return false;
	while (str_cut_line(&text, &more)) {
		if (more.len == 0)
			return false;
	}
	ret->origin = origin;
	return true;
}

void receipt_add(struct buf *b, const struct receipt *r, struct str extra)
{
	(void)buf_add(b, STR(RECEIPT_FIRST "\n"));
	if (extra.len > 0) {
		(void)buf_add(b, STR("extra "));
		base64_add(b, extra);
		(void)buf_addc(b, '\n');
	}
	(void)buf_printf(b, "index %llu\n", (unsigned long long)r->index);
	for (size_t i = 0; i < r->proof.n; i++) {
		base64_add(b, digest_str(&r->proof.h[i]));
		(void)buf_addc(b, '\n');
	}
	(void)buf_addc(b, '\n');
	(void)buf_add(b, r->note);
}

static bool cut_word(struct str *line, struct str word)
{
	if (!str_starts(*line, word))
		return false;
	*line = str_skip(*line, word.len);
	return true;
}

bool receipt_parse(struct str text, struct receipt *ret)
{
	struct str line;

	*ret = (struct receipt){ .index = 0 };
	if (text.len > RECEIPT_MAX_BYTES || !str_cut_line(&text, &line) ||
	    !str_eq(line, STR(RECEIPT_FIRST)) || !str_cut_line(&text, &line))
		return false;
	if (cut_word(&line, STR("extra "))) {
		if (line.len == 0 || line.len > BASE64_SIZE(RECEIPT_EXTRA_MAX))
			return false;
		ret->extra = line;
		if (!str_cut_line(&text, &line))
			return false;
	}
	if (!cut_word(&line, STR("index ")) ||
	    !str_u64(line, 0, INT64_MAX, &ret->index))
		return false;
	while (str_cut_line(&text, &line)) {
		if (line.len == 0) {
			ret->note = text;
			return text.len > 0;
		}
		if (ret->proof.n == MERKLE_PROOF_MAX ||
		    !read_digest(line, &ret->proof.h[ret->proof.n++]))
			return false;
	}
	return false;
}
