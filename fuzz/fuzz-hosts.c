/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: one byte that chooses (even: hosts, odd: resolv.conf), then the file.
 * The laws:
 *   1. every name that comes out is one that net_name_parse() makes;
 *   2. every number is within its limits, and there is always a nameserver;
 *   3. a line added behind all others takes nothing away (hosts), and an
 *      empty or commented line changes nothing;
 *   4. CR LF means what LF means.
 */
#include "keeper/hosts-parse.h"

#define TEXT_MAX ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_name(struct str name)
{
	char again[NET_NAME_MAX + 1];

	law(net_name_parse(name, again));
	law(str_eq(name, str_of(again)));
}

/* @text with @before in front, @end for each LF, and @after behind. */
static struct str variant(struct buf *b, struct str text, const char *before,
			  const char *end, const char *after)
{
	struct str line;

	buf_init(b, 4 * TEXT_MAX);
	(void)buf_add(b, str_of(before));
	while (str_cut(&text, '\n', &line)) {
		(void)buf_add(b, line);
		(void)buf_add(b, str_of(end));
	}
	(void)buf_add(b, str_of(after));
	law(!b->failed);
	return buf_str(b);
}

static bool same_prefix(const struct hosts_file *a, const struct hosts_file *b)
{
	for (size_t i = 0; i < a->n; i++) {
		if (i >= b->n ||
		    !str_eq(a->entries[i].name, b->entries[i].name) ||
		    memcmp(&a->entries[i].addr, &b->entries[i].addr,
			   sizeof(a->entries[i].addr)) != 0)
			return false;
	}
	return true;
}

static void hosts(struct str text)
{
	static const struct {
		const char *before, *end, *after;
		size_t more;
	} rows[] = {
		{ "# c\n\n", "\n", "", 0 },
		{ "", "\r\n", "", 0 },
		{ "", "\n", "10.9.8.7 last.test\n", 1 },
	};
	struct hosts_file f, g;

	law(hosts_parse(text, &f) == 0);
	law(f.n <= HOSTS_MAX_NAMES);
	for (size_t i = 0; i < f.n; i++)
		check_name(f.entries[i].name);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;

		law(hosts_parse(variant(&b, text, rows[i].before, rows[i].end,
					rows[i].after),
				&g) == 0);
		law(same_prefix(&f, &g));
		law(g.n == f.n + rows[i].more || f.n == HOSTS_MAX_NAMES);
		hosts_file_done(&g);
	}
	hosts_file_done(&f);
}

static void resolv(struct str text)
{
	static const char *const rows[][2] = { { "; c\n\n", "\n" },
					       { "", "\r\n" } };
	struct hosts_resolv r, s;

	hosts_parse_resolv(text, &r);
	law(r.n_servers >= 1 && r.n_servers <= HOSTS_MAX_SERVERS);
	law(r.n_search <= HOSTS_MAX_SEARCH);
	law(r.timeout_ms >= 1000 && r.timeout_ms <= 30000);
	law(r.attempts >= 1 && r.attempts <= 5 && r.ndots <= 15);
	for (size_t i = 0; i < r.n_search; i++)
		check_name(str_of(r.search[i]));
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;

		hosts_parse_resolv(
			variant(&b, text, rows[i][0], rows[i][1], ""), &s);
		law(s.n_servers == r.n_servers && s.n_search == r.n_search);
		law(memcmp(s.servers, r.servers,
			   r.n_servers * sizeof(r.servers[0])) == 0);
		for (size_t j = 0; j < r.n_search; j++)
			law(strcmp(s.search[j], r.search[j]) == 0);
		law(s.timeout_ms == r.timeout_ms && s.ndots == r.ndots);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data + 1, size - 1 };

	if (size == 0 || size > TEXT_MAX)
		return 0;
	if (data[0] & 1)
		resolv(text);
	else
		hosts(text);
	return 0;
}
