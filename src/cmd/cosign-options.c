/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cosign-options.h"

const struct option cosign_options[2] = {
	{ .name = "to",
	  .arg = "URL",
	  .help = "where the second party takes checkpoints, without "
		  "/add-checkpoint",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct cosign_opts, to) },
	{ .name = "key",
	  .arg = "VKEY",
	  .help = "its verifier key, which it prints when it starts",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct cosign_opts, key) },
};

const struct option cosigner_options[4] = {
	{ .name = "state",
	  .arg = "DIR",
	  .help = "its key and what it has signed; made when it is not there",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct cosign_opts, state) },
	{ .name = "listen",
	  .arg = "ADDRESS:PORT",
	  .help = "plain HTTP; put a TLS proxy before it when it is not local",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct cosign_opts, listen) },
	{ .name = "name",
	  .arg = "NAME",
	  .help = "of its key, when that is made: like a URL without https://",
	  .kind = OPTION_STRING,
	  .target = offsetof(struct cosign_opts, name) },
	{ .name = "log",
	  .arg = "VKEY",
	  .help = "a ledger it signs for ('bawn ledger key' prints it there)",
	  .kind = OPTION_LIST,
	  .target = offsetof(struct cosign_opts, logs) },
};
