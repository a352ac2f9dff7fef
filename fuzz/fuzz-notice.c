/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the bodies of a relay's notices, one a line.  They hold text from
 * inside the jail and go to the user's terminal.  Laws:
 *   1. what is told is a line of printable UTF-8;
 *   2. what was told once is not told as new again, and none is lost: the
 *      counts of what is printed add up.
 */
#include "base/utf8.h"
#include "cmd/run-notice.h"

#define ROOM ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static void check_shown(struct str s)
{
	while (s.len > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(s, &c);

		law(n > 0 && (utf8_is_printable(c) || c == '\n'));
		s = str_skip(s, n);
	}
}

static uint64_t add(struct notices *ns, struct str body)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	char text[480];
	size_t n = ns->n;
	bool is_new;

	arena_init(&a, ROOM);
	if (json_parse(&a, body, &j, NULL) != 0 ||
	    !notice_format_net(j, text, sizeof(text)))
		return 0;
	law(!strchr(text, '\n'));
	check_shown(str_of(text));
	is_new = notices_add(ns, text, 2);
	law(is_new == (ns->n > n) && ns->n <= NOTICE_MAX);
	return 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct notices ns;
	struct str text = { .ptr = (const char *)data, .len = size }, line;
	AUTO(buf) struct buf b = BUF_NULL;
	uint64_t sum = 0, had;

	if (size > 65536)
		return 0;
	ns = (struct notices){ 0 };
	while (str_cut(&text, '\n', &line))
		sum += add(&ns, line);
	had = ns.other;
	for (size_t i = 0; i < ns.n; i++)
		had += ns.v[i].count;
	law(had == sum);
	buf_init(&b, ROOM);
	notices_print(&ns, &b);
	law(!b.failed);
	check_shown(buf_str(&b));
	buf_clear(&b);
	notices_print(&ns, &b);
	law(b.len == 0);
	return 0;
}
