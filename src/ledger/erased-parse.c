/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   erased = *64( n SP from SP to LF )     n grows, from < to, decimal
 */
#include "ledger/erased.h"

#include <inttypes.h>

#include "base/fd.h"

static bool cut_number(struct str *s, char end, uint64_t *ret)
{
	struct str word;

	return s->len > 0 && memchr(s->ptr, end, s->len) &&
	       str_cut(s, end, &word) && str_u64(word, 0, INT64_MAX, ret);
}

bool erased_parse(struct str text, struct erased *ret)
{
	uint64_t last = 0;

	*ret = (struct erased){ .n = 0 };
	while (text.len > 0) {
		struct erased_mark m;

		if (ret->n == ERASED_MAX || !cut_number(&text, ' ', &m.n) ||
		    !cut_number(&text, ' ', &m.from) ||
		    !cut_number(&text, '\n', &m.to) || m.n <= last ||
		    m.from >= m.to)
			return false;
		last = m.n;
		ret->v[ret->n++] = m;
	}
	return true;
}

void erased_format(const struct erased *e, struct buf *b)
{
	for (size_t i = 0; i < e->n; i++)
		(void)buf_printf(b, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				 e->v[i].n, e->v[i].from, e->v[i].to);
}

uint64_t erased_last(const struct erased *e)
{
	return e->n > 0 ? e->v[e->n - 1].n : 0;
}

void erased_add(struct erased *e, uint64_t from, uint64_t to)
{
	uint64_t n = erased_last(e) + 1;

	ASSERT(from < to);
	if (e->n == ERASED_MAX) { /* who has not seen the first sees too much */
		if (e->v[0].from < e->v[1].from)
			e->v[1].from = e->v[0].from;
		if (e->v[0].to > e->v[1].to)
			e->v[1].to = e->v[0].to;
		memmove(&e->v[0], &e->v[1], (ERASED_MAX - 1) * sizeof(e->v[0]));
		e->n--;
	}
	e->v[e->n++] = (struct erased_mark){ n, from, to };
}

int erased_load(int dirfd, struct erased *ret)
{
	AUTO(buf) struct buf b = BUF_NULL;
	int r;

	*ret = (struct erased){ .n = 0 };
	buf_init(&b, ERASED_BYTES);
	r = file_load(dirfd, ERASED_NAME, &b);
	if (r == -ENOENT)
		return 0;
	if (r == -EFBIG || (r == 0 && !erased_parse(buf_str(&b), ret)))
		return -EINVAL;
	return r;
}
