/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a byte whose lowest bit says that a descriptor came along, then a
 * datagram of the warden.  Laws:
 *   1. a descriptor comes with what needs one, and with nothing else;
 *   2. what is taken has the one form there is: written again, it is the same;
 *   3. what is not taken leaves the result as it was.
 */
#include "relay/handover-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handover m, was;
	struct str text;
	bool has_fd;

	if (size == 0)
		return 0;
	has_fd = data[0] & 1;
	text = (struct str){ (const char *)data + 1, size - 1 };
	memset(&was, 0x5a, sizeof(was));
	m = was;
	if (!handover_parse(text, has_fd, &m)) {
		law(memcmp(&m, &was, sizeof(m)) == 0);
		return 0;
	}
	law(text.len == sizeof(m) && memcmp(&m, text.ptr, sizeof(m)) == 0);
	law(m.zero == 0);
	law(m.kind == HANDOVER_STREAM || m.kind == HANDOVER_QUESTIONS ||
	    m.kind == HANDOVER_REFUSED);
	law(has_fd == (m.kind != HANDOVER_REFUSED));
	return 0;
}
