/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `bawn show`: bawn lists them, bawn-show obeys them. */
#include "cmd/bawn-show.h"

const struct option show_options[SHOW_N_OPTIONS] = {
	{ .name = "all",
	  .letter = 'a',
	  .help = "every row of every part, and nothing cut",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct show_opts, all) },
	{ .name = "html",
	  .help = "one page of HTML that needs no other file and no script",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct show_opts, html) },
	{ .name = "json",
	  .help = "the same as one JSON object, see PROTOCOL.show",
	  .kind = OPTION_FLAG,
	  .target = offsetof(struct show_opts, json) },
};
