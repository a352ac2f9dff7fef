/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/html.h"

#include "base/utf8.h"

static struct str reference(uint32_t c)
{
	switch (c) {
	case '&':
		return STR("&amp;");
	case '<':
		return STR("&lt;");
	case '>':
		return STR("&gt;");
	case '"':
		return STR("&quot;");
	case '\'':
		return STR("&#39;");
	default:
		return (struct str){ 0 };
	}
}

void html_add(struct buf *b, struct str text)
{
	while (text.len > 0) {
		uint32_t c = 0;
		size_t len = utf8_decode(text, &c);
		struct str ref = reference(len ? c : 0);

		if (ref.len > 0) {
			(void)buf_add(b, ref);
		} else if (len > 0 && utf8_is_printable(c)) {
			(void)buf_add(b, (struct str){ text.ptr, len });
		} else {
			len = len ? len : 1;
			for (size_t i = 0; i < len; i++)
				(void)buf_printf(b, "\\x%02x",
						 (unsigned char)text.ptr[i]);
		}
		text = str_skip(text, len);
	}
}
