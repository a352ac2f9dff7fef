/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: one byte that chooses (even: what the program prints, odd: the file in
 * which it is kept), then the text.  The laws:
 *   1. each host is a name as net_name_parse() makes it, with a port, once;
 *   2. what is formatted reads as what it was;
 *   3. CR LF means what LF means, and empty lines mean nothing;
 *   4. a line behind all others takes nothing away, and adds one host at most;
 *   5. lines that make no sense are counted: a text without them has none, and
 *      the same hosts.
 */
#include "keeper/preset-parse.h"

#define TEXT_MAX ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_hosts(const struct preset_answer *p)
{
	char again[NET_NAME_MAX + 1];

	law(p->n <= PRESET_MAX_HOSTS);
	for (size_t i = 0; i < p->n; i++) {
		law(str_eq(p->hosts[i].host, str_of(p->names[i])));
		law(net_name_parse(p->hosts[i].host, again));
		law(strcmp(again, p->names[i]) == 0);
		law(p->hosts[i].port > 0);
		for (size_t k = 0; k < i; k++)
			law(p->hosts[k].port != p->hosts[i].port ||
			    strcmp(p->names[k], p->names[i]) != 0);
	}
}

/* The first @n hosts are the same. */
static bool same(const struct preset_answer *a, const struct preset_answer *b,
		 size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a->hosts[i].port != b->hosts[i].port ||
		    strcmp(a->names[i], b->names[i]) != 0)
			return false;
	}
	return true;
}

static void check_file(const struct preset_answer *p)
{
	static struct preset_answer again;
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, 4 * TEXT_MAX);
	preset_format(p, &b);
	law(!b.failed && preset_parse_file(buf_str(&b), &again));
	law(again.n == p->n && same(&again, p, p->n));
	law(again.key[0] == p->key[0] && again.key[1] == p->key[1]);
	law(again.at_s == p->at_s);
}

/* @text with @end for each LF and @after behind; without what is no host. */
static struct str variant(struct buf *b, struct str text, const char *end,
			  const char *after, bool only_good)
{
	static struct preset_answer one;
	struct str line;

	buf_init(b, 4 * TEXT_MAX);
	while (str_cut(&text, '\n', &line)) {
		if (only_good && preset_parse(line, &one) != 0)
			continue;
		(void)buf_add(b, line);
		(void)buf_add(b, str_of(end));
	}
	(void)buf_add(b, str_of(after));
	law(!b->failed);
	return buf_str(b);
}

static void answer(struct str text)
{
	static const struct {
		const char *end, *after;
		bool only_good;
		size_t more;
	} rows[] = {
		{ "\r\n", "", false, 0 },
		{ "\n\n", "", false, 0 },
		{ "\n", "", true, 0 },
		{ "\n", "last.test:7\n", false, 1 },
	};
	static struct preset_answer p, q;
	size_t bad = preset_parse(text, &p);

	check_hosts(&p);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		size_t n =
			preset_parse(variant(&b, text, rows[i].end,
					     rows[i].after, rows[i].only_good),
				     &q);

		check_hosts(&q);
		law(n == (rows[i].only_good ? 0 : bad) ||
		    p.n == PRESET_MAX_HOSTS);
		law(q.n >= p.n && q.n <= p.n + rows[i].more);
		law(same(&p, &q, p.n));
	}
	p.key[0] = text.len;
	p.key[1] = ~UINT64_C(0);
	p.at_s = 1;
	check_file(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct preset_answer p;
	struct str text = { (const char *)data + 1, size - 1 };

	if (size == 0 || size > TEXT_MAX)
		return 0;
	if (!(data[0] & 1)) {
		answer(text);
	} else if (preset_parse_file(text, &p)) {
		check_hosts(&p);
		law(p.at_s > 0);
		check_file(&p);
	}
	return 0;
}
