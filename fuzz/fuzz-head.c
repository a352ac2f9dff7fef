/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: the file `head` of a ledger, or the name of one of its files.  Laws:
 *   1. what is accepted is exactly what ledger_head_format() writes of it;
 *   2. a name that is accepted is exactly what ledger_file_name() makes.
 */
#include "ledger/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .ptr = (const char *)data, .len = size };
	char again[LEDGER_HEAD_BYTES], name[LEDGER_NAME_SIZE];
	struct ledger_head h;
	uint32_t number = 0;

	if (ledger_head_parse(text, &h)) {
		ledger_head_format(&h, again);
		law(str_eq(text, (struct str){ again, sizeof(again) }));
	}
	if (ledger_file_parse(text, &number)) {
		law(number >= 1 && number <= LEDGER_FILES_MAX);
		ledger_file_name(number, name);
		law(str_eq(text, str_of(name)));
	}
	return 0;
}
