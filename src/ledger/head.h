/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head: the names in the ledger's directory, and the file `head`, which says
 * how far the ledger is durable, so that a cut tail is seen.  Pure.
 */
#pragma once

#include "base/base.h"

#define LEDGER_HASH_LEN   64u  /* hexadecimal digits of SHA-256 */
#define LEDGER_HEAD_BYTES 256u /* exactly; padded with spaces, ends with LF */
#define LEDGER_FILES_MAX  999999u
#define LEDGER_NAME_SIZE  16u /* "000001.jsonl" and NUL */
#define LEDGER_HEAD_NAME  "head"

/* prev of the first record. */
#define LEDGER_HASH_ZERO                  \
	"0000000000000000000000000000000" \
	"000000000000000000000000000000000"

/* The last record known to be durable; seq 0: none yet. */
struct ledger_head {
	uint64_t seq;
	char hash[LEDGER_HASH_LEN + 1]; /* of that record's line without LF */
	uint32_t file;                  /* its number */
	uint64_t size;                  /* bytes up to its LF and with it */
};

void ledger_head_init(struct ledger_head *h);
void ledger_head_format(const struct ledger_head *h,
			char dst[LEDGER_HEAD_BYTES]);
/* False: not what the above writes. */
must_check bool ledger_head_parse(struct str text, struct ledger_head *ret);

/* 1 <= @number <= LEDGER_FILES_MAX */
void ledger_file_name(uint32_t number, char dst[LEDGER_NAME_SIZE]);
/* False: no file of records. */
must_check bool ledger_file_parse(struct str name, uint32_t *ret);
