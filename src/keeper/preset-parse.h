/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preset-parse: what libexec's bawn-registries prints, and the file in which the
 * answer is kept.  Pure.
 *
 *   answer = *( host [ ":" port ] LF )
 *   file   = KEY SP SECONDS LF answer      ; KEY: 32 hexadecimal digits
 *
 * The program runs the clients' own code, so both are foreign: a host is what
 * net_name_parse() accepts, a port is decimal, and what makes no sense is passed
 * over and counted.
 */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "policy/policy.h"

#define PRESET_MAX_HOSTS 256u

struct preset_answer {
	struct policy_preset_host hosts[PRESET_MAX_HOSTS]; /* each once */
	size_t n;
	char names[PRESET_MAX_HOSTS][NET_NAME_MAX + 1];
	uint64_t key[2]; /* of the configuration that it was made from */
	uint64_t at_s;   /* when; UTC */
};

/* Its hosts, the rest of @ret stays.  How many lines make no sense. */
size_t preset_parse(struct str text, struct preset_answer *ret);
/* False: not such a file, and *ret has nothing. */
must_check bool preset_parse_file(struct str text, struct preset_answer *ret);
/* What preset_parse_file() reads. */
void preset_format(const struct preset_answer *p, struct buf *b);
