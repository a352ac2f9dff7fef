/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: foreign text for a page.  The laws:
 *   1. what comes out is printable UTF-8 without < > " ', and each & begins
 *      one of the five references;
 *   2. with the references taken back it is what a terminal would be shown.
 */
#include "base/utf8.h"
#include "ledger/html.h"

#define ROOM ((size_t)8 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

static size_t take_reference(struct str s, char *ret)
{
	static const struct {
		struct str text;
		char c;
	} refs[] = {
		{ STR("&amp;"), '&' },  { STR("&lt;"), '<' },
		{ STR("&gt;"), '>' },   { STR("&quot;"), '"' },
		{ STR("&#39;"), '\'' },
	};

	for (size_t i = 0; i < N_ELEMS(refs); i++) {
		if (str_starts(s, refs[i].text)) {
			*ret = refs[i].c;
			return refs[i].text.len;
		}
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	AUTO(buf) struct buf page = BUF_NULL;
	AUTO(buf) struct buf back = BUF_NULL;
	struct str s;
	char *shown;

	if (size > 64 * 1024)
		return 0;
	buf_init(&page, ROOM);
	buf_init(&back, ROOM);
	html_add(&page, in);
	law(!page.failed);
	for (s = buf_str(&page); s.len > 0;) {
		uint32_t c = 0;
		size_t len = utf8_decode(s, &c);

		law(len > 0 && utf8_is_printable(c));
		law(c != '<' && c != '>' && c != '"' && c != '\'');
		if (c == '&') {
			char plain = 0;

			len = take_reference(s, &plain);
			law(buf_addc(&back, plain));
		} else {
			law(buf_add(&back, (struct str){ s.ptr, len }));
		}
		s = str_skip(s, len);
	}
	shown = calloc(size + 2, 4);
	if (!shown)
		return 0;
	str_sanitise(in, shown, 4 * (size + 2));
	law(str_eq(str_of(shown), buf_str(&back)));
	free(shown);
	return 0;
}
