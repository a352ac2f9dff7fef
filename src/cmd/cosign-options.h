/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cosign-options: the two verbs of bawn-cosign, which `bawn ledger` lists and
 * executes: it needs libraries that the others do without.
 */
#pragma once

#include "base/options.h"

struct cosign_opts {
	const char *to, *key;              /* cosign */
	const char *state, *listen, *name; /* cosigner */
	struct option_list logs;
};

#define COSIGN_SYNOPSIS "cosign --to URL --key VKEY"
#define COSIGN_HELP                                                           \
	"have a second party sign the checkpoint, who then refuses a cut or " \
	"rewritten ledger"
#define COSIGNER_SYNOPSIS                                                 \
	"cosigner --state DIR --listen ADDRESS:PORT [--name NAME] --log " \
	"VKEY..."
#define COSIGNER_HELP                                      \
	"be that second party, for the ledgers of others " \
	"(c2sp.org/tlog-witness)"

extern const struct option cosign_options[2];
extern const struct option cosigner_options[4];
