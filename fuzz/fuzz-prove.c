/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: lines, as bawn-probe would print them in a session, which may say
 * whatever it likes.  As many good rows as the program has stand behind them.
 * The laws:
 *   1. the sums add up, and what is open is named, up to a limit;
 *   2. without the rows behind it, what is judged has fewer rows, and none of
 *      what is open is lost by them;
 *   3. less text is never better: without its last line, or its last byte, it is
 *      refused or has what is open in what is left;
 *   4. a row that nobody has excused cannot be taken back by another;
 *   5. what is open with the backend that lacks walls is open with the other.
 */
#include <limits.h>
#include <stdio.h>

#include "cmd/prove-judge.h"

#define ROOM     ((size_t)64 * 1024 * 1024)
#define TEXT_MAX ((size_t)16 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_sum(const struct prove_sum *s)
{
	unsigned rows = 0, open = 0;

	for (size_t i = 0; i < PROVE_CLASS_MAX_; i++) {
		const struct prove_class *c = &s->classes[i];

		law(c->rows == c->refused + c->excepted + c->open + c->untried +
				       c->absent);
		rows += c->rows;
		open += c->open;
	}
	law(rows == s->rows && open == s->open && rows >= PROVE_ROWS_MIN);
	for (size_t i = 0; i < s->open && i < PROVE_OPEN_MAX; i++)
		law(s->opened[i].id.len > 0);
}

static bool landlock; /* the backend whose session it was */

/* 0 and *ret, or it was refused. */
static int judge(struct str text, struct prove_sum *ret)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct diag why = { 0 };
	int r;

	arena_init(&a, ROOM);
	r = prove_judge(&a, text, landlock, ret, &why);
	law(r == 0 || r == 1 || r == -ENOMEM);
	law(r != 1 || why.text[0] != '\0');
	if (r == 0)
		check_sum(ret);
	return r;
}

static void add_rows(struct buf *b, const char *outcome, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)buf_printf(b,
				 "{\"id\":\"fs.made-up-%u\",\"class\":\"fs\","
				 "\"outcome\":\"%s\"}\n",
				 i, outcome);
}

static struct str without_last_line(struct str s)
{
	if (s.len > 0)
		s.len--;
	while (s.len > 0 && s.ptr[s.len - 1] != '\n')
		s.len--;
	return s;
}

/* What is open; UINT_MAX: refused. */
static unsigned check_one(struct str text)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct prove_sum all, less;
	size_t rows_at;

	(void)judge(text, &less);
	buf_init(&b, ROOM);
	(void)buf_add(&b, STR("{\"probe\":1}\n"));
	(void)buf_add(&b, text);
	if (text.len > 0 && text.ptr[text.len - 1] != '\n')
		(void)buf_add(&b, STR("\n"));
	rows_at = b.len;
	add_rows(&b, "refused", PROVE_ROWS_MIN);
	law(!b.failed);
	if (judge(buf_str(&b), &all) != 0)
		return UINT_MAX;

	law(judge((struct str){ b.ptr, rows_at }, &less) != 0 ||
	    less.open == all.open);
	law(judge((struct str){ b.ptr, b.len - 1 }, &less) == 1);
	law(judge(without_last_line(buf_str(&b)), &less) != 0 ||
	    less.open == all.open);

	add_rows(&b, "reachable", 1);
	add_rows(&b, "refused", 1);
	law(judge(buf_str(&b), &less) == 0 && less.open == all.open + 1);
	return all.open;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	unsigned open;

	if (size > TEXT_MAX)
		return 0;
	landlock = false;
	open = check_one(text);
	landlock = true;
	law(check_one(text) <= open);
	return 0;
}
